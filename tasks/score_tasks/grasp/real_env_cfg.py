# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What makes the ``real`` domain of a grasping task, the stand-in for the robot: the other engine, unseen dynamics.

Nothing that trains may import this module (tests/tasks/test_domains.py).
"""

from __future__ import annotations

import math

from isaaclab.physics import PhysicsCfg
from isaaclab.utils import configclass

from score_tasks.grasp.env_cfg import NEWTON_GRASP, GraspEnvCfg, GraspPhysicsCfg
from score_tasks.kit.randomisation import Dynamics, set_dynamics


@configclass
class RealGraspPhysicsCfg(GraspPhysicsCfg):
    """Engines of the stand-in: by default the one that training does not use."""

    default: PhysicsCfg = NEWTON_GRASP


UNSEEN = Dynamics(
    friction=(0.20, 0.28),
    mass=(1.25, 1.5),
    stiffness=(0.70, 0.79),
    damping=(1.21, 1.4),
    delay=(2, 5),
    point_std=0.003,
    shift_std=0.006,
    turn_std=math.radians(0.8),
)
"""What ``sim`` never sees."""


def make_real(cfg: GraspEnvCfg) -> None:
    """Turns a task's settings into those of its stand-in: friction, mass, gains, delay, noise that ``sim`` never sees.

    Args:
        cfg: Settings of the task, changed in place.
    """
    cfg.sim.physics = RealGraspPhysicsCfg()
    set_dynamics(cfg, ("object",), gains="joint_gains", action="joints", domain=UNSEEN)
