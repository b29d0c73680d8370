# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering for SCORE-BottleGrasp-v0."""

from dataclasses import dataclass

from score_tasks.grasp.agent_cfg import GraspSteeringCfg


@dataclass
class BottleGraspSteeringCfg(GraspSteeringCfg):
    """PPO on the latent of the base policy."""

    experiment_name: str = "score_bottle_grasp"
