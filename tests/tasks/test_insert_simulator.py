# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert-v0 on both engines: spaces, reset ranges, windows, clamping, finiteness; and it can be solved."""

from typing import Any

import pytest
import torch
from tests.tasks.workers import facts_of

ENGINES = {"sim": "ovphysx", "real": "newton_mjwarp"}

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module", params=["sim", "real"])
def facts(request: pytest.FixtureRequest) -> dict[str, Any]:
    domain = request.param
    random_steps, num_envs = ("60", "16") if domain == "sim" else ("10", "8")
    seen = facts_of("sim_worker", domain, random_steps, num_envs)
    return {"domain": domain, "num_envs": int(num_envs), **seen}


def test_engine_and_interface(facts: dict[str, Any]) -> None:
    count = facts["num_envs"]
    assert facts["engine"] == ENGINES[facts["domain"]]
    assert facts["shapes"] == {
        "joint_pos": [count, 4, 7],
        "joint_pos_target": [count, 3, 7],
        "point_cloud": [count, 512, 3],
    }
    assert facts["names"] == [f"panda_joint{index}" for index in range(1, 8)]
    assert facts["rate"] == pytest.approx(10.0)


def test_one_call_does_all_physics_steps_where_no_target_is_delayed(facts: dict[str, Any]) -> None:
    assert facts["folded"] is (facts["domain"] == "sim")
    assert facts["seconds"] == pytest.approx(10 * 0.1)


def test_starts_vary_within_their_ranges_and_repeat_with_the_seed(facts: dict[str, Any]) -> None:
    (x_low, y_low), (x_high, y_high) = facts["socket_xy_low"], facts["socket_xy_high"]
    assert x_low >= 0.47 - 1e-4
    assert x_high <= 0.53 + 1e-4
    assert y_low >= -0.04 - 1e-4
    assert y_high <= 0.04 + 1e-4
    assert min(facts["socket_spread"]) > 0.01
    assert all(0.129 < z < 0.181 for z in facts["tcp_z"])
    assert facts["same_start"] < 1e-5


def test_windows_refill_at_reset_and_advance_each_step(facts: dict[str, Any]) -> None:
    assert facts["window_refilled"]
    assert facts["target_refilled"]
    assert facts["window_advances"]


def test_holding_keeps_arm_and_peg(facts: dict[str, Any]) -> None:
    assert facts["hold_error"] < 0.02
    # nominal 15 mm, drawn within 3 mm, plus what the peg falls until the pads close
    assert all(0.010 < z < 0.022 for z in facts["peg_in_hand_z"])


def test_targets_stay_near_the_measured_angles(facts: dict[str, Any]) -> None:
    assert facts["largest_offset"] == pytest.approx(0.1, abs=1e-4)


def test_random_actions_stay_finite(facts: dict[str, Any]) -> None:
    assert facts["finite"]
    assert facts["guards"] == 0


def test_terms_see_the_new_episode_after_a_reset_within_the_step(facts: dict[str, Any]) -> None:
    stale = facts["stale"]
    assert stale["after"] == stale["observed"] == 0.0
    assert stale["moved"] > 1e-3  # another start of the arm
    assert stale["final"] > 0.1  # and the last observation is that of the old episode


def test_the_socket_senses_what_presses_on_it_and_only_that(facts: dict[str, Any]) -> None:
    forces = torch.tensor(facts["forces"])
    # In the air there is none. The arm can push with some 100 N; a peg that goes in touches a wall, and its weight is
    # 0.5 N.
    assert forces[0].max() == 0.0
    assert (forces.amax(0) > 0.5).float().mean() > 0.8
    assert forces.max() < 200.0


def test_a_perfect_demonstrator_solves_it_and_is_paid_once(facts: dict[str, Any]) -> None:
    assert facts["success"] >= 0.85
    assert all(0.95 < reward <= 1.0 for reward in facts["reward_at_success"])
    assert all(depth > 0.0179 for depth in facts["deepest"])  # 60 % of 30 mm, the step before the reset
