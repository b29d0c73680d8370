# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Poses of bodies, and points in frames. Suffix ``_e``: environment frame, which is the base frame of the robot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat

from score_tasks.kit.derived import constant

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

Pose = tuple[torch.Tensor, torch.Tensor]
"""Positions (N, 3), m, and rotation matrices (N, 3, 3) of frames."""


def body_state_e(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> tuple[torch.Tensor, torch.Tensor]:
    """Position (N, 3), m, and quaternion (N, 4), x y z w, of a rigid object, an articulation's body, or colliders."""
    static = getattr(env.scene.cfg, entity.name).init_state if entity.name in env.scene.extras else None
    if static is not None:
        pos, quat = (constant(tuple(part), env.device).expand(env.num_envs, -1) for part in (static.pos, static.rot))
        return pos, quat
    data = env.scene[entity.name].data
    if entity.body_names is None:
        return data.root_pos_w.torch - env.scene.env_origins, data.root_quat_w.torch
    body = _body_index(entity)
    return data.body_pos_w.torch[:, body] - env.scene.env_origins, data.body_quat_w.torch[:, body]


def body_pose_e(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> Pose:
    """Pose of a rigid object or of one body of an articulation."""
    pos, quat = body_state_e(env, entity)
    return pos, matrix_from_quat(quat)


def body_lin_vel(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> torch.Tensor:
    """Velocity (N, 3) of a rigid object or of one body of an articulation, m/s; colliders stand still."""
    if entity.name in env.scene.extras:
        return torch.zeros(env.num_envs, 3, device=env.device)
    data = env.scene[entity.name].data
    if entity.body_names is None:
        return data.root_lin_vel_w.torch
    return data.body_lin_vel_w.torch[:, _body_index(entity)]


def _body_index(entity: SceneEntityCfg) -> int:
    """Index of the one body that an entity names; Isaac Lab resolves all bodies of an articulation to a slice."""
    return entity.body_ids[0] if isinstance(entity.body_ids, list) else 0


def points_in(frame: Pose, points: torch.Tensor) -> torch.Tensor:
    """Points (N, P, 3) given in the parent frame, in ``frame``, m."""
    pos, rot = frame
    return (points - pos[:, None]) @ rot


def points_from(frame: Pose, points: torch.Tensor) -> torch.Tensor:
    """Points (N, P, 3) given in ``frame``, in the parent frame, m."""
    pos, rot = frame
    return torch.baddbmm(pos[:, None], points, rot.mT)
