# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Poses that the grasping tasks reason with. Suffix ``_e``: environment frame (robot base); ``_p``: frame of the palm.

The palm's grasp side looks along its -z, its fingers point along +x (LEAP_FACTS). Quaternions are x y z w.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from isaaclab.utils.math import matrix_from_quat

from score_assets.robots.franka_leap_kinematics import PalmPose, palm_pose

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

ACTION = "joints"
"""Name of the action term: targets of arm and hand."""
HAND_CENTER_P = (0.0, -0.035, -0.11)
"""Where the pads meet, in the palm's frame [m]."""


def joint_pos(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Measured joint positions (N, 23): ``panda_joint1`` to ``panda_joint7``, ``j0`` to ``j15``, rad."""
    term = env.action_manager.get_term(ACTION)
    return env.scene["robot"].data.joint_pos.torch[:, term._joint_ids]


def palm_pose_e(env: ManagerBasedRLEnv) -> PalmPose:
    """Pose of the palm by forward kinematics of the measured joints; body poses are stale right after a reset."""
    return palm_pose(joint_pos(env)[:, :7])


def object_pose_e(env: ManagerBasedRLEnv) -> tuple[torch.Tensor, torch.Tensor]:
    """Object position (N, 3) and quaternion (N, 4)."""
    data = env.scene["object"].data
    return data.root_pos_w.torch - env.scene.env_origins, data.root_quat_w.torch


def to_palm(points_e: torch.Tensor, palm: PalmPose) -> torch.Tensor:
    """Points (N, P, 3) of the environment frame in the palm's frame, m."""
    return (points_e - palm.pos[:, None]) @ palm.rot


def object_in_palm(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Position (N, 3) of the object in the palm's frame, m."""
    return to_palm(object_pose_e(env)[0][:, None], palm_pose_e(env))[:, 0]


def object_axes_p(env: ManagerBasedRLEnv, palm: PalmPose) -> torch.Tensor:
    """The object's x and y axis in the palm's frame, (N, 6)."""
    return (palm.rot.mT @ matrix_from_quat(object_pose_e(env)[1]))[..., :2].flatten(1)
