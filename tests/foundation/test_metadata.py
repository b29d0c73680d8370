# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Pins, versions and what may lie in the repository."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import score

REPOSITORY = Path(__file__).resolve().parents[2]
LARGEST_FILE_BYTES = 8 * 1024 * 1024
HEADER = "# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause"


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def direct_requirements() -> list[Requirement]:
    extras = project()["optional-dependencies"].values()
    return [Requirement(text) for text in sum(extras, start=project()["dependencies"])]


def constraint_lines() -> list[str]:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def constraints() -> dict[str, str]:
    pairs = (line.split("==") for line in constraint_lines())
    return {canonicalize_name(name): version for name, version in pairs}


@cache
def committed_files() -> list[Path]:
    """The files that git tracks or would add."""
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
    files = (REPOSITORY / name for name in names.split("\0") if name)
    return [file for file in files if file.is_file()]


@pytest.mark.parametrize("requirement", direct_requirements(), ids=str)
def test_direct_requirements_are_ranges_that_hold_the_version_of_the_constraints(
    requirement: Requirement,
) -> None:
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators <= {">=", "<"}
    assert ">=" in operators
    assert requirement.url is None
    assert requirement.specifier.contains(constraints()[canonicalize_name(requirement.name)])


def test_constraints_hold_names_and_versions_only() -> None:
    # No host, no URL, no path, no hash, no option: those belong to the machine that installs.
    form = re.compile(r"[a-z0-9][a-z0-9.-]*==\d[a-z0-9.]*")
    assert [line for line in constraint_lines() if not form.fullmatch(line)] == []
    assert len(constraints()) == len(constraint_lines()) > 150


def test_extras_are_those_that_the_launcher_installs() -> None:
    launcher = (REPOSITORY / "isaaclab.sh").read_text()
    assert "readonly EXTRAS=isaaclab,ovphysx,viz,dev\n" in launcher
    assert {"isaaclab", "ovphysx", "viz", "dev"} <= project()["optional-dependencies"].keys()


def test_isaac_lab_is_an_extra_so_that_gymnasium_s_tasks_do_without() -> None:
    names = {Requirement(text).name for text in project()["dependencies"]}
    assert not {name for name in names if name.startswith(("isaac", "ov", "newton", "mujoco"))}


def test_python_is_312_everywhere() -> None:
    assert project()["requires-python"] == "==3.12.*"
    assert (REPOSITORY / ".python-version").read_text() == "3.12\n"
    assert "readonly PYTHON_VERSION=3.12\n" in (REPOSITORY / "isaaclab.sh").read_text()


def test_version_is_the_same_everywhere() -> None:
    extension = tomllib.loads((REPOSITORY / "exts" / "score" / "config" / "extension.toml").read_text())
    assert extension["package"]["version"] == score.__version__
    assert importlib.metadata.version("score-isaaclab") == score.__version__
    assert f"\n## {score.__version__}\n" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_isaac_lab_finds_the_tasks() -> None:
    (entry_point,) = (
        point for point in importlib.metadata.entry_points(group="isaaclab.tasks") if point.name == "score_tasks"
    )
    # A module and no function: Isaac Lab's list_envs matches tasks to the project by the module's name.
    assert entry_point.value == "score_tasks"
    assert project()["entry-points"]["isaaclab.tasks"] == {"score_tasks": "score_tasks"}


def test_no_large_files() -> None:
    large = [file.name for file in committed_files() if file.stat().st_size > LARGEST_FILE_BYTES]
    assert large == []


def test_no_lock_file_that_names_hosts() -> None:
    assert [file.name for file in committed_files() if file.name in {"uv.lock", "poetry.lock"}] == []


def test_every_python_file_has_the_licence_line() -> None:
    files = [file for file in committed_files() if file.suffix == ".py" and file.stat().st_size > 0]
    without = [str(file.relative_to(REPOSITORY)) for file in files if HEADER not in file.read_text().splitlines()[:3]]
    assert without == []


@pytest.mark.parametrize("package", ["exts/score/score", "tasks/score_tasks", "assets/score_assets"])
def test_packages_are_typed_and_complete(package: str) -> None:
    root = REPOSITORY / package
    assert (root / "py.typed").exists()
    # setup.py ships packages only: a folder of modules without __init__.py would be left out of a wheel.
    folders = {file.parent for file in root.rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
