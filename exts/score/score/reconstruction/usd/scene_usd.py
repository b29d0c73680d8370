# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Writes a scene's object as a small USD layer over its asset: mass, friction, origin, fixed or free.

The asset itself stays as it was checked; the layer references it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from score.reconstruction.scene import SceneObject
from score.reconstruction.usd.resistance import write_resistance
from score.reconstruction.usd.usd_reader import open_stage
from score.utils.errors import UserError
from score.utils.files import atomic_file

__all__ = ["write_scene_object"]


def write_scene_object(item: SceneObject, path: Path, *, static: bool = False) -> Path:
    """Write the layer of one object.

    Args:
        item: The object.
        path: File to write, ``.usda``.
        static: Whether it is colliders alone and no body, which no engine can move.

    Returns:
        ``path``, absolute.

    Raises:
        UserError: The asset's USD file is unsound or no rigid body.
    """
    source = open_stage(item.asset.usd_path)
    if not source.GetDefaultPrim().HasAPI(UsdPhysics.RigidBodyAPI):
        raise UserError(f"objects.{item.name}: the default prim of {item.asset.usd_path} is not a rigid body.")
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    # What it is made from can be hashed; this layer, with its absolute paths, says nothing more.
    stage.GetRootLayer().customLayerData = {"score_scene_object": item.name}
    root = stage.DefinePrim(f"/{item.name}", "Xform")
    root.GetReferences().AddReference(str(item.asset.usd_path))
    stage.SetDefaultPrim(root)
    _set_mass(root, item)
    _set_friction(root, item.friction)
    if item.resistance is not None:
        write_resistance(root, item.resistance)
    if static:
        for api in (UsdPhysics.RigidBodyAPI, UsdPhysics.MassAPI):
            root.RemoveAPI(api)
    elif item.fixed:
        UsdPhysics.RigidBodyAPI(root).CreateKinematicEnabledAttr(True)
    if any(item.origin):
        _set_origin(root, np.asarray(item.origin))
    with atomic_file(Path(path)) as beside:
        stage.GetRootLayer().Export(str(beside))
    return Path(path).resolve()


def _set_mass(root: Usd.Prim, item: SceneObject) -> None:
    api = UsdPhysics.MassAPI(root)
    before = api.GetMassAttr().Get()
    api.CreateMassAttr(float(item.mass))
    inertia = api.GetDiagonalInertiaAttr().Get()
    if before and inertia is not None:
        # The shape is the same, so inertia goes with mass.
        api.CreateDiagonalInertiaAttr(Gf.Vec3f(inertia) * float(item.mass / before))


def _set_friction(root: Usd.Prim, friction: float) -> None:
    for prim in Usd.PrimRange(root):
        if prim.IsA(UsdShade.Material) and prim.HasAPI(UsdPhysics.MaterialAPI):
            api = UsdPhysics.MaterialAPI(prim)
            api.CreateStaticFrictionAttr(float(friction))
            api.CreateDynamicFrictionAttr(float(friction))


def _set_origin(root: Usd.Prim, origin: np.ndarray) -> None:
    """Move everything below the body, and its centre of mass, so that a point of the asset becomes its origin."""
    shift = Gf.Vec3d(*(-origin).tolist())
    nested: set[Sdf.Path] = set()
    for prim in Usd.PrimRange(root):
        if prim == root or not prim.IsA(UsdGeom.Xformable) or any(prim.GetPath().HasPrefix(path) for path in nested):
            continue
        nested.add(prim.GetPath())  # what lies below moves along
        xform = UsdGeom.Xformable(prim)
        before = xform.GetOrderedXformOps()
        first = xform.AddTranslateOp(opSuffix="origin")
        first.Set(shift)
        xform.SetXformOpOrder([first, *before])
    api = UsdPhysics.MassAPI(root)
    center = api.GetCenterOfMassAttr().Get() or Gf.Vec3f(0.0)
    api.CreateCenterOfMassAttr(Gf.Vec3f(*(np.asarray(center, dtype=np.float64) - origin).tolist()))
