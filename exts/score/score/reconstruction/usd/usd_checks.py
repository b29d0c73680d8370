# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Validity of an asset's USD file: USD's own validators, and checks of what they miss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics, UsdUtils, UsdValidation

from score.reconstruction.shape.pieces import MAX_HULL_VERTICES, MAX_PIECES
from score.reconstruction.usd.usd_reader import open_stage

_APPROXIMATIONS = (
    "none", "convexDecomposition", "convexHull", "boundingSphere", "boundingCube", "meshSimplification", "sdf",
    "sphereFill",
)  # fmt: skip


def usd_problems(path: Path) -> list[str]:
    """Everything that is wrong with a file, one line each; empty when all is well.

    Args:
        path: The USD file of an asset.

    Raises:
        UserError: It cannot be opened.
    """
    stage = open_stage(path)
    broken = _mesh_problems(stage)
    own = [
        *_stage_problems(stage),
        *_body_problems(stage),
        *_collider_problems(stage),
        *broken,
        *_missing_files(path),
    ]
    # On such a mesh USD's validators may abort the whole process.
    return own if broken else [*_validator_problems(stage), *own]


def _validator_problems(stage: Usd.Stage) -> list[str]:
    registry = UsdValidation.ValidationRegistry()
    context = UsdValidation.ValidationContext(registry.GetOrLoadAllValidators())
    return sorted(f"{error.GetName()}: {error.GetMessage()}" for error in context.Validate(stage))


def _stage_problems(stage: Usd.Stage) -> list[str]:
    problems = []
    if not np.isclose(UsdGeom.GetStageMetersPerUnit(stage), 1.0):
        problems.append(f"metersPerUnit is {UsdGeom.GetStageMetersPerUnit(stage)}: write the file in metres")
    if not np.isclose(UsdPhysics.GetStageKilogramsPerUnit(stage), 1.0):
        problems.append("kilogramsPerUnit is not 1: write the file in kilograms")
    if UsdGeom.GetStageUpAxis(stage) != UsdGeom.Tokens.z:
        problems.append("the up axis is not Z")
    return problems


def _body_problems(stage: Usd.Stage) -> list[str]:
    problems = []
    bodies = [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    for body in bodies:
        parent = body.GetParent()
        while parent and not parent.IsPseudoRoot():
            if parent.HasAPI(UsdPhysics.RigidBodyAPI):
                problems.append(f"{body.GetPath()}: a rigid body inside the rigid body {parent.GetPath()}")
            parent = parent.GetParent()
        problems += _mass_problems(body)
    return problems


def _mass_problems(body: Usd.Prim) -> list[str]:
    api = UsdPhysics.MassAPI(body)
    mass, moments = api.GetMassAttr().Get(), api.GetDiagonalInertiaAttr().Get()
    where = str(body.GetPath())
    if not mass or not mass > 0.0:
        return [f"{where}: no mass, so an engine takes 1000 kg/m^3 of the hulls; author mass, centre and inertia"]
    if moments is None or min(moments) <= 0.0:
        return [f"{where}: no inertia, so an engine takes that of the hulls; author it with the mass"]
    low, middle, high = sorted(moments)
    if high > (low + middle) * (1.0 + 1e-4):
        return [
            f"{where}: the moments of inertia {tuple(moments)} are not a body's (the largest exceeds the other two)"
        ]
    return []


def _collider_problems(stage: Usd.Stage) -> list[str]:
    problems = []
    colliders = [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.CollisionAPI)]
    if len(colliders) > MAX_PIECES:
        problems.append(f"{len(colliders)} colliders: PhysX takes {MAX_PIECES} per body on a GPU")
    for prim in colliders:
        if not prim.IsA(UsdGeom.Mesh):
            continue
        token = UsdPhysics.MeshCollisionAPI(prim).GetApproximationAttr().Get()
        if token is not None and token not in _APPROXIMATIONS:
            problems.append(f"{prim.GetPath()}: approximation '{token}' is unknown, and engines ignore it silently")
        count = len(UsdGeom.Mesh(prim).GetPointsAttr().Get() or [])
        if token == UsdPhysics.Tokens.convexHull and count > MAX_HULL_VERTICES:
            problems.append(f"{prim.GetPath()}: hull of {count} corners: over {MAX_HULL_VERTICES} PhysX cooks another")
    return problems


def _mesh_problems(stage: Usd.Stage) -> list[str]:
    problems = []
    for prim in stage.Traverse():
        mesh = UsdGeom.Mesh(prim)
        if not mesh:
            continue
        points = np.asarray(mesh.GetPointsAttr().Get() or [], dtype=np.float64)
        counts = np.asarray(mesh.GetFaceVertexCountsAttr().Get() or [], dtype=np.int64)
        indices = np.asarray(mesh.GetFaceVertexIndicesAttr().Get() or [], dtype=np.int64)
        if not len(points) or not len(counts):
            problems.append(f"{prim.GetPath()}: a mesh without points or faces")
        if counts.sum() != len(indices):
            problems.append(f"{prim.GetPath()}: face counts and face indices do not agree")
        if len(indices) and (indices.min() < 0 or indices.max() >= len(points)):
            problems.append(f"{prim.GetPath()}: a face names a point that the mesh lacks")
        if not np.isfinite(points).all():
            problems.append(f"{prim.GetPath()}: points that are NaN or infinite")
    return problems


def _missing_files(path: Path) -> list[str]:
    _, _, missing = UsdUtils.ComputeAllDependencies(str(path))
    return [f"the file {Path(name).name} that it refers to is missing" for name in missing]
