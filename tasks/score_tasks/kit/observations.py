# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Observation terms shared by the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv


def joint_pos(env: ManagerBasedRLEnv, asset_cfg: SceneEntityCfg) -> torch.Tensor:
    """Measured joint positions (N, J) in the order of ``asset_cfg.joint_names``, rad."""
    return env.scene[asset_cfg.name].data.joint_pos.torch[:, asset_cfg.joint_ids]


def joint_pos_target(env: ManagerBasedRLEnv, action_name: str) -> torch.Tensor:
    """Joint targets (N, A) sent in the last control step, after clamping, rad; at reset the measured position."""
    return env.action_manager.get_term(action_name).commanded.clone()


def joint_tracking_error(env: ManagerBasedRLEnv, action_name: str, asset_cfg: SceneEntityCfg) -> torch.Tensor:
    """Commanded minus measured joint position (N, A), rad: what contact shows to a position-controlled robot."""
    return joint_pos_target(env, action_name) - joint_pos(env, asset_cfg)
