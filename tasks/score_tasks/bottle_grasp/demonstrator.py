# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-BottleGrasp-v0: its grasps (made by ``score_tasks.grasp.plan``) and its habits."""

import math

from score_tasks.grasp.demonstrator import GraspDemonstrator, Habits
from score_tasks.grasp.grips import Grasp, Grip

ACROSS = Grasp(
    joint_pos=(
        -0.0096,
        0.5387,
        0.6631,
        0.3833,
        0.0103,
        0.5217,
        0.7236,
        0.3199,
        0.0054,
        0.5082,
        0.775,
        0.264,
        1.7113,
        0.0068,
        1.1824,
        -1.1463,
    ),
    center=(0.0063, -0.041, -0.1161),
    yaw=-0.006,
    torque=(
        -0.0004,
        0.0974,
        0.0695,
        0.0358,
        0.0005,
        0.0974,
        0.0703,
        0.0361,
        0.0003,
        0.0974,
        0.0709,
        0.0362,
        0.0017,
        0.0005,
        0.1925,
        0.1397,
    ),
)
"""``flat --half_width 0.033 --tangent 0.05 --depth 0.06 0.130``"""


class BottleGraspDemonstrator(GraspDemonstrator):
    """Takes a lying bottle across, from above."""

    grips = (Grip(ACROSS, height=-0.003),)
    habits = Habits(
        symmetry=2,
        heading=math.pi / 2,
        aim_bias=(0.003, -0.002),
        care_probability=(0.1, 0.2, 0.7),
        shallow=(0.043, 0.030, 0.0),
        force=(8.0, 9.0, 10.0),
        opening=(0.065, 0.060, 0.055),
        pace=(0.65, 2.4),
    )
