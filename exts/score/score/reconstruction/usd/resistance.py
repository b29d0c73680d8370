# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What stops a body beside friction, in the words of both engines."""

from __future__ import annotations

from pxr import Sdf, Usd, UsdPhysics, UsdShade

from score.reconstruction.scene_motion import ResistanceCfg

__all__ = ["write_resistance"]


def write_resistance(root: Usd.Prim, resistance: ResistanceCfg) -> None:
    """Write damping for PhysX, which knows no rolling friction, and that for MuJoCo, which reads no damping.

    Args:
        root: The body; its physics materials and colliders lie below it.
        resistance: What stops it.
    """
    kinds = Sdf.ValueTypeNames
    for name, value in (("linear", resistance.linear_damping), ("angular", resistance.angular_damping)):
        root.CreateAttribute(f"physxRigidBody:{name}Damping", kinds.Float).Set(float(value))
    if resistance.rolling_friction <= 0.0:
        return
    for prim in Usd.PrimRange(root):
        if prim.IsA(UsdShade.Material) and prim.HasAPI(UsdPhysics.MaterialAPI):
            prim.CreateAttribute("newton:rollingFriction", kinds.Float).Set(float(resistance.rolling_friction))
            prim.CreateAttribute("mjc:rollingfriction", kinds.Double).Set(float(resistance.rolling_friction))
        if prim.HasAPI(UsdPhysics.CollisionAPI):  # contacts of six dimensions: with fewer nothing resists rolling
            prim.CreateAttribute("mjc:condim", kinds.Int).Set(6)
