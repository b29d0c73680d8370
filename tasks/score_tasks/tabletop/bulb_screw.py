# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-BulbScrew-v0: a bulb in a lamp is turned by a full turn, clockwise as seen from above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import ManagerTermBase, ObservationTermCfg, RewardTermCfg, SceneEntityCfg
from isaaclab.utils import configclass

from score_tasks.kit import hand
from score_tasks.kit.frames import body_state_e
from score_tasks.kit.manipulation import pads_e
from score_tasks.kit.rewards import some_target_rate_l2
from score_tasks.tabletop.env_cfg import TabletopEnvCfg, TabletopSteeringCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

LAMP = SceneEntityCfg("lamp", body_names=["body"])
FULL_TURN = 2.0 * math.pi


def turned(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Angle (N,) by which the bulb was turned since the episode began, clockwise from above, rad."""
    return -env.scene["lamp"].data.joint_pos.torch[:, 0]


def turn_state(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Angle and speed of the bulb for the critic (N, 2), rad and rad/s."""
    speed = -env.scene["lamp"].data.joint_vel.torch[:, 0]
    return torch.nan_to_num(torch.stack((turned(env), speed), dim=-1)).clamp(-100.0, 100.0)


def screwed_in(env: ManagerBasedRLEnv, angle: float) -> torch.Tensor:
    """Where the bulb was turned by this angle, rad; turning it the other way is none, (N,) bool."""
    return turned(env) >= angle


def pads_at_bulb(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> torch.Tensor:
    """Return the published closeness (N,): 1 / (0.1 m + distance) - 2, within 0 and 4.5, mean over the pads."""
    bulb, _ = body_state_e(env, entity)
    distance = (pads_e(env) - bulb[:, None]).norm(dim=-1)
    return torch.nan_to_num((1.0 / (0.1 + distance) - 2.0).clamp(0.0, 4.5)).mean(-1)


class Turning(ManagerTermBase):
    """Published reward (N,) for turning: 100 per rad forwards, 30 per rad backwards as a loss, none after a turn."""

    def __init__(self, cfg: RewardTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._last = torch.zeros(env.num_envs, device=env.device)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Start at the joint's zero, where episodes start."""
        self._last[slice(None) if env_ids is None else env_ids] = 0.0

    def __call__(self, env: ManagerBasedRLEnv) -> torch.Tensor:
        """Reward of this control step."""
        now = torch.nan_to_num(turned(env))
        change = (now - self._last).clamp(-0.5, 0.5)
        paid = torch.where(change > 0.0, 100.0, 30.0) * change * (self._last < FULL_TURN)
        self._last = now.clone()
        return paid


@configclass
class BulbScrewEnvCfg(TabletopEnvCfg):
    """Screw a bulb in by a full turn."""

    def __post_init__(self) -> None:
        self.begin("bulb_screw", {"bulb": (LAMP, 256)})
        self.episode_length_s = 25.6
        self.handle("lamp", friction=(0.3, 0.5), mass=None)
        self.observations.critic.turned = ObservationTermCfg(func=turn_state)
        self.succeed(screwed_in, hold_steps=5, angle=FULL_TURN)
        self.pay("turning", 1.0, Turning)
        self.pay("closeness", 0.1, pads_at_bulb, entity=LAMP)
        self.rewards.joint_target_rate.weight = -0.1
        self.pay("arm_target_rate", -5.0, some_target_rate_l2, action_name=hand.ACTION, joints=(0, 7))
        # the wrist turns by 0.11 rad a step in `real`, by up to 0.22 rad in `sim`
        self.run_ahead(wrist=0.3, thumb=0.3)


@dataclass
class BulbScrewSteeringCfg(TabletopSteeringCfg):
    """PPO on the latent of the base policy."""

    experiment_name: str = "score_bulb_screw"
    max_iterations: int = 70
    num_steps_per_env: int = 32
