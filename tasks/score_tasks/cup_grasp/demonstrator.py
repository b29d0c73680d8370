# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-CupGrasp-v0: its grasps (made by ``score_tasks.grasp.plan``) and its habits."""

from score_tasks.grasp.demonstrator import GraspDemonstrator, Habits
from score_tasks.grasp.grips import Grasp, Grip
from score_tasks.kit.hand_demonstrator import OPENING

AROUND = Grasp(
    joint_pos=(
        0.4672,
        1.2903,
        -0.2983,
        0.3289,
        0.0484,
        0.8038,
        0.6089,
        0.1703,
        -0.4634,
        1.1655,
        -0.0946,
        0.3175,
        1.7336,
        0.2949,
        0.8438,
        -1.0554,
    ),
    center=(-0.0131, -0.0387, -0.129),
    yaw=-0.0574,
    torque=(
        0.0281,
        0.1071,
        0.0658,
        0.035,
        -0.0004,
        0.1101,
        0.0715,
        0.0359,
        -0.0278,
        0.1085,
        0.0661,
        0.0345,
        0.0841,
        -0.0031,
        0.2328,
        0.1445,
    ),
)
"""``round --radius 0.0365``"""


class CupGraspDemonstrator(GraspDemonstrator):
    """Takes a cup by its wall with all digits, from above."""

    grips = (Grip(AROUND, height=0.010),)
    # the tip of a thumb that is not open yet lands on the rim
    waits_for = (*OPENING, 15)
    habits = Habits(
        aim_bias=(-0.003, 0.0),
        aim_std=(0.010, 0.007, 0.003),
        aim_far_std=0.015,
        astray=(0.010, 0.024),
        aim_change=0.15,
        care_probability=(0.24, 0.34, 0.42),
        shallow=(0.062, 0.057, -0.006),
        pace=(0.8, 2.2),
        hesitation_probability=0.45,
        hesitation=(3.0, 12.0),
    )
