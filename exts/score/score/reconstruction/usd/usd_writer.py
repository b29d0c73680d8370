# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Writes an asset as ``.usdc`` with ``pxr`` alone: the scanned mesh to be seen, pieces to collide with, mass, friction.

    /<name>              Xform, kind component, rigid body, mass
    /<name>/visuals      the scanned mesh, its material with the texture
    /<name>/collisions   purpose guide: c000, c001, ... boxes, cylinders, spheres, convex meshes
    /<name>/Looks        materials

Metres, kilograms, z up. Each property is written in the standard physics schema, and where that has no word for it as
plain attributes of the engines' own: ``physx*`` for PhysX, ``mjc:*`` for MuJoCo-Warp. Schemas of engines are applied as
tokens, because ``pxr`` does not ship their definitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pxr import Gf, Kind, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade, Vt

from score.reconstruction.scan.scan import Scan
from score.reconstruction.scene_motion import ResistanceCfg
from score.reconstruction.shape.mass import MassProperties
from score.reconstruction.shape.pieces import BoxPiece, ConvexPiece, CylinderPiece, Piece, Primitive
from score.reconstruction.usd.resistance import write_resistance

_KINDS = Sdf.ValueTypeNames
_BODY = {
    "physxRigidBody:solverPositionIterationCount": (_KINDS.Int, 32),
    "physxRigidBody:solverVelocityIterationCount": (_KINDS.Int, 1),
    "physxRigidBody:maxDepenetrationVelocity": (_KINDS.Float, 1.0),
    "physxRigidBody:sleepThreshold": (_KINDS.Float, 0.0),
}
"""Settings of the body in PhysX: those that hold a grasp (docs/notebook/insert.md, section Contact)."""
CONTACT_IMPEDANCE = (0.98, 0.995, 0.0005, 0.5, 2.0)
"""MuJoCo's ``solimp`` of each piece: stiff."""
CONTACT_RANK = 4
"""MuJoCo's ``condim`` of each piece: with torsional friction."""
_COLLIDER = {
    "physxCollision:contactOffset": (_KINDS.Float, 0.002),
    "physxCollision:restOffset": (_KINDS.Float, 0.0),
    "mjc:solimp": (_KINDS.DoubleArray, list(CONTACT_IMPEDANCE)),
    "mjc:condim": (_KINDS.Int, CONTACT_RANK),
}
"""Contact of each piece in both engines: stiff, with torsional friction."""
_COLLIDER_COLOR = (0.25, 0.7, 0.35)
_VISUAL_COLOR = (0.7, 0.7, 0.72)


def write_usd(
    path: Path,
    name: str,
    visual: Scan,
    pieces: Sequence[Piece],
    mass: MassProperties,
    friction: float,
    texture_file: str | None,
    resistance: ResistanceCfg | None = None,
) -> None:
    """Write an asset.

    Args:
        path: File to write, ``.usdc``.
        name: Name of the root prim.
        visual: What is seen, asset frame [m].
        pieces: What collides, asset frame [m].
        mass: Mass properties, asset frame.
        friction: Static and dynamic friction coefficient.
        texture_file: Name of the texture beside the file; None without one.
        resistance: What stops it when it rolls; None for what does not.
    """
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    root = UsdGeom.Xform.Define(stage, f"/{name}").GetPrim()
    stage.SetDefaultPrim(root)
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
    _write_body(root, mass)
    UsdGeom.Scope.Define(stage, f"/{name}/Looks")
    _write_visual(stage, f"/{name}", visual, texture_file)
    material = _write_physics_material(stage, f"/{name}/Looks/physics", friction)
    group = UsdGeom.Scope.Define(stage, f"/{name}/collisions")
    group.CreatePurposeAttr(UsdGeom.Tokens.guide)
    for index, piece in enumerate(pieces):
        _write_piece(stage, f"/{name}/collisions/c{index:03d}", piece, material)
    if resistance is not None:
        write_resistance(root, resistance)
    stage.GetRootLayer().Save()


def _write_body(prim: Usd.Prim, mass: MassProperties) -> None:
    UsdPhysics.RigidBodyAPI.Apply(prim)
    api = UsdPhysics.MassAPI.Apply(prim)
    api.CreateMassAttr(float(mass.mass))
    api.CreateCenterOfMassAttr(Gf.Vec3f(*mass.center.tolist()))
    api.CreateDiagonalInertiaAttr(Gf.Vec3f(*mass.inertia.tolist()))
    api.CreatePrincipalAxesAttr(_quaternion(mass.axes))
    _apply(prim, "PhysxRigidBodyAPI", _BODY)


def _write_visual(stage: Usd.Stage, root: str, visual: Scan, texture_file: str | None) -> None:
    mesh = UsdGeom.Mesh.Define(stage, f"{root}/visuals/mesh")
    _write_triangles(mesh, visual.vertices, visual.faces)
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(_vertex_normals(visual).astype(np.float32)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    primvars = UsdGeom.PrimvarsAPI(mesh)
    material = UsdShade.Material.Define(stage, f"{root}/Looks/visual")
    shader = UsdShade.Shader.Define(stage, f"{root}/Looks/visual/surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", _KINDS.Float).Set(0.6)
    color = shader.CreateInput("diffuseColor", _KINDS.Color3f)
    # Renderers that do not read colours of vertices draw the mean of them.
    mean = _VISUAL_COLOR if visual.colors is None else (visual.colors[:, :3] / 255.0).mean(0).tolist()
    color.Set(Gf.Vec3f(*mean))
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    if visual.uv is not None and texture_file is not None:
        uv = primvars.CreatePrimvar("st", _KINDS.TexCoord2fArray, UsdGeom.Tokens.vertex)
        uv.Set(Vt.Vec2fArray.FromNumpy(visual.uv.astype(np.float32)))
        reader = UsdShade.Shader.Define(stage, f"{root}/Looks/visual/st")
        reader.CreateIdAttr("UsdPrimvarReader_float2")
        reader.CreateInput("varname", _KINDS.String).Set("st")
        texture = UsdShade.Shader.Define(stage, f"{root}/Looks/visual/texture")
        texture.CreateIdAttr("UsdUVTexture")
        texture.CreateInput("file", _KINDS.Asset).Set(Sdf.AssetPath(f"./{texture_file}"))
        texture.CreateInput("sourceColorSpace", _KINDS.Token).Set("sRGB")
        for wrap in ("wrapS", "wrapT"):
            texture.CreateInput(wrap, _KINDS.Token).Set("repeat")
        st = reader.CreateOutput("result", _KINDS.Float2)
        texture.CreateInput("st", _KINDS.Float2).ConnectToSource(st)
        color.ConnectToSource(texture.CreateOutput("rgb", _KINDS.Float3))
    elif visual.colors is not None:
        mesh.CreateDisplayColorAttr(Vt.Vec3fArray.FromNumpy((visual.colors / 255.0).astype(np.float32)))
        mesh.GetDisplayColorPrimvar().SetInterpolation(UsdGeom.Tokens.vertex)
    else:
        mesh.CreateDisplayColorAttr([Gf.Vec3f(*_VISUAL_COLOR)])
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _write_physics_material(stage: Usd.Stage, path: str, friction: float) -> UsdShade.Material:
    material = UsdShade.Material.Define(stage, path)
    api = UsdPhysics.MaterialAPI.Apply(material.GetPrim())
    api.CreateStaticFrictionAttr(float(friction))
    api.CreateDynamicFrictionAttr(float(friction))
    api.CreateRestitutionAttr(0.0)
    mode = {"physxMaterial:frictionCombineMode": (_KINDS.Token, "average")}
    _apply(material.GetPrim(), "PhysxMaterialAPI", mode)
    return material


def _write_piece(stage: Usd.Stage, path: str, piece: Piece, material: UsdShade.Material) -> None:
    if isinstance(piece, ConvexPiece):
        mesh = UsdGeom.Mesh.Define(stage, path)
        _write_triangles(mesh, piece.vertices, piece.faces)
        UsdPhysics.MeshCollisionAPI.Apply(mesh.GetPrim()).CreateApproximationAttr(UsdPhysics.Tokens.convexHull)
        shape: UsdGeom.Gprim = mesh
    else:
        shape = _write_primitive(stage, path, piece)
    shape.CreateDisplayColorAttr([Gf.Vec3f(*_COLLIDER_COLOR)])
    prim = shape.GetPrim()
    UsdPhysics.CollisionAPI.Apply(prim)
    _apply(prim, "PhysxCollisionAPI", {})
    _apply(prim, "MjcCollisionAPI", _COLLIDER)
    UsdShade.MaterialBindingAPI.Apply(prim).Bind(material, UsdShade.Tokens.weakerThanDescendants, "physics")


def _write_primitive(stage: Usd.Stage, path: str, piece: Primitive) -> UsdGeom.Gprim:
    shape: UsdGeom.Gprim
    if isinstance(piece, BoxPiece):
        shape = UsdGeom.Cube.Define(stage, path)
        shape.CreateSizeAttr(2.0)
        shape.CreateExtentAttr([(-1, -1, -1), (1, 1, 1)])
    elif isinstance(piece, CylinderPiece):
        shape = UsdGeom.Cylinder.Define(stage, path)
        shape.CreateAxisAttr("Z")
        shape.CreateRadiusAttr(piece.radius)
        shape.CreateHeightAttr(piece.height)
        half = (piece.radius, piece.radius, piece.height / 2.0)
        shape.CreateExtentAttr([tuple(-value for value in half), half])
    else:
        shape = UsdGeom.Sphere.Define(stage, path)
        shape.CreateRadiusAttr(piece.radius)
        shape.CreateExtentAttr([(-piece.radius,) * 3, (piece.radius,) * 3])
    shape.AddTranslateOp().Set(Gf.Vec3d(*piece.center))
    shape.AddOrientOp().Set(_quaternion(piece.quaternion))
    if isinstance(piece, BoxPiece):
        shape.AddScaleOp().Set(Gf.Vec3f(*piece.half_size))
    return shape


def _write_triangles(mesh: UsdGeom.Mesh, vertices: np.ndarray, faces: np.ndarray) -> None:
    points = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(vertices, dtype=np.float32))
    mesh.CreatePointsAttr(points)
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(faces), 3))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(faces, dtype=np.int32).ravel()))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(points))


def _vertex_normals(visual: Scan) -> np.ndarray:
    corners = visual.vertices[visual.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(visual.vertices)
    for column in range(3):
        np.add.at(total, visual.faces[:, column], across)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0.0, total / np.maximum(length, 1e-30), [0.0, 0.0, 1.0])


def _apply(prim: Usd.Prim, schema: str, attributes: Mapping[str, tuple[Sdf.ValueTypeName, object]]) -> None:
    prim.AddAppliedSchema(schema)
    layer = prim.GetStage().GetRootLayer()
    for key, (kind, value) in attributes.items():
        # CreateAttribute would write other text where a package that is imported by then has registered the schema.
        Sdf.JustCreatePrimAttributeInLayer(layer, prim.GetPath().AppendProperty(key), kind, isCustom=True)
        prim.GetAttribute(key).Set(value)


def _quaternion(xyzw: Sequence[float]) -> Gf.Quatf:
    x, y, z, w = (float(value) for value in xyzw)
    return Gf.Quatf(w, x, y, z)
