# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Poses that the insertion task reasons with. Suffix ``_e``: environment frame (robot base); ``_s``: socket frame.

The peg's frame has its origin at the peg's centre and its +z axis towards the tip. The socket's frame has its origin at
the centre of its base on the table and its +z axis out of the hole. Quaternions are x y z w.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat, quat_apply, subtract_frame_transforms

from score_assets.objects.peg_socket import PEG_SOCKET
from score_assets.robots.franka import (
    ARM_JOINT_NAMES,
    FINGER_JOINT_NAMES,
    FINGER_OPEN_AT_PEG,
    JOINTS,
    TCP_OFFSET,
    gripper_points,
)
from score_assets.robots.franka_kinematics import forward_kinematics
from score_tasks.kit.derived import once_a_state
from score_tasks.kit.frames import Pose, body_state_e

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

GEOMETRY = PEG_SOCKET
"""Dimensions of peg and socket, the ones that their USD files are written from."""

ARM_JOINTS = list(ARM_JOINT_NAMES)
"""The controlled joints, in the order of observations and actions."""


@dataclass(frozen=True)
class PegInSocket:
    """Where the peg is relative to the socket."""

    tip_depth: torch.Tensor
    """Depth (N,) of the centre of the peg's tip face below the socket's rim, m; negative above it."""

    tip_pos_s: torch.Tensor
    """Position (N, 3) of the centre of the peg's tip face in the socket frame, m."""

    tilt: torch.Tensor
    """Angle (N,) between the peg's axis and the hole's axis, rad."""


@once_a_state
def tcp_pose_e(env: ManagerBasedRLEnv) -> tuple[torch.Tensor, torch.Tensor]:
    """Tool centre point by forward kinematics of the measured joint positions: position (N, 3), quaternion (N, 4).

    Computed, not read from the engine: body poses are stale between a reset and the next physics step.
    """
    robot = env.scene["robot"]
    ids = env.action_manager.get_term("arm")._joint_ids
    tcp = forward_kinematics(robot.data.joint_pos.torch[:, ids])
    return tcp.tcp_pos, tcp.tcp_quat


def peg_pose_e(env: ManagerBasedRLEnv) -> tuple[torch.Tensor, torch.Tensor]:
    """Peg position (N, 3) and quaternion (N, 4) in the environment frame."""
    return body_state_e(env, SceneEntityCfg("peg"))


def socket_pose_e(env: ManagerBasedRLEnv) -> tuple[torch.Tensor, torch.Tensor]:
    """Socket position (N, 3) and quaternion (N, 4) in the environment frame."""
    return body_state_e(env, SceneEntityCfg("socket"))


@once_a_state
def peg_in_socket(env: ManagerBasedRLEnv) -> PegInSocket:
    """Return the peg's tip and tilt relative to the socket."""
    peg_pos, peg_quat = peg_pose_e(env)
    socket_pos, socket_quat = socket_pose_e(env)
    return relative_to_socket(peg_pos, peg_quat, socket_pos, socket_quat)


@once_a_state
def peg_in_tool(env: ManagerBasedRLEnv) -> tuple[torch.Tensor, torch.Tensor]:
    """Peg position (N, 3) and quaternion (N, 4) in the tool frame."""
    return in_frame(*peg_pose_e(env), *tcp_pose_e(env))


def relative_to_socket(
    peg_pos: torch.Tensor, peg_quat: torch.Tensor, socket_pos: torch.Tensor, socket_quat: torch.Tensor
) -> PegInSocket:
    """Compute the same from poses in one common frame: positions (N, 3), quaternions (N, 4)."""
    pos_s, quat_s = subtract_frame_transforms(socket_pos, socket_quat, peg_pos, peg_quat)
    axis_s = matrix_from_quat(quat_s)[..., 2]
    tip_s = pos_s + 0.5 * GEOMETRY.peg_length * axis_s
    tilt = torch.acos((-axis_s[:, 2]).clamp(-1.0, 1.0))
    return PegInSocket(tip_depth=GEOMETRY.rim_height - tip_s[:, 2], tip_pos_s=tip_s, tilt=tilt)


def in_frame(
    pos: torch.Tensor, quat: torch.Tensor, frame_pos: torch.Tensor, frame_quat: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pose (pos, quat) expressed in the frame (frame_pos, frame_quat)."""
    return subtract_frame_transforms(frame_pos, frame_quat, pos, quat)


@once_a_state
def tcp_frame_e(env: ManagerBasedRLEnv) -> Pose:
    """Return the tool frame ``panda_tcp``, as the cloud wants it."""
    pos, quat = tcp_pose_e(env)
    return pos, matrix_from_quat(quat)


def gripper_segment(env: ManagerBasedRLEnv, count: int) -> Callable[[], torch.Tensor]:
    """Points (N, count, 3) of the gripper in the tool frame, m: always the same, as the fingers hold the peg."""
    points = gripper_points_tcp(count).to(env.device).expand(env.num_envs, -1, -1)
    return lambda: points


def gripper_points_tcp(num_points: int) -> torch.Tensor:
    """Surface points (P, 3) of hand and fingers closed on the peg, in the tool frame ``panda_tcp``, m."""
    clouds = []
    joints = {joint.child: joint for joint in JOINTS}
    for link, points in gripper_points(num_points).items():
        cloud = torch.tensor(points)
        joint = joints[link]
        if joint.name in FINGER_JOINT_NAMES:
            cloud = cloud + torch.tensor((0.0, FINGER_OPEN_AT_PEG, 0.0))
            cloud = quat_apply(torch.tensor(joint.quat).expand(len(cloud), -1), cloud) + torch.tensor(joint.position)
        clouds.append(cloud)
    return torch.cat(clouds) - torch.tensor((0.0, 0.0, TCP_OFFSET))
