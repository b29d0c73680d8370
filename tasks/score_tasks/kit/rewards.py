# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reward terms shared by the tasks. Isaac Lab multiplies every term by its weight and the control period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv


def ended_by(env: ManagerBasedRLEnv, term_name: str) -> torch.Tensor:
    """1 in the step in which the termination term ``term_name`` ends the episode, else 0, (N,).

    An environment that the guard ends in the same step gets 0: success is never credited to unsound physics.
    """
    manager = env.termination_manager
    ended = manager.get_term(term_name)
    if "guard" in manager.active_terms:
        ended = ended & ~manager.get_term("guard")
    return ended.float()


def joint_target_rate_l2(env: ManagerBasedRLEnv, action_name: str) -> torch.Tensor:
    """Squared change of the sent joint targets since the last control step, summed over joints, (N,), rad^2."""
    term = env.action_manager.get_term(action_name)
    return (term.commanded - term.previous_commanded).square().sum(-1)


def some_target_rate_l2(env: ManagerBasedRLEnv, action_name: str, joints: tuple[int, int]) -> torch.Tensor:
    """Like :func:`joint_target_rate_l2` for the joints from the first to before the second index, (N,), rad^2."""
    term = env.action_manager.get_term(action_name)
    return (term.commanded - term.previous_commanded)[:, slice(*joints)].square().sum(-1)


def joint_vel_l2(env: ManagerBasedRLEnv, asset_cfg: SceneEntityCfg) -> torch.Tensor:
    """Squared joint speed summed over the joints, (N,), rad^2/s^2; non-finite states (caught by the guard) count 0."""
    speed = env.scene[asset_cfg.name].data.joint_vel.torch[:, asset_cfg.joint_ids]
    return torch.nan_to_num(speed.square().sum(-1), nan=0.0, posinf=0.0)
