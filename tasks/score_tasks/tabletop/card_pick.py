# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-CardPick-v0: a credit card that overhangs the edge of a shelf is pinched and lifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils import configclass

from score_tasks.kit import hand
from score_tasks.kit.derived import constant
from score_tasks.kit.frames import body_state_e
from score_tasks.kit.manipulation import pinched, rise, slow
from score_tasks.kit.rewards import some_target_rate_l2
from score_tasks.tabletop.env_cfg import TabletopEnvCfg, TabletopSteeringCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

CARD, SHELF = SceneEntityCfg("card"), SceneEntityCfg("shelf")
HALF_SIZE = (0.027, 0.0428, 0.0005)
"""Half edge lengths of the card [m]."""
TARGET = (0.55, 0.0, 0.35)
"""Where the card is to be held [m]."""


def card_risen(env: ManagerBasedRLEnv, low: float, high: float) -> torch.Tensor:
    """Where the card, pinched, is this far over where it lay, m, (N,) bool."""
    height = rise(env, CARD)
    return (height >= low) & (height <= high) & pinched(env, CARD, HALF_SIZE, margin=0.015)


def card_held(env: ManagerBasedRLEnv, radius: float, max_speed: float) -> torch.Tensor:
    """Where the card is between thumb and a finger at its target, not in flight, (N,) bool."""
    position, _ = body_state_e(env, CARD)
    there = (position - constant(TARGET, position.device)).norm(dim=-1) <= radius
    return there & slow(env, CARD, max_speed) & pinched(env, CARD, HALF_SIZE, margin=0.015)


@configclass
class CardPickEnvCfg(TabletopEnvCfg):
    """Pick a card off a shelf and hold it 0.35 m over the table."""

    def __post_init__(self) -> None:
        self.begin("card_pick", {"card": (CARD, 256), "shelf": (SHELF, 256)})
        self.episode_length_s = 12.8
        self.run_ahead(wrist=0.2, thumb=0.3)
        self.handle("card", friction=(0.3, 0.7))
        self.stage("grasped", 1.0, card_risen, low=0.06, high=10.0)
        self.stage("lifted", 5.0, card_risen, low=0.10, high=0.50)
        self.succeed(card_held, radius=0.15, max_speed=0.4)
        self.lose("card", CARD)
        self.rewards.joint_target_rate.weight = -0.1
        self.pay("arm_target_rate", -5.0, some_target_rate_l2, action_name=hand.ACTION, joints=(0, 7))
        self.pay("wrist", -2.0, hand.wrist_on_table, margin=0.005)


@dataclass
class CardPickSteeringCfg(TabletopSteeringCfg):
    """PPO on the latent of the base policy."""

    experiment_name: str = "score_card_pick"
    num_steps_per_env: int = 16
