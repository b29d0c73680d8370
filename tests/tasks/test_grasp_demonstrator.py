# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the demonstrator of grasping does with its hand, on states made by hand."""

from dataclasses import replace
from types import SimpleNamespace

import torch

from score_assets.robots.franka_leap_kinematics import PalmPose
from score_tasks.bottle_grasp.demonstrator import ACROSS, BottleGraspDemonstrator
from score_tasks.cup_grasp.demonstrator import AROUND, CupGraspDemonstrator
from score_tasks.grasp.demonstrator import GraspDemonstrator, without_flaws

THUMB_OPPOSITION = 12
"""Column of ``j12``."""
THUMB_TIP = 15
"""Column of ``j15``."""
LEVEL = torch.tensor([[0.0, 0.0, 0.0, 1.0]]), torch.eye(3)[None]
"""Orientation of a level palm, as a quaternion and a matrix."""


def _demonstrator(pace: float = 1.0, kind: type[GraspDemonstrator] = BottleGraspDemonstrator) -> GraspDemonstrator:
    cfg = SimpleNamespace(target_pos=(0.5, 0.0, 0.3), grasp_file="")
    task = SimpleNamespace(env=None, env_cfg=cfg, num_envs=1, device="cpu")
    habits = replace(without_flaws(kind.habits), pace=(pace, pace), force=(9.0,) * 3, astray=(0.012, 0.030))
    return kind(task, habits=habits)  # type: ignore[arg-type]


def _over(demonstrator: GraspDemonstrator, hand: torch.Tensor) -> bool:
    """Whether it comes down from hovering height, right over the place of the contacts."""
    error = torch.zeros(1, 3)
    error[:, 2] = demonstrator._hover
    demonstrator._decide(error, hand, torch.zeros(1, 3))
    return bool(demonstrator._down)


def test_it_comes_down_with_the_hand_in_shape() -> None:
    assert _over(_demonstrator(), torch.tensor([ACROSS.opened()]))


def test_it_waits_for_a_thumb_that_is_not_opposite_of_the_fingers_yet() -> None:
    hand = torch.tensor([ACROSS.opened()])
    hand[:, THUMB_OPPOSITION] -= 0.2  # more than 0.15 rad away
    assert not _over(_demonstrator(), hand)


def test_over_a_cup_it_waits_for_the_tip_of_the_thumb_which_would_land_on_the_rim() -> None:
    cup = _demonstrator(kind=CupGraspDemonstrator)
    hand = torch.tensor([AROUND.opened()])
    assert _over(cup, hand)
    hand[:, THUMB_TIP] += 0.2  # more than 0.15 rad away
    assert not _over(cup, hand)
    hand = torch.tensor([ACROSS.opened()])
    hand[:, THUMB_TIP] += 0.2
    assert _over(_demonstrator(), hand)  # a bottle is lower than the thumb


def _down_from(demonstrator: GraspDemonstrator, beside: float) -> torch.Tensor:
    """Where it wants to be (3,), from 0.06 m over the contact and so far beside it, relative to the palm, m."""
    demonstrator._contact = torch.tensor([[0.5, 0.1, 0.2]])
    place = demonstrator._contact + torch.tensor([[beside, 0.0, 0.06]])
    demonstrator._palm = PalmPose(place, *LEVEL)
    return (demonstrator._below() - demonstrator._palm.pos)[0]


def test_it_sinks_as_far_as_it_is_over_its_place() -> None:
    demonstrator = _demonstrator()  # slower from 12 mm beside, not at all from 30 mm
    assert torch.allclose(_down_from(demonstrator, 0.010), torch.tensor((-0.010, 0.0, -0.06)), atol=1e-6)
    # 21 mm is in the middle: half of 0.06 m
    assert torch.allclose(_down_from(demonstrator, 0.021), torch.tensor((-0.021, 0.0, -0.03)), atol=1e-6)
    assert torch.allclose(_down_from(demonstrator, 0.040), torch.tensor((-0.040, 0.0, 0.0)), atol=1e-6)


def test_it_does_not_close_beside_its_place() -> None:
    demonstrator = _demonstrator()
    demonstrator.phase[:] = 1  # descend
    opened = torch.tensor([ACROSS.opened()])
    demonstrator._decide(torch.tensor([[0.020, 0.0, 0.0]]), opened, torch.zeros(1, 3))
    assert not bool(demonstrator._reached)
    demonstrator._decide(torch.tensor([[0.008, 0.0, 0.0]]), opened, torch.zeros(1, 3))
    assert bool(demonstrator._reached)


def test_the_aim_is_worse_from_above() -> None:
    habits = replace(without_flaws(BottleGraspDemonstrator.habits), aim_far_std=0.02, aim_std=(0.004, 0.004, 0.004))
    demonstrator = _demonstrator()
    demonstrator.habits = habits
    demonstrator._position, demonstrator._palm_turn = torch.zeros(1, 3), torch.zeros(1)
    demonstrator._aim_error, demonstrator._hover = torch.tensor([[1.0, 0.0]]), torch.tensor([0.08])
    places = []
    for height in (0.0, 0.04, 0.08, 0.30):
        demonstrator._palm = PalmPose(torch.tensor([[0.0, 0.0, height]]), *LEVEL)
        base = demonstrator._contact_pose()[0, 2]  # the contact's height does not depend on the palm's
        demonstrator._palm = PalmPose(torch.tensor([[0.0, 0.0, float(base) + height]]), *LEVEL)
        places.append(float(demonstrator._contact_pose()[0, 0]))
    # 4 mm at the contact; 4 + 20 x 0.04 / 0.08 = 14 mm half-way up; 24 mm from hovering height on
    assert [round(1e3 * (place - places[0]), 3) for place in places] == [0.0, 10.0, 20.0, 20.0]


def test_the_hand_opens_faster_than_it_closes() -> None:
    demonstrator = _demonstrator(pace=0.5)
    opened, touching = torch.tensor([ACROSS.opened()]), torch.tensor([ACROSS.joint_pos])
    care = int(demonstrator._care)
    targets = demonstrator._hand_targets(opened - 1.0)
    # 0.20, 0.17 or 0.14 rad by care, at half the pace
    assert torch.allclose(targets - (opened - 1.0), torch.tensor(0.5 * (0.20, 0.17, 0.14)[care]), atol=1e-6)
    demonstrator.phase[:] = 2  # close
    targets = demonstrator._hand_targets(touching - 1.0)
    assert torch.allclose(targets - (touching - 1.0), torch.tensor(0.5 * (0.09, 0.075, 0.06)[care]), atol=1e-6)


def test_the_whole_squeeze_is_there_while_it_carries() -> None:
    demonstrator = _demonstrator(pace=0.5)
    touching = torch.tensor([ACROSS.joint_pos])
    demonstrator.phase[:] = 3  # carry
    # 9 N x 0.1925 N m/N / 20 N m/rad = 0.0866 rad at the thumb, more than it runs ahead while closing (0.045 at most)
    lead = (demonstrator._hand_targets(touching) - touching)[0]
    assert abs(float(lead[14]) - 9.0 * ACROSS.torque[14] / 20.0) < 1e-6
    assert torch.allclose(lead, 9.0 / 20.0 * torch.tensor(ACROSS.torque), atol=1e-6)
