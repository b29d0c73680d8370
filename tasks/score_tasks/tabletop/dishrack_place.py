# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-DishrackPlace-v0: a bowl is taken by its rim, tipped on its edge, and let go of in a slot of a rack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils import configclass

from score_tasks.kit.frames import body_pose_e, points_in
from score_tasks.kit.manipulation import offset_from, pads_away, pads_e, rise, slow, up_axis, within
from score_tasks.tabletop.env_cfg import TabletopEnvCfg, TabletopSteeringCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

BOWL, RACK = SceneEntityCfg("bowl"), SceneEntityCfg("rack")
RIM = 0.0575
"""Radius of the middle of the bowl's wall [m]."""
OUTER, HALF_HEIGHT = 0.060, 0.025
"""Outer radius and half the height of the bowl [m]."""
FACING = 0.75
"""The bowl's axis is within 41 degrees of the way out of the slot: its cosine."""


def bowl_risen(env: ManagerBasedRLEnv, low: float) -> torch.Tensor:
    """Where the bowl, a pad at its rim, is this far over where it stood, m, (N,) bool."""
    local = points_in(body_pose_e(env, BOWL), pads_e(env))
    radial = (local[..., :2].norm(dim=-1) - RIM).abs()
    at_rim = ((radial < 0.02) & (local[..., 2].abs() < HALF_HEIGHT + 0.01)).any(-1)
    return (rise(env, BOWL) >= low) & at_rim


def bowl_in_slot(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Where the bowl stands on its edge in the slot, mouth to the front, not lying on top of pegs or wall, (N,) bool.

    A place alone would count a bowl that lies across the rack.
    """
    standing = within(offset_from(env, BOWL, RACK), (-0.05, -0.04, OUTER - 0.02), (0.05, 0.04, OUTER + 0.02))
    return standing & (up_axis(env, BOWL)[:, 1] <= -FACING)


def bowl_placed(env: ManagerBasedRLEnv, clearance: float, max_speed: float) -> torch.Tensor:
    """Where the bowl stands in the slot at rest and no pad is near it, (N,) bool."""
    return bowl_in_slot(env) & pads_away(env, BOWL, clearance) & slow(env, BOWL, max_speed)


@configclass
class DishrackPlaceEnvCfg(TabletopEnvCfg):
    """Put a bowl on its edge into a rack."""

    def __post_init__(self) -> None:
        self.begin("dishrack_place", {"bowl": (BOWL, 256), "rack": (RACK, 256)})
        self.handle("bowl", friction=(0.5, 1.0))
        self.stage("lifted", 1.0, bowl_risen, low=0.10)
        self.stage("in_slot", 5.0, bowl_in_slot)
        self.succeed(bowl_placed, clearance=0.075, max_speed=0.1)
        self.rewards.success.weight = 50.0
        self.lose("bowl", BOWL)
        self.run_ahead(wrist=0.2, thumb=0.3)
        self.contact_rows, self.contacts = 600, 220


@dataclass
class DishrackPlaceSteeringCfg(TabletopSteeringCfg):
    """PPO on the latent of the base policy."""

    experiment_name: str = "score_dishrack_place"
    max_iterations: int = 30
