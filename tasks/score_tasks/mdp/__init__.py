# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Terms shared by the tasks."""

from score_tasks.mdp.actions import SafeJointPositionAction, SafeJointPositionActionCfg
from score_tasks.mdp.events import RandomizeGainsTogether, pose_bounds
from score_tasks.mdp.observations import joint_pos, joint_pos_target, joint_tracking_error, transform_points
from score_tasks.mdp.rewards import ended_by, joint_target_rate_l2, joint_vel_l2
from score_tasks.mdp.terminations import HeldForSteps, contact_overflow, unsound_physics

__all__ = [
    "HeldForSteps",
    "RandomizeGainsTogether",
    "SafeJointPositionAction",
    "SafeJointPositionActionCfg",
    "contact_overflow",
    "ended_by",
    "joint_pos",
    "joint_pos_target",
    "joint_target_rate_l2",
    "joint_tracking_error",
    "joint_vel_l2",
    "pose_bounds",
    "transform_points",
    "unsound_physics",
]
