# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The Python in docs/NEW_TASK.md is the project's own, word for word, or runs as a reader would copy it."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType

import gymnasium as gym
import pytest
from tests.gym_task import detour

from score.open_task import entry_point, open_task

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "docs" / "NEW_TASK.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
MODULES = [block for block in BLOCKS if block.startswith("# Copyright")]
(REGISTRATION,) = (block for block in BLOCKS if block.startswith("gym.register("))
EXCERPTS = [block for block in BLOCKS if block not in MODULES and block != REGISTRATION]
COMMANDS = re.findall(r'isaaclab\.sh -p -c "(.*?)"', TEXT, re.DOTALL)
SOURCES = {
    str(file.relative_to(REPOSITORY / "tasks" / "score_tasks")): file.read_text(encoding="utf-8")
    for file in sorted((REPOSITORY / "tasks" / "score_tasks").rglob("*.py"))
}


@cache
def dumps() -> dict[str, frozenset[str]]:
    """Every node of every module, written out."""
    return {name: frozenset(map(ast.dump, ast.walk(ast.parse(text)))) for name, text in SOURCES.items()}


def statements(block: str) -> list[ast.AST]:
    """What is to be found in the sources: statements, and of a tuple alone on its line what it holds."""
    found: list[ast.AST] = []
    for node in ast.parse(textwrap.dedent(block)).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Tuple):
            found += node.value.elts
        else:
            found.append(node)
    return found


def test_every_block_is_tested() -> None:
    assert len(BLOCKS) == TEXT.count("```python") == len(MODULES) + len(EXCERPTS) + 1
    assert (len(MODULES), len(EXCERPTS), len(COMMANDS)) == (6, 7, 2)


@pytest.mark.parametrize("block", MODULES, ids=lambda block: block.splitlines()[1][3:40])
def test_modules_are_those_of_the_project(block: str) -> None:
    # The page leaves out the numbers of a grasp.
    assert block in {re.sub(r"Grasp\(\n.*?^\)", "Grasp(...)", text, flags=re.M | re.S) for text in SOURCES.values()}


@pytest.mark.parametrize("block", EXCERPTS, ids=lambda block: block.split("\n")[0].strip()[:40])
def test_excerpts_stand_in_one_module(block: str) -> None:
    wanted = {ast.dump(node) for node in statements(block)}
    assert wanted
    assert [name for name, nodes in dumps().items() if wanted <= nodes] != [], block


def test_the_registration_of_a_gymnasium_task_makes_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("my_package")
    monkeypatch.setitem(sys.modules, "my_package", package)
    monkeypatch.setitem(sys.modules, "my_package.detour", detour)
    monkeypatch.setattr(package, "detour", detour, raising=False)
    monkeypatch.delitem(gym.registry, "Detour-v0")  # that of the module itself, which comes back
    exec(compile(REGISTRATION, "NEW_TASK.md", "exec"), {"gym": gym})
    assert entry_point("Detour-v0", "steering_cfg_entry_point") is detour.steering_cfg
    assert entry_point("Detour-v0", "base_policy_entry_point") is detour.bundle
    with open_task("Detour-v0", num_envs=2, seed=0) as task:
        assert task.reset(seed=0)["policy"]["position"].shape == (2, 2, 2)
        assert task.spec.control_rate_hz == 10
        assert task.spec.observations["position"].names == ("x", "y")
        assert (task.spec.actions.names, task.spec.actions.units) == (("along", "sideways"), "dm")


@pytest.mark.parametrize("code", COMMANDS, ids=lambda code: code[5:40])
def test_what_commands_import_is_there(code: str) -> None:
    for node in ast.walk(ast.parse(code.replace("\\\n", ""))):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
