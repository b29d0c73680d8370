# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads what an asset's USD file shows, collides with and weighs; also hand-made files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from pxr import Tf, Usd, UsdGeom, UsdPhysics, UsdShade
from scipy.spatial.transform import Rotation

from score.reconstruction.scan.scan import Scan
from score.reconstruction.shape.pieces import (
    BoxPiece,
    ConvexPiece,
    CylinderPiece,
    Piece,
    SpherePiece,
    combined_mesh,
)
from score.utils.errors import UserError

_AXIS_TURNS = {"X": (0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)), "Y": (-np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5))}
"""Axis token of a cylinder -> rotation (x, y, z, w) that turns z to it."""


@dataclass(frozen=True)
class UsdAsset:
    """What a USD file holds, in the frame of its default prim [m]."""

    visual: Scan
    """What is seen; the colliders themselves where nothing else is."""
    pieces: list[Piece]
    """Baked collision pieces."""
    unbaked: list[str]
    """Colliders that an engine would have to decompose itself, each with the reason."""
    mass: float
    """Authored mass [kg]; 0 where there is none."""
    center: NDArray[np.float64]
    """Authored centre of mass [m], shape (3,)."""
    inertia: NDArray[np.float64]
    """Authored inertia tensor about the centre of mass, axes of the asset frame [kg m^2], shape (3, 3)."""
    friction: float | None
    """Dynamic friction of the first collider's material; None without one."""
    rolling: float = 0.0
    """Rolling resistance of the first collider's material as a lever arm [m]; 0 leaves the engine's own."""


def open_stage(path: Path) -> Usd.Stage:
    """Open a USD file.

    Raises:
        UserError: It cannot be read, or has no default prim.
    """
    try:
        stage = Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        raise UserError(f"usd: {path} cannot be read, it is damaged or no USD file: make it again.") from error
    if not stage.GetDefaultPrim():
        raise UserError(f"usd: {path} has no default prim: set the asset's root as default prim.")
    return stage


def read_usd(path: Path) -> UsdAsset:
    """Read an asset's USD file.

    Args:
        path: The file.

    Raises:
        UserError: It cannot be read, has no rigid body, or holds a broken mesh.
    """
    stage = open_stage(path)
    root = stage.GetDefaultPrim()
    # Isaac Lab's spawner scales nothing: a file in other units would be 100 times too large in the simulator.
    cache = UsdGeom.XformCache()
    pieces: list[Piece] = []
    unbaked: list[str] = []
    seen: list[tuple[trimesh.Trimesh, UsdGeom.Gprim]] = []
    friction: float | None = None
    rolling = 0.0
    for prim in Usd.PrimRange(root):
        gprim = UsdGeom.Gprim(prim)
        if not gprim:
            continue
        transform = np.array(cache.ComputeRelativeTransform(prim, root)[0]).T
        if prim.HasAPI(UsdPhysics.CollisionAPI):
            piece = _piece(prim, transform)
            if isinstance(piece, str):
                unbaked.append(f"{prim.GetPath()}: {piece}")
            else:
                pieces.append(piece)
            if friction is None:
                friction, rolling = _friction(prim)
        elif gprim.ComputePurpose() in (UsdGeom.Tokens.default_, UsdGeom.Tokens.render) and prim.IsA(UsdGeom.Mesh):
            seen.append((_triangles(prim, transform), gprim))
    if not root.HasAPI(UsdPhysics.RigidBodyAPI):
        raise UserError(
            f"usd: the default prim {root.GetPath()} of {path} is not a rigid body: apply RigidBodyAPI to it."
        )
    if not pieces and not unbaked:
        raise UserError(f"usd: {path} has no collider: nothing would touch it. Apply CollisionAPI to its shapes.")
    mass, center, inertia = _mass(root)
    return UsdAsset(_visual(seen, pieces), pieces, unbaked, mass, center, inertia, friction, rolling)


def _piece(prim: Usd.Prim, transform: NDArray[np.float64]) -> Piece | str:
    """Return the collision piece of a prim, or why it is none."""
    linear, center = transform[:3, :3], tuple(transform[:3, 3].tolist())
    scale = np.linalg.norm(linear, axis=0)
    if prim.IsA(UsdGeom.Mesh):
        approximation = UsdPhysics.MeshCollisionAPI(prim).GetApproximationAttr().Get()
        if approximation != UsdPhysics.Tokens.convexHull:
            return (
                f"mesh with approximation {approximation or 'none'!r}; bake it into convex pieces (--collision coacd)"
            )
        mesh = _triangles(prim, transform)
        return ConvexPiece(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    rotation = linear / scale
    if np.linalg.det(rotation) < 0.0 or not np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-4):
        return "sheared or mirrored primitive"
    quaternion = Rotation.from_matrix(rotation)
    if prim.IsA(UsdGeom.Cube):
        half = scale * float(UsdGeom.Cube(prim).GetSizeAttr().Get()) / 2.0
        return BoxPiece(center, tuple(half.tolist()), tuple(quaternion.as_quat()))
    if np.ptp(scale) > 1e-4 * scale.max():
        return "unevenly scaled round primitive, which engines read differently"
    if prim.IsA(UsdGeom.Sphere):
        return SpherePiece(center, float(UsdGeom.Sphere(prim).GetRadiusAttr().Get() * scale[0]))
    if prim.IsA(UsdGeom.Cylinder):
        cylinder = UsdGeom.Cylinder(prim)
        turn = _AXIS_TURNS.get(cylinder.GetAxisAttr().Get(), (0.0, 0.0, 0.0, 1.0))
        radius, height = (float(a.Get() * scale[0]) for a in (cylinder.GetRadiusAttr(), cylinder.GetHeightAttr()))
        return CylinderPiece(center, radius, height, tuple((quaternion * Rotation.from_quat(turn)).as_quat()))
    return f"a {prim.GetTypeName()} is not measured by this check"


def _triangles(prim: Usd.Prim, transform: NDArray[np.float64]) -> trimesh.Trimesh:
    mesh = UsdGeom.Mesh(prim)
    points = np.asarray(mesh.GetPointsAttr().Get() or [], dtype=np.float64).reshape(-1, 3)
    counts = np.asarray(mesh.GetFaceVertexCountsAttr().Get() or [], dtype=np.int64)
    indices = np.asarray(mesh.GetFaceVertexIndicesAttr().Get() or [], dtype=np.int64)
    if not len(counts) or counts.sum() != len(indices) or indices.min() < 0 or indices.max() >= len(points):
        raise UserError(f"usd: the mesh {prim.GetPath()} is empty or names points that it lacks: make the file again.")
    if not np.isfinite(points).all():
        raise UserError(f"usd: the mesh {prim.GetPath()} has points that are NaN: make the file again.")
    points = points @ transform[:3, :3].T + transform[:3, 3]
    if (counts == 3).all():
        faces = indices.reshape(-1, 3)
    else:
        starts = np.cumsum(counts) - counts
        fans = [indices[[s, s + k, s + k + 1]] for s, n in zip(starts, counts, strict=True) for k in range(1, n - 1)]
        faces = np.array(fans)
    return trimesh.Trimesh(points, faces, process=False)


def _visual(seen: list[tuple[trimesh.Trimesh, UsdGeom.Gprim]], pieces: list[Piece]) -> Scan:
    if not seen:
        mesh = combined_mesh(pieces) if pieces else trimesh.Trimesh()
        return Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    if len(seen) > 1:
        mesh = trimesh.util.concatenate([part for part, _ in seen])
        return Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    mesh, gprim = seen[0]
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    primvar = UsdGeom.PrimvarsAPI(gprim).GetPrimvar("st")
    st = primvar.Get() if primvar else None
    uv = None if st is None or len(st) != len(vertices) else np.asarray(st, dtype=np.float64)
    color = gprim.GetDisplayColorAttr().Get()
    colors = None
    if uv is None and color is not None and len(color) == len(vertices):
        colors = np.round(np.asarray(color) * 255.0).astype(np.uint8)
    return Scan(vertices, faces, uv, _texture(gprim.GetPrim()) if uv is not None else None, colors)


def _texture(prim: Usd.Prim) -> bytes | None:
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
    if not material:
        return None
    for child in Usd.PrimRange(material.GetPrim()):
        shader = UsdShade.Shader(child)
        if shader and shader.GetIdAttr().Get() == "UsdUVTexture":
            asset = shader.GetInput("file").Get()
            path = Path(asset.resolvedPath) if asset and asset.resolvedPath else None
            if path is not None and path.is_file():
                return path.read_bytes()
    return None


def _mass(root: Usd.Prim) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    api = UsdPhysics.MassAPI(root)
    center = np.asarray(api.GetCenterOfMassAttr().Get() or (0.0, 0.0, 0.0), dtype=np.float64)
    moments = np.asarray(api.GetDiagonalInertiaAttr().Get() or (0.0, 0.0, 0.0), dtype=np.float64)
    axes = api.GetPrincipalAxesAttr().Get()
    turn = np.eye(3)
    if axes is not None and axes.GetLength() > 0.0:
        turn = Rotation.from_quat([*axes.GetImaginary(), axes.GetReal()]).as_matrix()
    # An unauthored centre of mass reads as -inf.
    center = np.where(np.isfinite(center), center, 0.0)
    return float(api.GetMassAttr().Get() or 0.0), center, turn @ np.diag(moments) @ turn.T


def _friction(prim: Usd.Prim) -> tuple[float | None, float]:
    """Dynamic friction, None without a physics material, and rolling resistance [m]."""
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial("physics")
    if not material or not material.GetPrim().HasAPI(UsdPhysics.MaterialAPI):
        return None, 0.0
    friction = float(UsdPhysics.MaterialAPI(material.GetPrim()).GetDynamicFrictionAttr().Get() or 0.0)
    rolling = material.GetPrim().GetAttribute("mjc:rollingfriction")
    return friction, float(rolling.Get() or 0.0) if rolling else 0.0
