# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab configuration of the Franka Panda with the LEAP right hand."""

from __future__ import annotations

import isaaclab.sim as sim_utils
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg

from score_assets import USD_DIR
from score_assets.robots import franka_leap

__all__ = ["FRANKA_LEAP_CFG"]

FRANKA_LEAP_CFG = ArticulationCfg(
    prim_path="{ENV_REGEX_NS}/Robot",
    spawn=sim_utils.UsdFileCfg(usd_path=str(USD_DIR / "franka_leap.usda")),
    init_state=ArticulationCfg.InitialStateCfg(
        joint_pos=dict(zip(franka_leap.JOINT_NAMES, franka_leap.RESET_JOINT_POS, strict=True)),
    ),
    actuators={
        "arm_shoulder": ImplicitActuatorCfg(
            joint_names_expr=["panda_joint[1-4]"], effort_limit_sim=86.0, stiffness=400.0, damping=40.0, armature=0.1
        ),
        "arm_wrist": ImplicitActuatorCfg(
            joint_names_expr=["panda_joint[5-7]"], effort_limit_sim=11.5, stiffness=200.0, damping=20.0, armature=0.05
        ),
        "hand": ImplicitActuatorCfg(
            joint_names_expr=["j[0-9]+"],
            effort_limit_sim=0.95,
            velocity_limit_sim=8.48,
            stiffness=20.0,
            damping=1.0,
            armature=0.001,
            friction=0.2,
        ),
    },
)
"""Panda with LEAP hand at the published reset posture.

Efforts and every number of the hand (20 N m/rad, 1 N m s/rad, 0.95 N m, armature 0.001, joint friction 0.2 N m,
8.48 rad/s) are those that the SCORE authors publish. The arm is stiffer than theirs (100 to 10 N m/rad, which sags by
3 to 8 mm under the load of a grasp): with 400 / 200 N m/rad and 40 / 20 N m s/rad a cube, a cylinder and a cup were
grasped, lifted and held on both engines. A fingertip presses with at most about 4 N: the thumb carries the sum of the
fingers and saturates at 0.95 N m. With this joint friction ovphysx reports joint velocities about six times too small:
take differences of positions instead. Address joints by name with ``preserve_order=True``: their order differs between
engines.

To use another file of the same robot, with the same joint and link names, replace it on the command line:
``env.scene.robot.spawn.usd_path=FILE``.
"""
