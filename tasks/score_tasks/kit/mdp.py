# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Terms that every task may use, under one name, as Isaac Lab's tasks have them."""

from score_tasks.kit.actions import SafeJointPositionAction, SafeJointPositionActionCfg
from score_tasks.kit.cloud import SegmentedCloud
from score_tasks.kit.events import PlaceBodies, PushBody, RandomizeGainsTogether
from score_tasks.kit.observations import joint_pos, joint_pos_target, joint_tracking_error
from score_tasks.kit.rewards import ended_by, joint_target_rate_l2, joint_vel_l2
from score_tasks.kit.stages import HeldFor, StageReached, body_lost
from score_tasks.kit.terminations import contact_overflow, unsound_physics

__all__ = [
    "HeldFor",
    "PlaceBodies",
    "PushBody",
    "RandomizeGainsTogether",
    "SafeJointPositionAction",
    "SafeJointPositionActionCfg",
    "SegmentedCloud",
    "StageReached",
    "body_lost",
    "contact_overflow",
    "ended_by",
    "joint_pos",
    "joint_pos_target",
    "joint_target_rate_l2",
    "joint_tracking_error",
    "joint_vel_l2",
    "unsound_physics",
]
