# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering for SCORE-BottleGrasp-v0."""

from isaaclab.utils import configclass

from score_tasks.grasp.agent_cfg import GraspSteeringCfg


@configclass
class BottleGraspSteeringCfg(GraspSteeringCfg):
    """PPO on the latent of the base policy."""

    experiment_name = "score_bottle_grasp"
