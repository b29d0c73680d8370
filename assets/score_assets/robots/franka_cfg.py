# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab configuration of the Franka Panda with its parallel gripper."""

from __future__ import annotations

import isaaclab.sim as sim_utils
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg

from score_assets import USD_DIR
from score_assets.robots import franka

__all__ = ["FRANKA_PANDA_GRIPPER_CFG"]

FRANKA_PANDA_GRIPPER_CFG = ArticulationCfg(
    prim_path="{ENV_REGEX_NS}/Robot",
    spawn=sim_utils.UsdFileCfg(usd_path=str(USD_DIR / "franka_panda_gripper.usda")),
    init_state=ArticulationCfg.InitialStateCfg(
        joint_pos={
            **dict(zip(franka.ARM_JOINT_NAMES, franka.HOME_JOINT_POS, strict=True)),
            **dict.fromkeys(franka.FINGER_JOINT_NAMES, franka.FINGER_OPEN_AT_PEG),
        },
    ),
    actuators={
        "arm_shoulder": ImplicitActuatorCfg(
            joint_names_expr=["panda_joint[1-4]"], effort_limit_sim=87.0, stiffness=400.0, damping=40.0, armature=0.1
        ),
        "arm_wrist": ImplicitActuatorCfg(
            joint_names_expr=["panda_joint[5-7]"], effort_limit_sim=12.0, stiffness=200.0, damping=20.0, armature=0.05
        ),
        "gripper": ImplicitActuatorCfg(
            joint_names_expr=["panda_finger_joint[12]"],
            effort_limit_sim=70.0,
            stiffness=5000.0,
            damping=60.0,
            armature=0.1,
        ),
    },
)
"""Panda at its rest posture, fingers 0.1 mm off a 20 mm peg.

Gains are those with which a squeezed 50 g peg was held on both engines: arm 400 / 200 N m/rad and 40 / 20 N m s/rad,
gripper 5000 N/m and 60 N s/m, so that a closing target of 0 presses a 20 mm peg with about 50 N a pad (the Franka Hand
holds 70 N). With 20 N a pad the peg turned between the fingers when it was pressed on a rim. Address joints by name
with ``preserve_order=True``: their order differs between engines.
"""
