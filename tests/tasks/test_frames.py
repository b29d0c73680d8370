# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Moving the points of an object with its pose in every environment."""

from __future__ import annotations

import pytest
import torch

from isaaclab.utils.math import matrix_from_quat, quat_apply

from score_tasks.kit.frames import points_from, points_in


def test_a_quarter_turn_about_z_and_a_shift() -> None:
    points = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 3.0]])
    half = 0.5**0.5
    pose = torch.tensor([[10.0, 0.0, 0.0]]), matrix_from_quat(torch.tensor([[0.0, 0.0, half, half]]))
    moved = points_from(pose, points[None])
    # (1, 0, 0) -> (0, 1, 0); (0, 2, 3) -> (-2, 0, 3); then 10 along x
    torch.testing.assert_close(moved, torch.tensor([[[10.0, 1.0, 0.0], [8.0, 0.0, 3.0]]]))


def test_it_agrees_with_turning_each_point_by_the_quaternion() -> None:
    generator = torch.Generator().manual_seed(0)
    points, pos = torch.randn(20, 3, generator=generator), torch.randn(7, 3, generator=generator)
    quat = torch.nn.functional.normalize(torch.randn(7, 4, generator=generator), dim=-1)
    expected = quat_apply(quat[:, None].expand(-1, 20, -1), points.expand(7, -1, -1)) + pos[:, None]
    pose = pos, matrix_from_quat(quat)
    moved = points_from(pose, points.expand(7, -1, -1))
    torch.testing.assert_close(points_in(pose, moved), points.expand(7, -1, -1))
    assert moved.shape == (7, 20, 3)
    assert (moved - expected).abs().max() == pytest.approx(0.0, abs=1e-5)
