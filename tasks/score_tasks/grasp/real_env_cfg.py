# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What makes the ``real`` domain of a grasping task, the stand-in for the robot: the other engine, unseen dynamics.

Nothing that trains may import this module (tests/tasks/test_domains.py).
"""

from __future__ import annotations

import math

from score_tasks.grasp.env_cfg import GraspEnvCfg
from score_tasks.kit.hand_env_cfg import RealHandPhysicsCfg
from score_tasks.kit.randomisation import Dynamics, set_dynamics

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
    """Turn a task's settings into those of its stand-in: friction, mass, gains, delay, noise that ``sim`` never sees.

    Args:
        cfg: Settings of the task, changed in place.
    """
    cfg.sim.physics = RealHandPhysicsCfg()
    set_dynamics(cfg, ("object",), gains="joint_gains", action="joints", domain=UNSEEN)
