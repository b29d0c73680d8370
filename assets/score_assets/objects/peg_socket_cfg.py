# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab configurations of the peg and the socket."""

from __future__ import annotations

import isaaclab.sim as sim_utils
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg, RigidObjectCfg

from score_assets import USD_DIR

__all__ = ["PEG_CFG", "SOCKET_CFG", "SOCKET_WELDED_CFG"]

PEG_CFG = RigidObjectCfg(
    prim_path="{ENV_REGEX_NS}/Peg",
    spawn=sim_utils.UsdFileCfg(usd_path=str(USD_DIR / "peg_20mm.usda")),
    init_state=RigidObjectCfg.InitialStateCfg(pos=(0.3, 0.0, 0.5)),
)
"""The nominal peg as a rigid object; its default pose is in the air, off the table's objects."""

SOCKET_CFG = RigidObjectCfg(
    prim_path="{ENV_REGEX_NS}/Socket",
    spawn=sim_utils.UsdFileCfg(usd_path=str(USD_DIR / "socket_kinematic.usda")),
    init_state=RigidObjectCfg.InitialStateCfg(pos=(0.5, 0.0, 0.0)),
)
"""The socket as a kinematic rigid object, for PhysX.

At reset write its pose, never its velocity: PhysX logs an error for each, so ``reset_root_state_uniform`` does not fit.
"""

SOCKET_WELDED_CFG = ArticulationCfg(
    prim_path="{ENV_REGEX_NS}/Socket",
    spawn=sim_utils.UsdFileCfg(usd_path=str(USD_DIR / "socket_welded.usda")),
    init_state=ArticulationCfg.InitialStateCfg(pos=(0.5, 0.0, 0.0)),
    actuators={
        "latch": ImplicitActuatorCfg(joint_names_expr=["latch_joint"], stiffness=1000.0, damping=100.0, armature=0.1)
    },
)
"""The socket as the root of a fixed-base articulation: write its root pose at reset to move it, nothing else moves it.

For MuJoCo: it becomes a mocap body with 1 degree of freedom instead of 6, and the solver's cost grows with the square
of their number. On PhysX the second articulation costs four times the kinematic body.
"""
