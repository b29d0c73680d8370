# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Batched kinematics of the Franka Panda in pure torch: forward, geometric Jacobian, damped-least-squares inverse.

Everything is written over a leading batch dimension N (environments) and loops only over the seven joints or over a
fixed number of iterations, so that nothing waits for the device. Float32 and float64 both work; results have the dtype
and device of the input.

Frames: positions and Jacobians are in the base frame (``panda_link0``), the TCP is 0.1034 m along z of ``panda_hand``.
Units: metres and radians. Quaternions (x, y, z, w) with w >= 0.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from score_assets.robots import franka

__all__ = [
    "FrankaPose",
    "IkResult",
    "forward_kinematics",
    "inverse_kinematics",
    "matrix_from_quat",
    "quat_from_matrix",
    "rotation_error",
    "rotation_z",
]


@dataclass(frozen=True)
class FrankaPose:
    """Result of :func:`forward_kinematics`; all in the base frame."""

    tcp_pos: Tensor
    """Position of the TCP [m], shape (N, 3)."""
    tcp_rot: Tensor
    """Orientation of the TCP as a matrix, shape (N, 3, 3)."""
    link_pos: Tensor
    """Positions of ``panda_link0`` to ``panda_link7``, then ``panda_hand`` [m], shape (N, 9, 3)."""
    link_rot: Tensor
    """Orientations of the same links, shape (N, 9, 3, 3)."""

    @functools.cached_property
    def tcp_quat(self) -> Tensor:
        """Orientation of the TCP, equal to the hand's (x, y, z, w), shape (N, 4)."""
        return quat_from_matrix(self.tcp_rot)

    @functools.cached_property
    def jacobian(self) -> Tensor:
        """Geometric Jacobian of the TCP, shape (N, 6, 7): rows 0-2 linear [m/rad], rows 3-5 angular, base frame."""
        # A joint's axis is the z axis of its child link, which does not change when that joint turns.
        axes, origins = self.link_rot[:, 1:8, :, 2], self.link_pos[:, 1:8]
        linear = torch.linalg.cross(axes, self.tcp_pos[:, None] - origins)
        return torch.cat((linear, axes), dim=-1).transpose(1, 2)


@dataclass(frozen=True)
class IkResult:
    """Result of :func:`inverse_kinematics`."""

    joint_pos: Tensor
    """Joint positions within the limits [rad], shape (N, 7)."""
    position_error: Tensor
    """Distance of the TCP from its target [m], shape (N,)."""
    rotation_error: Tensor
    """Angle between the TCP's orientation and its target [rad], shape (N,)."""


def matrix_from_quat(quat: Tensor) -> Tensor:
    """Turn unit quaternions (x, y, z, w), shape (..., 4), into rotation matrices, shape (..., 3, 3)."""
    x, y, z, w = quat.unbind(-1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def quat_from_matrix(rot: Tensor) -> Tensor:
    """Turn rotation matrices, shape (..., 3, 3), into unit quaternions (x, y, z, w) with w >= 0, shape (..., 4).

    Of the four rows of the matrix ``4 q q^T``, each a multiple of q, the longest is used: accurate for every rotation.
    """
    xx, yy, zz = rot[..., 0, 0], rot[..., 1, 1], rot[..., 2, 2]
    xy, xz, yz = rot[..., 0, 1] + rot[..., 1, 0], rot[..., 0, 2] + rot[..., 2, 0], rot[..., 1, 2] + rot[..., 2, 1]
    xw, yw, zw = rot[..., 2, 1] - rot[..., 1, 2], rot[..., 0, 2] - rot[..., 2, 0], rot[..., 1, 0] - rot[..., 0, 1]
    outer = torch.stack(
        (
            1 + xx - yy - zz, xy, xz, xw,
            xy, 1 - xx + yy - zz, yz, yw,
            xz, yz, 1 - xx - yy + zz, zw,
            xw, yw, zw, 1 + xx + yy + zz,
        ),
        dim=-1,
    ).unflatten(-1, (4, 4))  # fmt: skip
    best = outer.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    row = torch.take_along_dim(outer, best[..., None, None], dim=-2).squeeze(-2)
    quat = row / row.norm(dim=-1, keepdim=True)
    return torch.where(quat[..., 3:] < 0, -quat, quat)


def rotation_error(target: Tensor, current: Tensor) -> Tensor:
    """Rotation vector that turns one orientation into another.

    Args:
        target: Wanted orientations, shape (N, 3, 3).
        current: Present orientations, shape (N, 3, 3), in the same frame.

    Returns:
        Axis times angle [rad], angle in [0, pi], in the common frame, shape (N, 3).
    """
    quat = quat_from_matrix(target @ current.transpose(-1, -2))
    sine = quat[..., :3].norm(dim=-1, keepdim=True)
    angle = 2.0 * torch.atan2(sine, quat[..., 3:])
    # angle / sine tends to 2 for small angles.
    factor = torch.where(sine > 1e-8, angle / sine.clamp_min(1e-8), torch.full_like(sine, 2.0))
    return quat[..., :3] * factor


def rotation_z(angle: Tensor) -> Tensor:
    """Rotation matrices about z, shape (..., 3, 3), for angles [rad], shape (...)."""
    cos, sin, zero = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    return torch.stack((cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1), dim=-1).unflatten(-1, (3, 3))


def _chain(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the fixed transforms of the seven arm joints and the hand: positions [m] (8, 3), rotations (8, 3, 3)."""
    return _chain_on(like.dtype, like.device)


@functools.cache
def _chain_on(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Made once, as sending it to a GPU waits for it, and outside of inference mode, to be usable in and out of it."""
    joints = franka.JOINTS[:8]
    with torch.inference_mode(False):
        positions = torch.tensor([joint.position for joint in joints], dtype=dtype, device=device)
        quats = torch.tensor([joint.quat for joint in joints], dtype=dtype, device=device)
        return positions, matrix_from_quat(quats)


def forward_kinematics(joint_pos: Tensor, tcp_offset: float = franka.TCP_OFFSET) -> FrankaPose:
    """Pose and Jacobian of the TCP and poses of all links.

    Args:
        joint_pos: Positions of ``panda_joint1`` to ``panda_joint7`` [rad], shape (N, 7), floating point.
        tcp_offset: Distance from ``panda_hand`` to the TCP along the hand's z [m].

    Raises:
        ValueError: ``joint_pos`` has another shape.
    """
    if joint_pos.ndim != 2 or joint_pos.shape[1] != 7:
        raise ValueError(f"joint_pos must have shape (N, 7), got {tuple(joint_pos.shape)}.")
    return _forward(joint_pos, tcp_offset, _chain(joint_pos))


def _forward(joint_pos: Tensor, tcp_offset: float, chain: tuple[Tensor, Tensor]) -> FrankaPose:
    count = joint_pos.shape[0]
    rot = torch.eye(3, dtype=joint_pos.dtype, device=joint_pos.device).expand(count, 3, 3)
    pos = joint_pos.new_zeros(count, 3)
    positions, rotations = [pos], [rot]
    spins = rotation_z(joint_pos)
    for index in range(8):
        pos = pos + rot @ chain[0][index]
        rot = rot @ chain[1][index]
        if index < 7:  # the eighth is the hand's fixed joint
            rot = rot @ spins[:, index]
        positions.append(pos)
        rotations.append(rot)
    link_pos, link_rot = torch.stack(positions, dim=1), torch.stack(rotations, dim=1)
    return FrankaPose(pos + tcp_offset * rot[..., 2], rot, link_pos, link_rot)


def inverse_kinematics(
    target_pos: Tensor,
    target_rot: Tensor,
    initial_joint_pos: Tensor,
    *,
    iterations: int = 30,
    damping: float = 1e-3,
    rest_joint_pos: Tensor | None = None,
    rest_gain: float = 0.05,
    max_step: float = 0.3,
    joint_limits: Tensor | None = None,
    tcp_offset: float = franka.TCP_OFFSET,
) -> IkResult:
    """Joint positions that bring the TCP to a pose, by damped least squares with a fixed number of iterations.

    Args:
        target_pos: Wanted TCP positions [m], base frame, shape (N, 3).
        target_rot: Wanted TCP orientations as matrices (N, 3, 3) or quaternions (x, y, z, w) (N, 4), base frame.
        initial_joint_pos: Where to start [rad], shape (N, 7). Warm starts need about 8 iterations, cold ones 40.
        iterations: Number of steps.
        damping: Damping [m or rad]; larger is calmer near singular postures, and slower.
        rest_joint_pos: Posture that the null space is pulled to [rad], (7,) or (N, 7); ``HOME_JOINT_POS`` if None.
        rest_gain: Fraction of the way to the rest posture per step, in the null space; 0 switches the pull off. The
            last two steps do not pull.
        max_step: Largest change of a joint per step [rad].
        joint_limits: Lower and upper limits [rad], shape (7, 2); the robot's own if None.
        tcp_offset: Distance from ``panda_hand`` to the TCP along the hand's z [m].

    Returns:
        Joint positions and what error is left: a target out of reach shows as an error, not as an exception.
    """
    if target_rot.shape[-1] == 4:
        target_rot = matrix_from_quat(target_rot)
    joint_pos = initial_joint_pos.clone()
    home = joint_pos.new_tensor(franka.HOME_JOINT_POS) if rest_joint_pos is None else rest_joint_pos
    limits = joint_pos.new_tensor(franka.arm_joint_limits()) if joint_limits is None else joint_limits
    eye6 = damping**2 * torch.eye(6, dtype=joint_pos.dtype, device=joint_pos.device)
    eye7 = torch.eye(7, dtype=joint_pos.dtype, device=joint_pos.device)
    chain = _chain(joint_pos)
    for index in range(iterations):
        pose = _forward(joint_pos, tcp_offset, chain)
        error = torch.cat((target_pos - pose.tcp_pos, rotation_error(target_rot, pose.tcp_rot)), dim=-1)
        jacobian = pose.jacobian
        # Symmetric positive definite thanks to the damping, so the transposed solve gives the damped pseudo-inverse.
        # The variant "_ex" does not check for errors, which would wait for the device.
        inverse = torch.linalg.solve_ex(jacobian @ jacobian.transpose(1, 2) + eye6, jacobian)[0].transpose(1, 2)
        step = (inverse @ error[..., None]).squeeze(-1)
        if rest_gain > 0.0 and index < iterations - 2:
            # Not in the last steps: a finite null-space step moves the TCP to second order, which they take out.
            pull = (rest_gain * (home - joint_pos))[..., None]
            step = step + ((eye7 - inverse @ jacobian) @ pull).squeeze(-1)
        joint_pos = (joint_pos + step.clamp(-max_step, max_step)).clamp(limits[:, 0], limits[:, 1])
    pose = _forward(joint_pos, tcp_offset, chain)
    turn = rotation_error(target_rot, pose.tcp_rot).norm(dim=-1)
    return IkResult(joint_pos, (target_pos - pose.tcp_pos).norm(dim=-1), turn)
