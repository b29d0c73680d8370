# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-CubePinch-v0: its grasps (made by ``score_tasks.grasp.plan``) and its habits."""

from score_tasks.grasp.demonstrator import GraspDemonstrator, Habits
from score_tasks.grasp.grips import Grasp, Grip

PINCH = Grasp(
    joint_pos=(
        0.1606,
        0.8244,
        0.6893,
        0.0966,
        0.003,
        0.8189,
        0.7587,
        0.0666,
        0.0,
        0.0999,
        0.0999,
        0.0999,
        1.5796,
        0.1153,
        0.8723,
        -0.8135,
    ),
    center=(-0.0089, -0.0176, -0.1292),
    yaw=-0.0762,
    torque=(
        0.0023,
        0.1102,
        0.0716,
        0.0356,
        -0.004,
        0.1102,
        0.071,
        0.035,
        0.0,
        0.0,
        0.0,
        0.0,
        0.0164,
        -0.0035,
        0.1523,
        0.0925,
    ),
)
"""``flat --half_width 0.025 --fingers index middle thumb --depth 0.066 0.130``"""


class CubePinchDemonstrator(GraspDemonstrator):
    """Pinches a cube by two opposite faces, from above."""

    grips = (Grip(PINCH, height=0.002),)
    habits = Habits(
        symmetry=4,
        aim_bias=(0.004, -0.005),
        aim_far_std=0.020,
        aim_change=0.15,
        care_probability=(0.2, 0.25, 0.55),
        shallow=(0.046, 0.040, -0.005),
    )
