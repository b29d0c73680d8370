# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Batched kinematics of the Franka Panda with the LEAP hand in pure torch: palm forward and inverse, fingers forward.

The arm's part is :mod:`score_assets.robots.franka_kinematics`, to which the palm is one more fixed frame. The four
fingers are walked side by side, four joints deep, so that nothing loops over environments or fingers. Float32 and
float64 both work; results have the dtype and device of the input.

Frames: arm results are in the base frame (``panda_link0``), finger results in ``palm_lower``. Units: metres and
radians. Quaternions (x, y, z, w) with w >= 0.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from score_assets.robots import franka, franka_leap
from score_assets.robots.franka_kinematics import (
    FrankaPose,
    IkResult,
    forward_kinematics,
    inverse_kinematics,
    matrix_from_quat,
    quat_from_matrix,
    rotation_error,
)

__all__ = [
    "PalmPose",
    "hand_link_poses",
    "pad_normals",
    "pad_points",
    "pads_of_links",
    "palm_inverse_kinematics",
    "palm_of_hand",
    "palm_pose",
]


@dataclass(frozen=True)
class PalmPose:
    """Pose of ``palm_lower`` in the base frame."""

    pos: Tensor
    """Position [m], shape (N, 3)."""
    quat: Tensor
    """Orientation (x, y, z, w), shape (N, 4)."""
    rot: Tensor
    """Orientation as a matrix, shape (N, 3, 3)."""


def _matrix(quat: tuple[float, float, float, float]) -> np.ndarray:
    return matrix_from_quat(torch.tensor(quat, dtype=torch.float64)).numpy()


_HAND_JOINT = franka.JOINTS[7]
_TABLE = {joint.name: joint for joint in franka_leap.JOINTS}
_CHAIN = [name for finger in franka_leap.FINGER_JOINT_NAMES for name in finger]
_CONSTANTS: dict[str, np.ndarray] = {
    # pose of palm_lower in panda_hand, the frame that the arm's kinematics ends with
    "palm_rot": _matrix(_HAND_JOINT.quat).T @ _matrix(franka_leap.MOUNT.quat),
    "palm_pos": _matrix(_HAND_JOINT.quat).T @ (np.array(franka_leap.MOUNT.position) - np.array(_HAND_JOINT.position)),
    "chain_pos": np.array([_TABLE[name].position for name in _CHAIN]).reshape(4, 4, 3),
    "chain_rot": np.stack([_matrix(_TABLE[name].quat) for name in _CHAIN]).reshape(4, 4, 3, 3),
    "pads": np.array([franka_leap.PAD_POINTS[name] for name in franka_leap.FINGERTIP_LINK_NAMES]),
}
_CHAIN_INDEX = np.array([franka_leap.HAND_JOINT_NAMES.index(name) for name in _CHAIN])


def _constant(name: str, like: Tensor) -> Tensor:
    return _constant_on(name, like.dtype, like.device)


@functools.cache
def _constant_on(name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Made once, as sending it to a GPU waits for it, and outside of inference mode, to be usable in and out of it."""
    with torch.inference_mode(False):
        return torch.as_tensor(_CONSTANTS[name], dtype=dtype, device=device)


@functools.cache
def _chain_index(device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.as_tensor(_CHAIN_INDEX, device=device)


def palm_pose(arm_joint_pos: Tensor) -> PalmPose:
    """Pose of the palm in the base frame.

    Args:
        arm_joint_pos: Positions of ``panda_joint1`` to ``panda_joint7`` [rad], shape (N, 7), floating point.

    Raises:
        ValueError: ``arm_joint_pos`` has another shape.
    """
    return palm_of_hand(forward_kinematics(arm_joint_pos, tcp_offset=0.0))


def palm_of_hand(hand: FrankaPose) -> PalmPose:
    """Pose of the palm in the base frame, from the arm's kinematics with ``panda_hand`` itself as the tool."""
    like = hand.tcp_rot
    rot = hand.tcp_rot @ _constant("palm_rot", like)
    return PalmPose(hand.tcp_pos + hand.tcp_rot @ _constant("palm_pos", like), quat_from_matrix(rot), rot)


def palm_inverse_kinematics(
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
) -> IkResult:
    """Arm joint positions that bring the palm to a pose, by damped least squares with a fixed number of iterations.

    Args:
        target_pos: Wanted positions of ``palm_lower`` [m], base frame, shape (N, 3).
        target_rot: Wanted orientations as matrices (N, 3, 3) or quaternions (x, y, z, w) (N, 4), base frame.
        initial_joint_pos: Where to start [rad], shape (N, 7). Warm starts need about 8 iterations, cold ones 40.
        iterations: Number of steps.
        damping: Damping [m or rad]; larger is calmer near singular postures, and slower.
        rest_joint_pos: Posture that the null space is pulled to [rad], (7,) or (N, 7); ``REST_ARM_POS`` if None.
        rest_gain: Fraction of the way to the rest posture per step, in the null space; 0 switches the pull off.
        max_step: Largest change of a joint per step [rad].
        joint_limits: Lower and upper limits [rad], shape (7, 2); ``COMMAND_LIMITS`` if None.

    Returns:
        Joint positions within the limits and what error of the palm is left: a target out of reach shows as an error,
        not as an exception.
    """
    if target_rot.shape[-1] == 4:
        target_rot = matrix_from_quat(target_rot)
    if rest_joint_pos is None:
        rest_joint_pos = initial_joint_pos.new_tensor(franka_leap.REST_ARM_POS)
    if joint_limits is None:
        joint_limits = initial_joint_pos.new_tensor(franka_leap.COMMAND_LIMITS)
    hand_rot = target_rot @ _constant("palm_rot", target_rot).mT
    found = inverse_kinematics(
        target_pos - hand_rot @ _constant("palm_pos", target_rot),
        hand_rot,
        initial_joint_pos,
        iterations=iterations,
        damping=damping,
        rest_joint_pos=rest_joint_pos,
        rest_gain=rest_gain,
        max_step=max_step,
        joint_limits=joint_limits,
        tcp_offset=0.0,
    )
    palm = palm_pose(found.joint_pos)
    turn = rotation_error(target_rot, palm.rot).norm(dim=-1)
    return IkResult(found.joint_pos, (target_pos - palm.pos).norm(dim=-1), turn)


def _finger_poses(hand_joint_pos: Tensor) -> tuple[Tensor, Tensor]:
    """Poses of the fingers' links in the palm frame: (N, 4 fingers, 4 links, 3) [m] and (N, 4, 4, 3, 3)."""
    if hand_joint_pos.ndim != 2 or hand_joint_pos.shape[1] != 16:
        raise ValueError(f"hand_joint_pos must have shape (N, 16), got {tuple(hand_joint_pos.shape)}.")
    angle = hand_joint_pos.index_select(1, _chain_index(hand_joint_pos.device)).view(-1, 4, 4, 1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    fixed, offsets = _constant("chain_rot", hand_joint_pos), _constant("chain_pos", hand_joint_pos)
    x, y, z = fixed.unbind(-1)
    # Fixed rotation times a turn by -angle about z, column by column: the axis is (0, 0, -1).
    local = torch.stack((x * cos - y * sin, x * sin + y * cos, z.expand_as(x * cos)), dim=-1)
    rot, pos = local[:, :, 0], offsets[:, 0].expand(len(hand_joint_pos), 4, 3)
    positions, rotations = [pos], [rot]
    for depth in range(1, 4):
        pos = pos + (rot @ offsets[:, depth, :, None]).squeeze(-1)
        rot = rot @ local[:, :, depth]
        positions.append(pos)
        rotations.append(rot)
    return torch.stack(positions, dim=2), torch.stack(rotations, dim=2)


def hand_link_poses(hand_joint_pos: Tensor) -> tuple[Tensor, Tensor]:
    """Poses of the hand's links in the palm frame.

    Args:
        hand_joint_pos: Positions of j0 to j15 [rad], shape (N, 16), floating point.

    Returns:
        Positions [m], shape (N, 17, 3), and orientations, shape (N, 17, 3, 3), in the order of ``HAND_LINK_NAMES``.
        The first is the palm itself: zero and identity.

    Raises:
        ValueError: ``hand_joint_pos`` has another shape.
    """
    positions, rotations = _finger_poses(hand_joint_pos)
    count = len(hand_joint_pos)
    eye = torch.eye(3, dtype=hand_joint_pos.dtype, device=hand_joint_pos.device).expand(count, 1, 3, 3)
    return (
        torch.cat((positions.new_zeros(count, 1, 3), positions.flatten(1, 2)), dim=1),
        torch.cat((eye, rotations.flatten(1, 2)), dim=1),
    )


def pad_points(hand_joint_pos: Tensor) -> Tensor:
    """Points of the four pads that touch an object, in the palm frame.

    Args:
        hand_joint_pos: Positions of j0 to j15 [rad], shape (N, 16), floating point.

    Returns:
        Points [m], shape (N, 4, 3): index, middle, ring finger, thumb.

    Raises:
        ValueError: ``hand_joint_pos`` has another shape.
    """
    return pads_of_links(*hand_link_poses(hand_joint_pos))


def pads_of_links(positions: Tensor, rotations: Tensor) -> Tensor:
    """Compute the same from the poses of the hand's links, see :func:`hand_link_poses`."""
    tips = rotations[:, 1:].unflatten(1, (4, 4))[:, :, 3] @ _constant("pads", positions)[..., None]
    return positions[:, 1:].unflatten(1, (4, 4))[:, :, 3] + tips.squeeze(-1)


def pad_normals(hand_joint_pos: Tensor) -> Tensor:
    """Directions in which the four pads face, in the palm frame.

    Args:
        hand_joint_pos: Positions of j0 to j15 [rad], shape (N, 16), floating point.

    Returns:
        Unit vectors, shape (N, 4, 3): index, middle, ring finger, thumb.
    """
    return -_finger_poses(hand_joint_pos)[1][:, :, 3, :, 0]
