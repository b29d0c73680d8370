# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Physics engines with the settings that hold a grasp and a 1 mm fit (docs/notebook/insert.md, section Contact)."""

from __future__ import annotations

from isaaclab.physics import PhysicsCfg
from isaaclab.utils import configclass
from isaaclab_ov.physics import OvPhysxCfg
from isaaclab_physx.physics import PhysxCfg
from isaaclab_tasks.utils import PresetCfg

from score.physics import PHYSICS_DT, newton_mjwarp

__all__ = ["DECIMATION", "NEWTON_MJWARP", "PHYSICS_DT", "RealPhysicsCfg", "SimPhysicsCfg"]

DECIMATION = 12
"""Physics steps per control step: 10 Hz control."""


NEWTON_MJWARP = newton_mjwarp(njmax=200, nconmax=48)
"""MuJoCo-Warp in Newton with the buffers that the tasks need."""


@configclass
class SimPhysicsCfg(PresetCfg):
    """Engines of the training side; PhysX by default (``physics=newton_mjwarp`` for the other)."""

    ovphysx: PhysicsCfg = OvPhysxCfg(enable_external_forces_every_iteration=True)
    newton_mjwarp: PhysicsCfg = NEWTON_MJWARP
    isaacsim_physx: PhysicsCfg = PhysxCfg(enable_external_forces_every_iteration=True)
    default: PhysicsCfg = ovphysx


@configclass
class RealPhysicsCfg(SimPhysicsCfg):
    """Engines of the stand-in for the robot: by default the one that training does not use."""

    default: PhysicsCfg = NEWTON_MJWARP
