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
        aim_std=(0.010, 0.007, 0.003),
        aim_far_std=0.015,
        astray=(0.008, 0.020),
        aim_change=0.15,
        care_probability=(0.2, 0.3, 0.5),
        shallow=(0.048, 0.042, -0.004),
        force=(8.0, 9.0, 10.0),
        opening=(0.12, 0.12, 0.12),
        pace=(1.2, 2.4),
    )
