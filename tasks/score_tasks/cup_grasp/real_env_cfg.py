# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The ``real`` domain of SCORE-CupGrasp-v0: a stand-in for the robot, never trained on."""

from isaaclab.utils import configclass

from score_tasks.cup_grasp.env_cfg import CupGraspEnvCfg
from score_tasks.grasp.real_env_cfg import make_real


@configclass
class CupGraspRealEnvCfg(CupGraspEnvCfg):
    """Same task on the other engine, with dynamics and noise that ``sim`` never sees."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_real(self)
