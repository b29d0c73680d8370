# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Kinematics of the Panda against hand-computed poses, finite differences and round trips."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from score_assets.robots import franka
from score_assets.robots.franka_kinematics import (
    forward_kinematics,
    inverse_kinematics,
    matrix_from_quat,
    quat_from_matrix,
    rotation_error,
)

DOWN = torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]], dtype=torch.float64)
LIMITS = torch.tensor(franka.arm_joint_limits())
HOME = torch.tensor(franka.HOME_JOINT_POS, dtype=torch.float64)


def postures(count: int, seed: int, spread: float = 1.0) -> Tensor:
    """Uniform postures within a share of the joint range around its middle, shape (count, 7)."""
    generator = torch.Generator().manual_seed(seed)
    middle, half = LIMITS.mean(dim=1), (LIMITS[:, 1] - LIMITS[:, 0]) / 2
    return middle + spread * half * (2 * torch.rand(count, 7, generator=generator, dtype=torch.float64) - 1)


def test_zero_configuration_matches_the_arithmetic() -> None:
    # Arm straight up, gripper down: the flange stands at x = 0.088 and
    # z = 0.333 + 0.316 + 0.384 - 0.107 = 0.926; the TCP is 0.1034 lower, at 0.8226.
    # At zero the flange is turned by 180 degrees about x; the hand by -45 degrees about its z.
    pose = forward_kinematics(torch.zeros(1, 7, dtype=torch.float64))
    torch.testing.assert_close(pose.link_pos[0, 8], torch.tensor([0.088, 0.0, 0.926], dtype=torch.float64))
    torch.testing.assert_close(pose.tcp_pos[0], torch.tensor([0.088, 0.0, 0.8226], dtype=torch.float64))
    half = math.sqrt(0.5)
    # diag(1, -1, -1) @ Rz(-45 deg)
    expected = torch.tensor([[half, half, 0.0], [half, -half, 0.0], [0.0, 0.0, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(pose.tcp_rot[0], expected)


def test_elbow_bent_by_a_right_angle() -> None:
    # Joint 4 at -90 degrees turns everything past the elbow (0.0825, 0.649) by 90 degrees forwards (up -> +x):
    # from the elbow joint, 0.384 up and -0.0825 along x become +0.384 along x and +0.0825 up, which is joint 5:
    # (0.0825 + 0.384, 0.649 + 0.0825) = (0.4665, 0.7315). At zero the TCP is 0.088 along x and 0.107 + 0.1034 = 0.2104
    # down from joint 5; turned: 0.2104 back along x and 0.088 down, so (0.4665 - 0.2104, 0.7315 - 0.088).
    joint_pos = torch.zeros(1, 7, dtype=torch.float64)
    joint_pos[0, 3] = -math.pi / 2
    pose = forward_kinematics(joint_pos)
    torch.testing.assert_close(pose.link_pos[0, 5], torch.tensor([0.4665, 0.0, 0.7315], dtype=torch.float64))
    torch.testing.assert_close(pose.tcp_pos[0], torch.tensor([0.2561, 0.0, 0.6435], dtype=torch.float64))


def test_rest_posture_looks_down_in_front_of_the_base() -> None:
    pose = forward_kinematics(HOME[None])
    # 0.10 + 2.35 = 2.45: joints 2, 4 and 6 cancel, so the gripper looks straight down.
    torch.testing.assert_close(pose.tcp_rot[0, :, 2], torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64))
    assert 0.45 < pose.tcp_pos[0, 0] < 0.55
    assert abs(pose.tcp_pos[0, 1]) < 1e-12
    assert 0.15 < pose.tcp_pos[0, 2] < 0.25


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_jacobian_matches_central_differences(seed: int) -> None:
    joint_pos, step = postures(3, seed), 1e-6
    pose = forward_kinematics(joint_pos)
    for joint in range(7):
        change = torch.zeros(7, dtype=torch.float64)
        change[joint] = step
        plus, minus = forward_kinematics(joint_pos + change), forward_kinematics(joint_pos - change)
        linear = (plus.tcp_pos - minus.tcp_pos) / (2 * step)
        angular = rotation_error(plus.tcp_rot, minus.tcp_rot) / (2 * step)
        torch.testing.assert_close(pose.jacobian[:, :3, joint], linear, atol=1e-8, rtol=0)
        torch.testing.assert_close(pose.jacobian[:, 3:, joint], angular, atol=1e-7, rtol=0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_inverse_finds_poses_of_the_work_space(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    unit = 2 * torch.rand(16, 7, generator=generator, dtype=torch.float64) - 1
    joint_pos = (HOME + 0.35 * unit).clamp(LIMITS[:, 0], LIMITS[:, 1])
    target = forward_kinematics(joint_pos)
    found = inverse_kinematics(target.tcp_pos, target.tcp_quat, HOME.expand(16, 7), iterations=40)
    assert (found.joint_pos >= LIMITS[:, 0]).all()
    assert (found.joint_pos <= LIMITS[:, 1]).all()
    reached = forward_kinematics(found.joint_pos)
    assert (reached.tcp_pos - target.tcp_pos).norm(dim=-1).max() < 1e-5
    assert rotation_error(reached.tcp_rot, target.tcp_rot).norm(dim=-1).max() < 1e-5
    torch.testing.assert_close(found.position_error, (reached.tcp_pos - target.tcp_pos).norm(dim=-1))


def test_inverse_in_float32_with_a_warm_start_of_eight_steps() -> None:
    start = (HOME + 0.1 * torch.linspace(-1, 1, 7, dtype=torch.float64)).float()[None]
    target = forward_kinematics(HOME.float()[None])
    found = inverse_kinematics(target.tcp_pos, target.tcp_rot, start, iterations=8)
    assert found.joint_pos.dtype == torch.float32
    assert found.position_error.item() < 1e-5
    assert found.rotation_error.item() < 1e-5


def test_null_space_is_pulled_to_the_rest_posture() -> None:
    target_pos, target_rot = torch.tensor([[0.5, 0.05, 0.2]], dtype=torch.float64), DOWN[None]
    start = HOME.clone()
    start[2] += 0.6
    kwargs = {"iterations": 60, "rest_joint_pos": HOME}
    free = inverse_kinematics(target_pos, target_rot, start[None], rest_gain=0.0, **kwargs)  # type: ignore[arg-type]
    pulled = inverse_kinematics(target_pos, target_rot, start[None], rest_gain=0.1, **kwargs)  # type: ignore[arg-type]
    assert pulled.position_error.item() < 1e-6
    assert (pulled.joint_pos - HOME).norm() < 0.7 * (free.joint_pos - HOME).norm()


def test_target_out_of_reach_is_reported_as_an_error_and_stays_finite() -> None:
    found = inverse_kinematics(torch.tensor([[2.0, 0.0, 0.5]]), DOWN.float()[None], HOME.float()[None], iterations=30)
    assert torch.isfinite(found.joint_pos).all()
    # The arm reaches less than 1.2 m.
    assert found.position_error.item() > 0.8


def test_batch_rows_do_not_influence_each_other() -> None:
    joint_pos = postures(5, seed=3)
    together = forward_kinematics(joint_pos)
    alone = forward_kinematics(joint_pos[2:3])
    torch.testing.assert_close(together.tcp_pos[2:3], alone.tcp_pos, atol=0, rtol=1e-12)
    torch.testing.assert_close(together.jacobian[2:3], alone.jacobian, atol=1e-14, rtol=1e-12)


@given(
    values=st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda v: math.hypot(*v) > 0.1),
)
def test_quaternion_and_matrix_round_trip(values: list[float]) -> None:
    quat = torch.tensor(values, dtype=torch.float64)
    quat = quat / quat.norm()
    rot = matrix_from_quat(quat)
    torch.testing.assert_close(rot @ rot.T, torch.eye(3, dtype=torch.float64), atol=1e-12, rtol=0)
    back = quat_from_matrix(rot)
    assert back[3] >= 0
    torch.testing.assert_close(matrix_from_quat(back), rot, atol=1e-12, rtol=0)


def test_rotation_error_of_known_turns() -> None:
    quarter = matrix_from_quat(torch.tensor([[0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)]], dtype=torch.float64))
    eye = torch.eye(3, dtype=torch.float64)[None]
    torch.testing.assert_close(
        rotation_error(quarter, eye), torch.tensor([[0.0, 0.0, math.pi / 2]], dtype=torch.float64)
    )
    torch.testing.assert_close(rotation_error(eye, eye), torch.zeros(1, 3, dtype=torch.float64))
    # Half a turn about x, where the trace formula loses its accuracy.
    torch.testing.assert_close(
        rotation_error(DOWN[None], eye).abs(), torch.tensor([[math.pi, 0.0, 0.0]], dtype=torch.float64)
    )


def test_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, 7\), got \(3, 9\)"):
        forward_kinematics(torch.zeros(3, 9))
