# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-BallPour-v0: a small cup with a ball in it is taken, carried over a big cup, and poured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils import configclass

from score_tasks.kit.frames import body_pose_e, body_state_e, points_in
from score_tasks.kit.hand import body_in_palm, in_hand
from score_tasks.kit.manipulation import offset_from, rise, slow, tilted
from score_tasks.tabletop.env_cfg import TabletopEnvCfg, TabletopSteeringCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

CUP, BIN, BALL = SceneEntityCfg("cup"), SceneEntityCfg("bin"), SceneEntityCfg("ball")
BIN_RADIUS, BIN_HALF_HEIGHT = 0.050, 0.050
"""Inner radius and half the height of the big cup [m]."""
UPRIGHT = 0.866
"""Cosine of 30 degrees: the big cup stands while it leans by less."""


def cup_risen(env: ManagerBasedRLEnv, low: float) -> torch.Tensor:
    """Where the small cup, in the hand, is this far over where it stood, m, (N,) bool."""
    return (rise(env, CUP) >= low) & in_hand(body_in_palm(env, CUP))


def ball_poured(env: ManagerBasedRLEnv, max_speed: float) -> torch.Tensor:
    """Where the ball stays in the big cup, which stands, and is not in the small one still, (N,) bool."""
    local = points_in(body_pose_e(env, BIN), body_state_e(env, BALL)[0][:, None])[:, 0]
    inside = (local[:, :2].norm(dim=-1) < BIN_RADIUS) & (local[:, 2].abs() < BIN_HALF_HEIGHT)
    out_of_cup = offset_from(env, BALL, CUP).norm(dim=-1) > 0.06
    return inside & out_of_cup & ~tilted(env, BIN, UPRIGHT) & slow(env, BALL, max_speed)


@configclass
class BallPourEnvCfg(TabletopEnvCfg):
    """Pour a ball from a small cup into a big one."""

    def __post_init__(self) -> None:
        self.begin("ball_pour", {"cup": (CUP, 128), "bin": (BIN, 128), "ball": (BALL, 32)})
        self.episode_length_s = 12.8
        self.handle("cup", friction=(0.3, 0.7))
        self.handle("ball", friction=(0.2, 0.4), mass=None)
        self.stage("grasped", 1.0, cup_risen, low=0.04)
        self.succeed(ball_poured, max_speed=0.3)
        self.lose("cup", CUP)
        self.lose("ball", BALL, max_distance=1.5)
        self.end("bin_toppled", tilted, entity=BIN, min_up=UPRIGHT)
        self.rewards.joint_target_rate.weight = -0.05
        self.run_ahead(wrist=0.2, thumb=0.3)
        self.contact_rows, self.contacts = 600, 240


@dataclass
class BallPourSteeringCfg(TabletopSteeringCfg):
    """PPO on the latent of the base policy."""

    experiment_name: str = "score_ball_pour"
    num_steps_per_env: int = 16

    def __post_init__(self) -> None:
        """Set what differs inside of nested settings."""
        super().__post_init__()
        # As scripts/steerability.py advises: half the numbers of two cosines keep the base policy's success.
        self.steering.basis = "repeat"
