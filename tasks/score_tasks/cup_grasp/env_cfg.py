# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-CupGrasp-v0, training side: horizon, target and weights as published (arXiv 2606.27475)."""

from isaaclab.utils import configclass

from score_assets import scene_file
from score_tasks.grasp.env_cfg import GraspEnvCfg


@configclass
class CupGraspEnvCfg(GraspEnvCfg):
    """Take a standing cup and hold it 0.35 m over the table."""

    def __post_init__(self) -> None:
        self.scene_file = str(scene_file("cup_grasp"))
        self.target_pos = (0.55, 0.10, 0.35)
        self.rewards.joint_target_rate.weight = -0.5
        self.run_ahead(wrist=0.2, thumb=0.3, thumb_tip=0.2)
