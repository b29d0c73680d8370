# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-SoccerPush-v0: a ball is pushed into a goal of three walls and comes to rest there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils import configclass

from score_tasks.kit.manipulation import offset_from, slow, within
from score_tasks.tabletop.env_cfg import TabletopEnvCfg, TabletopSteeringCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

BALL, GOAL = SceneEntityCfg("ball"), SceneEntityCfg("goal")
RADIUS = 0.035
"""Radius of the ball [m]."""


def ball_in_goal(env: ManagerBasedRLEnv, max_speed: float) -> torch.Tensor:
    """Where the ball lies in the goal: in the published box, on the ground and nearly at rest, (N,) bool."""
    offset = offset_from(env, BALL, GOAL)
    on_ground = within(offset, (-0.07, -0.03, RADIUS - 0.008), (0.07, 0.03, RADIUS + 0.008))
    return on_ground & slow(env, BALL, max_speed)


@configclass
class SoccerPushEnvCfg(TabletopEnvCfg):
    """Push a ball into a goal."""

    def __post_init__(self) -> None:
        self.begin("soccer_push", {"ball": (BALL, 128), "goal": (GOAL, 128)})
        self.handle("ball", friction=(0.5, 1.0))
        self.succeed(ball_in_goal, max_speed=0.1)
        self.lose("ball", BALL)
        self.rewards.joint_target_rate.weight = -0.25


@dataclass
class SoccerPushSteeringCfg(TabletopSteeringCfg):
    """PPO on the latent of the base policy."""

    experiment_name: str = "score_soccer_push"
