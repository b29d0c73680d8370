# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-BottleGrasp-v0, training side: horizon, target and weights as published (arXiv 2606.27475)."""

from isaaclab.utils import configclass

from score_assets import scene_file
from score_tasks.grasp.env_cfg import GraspEnvCfg


@configclass
class BottleGraspEnvCfg(GraspEnvCfg):
    """Take a lying bottle and hold it 0.4 m over the table."""

    def __post_init__(self) -> None:
        self.scene_file = str(scene_file("bottle_grasp"))
        self.target_pos = (0.60, 0.10, 0.40)
        self.half_turn = True
        self.run_ahead(wrist=0.2, thumb=0.3)
