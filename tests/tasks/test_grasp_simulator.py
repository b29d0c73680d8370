# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The grasping tasks in the simulator: spaces, reset ranges, finiteness, sound contact; and they can be solved."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.tasks.workers import ROOT, facts_of

from score.open_task import entry_point, task_kwargs
from score.physics import PLAIN_FRICTION
from score.policies.bundle import load_bundle
from score.reconstruction.scene import read_scene
from score.steering.methods import make_plan
from score_assets import base_policy_dir, scene_file
from score_assets.robots.franka_leap import JOINT_NAMES

SCENES = {"SCORE-CubePinch-v0": "cube_pinch", "SCORE-CupGrasp-v0": "cup_grasp", "SCORE-BottleGrasp-v0": "bottle_grasp"}
CASES = [(task, domain) for domain in ("sim", "real") for task in SCENES]

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def facts(request: pytest.FixtureRequest) -> dict[str, Any]:
    task, domain = request.param
    random_steps, num_envs = ("60", "16") if domain == "sim" else ("10", "6")
    seen = facts_of("grasp_worker", task, domain, random_steps, num_envs)
    return {"task": task, "domain": domain, "num_envs": int(num_envs), **seen}


def test_engine_and_interface(facts: dict[str, Any]) -> None:
    count = facts["num_envs"]
    assert facts["engine"] == {"sim": "ovphysx", "real": "newton_mjwarp"}[facts["domain"]]
    assert facts["shapes"] == {"joint_pos": [count, 23], "point_cloud": [count, 512, 3]}
    assert facts["critic"] == [count, 23 + 53]
    assert tuple(facts["names"]) == JOINT_NAMES
    assert facts["steps"] == 128


def test_starts_vary_within_the_ranges_of_the_scene_file(facts: dict[str, Any]) -> None:
    item = read_scene(scene_file(SCENES[facts["task"]])).named("object")
    for axis, key in enumerate("xyz"):
        low, high = item.ranges.get(key, (0.0, 0.0))
        assert facts["start_low"][axis] >= item.position[axis] + low - 1e-4
        assert facts["start_high"][axis] <= item.position[axis] + high + 1e-4
    assert min(facts["start_spread"]) > 0.03
    assert facts["same_start"] < 1e-5


def test_the_table_is_as_slippery_on_both_engines(facts: dict[str, Any]) -> None:
    assert facts["table_friction"] == PLAIN_FRICTION


def test_all_joints_of_a_robot_are_weak_together(facts: dict[str, Any]) -> None:
    low, high = {"sim": (0.8, 1.2), "real": (0.70, 0.79)}[facts["domain"]]
    assert all(low <= factor <= high for factor in facts["stiffness"])
    assert max(facts["stiffness"]) - min(facts["stiffness"]) > 0.3 * (high - low)
    assert facts["stiffness_spread"] < 1e-4


def test_the_robot_holds_and_the_object_rests(facts: dict[str, Any]) -> None:
    assert facts["hold_error"] < 0.05
    assert facts["object_moved"] < 0.002


def test_random_actions_stay_finite(facts: dict[str, Any]) -> None:
    assert facts["finite"]
    assert facts["guards"] == 0


def test_a_demonstrator_without_flaws_solves_it_and_is_paid_once(facts: dict[str, Any]) -> None:
    assert facts["success"] >= 0.8
    # nearly always at the first try: the thumb has to stand opposite of the fingers before they close
    assert facts["tries"] <= 1.25
    # fingers that stand on the table never arrive, and close after 25 steps; others take 4 to 12
    assert facts["descent_steps"] <= 18
    # 1 for success, 0.5 more where the object was lifted in the same step
    assert all(0.9 < reward <= 1.6 for reward in facts["reward_at_success"])


def test_pads_do_not_sink_into_the_object(facts: dict[str, Any]) -> None:
    assert facts["deepest"] < 0.004


def test_recorded_kernels_do_the_same_to_the_last_bit(facts: dict[str, Any]) -> None:
    assert (facts["recorded"] is None) is (facts["domain"] == "sim")  # PhysX has none
    if facts["recorded"]:
        assert facts["recorded"]["finite"]
        assert facts["recorded"]["moved"] > 0.01
        assert facts["recorded"]["difference"] == 0.0
        quick, slow = facts["recorded"]["seconds"]
        assert quick < slow


@pytest.mark.parametrize("task", SCENES)
def test_ppo_sets_two_columns_of_the_latent_every_eight_steps(task: str) -> None:
    steering = entry_point(task, "steering_cfg_entry_point")().steering
    base_policy = load_bundle(base_policy_dir(task_kwargs(task)[1]["base_policy"]))
    # 2 cosines of 23 joints
    assert (make_plan(base_policy, vars(steering)).code_dim, steering.chunk_steps) == (46, 8)


def test_a_short_training_writes_a_checkpoint(tmp_path: Path) -> None:
    result = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "train.py"),
            *("--task", "SCORE-CubePinch-v0", "--num_envs", "8", "--max_iterations", "1", "--device", "cpu"),
            *("agent.steering.evaluation_episodes=8", "agent.num_steps_per_env=4", "env.episode_length_s=1.6"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "PPO sets 46 numbers every 8 control steps" in result.stdout
    assert [path.name for path in tmp_path.glob("logs/rsl_rl/*/*/model_best.pt")] == ["model_best.pt"]
