# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab configurations of the peg and the socket."""

from __future__ import annotations

import isaaclab.sim as sim_utils
from isaaclab.assets import RigidObjectCfg

from score_assets import USD_DIR

__all__ = ["PEG_CFG", "SOCKET_CFG"]

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
"""The socket as a kinematic rigid object: at reset write its pose (``write_root_pose_to_sim_index``), never its
velocity.

PhysX reports an error for every velocity written to a kinematic body, so ``reset_root_state_uniform`` does not fit.
"""
