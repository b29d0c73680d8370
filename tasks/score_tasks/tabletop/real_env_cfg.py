# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The ``real`` domains of the tabletop tasks, stand-ins for the robot: the other engine, unseen dynamics.

Nothing that trains may import this module (tests/tasks/test_domains.py).
"""

from __future__ import annotations

from isaaclab.utils import configclass

from score_tasks.grasp.real_env_cfg import UNSEEN
from score_tasks.kit.hand_env_cfg import RealHandPhysicsCfg
from score_tasks.kit.randomisation import Range, set_dynamics, set_friction
from score_tasks.tabletop.ball_pour import BallPourEnvCfg
from score_tasks.tabletop.bulb_screw import BulbScrewEnvCfg
from score_tasks.tabletop.card_pick import CardPickEnvCfg
from score_tasks.tabletop.dishrack_place import DishrackPlaceEnvCfg
from score_tasks.tabletop.env_cfg import TabletopEnvCfg
from score_tasks.tabletop.soccer_push import SoccerPushEnvCfg


def make_real(cfg: TabletopEnvCfg, **friction: Range) -> None:
    """Turn a task's settings into those of its stand-in.

    Args:
        cfg: Settings of the task, changed in place.
        friction: Handled bodies with another friction than that of the grasps' :data:`UNSEEN`.
    """
    cfg.sim.physics = RealHandPhysicsCfg()
    set_dynamics(cfg, (), gains="joint_gains", action="joints", domain=UNSEEN)
    for name in cfg.handled:
        set_friction(getattr(cfg.events, f"{name}_friction"), friction.get(name, UNSEEN.friction))
        if hasattr(cfg.events, f"{name}_mass"):
            getattr(cfg.events, f"{name}_mass").params["mass_distribution_params"] = UNSEEN.mass


@configclass
class SoccerPushRealEnvCfg(SoccerPushEnvCfg):
    """SCORE-SoccerPush-v0 on the other engine, with a ball on ground that ``sim`` never sees."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_real(self, ball=(0.30, 0.45))


@configclass
class CardPickRealEnvCfg(CardPickEnvCfg):
    """SCORE-CardPick-v0 on the other engine, with a smoother and heavier card."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_real(self)


@configclass
class DishrackPlaceRealEnvCfg(DishrackPlaceEnvCfg):
    """SCORE-DishrackPlace-v0 on the other engine, with a smoother and heavier bowl."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_real(self, bowl=(0.30, 0.45))


@configclass
class BallPourRealEnvCfg(BallPourEnvCfg):
    """SCORE-BallPour-v0 on the other engine, with a smoother and heavier cup and a smoother ball."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_real(self, ball=(0.12, 0.18))


@configclass
class BulbScrewRealEnvCfg(BulbScrewEnvCfg):
    """SCORE-BulbScrew-v0 on the other engine, with a smoother bulb."""

    def __post_init__(self) -> None:
        super().__post_init__()
        make_real(self)
