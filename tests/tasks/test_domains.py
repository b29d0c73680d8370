# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The ``real`` stand-in stays out of everything that trains."""

import ast
import math
import re
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
TABLETOP = {
    "SCORE-SoccerPush-v0": ("ball",),
    "SCORE-CardPick-v0": ("card",),
    "SCORE-DishrackPlace-v0": ("bowl",),
    "SCORE-BallPour-v0": ("cup", "ball"),
    "SCORE-BulbScrew-v0": ("lamp",),
}
"""Task -> what is handled in it."""
SPEED_LIMITS = {"panda_joint5": 2.61, "panda_joint6": 2.61, "panda_joint7": 2.61, "j12": 8.48, "j15": 8.48}
"""Fastest that the robot turns a joint whose targets may run further ahead than those of the others [rad/s]."""


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


def test_composing_the_training_tasks_loads_no_real_settings() -> None:
    tasks = [*TASKS, *TABLETOP]
    code = (
        "import sys; from score.open_task import entry_point; from isaaclab_tasks.utils import resolve_task_config\n"
        f"for task in {tasks}:\n"
        "    entry_point(task, 'steering_cfg_entry_point')(); resolve_task_config(task, None, overrides=[])\n"
        f"    print(task, [name for name in sys.modules if '{REAL_MODULE}' in name])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    said = [line for line in result.stdout.splitlines() if line.startswith("SCORE-")]  # Isaac Lab says more
    assert said == [f"{task} []" for task in tasks]


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


@pytest.mark.parametrize("task", TABLETOP)
def test_ranges_of_a_tabletop_task_do_not_overlap(task: str) -> None:
    sim, real = (entry_point(task, "env_cfg_entry_point", domain)() for domain in ("sim", "real"))
    assert sim.handled == real.handled == TABLETOP[task]
    for name in sim.handled:
        terms = [(f"{name}_friction", "static_friction_range"), (f"{name}_mass", "mass_distribution_params")]
        terms += [("joint_gains", f"{gain}_distribution_params") for gain in ("stiffness", "damping")]
        for term, key in terms:
            if hasattr(sim.events, term):
                ours, theirs = (getattr(cfg.events, term).params[key] for cfg in (sim, real))
                assert ours[1] < theirs[0] or theirs[1] < ours[0], f"{term}: {ours} overlaps {theirs}"
    assert type(sim.sim.physics.default) is not type(real.sim.physics.default)
    assert sim.actions.joints.delay_range[1] < real.actions.joints.delay_range[0]


@pytest.mark.parametrize("task", [*TABLETOP, *(task for task in TASKS if task != "SCORE-Insert-v0")])
def test_the_cameras_of_a_task_of_the_hand_are_wrong_enough(task: str) -> None:
    errors = []
    for domain in ("sim", "real"):
        cameras = entry_point(task, "env_cfg_entry_point", domain)().observations.policy.point_cloud.params["cameras"]
        errors.append([(camera.shift_std, camera.turn_std) for camera in cameras.values()])
    for ours, theirs in zip(*errors, strict=True):
        assert ours[0] >= 0.004
        assert ours[1] >= math.radians(0.5) - 1e-9
        assert theirs[0] > ours[0]
        assert theirs[1] > ours[1]


@pytest.mark.parametrize("task", [*TABLETOP, *(task for task in TASKS if task != "SCORE-Insert-v0")])
def test_no_target_runs_so_far_ahead_that_a_joint_outruns_the_robot(task: str) -> None:
    """A damped drive of rate r = stiffness / damping goes offset (1 - exp(-0.1 s r)) towards its target in a step.

    The quickest drives of ``sim`` are 1.2 times as stiff and 0.8 times as damped: r = 15 /s for the arm, 30 /s for the
    hand. With 0.3 rad that is 0.233 rad for a wrist that may turn by 0.261 rad (2.61 rad/s), 0.285 rad for a thumb.
    """
    cfg = entry_point(task, "env_cfg_entry_point", "sim")()
    low, high = (cfg.events.joint_gains.params[f"{gain}_distribution_params"] for gain in ("damping", "stiffness"))
    for name, offset in cfg.actions.joints.joint_max_offset.items():
        drive = next(
            actuator
            for actuator in cfg.scene.robot.actuators.values()
            if any(re.fullmatch(pattern, name) for pattern in actuator.joint_names_expr)
        )
        rate = drive.stiffness * high[1] / (drive.damping * low[0])
        assert offset * (1.0 - math.exp(-0.1 * rate)) < 0.1 * SPEED_LIMITS[name], name
