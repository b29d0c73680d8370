# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-CubePinch-v0, training side: horizon, target and weights as published (arXiv 2606.27475)."""

from isaaclab.utils import configclass

from score_assets import scene_file
from score_tasks.grasp.env_cfg import GraspEnvCfg
from score_tasks.kit.randomisation import set_friction


@configclass
class CubePinchEnvCfg(GraspEnvCfg):
    """Pinch a cube and hold it 0.35 m over the table."""

    def __post_init__(self) -> None:
        self.scene_file = str(scene_file("cube_pinch"))
        self.target_pos = (0.55, 0.0, 0.35)
        set_friction(self.events.object_friction, (0.3, 0.6))
        self.run_ahead(wrist=0.2, thumb=0.3)
