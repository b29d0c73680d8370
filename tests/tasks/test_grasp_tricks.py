# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The cheapest ways to cheat in a grasping task, put by hand before the robot's own kinematics: none counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tasks.tabletop_scene import HandMadeEnv

from isaaclab.managers import SceneEntityCfg

from score_assets.robots.franka_leap import RESET_JOINT_POS
from score_assets.robots.franka_leap_kinematics import palm_inverse_kinematics, palm_pose
from score_tasks.kit.hand import HAND_CENTER_P, held_at_target, risen_in_hand
from score_tasks.kit.stages import body_lost

OBJECT = SceneEntityCfg("object")
TARGET = (0.55, 0.0, 0.35)
REST = 0.05
"""Height at which the object rested when its episode began [m]."""
LYING = (0.7071068, 0.0, 0.0, 0.7071068)
"""Tipped by 90 degrees about x."""


def hand_around(place: tuple[float, float, float]) -> Any:
    """A hand whose pads meet at a place, the palm as level as at the start of an episode."""
    arm = torch.tensor([RESET_JOINT_POS[:7]])
    rot = palm_pose(arm).rot
    found = palm_inverse_kinematics(torch.tensor([place]) - rot @ torch.tensor(HAND_CENTER_P), rot, arm, iterations=100)
    assert found.position_error.item() < 2e-3
    return HandMadeEnv((*found.joint_pos[0].tolist(), *RESET_JOINT_POS[7:]), {"object": REST})


def success(env: Any) -> bool:
    return bool(held_at_target(env, OBJECT, TARGET, radius=0.15, max_speed=0.4))


def stages(env: Any) -> list[bool]:
    """Whether the stages ``grasped`` and ``lifted`` hold."""
    return [bool(risen_in_hand(env, OBJECT, rise)) for rise in ((0.12, 10.0), (0.20, 0.50))]


def test_an_object_in_the_hand_at_its_target_counts() -> None:
    env = hand_around(TARGET)
    env.put("object", TARGET)
    assert success(env)
    assert stages(env) == [True, True]  # 0.30 m over where it rested


@pytest.mark.parametrize(
    ("pos", "quat", "velocity"),
    [
        (TARGET, (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0)),  # flung up through the open hand
        ((0.55, 0.0, 0.22), (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0)),  # tossed, at its highest 0.13 m under the pads
        ((0.55, 0.0, 0.48), (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0)),  # carried on the back of the hand
        ((0.55, 0.12, 0.35), LYING, (0.0, 0.0, 0.0)),  # beside the hand, as if pushed up along something
    ],
    ids=["flung", "tossed", "on the back of the hand", "beside the hand"],
)
def test_an_object_that_gets_to_its_target_otherwise_does_not(pos: Any, quat: Any, velocity: Any) -> None:
    env = hand_around(TARGET)
    env.put("object", pos, quat, velocity)
    assert not success(env)
    if velocity == (0.0, 0.0, 0.0):
        assert stages(env) == [False, False]


@pytest.mark.parametrize(
    ("pos", "quat"),
    [((0.55, 0.0, 0.02), LYING), ((0.55, 0.0, -0.03), (0.0, 0.0, 0.0, 1.0))],
    ids=["knocked over", "pressed through the table"],
)
def test_a_hand_around_an_object_on_the_table_does_not(pos: Any, quat: Any) -> None:
    env = hand_around(pos)
    env.put("object", pos, quat)
    assert not success(env)
    assert stages(env) == [False, False]


def test_an_object_that_is_through_the_table_is_lost() -> None:
    env = hand_around(TARGET)
    env.put("object", (0.55, 0.0, -0.06))
    assert bool(body_lost(env, OBJECT, max_distance=1.0, min_height=-0.05))
    env.put("object", (0.55, 0.0, 0.05))
    assert not bool(body_lost(env, OBJECT, max_distance=1.0, min_height=-0.05))
