# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the demonstrator of grasping does with its hand, on states made by hand."""

from dataclasses import replace
from types import SimpleNamespace

import torch

from score_tasks.bottle_grasp.demonstrator import ACROSS, BottleGraspDemonstrator
from score_tasks.grasp.demonstrator import GraspDemonstrator, without_flaws

THUMB_OPPOSITION = 12
"""Column of ``j12``."""


def _demonstrator(pace: float = 1.0) -> GraspDemonstrator:
    cfg = SimpleNamespace(target_pos=(0.5, 0.0, 0.3), grasp_file="")
    task = SimpleNamespace(env=None, env_cfg=cfg, num_envs=1, device="cpu")
    habits = replace(without_flaws(BottleGraspDemonstrator.habits), pace=(pace, pace), force=(9.0, 9.0, 9.0))
    return BottleGraspDemonstrator(task, habits=habits)  # type: ignore[arg-type]


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
