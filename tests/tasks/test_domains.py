# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The ``real`` stand-in stays out of everything that trains."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from score.open_task import entry_point

ROOT = Path(__file__).resolve().parents[2]
REAL_MODULE = "real_env_cfg"
MAY_NAME_REAL = {"tasks/score_tasks/kit/registration.py"}
"""The registration names the settings of both domains as text, and loads neither."""
TASKS = {
    "SCORE-Insert-v0": "insert",
    "SCORE-BottleGrasp-v0": "bottle_grasp",
    "SCORE-CupGrasp-v0": "cup_grasp",
    "SCORE-CubePinch-v0": "cube_pinch",
}


def _modules() -> list[Path]:
    return (
        sorted((ROOT / "exts").rglob("*.py"))
        + sorted((ROOT / "tasks").rglob("*.py"))
        + sorted((ROOT / "scripts").rglob("*.py"))
    )


def test_no_module_imports_the_real_settings() -> None:
    for path in _modules():
        if path.stem == REAL_MODULE:
            continue  # those of a family of tasks may share what they say
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            assert not any(REAL_MODULE in name for name in names), f"{path} imports the real settings"


def test_only_the_registration_names_the_real_settings() -> None:
    naming = {
        str(path.relative_to(ROOT))
        for path in _modules()
        if REAL_MODULE in path.read_text() and path.stem != REAL_MODULE
    }
    assert naming <= MAY_NAME_REAL


@pytest.mark.parametrize("task", TASKS)
def test_composing_a_training_task_loads_no_real_settings(task: str) -> None:
    code = (
        "import sys; from score.open_task import task_kwargs; from isaaclab_tasks.utils import resolve_task_config;"
        f"task, _ = task_kwargs('{task}'); resolve_task_config(task, 'rsl_rl_cfg_entry_point', overrides=[]);"
        f"print([name for name in sys.modules if '{REAL_MODULE}' in name])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("task", "thing", "action", "gains"),
    [("SCORE-Insert-v0", "peg", "arm", "arm_gains")]
    + [(task, "object", "joints", "joint_gains") for task in TASKS if task != "SCORE-Insert-v0"],
)
def test_ranges_of_the_two_domains_do_not_overlap(task: str, thing: str, action: str, gains: str) -> None:
    sim, real = (entry_point(task, "env_cfg_entry_point", domain)() for domain in ("sim", "real"))
    pairs = [
        (
            getattr(cfg.events, f"{thing}_friction").params["static_friction_range"],
            getattr(cfg.events, f"{thing}_mass").params["mass_distribution_params"],
            getattr(cfg.events, gains).params["stiffness_distribution_params"],
            getattr(cfg.events, gains).params["damping_distribution_params"],
        )
        for cfg in (sim, real)
    ]
    for ours, theirs in zip(*pairs, strict=True):
        assert ours[1] < theirs[0] or theirs[1] < ours[0], f"{ours} overlaps {theirs}"
    assert type(sim.sim.physics.default) is not type(real.sim.physics.default)
    assert getattr(sim.actions, action).delay_range[1] < getattr(real.actions, action).delay_range[0]
