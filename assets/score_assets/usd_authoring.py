# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Small helpers that author physics assets in USD with ``pxr`` alone.

The files must load in every physics engine of Isaac Lab 3.0, so each property is written once in the standard USD
physics schema and, where that schema has no word for it, as plain attributes of the engines' own schemas: ``physx*``
for PhysX, ``newton:*`` and ``mjc:*`` for Newton's MuJoCo solver. Those schemas are applied as tokens, because ``pxr``
does not ship their definitions.

Units: metres, kilograms, seconds, radians (converted to degrees where USD wants degrees). Quaternions are (x, y, z, w).
Output is deterministic: numbers are rounded to twelve decimals and prims are written in the order of the calls, so that
authoring twice gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from score_assets.shapes import BoxShape, Shape

__all__ = [
    "ContactCfg",
    "SolverCfg",
    "add_collider",
    "add_material",
    "add_rigid_body",
    "add_shape",
    "add_xform",
    "new_stage",
    "stage_text",
    "write_text",
]


@dataclass(frozen=True)
class ContactCfg:
    """Contact settings of every collider; defaults held a 50 g peg in a parallel gripper on both engines."""

    contact_offset: float = 0.002
    """PhysX distance at which contacts are generated [m]."""
    rest_offset: float = 0.0
    """PhysX distance at which contacts rest [m]."""
    mjc_solimp: tuple[float, float, float, float, float] = (0.98, 0.995, 0.0005, 0.5, 2.0)
    """MuJoCo constraint impedance (dmin, dmax, width [m], midpoint, power)."""
    mjc_condim: int = 4
    """MuJoCo contact dimension: 4 adds torsional friction, without which a squeezed peg spins between flat pads."""


@dataclass(frozen=True)
class SolverCfg:
    """Per-body PhysX solver settings."""

    position_iterations: int = 16
    """Solver position iterations; with 4 the gripper's pads sink 6 mm into the peg."""
    velocity_iterations: int = 1
    """Solver velocity iterations."""
    max_depenetration_velocity: float = 1.0
    """Fastest push out of an overlap [m/s]."""
    max_linear_velocity: float = 20.0
    """Linear speed limit [m/s]."""
    max_angular_velocity: float = 5000.0
    """Angular speed limit [deg/s]."""


DEFAULT_SOLVER = SolverCfg()
"""Solver settings of every body unless told otherwise."""


def number(value: float) -> float:
    """Round to twelve decimals, and -0.0 to 0.0: last-bit differences between machines must not reach the file."""
    return round(float(value), 12) + 0.0


def vec3f(values: Sequence[float]) -> Gf.Vec3f:
    return Gf.Vec3f(*[number(v) for v in values])


def quatf(xyzw: Sequence[float]) -> Gf.Quatf:
    unit = np.asarray(xyzw, dtype=np.float64) / np.linalg.norm(np.asarray(xyzw, dtype=np.float64))
    x, y, z, w = (number(value) for value in unit)
    # q and -q are one rotation: of the two, write the one whose first number other than zero is positive.
    sign = next((1.0 if value > 0.0 else -1.0 for value in (w, x, y, z) if value != 0.0), 1.0)
    return Gf.Quatf(*(number(sign * value) for value in (w, x, y, z)))


def set_attribute(prim: Usd.Prim, name: str, kind: Sdf.ValueTypeName, value: object) -> None:
    # CreateAttribute would leave out "custom" where a package that is imported by then has registered the schema.
    path = prim.GetPath().AppendProperty(name)
    Sdf.JustCreatePrimAttributeInLayer(prim.GetStage().GetRootLayer(), path, kind, isCustom=True)
    prim.GetAttribute(name).Set(value)


def new_stage(root_name: str) -> tuple[Usd.Stage, Usd.Prim]:
    """Make an empty in-memory stage (metres, kilograms, z up) with a default prim.

    Args:
        root_name: Name of the default prim, an ``Xform`` at the origin.

    Returns:
        The stage and its default prim.
    """
    stage = Usd.Stage.CreateInMemory(f"{root_name}.usda")
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    root = UsdGeom.Xform.Define(stage, f"/{root_name}").GetPrim()
    stage.SetDefaultPrim(root)
    return stage, root


def stage_text(stage: Usd.Stage) -> str:
    """Return the root layer as ``.usda`` text."""
    return stage.GetRootLayer().ExportToString()


def write_text(text: str, path: Path) -> None:
    """Write a ``.usda`` text with Unix line ends, replacing the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(text.encode("utf-8"))
    temporary.replace(path)


def add_xform(
    stage: Usd.Stage, path: str, position: Sequence[float] = (0, 0, 0), quat: Sequence[float] = (0, 0, 0, 1)
) -> Usd.Prim:
    """Add an ``Xform`` prim.

    Args:
        stage: Stage to write to.
        path: Prim path.
        position: Position in the parent prim's frame [m].
        quat: Orientation in the parent prim's frame (x, y, z, w).
    """
    xform = UsdGeom.Xform.Define(stage, path)
    xform.AddTranslateOp().Set(Gf.Vec3d(*[number(v) for v in position]))
    xform.AddOrientOp().Set(quatf(quat))
    return xform.GetPrim()


def add_material(stage: Usd.Stage, path: str, friction: float) -> UsdShade.Material:
    """Add a physics material without restitution.

    PhysX averages the friction of the two materials in contact; MuJoCo takes the larger.

    Args:
        stage: Stage to write to.
        path: Prim path of the material.
        friction: Static and dynamic friction coefficient.
    """
    if friction < 0.0:
        raise ValueError(f"Material '{path}': friction must not be negative, got {friction}.")
    material = UsdShade.Material.Define(stage, path)
    prim = material.GetPrim()
    api = UsdPhysics.MaterialAPI.Apply(prim)
    api.CreateStaticFrictionAttr(number(friction))
    api.CreateDynamicFrictionAttr(number(friction))
    api.CreateRestitutionAttr(0.0)
    prim.AddAppliedSchema("PhysxMaterialAPI")
    set_attribute(prim, "physxMaterial:frictionCombineMode", Sdf.ValueTypeNames.Token, "average")
    return material


def add_collider(prim: Usd.Prim, material: UsdShade.Material, contact: ContactCfg) -> None:
    """Turn a geometry prim into a collider with a physics material and contact settings for both engines."""
    UsdPhysics.CollisionAPI.Apply(prim)
    prim.AddAppliedSchema("PhysxCollisionAPI")
    set_attribute(prim, "physxCollision:contactOffset", Sdf.ValueTypeNames.Float, number(contact.contact_offset))
    set_attribute(prim, "physxCollision:restOffset", Sdf.ValueTypeNames.Float, number(contact.rest_offset))
    prim.AddAppliedSchema("MjcCollisionAPI")
    set_attribute(prim, "mjc:solimp", Sdf.ValueTypeNames.DoubleArray, [number(v) for v in contact.mjc_solimp])
    set_attribute(prim, "mjc:condim", Sdf.ValueTypeNames.Int, contact.mjc_condim)
    UsdShade.MaterialBindingAPI.Apply(prim).Bind(material, UsdShade.Tokens.weakerThanDescendants, "physics")


def add_shape(
    stage: Usd.Stage,
    body_path: str,
    shape: Shape,
    material: UsdShade.Material,
    color: Sequence[float],
    contact: ContactCfg | None = None,
) -> Usd.Prim:
    """Add a visible primitive to a body, as a collider too when contact settings are given.

    Args:
        stage: Stage to write to.
        body_path: Prim path of the body; the shape becomes its child.
        shape: Box or capsule in the frame of the body.
        material: Physics material to bind to a collider.
        color: Display colour (red, green, blue), 0 to 1.
        contact: Contact settings, or None for a shape that is only seen.
    """
    path = f"{body_path}/{shape.name}"
    geometry: UsdGeom.Gprim
    if isinstance(shape, BoxShape):
        geometry = UsdGeom.Cube.Define(stage, path)
        geometry.CreateSizeAttr(2.0)
        geometry.CreateExtentAttr([(-1, -1, -1), (1, 1, 1)])
        geometry.AddTranslateOp().Set(Gf.Vec3d(*[number(v) for v in shape.center]))
        geometry.AddScaleOp().Set(vec3f(shape.half_size))
    else:
        start, end = np.asarray(shape.start, dtype=np.float64), np.asarray(shape.end, dtype=np.float64)
        half, radius = shape.length / 2.0, shape.radius
        geometry = UsdGeom.Capsule.Define(stage, path)
        geometry.CreateAxisAttr("Z")
        geometry.CreateRadiusAttr(number(radius))
        geometry.CreateHeightAttr(number(shape.length))
        geometry.CreateExtentAttr([vec3f((-radius, -radius, -half - radius)), vec3f((radius, radius, half + radius))])
        geometry.AddTranslateOp().Set(Gf.Vec3d(*[number(v) for v in (start + end) / 2.0]))
        turn = Gf.Rotation(Gf.Vec3d(0, 0, 1), Gf.Vec3d(*((end - start) / shape.length))).GetQuat()
        geometry.AddOrientOp().Set(quatf((*turn.GetImaginary(), turn.GetReal())))
    geometry.CreateDisplayColorAttr([vec3f(color)])
    if contact is not None:
        add_collider(geometry.GetPrim(), material, contact)
    return geometry.GetPrim()


def add_rigid_body(
    prim: Usd.Prim,
    *,
    mass: float,
    inertia: Sequence[float],
    com: Sequence[float] = (0, 0, 0),
    principal_axes: Sequence[float] = (0, 0, 0, 1),
    gravity: bool = True,
    kinematic: bool = False,
    solver: SolverCfg = DEFAULT_SOLVER,
) -> None:
    """Turn an ``Xform`` prim into a rigid body.

    Args:
        prim: The body's prim.
        mass: Mass [kg].
        inertia: Diagonal inertia about the centre of mass [kg m^2], principal axes.
        com: Centre of mass in the body frame [m].
        principal_axes: Orientation of the principal axes in the body frame (x, y, z, w).
        gravity: False makes the body weightless on both engines.
        kinematic: True makes the body move only when its pose is written.
        solver: PhysX solver settings.

    Raises:
        ValueError: Mass or an inertia is not positive.
    """
    if mass <= 0.0 or min(inertia) <= 0.0:
        raise ValueError(
            f"Body '{prim.GetPath()}': mass and inertia must be positive, got {mass} and {tuple(inertia)}."
        )
    body = UsdPhysics.RigidBodyAPI.Apply(prim)
    if kinematic:
        body.CreateKinematicEnabledAttr(True)
    api = UsdPhysics.MassAPI.Apply(prim)
    api.CreateMassAttr(number(mass))
    api.CreateCenterOfMassAttr(vec3f(com))
    api.CreateDiagonalInertiaAttr(vec3f(inertia))
    api.CreatePrincipalAxesAttr(quatf(principal_axes))
    kinds = Sdf.ValueTypeNames
    prim.AddAppliedSchema("PhysxRigidBodyAPI")
    set_attribute(prim, "physxRigidBody:disableGravity", kinds.Bool, not gravity)
    set_attribute(prim, "physxRigidBody:solverPositionIterationCount", kinds.Int, solver.position_iterations)
    set_attribute(prim, "physxRigidBody:solverVelocityIterationCount", kinds.Int, solver.velocity_iterations)
    set_attribute(prim, "physxRigidBody:maxDepenetrationVelocity", kinds.Float, solver.max_depenetration_velocity)
    set_attribute(prim, "physxRigidBody:maxLinearVelocity", kinds.Float, solver.max_linear_velocity)
    set_attribute(prim, "physxRigidBody:maxAngularVelocity", kinds.Float, solver.max_angular_velocity)
    set_attribute(prim, "physxRigidBody:sleepThreshold", kinds.Float, 0.0)
    if not gravity:
        set_attribute(prim, "mjc:gravcomp", kinds.Double, 1.0)
