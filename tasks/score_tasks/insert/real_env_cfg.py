# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The ``real`` domain of SCORE-Insert-v0: a stand-in for the robot.

It runs on the other physics engine, with dynamics drawn from ranges that training never sees. Demonstrations come from
here and headline numbers are measured here; nothing that trains may import this module (tests/tasks/test_domains.py).
"""

from __future__ import annotations

import math

from isaaclab.assets import ArticulationCfg
from isaaclab.sim import SimulationCfg
from isaaclab.utils import configclass

from score_tasks.insert.env_cfg import VIEW, InsertEnvCfg, SceneCfg, SocketCfg
from score_tasks.kit.physics import DECIMATION, PHYSICS_DT, RealPhysicsCfg
from score_tasks.kit.randomisation import Dynamics, set_dynamics


@configclass
class RealSocketCfg(SocketCfg):
    """The socket, by default in the form for the other engine."""

    default: ArticulationCfg = SocketCfg().newton_mjwarp


@configclass
class InsertRealEnvCfg(InsertEnvCfg):
    """Same task on the other engine; friction, mass, gains, delay and sensor noise that ``sim`` never sees."""

    sim: SimulationCfg = SimulationCfg(
        dt=PHYSICS_DT, render_interval=DECIMATION, physics=RealPhysicsCfg(), default_visualizer_cfg=VIEW
    )
    scene: SceneCfg = SceneCfg(num_envs=64, env_spacing=2.5, socket=RealSocketCfg())

    def __post_init__(self) -> None:
        unseen = Dynamics(
            friction=(0.20, 0.35),
            mass=(1.4, 1.8),
            stiffness=(0.65, 0.80),
            damping=(1.2, 1.4),
            delay=(2, 5),
            point_std=0.0015,
            shift_std=0.0015,
            turn_std=math.radians(0.3),
        )
        set_dynamics(self, ("peg",), gains="arm_gains", action="arm", domain=unseen)
