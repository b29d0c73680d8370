# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Which part may import which, read from the sources."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROOTS = {"score": "exts/score", "score_tasks": "tasks", "score_assets": "assets"}

SIMULATOR = {
    "isaaclab",
    "isaaclab_assets",
    "isaaclab_newton",
    "isaaclab_ov",
    "isaaclab_physx",
    "isaaclab_rl",
    "isaaclab_tasks",
    "isaaclab_visualizers",
    "newton",
    "omni",
    "ovphysx",
    "pxr",
    "rsl_rl",
    "warp",
}

ISAAC_LAB = SIMULATOR - {"rsl_rl"}

FORBIDDEN = {
    "score": {"score_tasks", "score_assets"},
    "score_assets": {"score", "score_tasks"},
    "score.policies": SIMULATOR,
    "score.deployment": SIMULATOR,
    "score.rollout": SIMULATOR,
    "score.evaluation": SIMULATOR,
    "score.utils": SIMULATOR,
    "score.task": SIMULATOR,
    "score.steering.latent": SIMULATOR,
    "score.steering": ISAAC_LAB,
    "score.gym_task": SIMULATOR,
    "score.open_task": SIMULATOR,
    "score.cli": SIMULATOR,
    "score.steering.methods": SIMULATOR,
    "score.steering.plan": SIMULATOR,
    "score.steering.squash": SIMULATOR,
}
"""Package or module: what nothing in it may import. Policies and runtime must load on a robot that has only torch,
evaluations and tasks of Gymnasium where there is no simulator."""

UTILS_WITH_TORCH = {
    f"exts/score/score/utils/{name}.py" for name in ("random", "ranks", "targets", "tensor_files", "torchscript")
}
"""Files of ``score.utils`` that need more than the standard library; the package does not import them."""

BELOW = {
    "utils": set(),
    "physics": set(),
    "policies": {"utils"},
    "task": {"policies", "utils"},
    "rollout": {"policies", "task", "utils"},
    "steering": {"rollout", "policies", "task", "utils"},
    "imitation": {"rollout", "policies", "task", "utils"},
    "evaluation": {"steering", "rollout", "policies", "task", "utils"},
    "deployment": {"steering", "rollout", "policies", "task", "utils"},
    "scene_files": {"utils"},
    "reconstruction": {"physics", "utils"},
    "isaac_settings": {"utils"},
    "simulation": {"isaac_settings", "physics", "policies", "scene_files", "task", "utils", "viewers"},
    "viewers": {"utils"},
    "gym_task": {"policies", "task", "utils"},
    "open_task": {"simulation", "gym_task", "utils"},
    "benchmarks": {"evaluation", "steering", "rollout", "policies", "task", "reconstruction", "utils"},
    "cli": {"open_task", "evaluation", "deployment", "benchmarks", "imitation", "steering", "rollout"}
    | {"policies", "task", "reconstruction", "utils"},
}
"""Room of ``score``: the rooms that it may import, all of them below it."""


def sources_of(package: str) -> list[Path]:
    path = REPOSITORY / ROOTS[package.partition(".")[0]] / package.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def all_sources() -> list[Path]:
    folders = [*ROOTS.values(), "scripts", "tests"]
    return sorted(file for folder in folders for file in (REPOSITORY / folder).rglob("*.py"))


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def nodes_that_run(node: ast.AST) -> list[ast.AST]:
    """All nodes below one, without the blocks that only a type checker sees."""
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if is_for_types_only(child):
            assert isinstance(child, ast.If)
            for other in child.orelse:
                found += [other, *nodes_that_run(other)]
        else:
            found += [child, *nodes_that_run(child)]
    return found


def imports_of(source: str, package: str) -> set[str]:
    """Every module, and every name that may be one, that a source imports; relative imports made absolute.

    Args:
        source: The text of a module.
        package: The dotted name of the package that the module lies in.
    """
    names: set[str] = set()
    for node in nodes_that_run(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            # Computed names cannot be read here; the forbidden ones would be written out.
            names |= {str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return names


def package_of(file: Path, top: str) -> str:
    return ".".join(file.parent.relative_to(REPOSITORY / ROOTS[top]).parts)


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package: str) -> None:
    files = sources_of(package)
    assert files, f"{package} has no sources"
    wrong = [
        f"{file.relative_to(REPOSITORY)} imports {name}"
        for file in files
        for name in sorted(imports_of(file.read_text(), package_of(file, package.partition(".")[0])))
        if any(is_below(name, forbidden) for forbidden in FORBIDDEN[package])
    ]
    assert wrong == []


@pytest.mark.parametrize("room", BELOW)
def test_rooms_import_only_what_lies_below_them(room: str) -> None:
    wrong = []
    for file in sources_of(f"score.{room}"):
        for name in sorted(imports_of(file.read_text(), package_of(file, "score"))):
            top, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if top == "score" and other in BELOW and other != room and other not in BELOW[room]:
                wrong.append(f"{file.relative_to(REPOSITORY)} imports {name}")
    assert wrong == []


def test_every_room_is_in_the_order() -> None:
    """And the order has no cycles: each room comes after those that it may import."""
    folder = REPOSITORY / ROOTS["score"] / "score"
    rooms = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__"} == set(BELOW)
    list(graphlib.TopologicalSorter(BELOW).static_order())


def test_helpers_of_the_robot_side_need_the_standard_library_only() -> None:
    for file in sources_of("score.utils"):
        if str(file.relative_to(REPOSITORY)) not in UTILS_WITH_TORCH:
            assert not {"torch", "numpy"} & imports_of(file.read_text(), "score.utils"), file


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import isaaclab.sim as s", "isaaclab.sim"),
        ("def f():\n    from pxr import Usd", "pxr"),
        ("from . import steering", "score.steering"),
        ("from .spec import PolicySpec", "score.spec"),
        ("from .spec import PolicySpec", "score.spec.PolicySpec"),
        ("import importlib\nimportlib.import_module('score_tasks')", "score_tasks"),
        ("try:\n    import warp\nexcept ImportError:\n    pass", "warp"),
    ],
)
def test_imports_are_seen_wherever_they_stand(source: str, name: str) -> None:
    assert name in imports_of(source, "score")


def test_relative_imports_of_a_parent_are_made_absolute() -> None:
    assert imports_of("from .. import steering", "score.policies") == {"score", "score.steering"}


def test_imports_for_types_only_are_allowed() -> None:
    source = "if TYPE_CHECKING:\n    import isaaclab\nelse:\n    import torch"
    assert imports_of(source, "score") == {"torch"}


@pytest.mark.parametrize("file", all_sources(), ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_sources_keep_to_the_house_rules(file: Path) -> None:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names), f"line {node.lineno}: wildcard import"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) != "sys.path", f"line {node.lineno}: use of sys.path"


@pytest.mark.slow
def test_robot_side_loads_without_a_simulator() -> None:
    """The sources may be clean and still reach a simulator through a package that they share."""
    program = (
        "import sys, score.deployment, score.policies\n"
        f"print(sorted({SIMULATOR!r} & set(sys.modules)), 'score.simulation' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (result.stdout, result.returncode) == ("[] False\n", 0), result.stderr
