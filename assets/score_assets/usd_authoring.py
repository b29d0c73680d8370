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

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, UsdShade

from score_assets.shapes import BoxShape, Shape

__all__ = [
    "ContactCfg",
    "SolverCfg",
    "add_articulation_root",
    "add_collider",
    "add_fixed_joint",
    "add_joint",
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


def _number(value: float) -> float:
    """Round to twelve decimals, and -0.0 to 0.0: last-bit differences between machines must not reach the file."""
    return round(float(value), 12) + 0.0


def _vec3f(values: Sequence[float]) -> Gf.Vec3f:
    return Gf.Vec3f(*[_number(v) for v in values])


def _quatf(xyzw: Sequence[float]) -> Gf.Quatf:
    unit = np.asarray(xyzw, dtype=np.float64) / np.linalg.norm(np.asarray(xyzw, dtype=np.float64))
    x, y, z, w = (_number(value) for value in unit)
    # q and -q are one rotation: of the two, write the one whose first number other than zero is positive.
    sign = next((1.0 if value > 0.0 else -1.0 for value in (w, x, y, z) if value != 0.0), 1.0)
    return Gf.Quatf(*(_number(sign * value) for value in (w, x, y, z)))


def _set(prim: Usd.Prim, name: str, kind: Sdf.ValueTypeName, value: object) -> None:
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
    xform.AddTranslateOp().Set(Gf.Vec3d(*[_number(v) for v in position]))
    xform.AddOrientOp().Set(_quatf(quat))
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
    api.CreateStaticFrictionAttr(_number(friction))
    api.CreateDynamicFrictionAttr(_number(friction))
    api.CreateRestitutionAttr(0.0)
    prim.AddAppliedSchema("PhysxMaterialAPI")
    _set(prim, "physxMaterial:frictionCombineMode", Sdf.ValueTypeNames.Token, "average")
    return material


def add_collider(prim: Usd.Prim, material: UsdShade.Material, contact: ContactCfg) -> None:
    """Turn a geometry prim into a collider with a physics material and contact settings for both engines."""
    UsdPhysics.CollisionAPI.Apply(prim)
    prim.AddAppliedSchema("PhysxCollisionAPI")
    _set(prim, "physxCollision:contactOffset", Sdf.ValueTypeNames.Float, _number(contact.contact_offset))
    _set(prim, "physxCollision:restOffset", Sdf.ValueTypeNames.Float, _number(contact.rest_offset))
    prim.AddAppliedSchema("MjcCollisionAPI")
    _set(prim, "mjc:solimp", Sdf.ValueTypeNames.DoubleArray, [_number(v) for v in contact.mjc_solimp])
    _set(prim, "mjc:condim", Sdf.ValueTypeNames.Int, contact.mjc_condim)
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
        geometry.AddTranslateOp().Set(Gf.Vec3d(*[_number(v) for v in shape.center]))
        geometry.AddScaleOp().Set(_vec3f(shape.half_size))
    else:
        start, end = np.asarray(shape.start, dtype=np.float64), np.asarray(shape.end, dtype=np.float64)
        half, radius = shape.length / 2.0, shape.radius
        geometry = UsdGeom.Capsule.Define(stage, path)
        geometry.CreateAxisAttr("Z")
        geometry.CreateRadiusAttr(_number(radius))
        geometry.CreateHeightAttr(_number(shape.length))
        geometry.CreateExtentAttr([_vec3f((-radius, -radius, -half - radius)), _vec3f((radius, radius, half + radius))])
        geometry.AddTranslateOp().Set(Gf.Vec3d(*[_number(v) for v in (start + end) / 2.0]))
        turn = Gf.Rotation(Gf.Vec3d(0, 0, 1), Gf.Vec3d(*((end - start) / shape.length))).GetQuat()
        geometry.AddOrientOp().Set(_quatf((*turn.GetImaginary(), turn.GetReal())))
    geometry.CreateDisplayColorAttr([_vec3f(color)])
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
    api.CreateMassAttr(_number(mass))
    api.CreateCenterOfMassAttr(_vec3f(com))
    api.CreateDiagonalInertiaAttr(_vec3f(inertia))
    api.CreatePrincipalAxesAttr(_quatf(principal_axes))
    kinds = Sdf.ValueTypeNames
    prim.AddAppliedSchema("PhysxRigidBodyAPI")
    _set(prim, "physxRigidBody:disableGravity", kinds.Bool, not gravity)
    _set(prim, "physxRigidBody:solverPositionIterationCount", kinds.Int, solver.position_iterations)
    _set(prim, "physxRigidBody:solverVelocityIterationCount", kinds.Int, solver.velocity_iterations)
    _set(prim, "physxRigidBody:maxDepenetrationVelocity", kinds.Float, solver.max_depenetration_velocity)
    _set(prim, "physxRigidBody:maxLinearVelocity", kinds.Float, solver.max_linear_velocity)
    _set(prim, "physxRigidBody:maxAngularVelocity", kinds.Float, solver.max_angular_velocity)
    _set(prim, "physxRigidBody:sleepThreshold", kinds.Float, 0.0)
    if not gravity:
        _set(prim, "mjc:gravcomp", kinds.Double, 1.0)


def add_articulation_root(prim: Usd.Prim, *, solver: SolverCfg = DEFAULT_SOLVER) -> None:
    """Make a prim the root of an articulation without self-collision, on both engines."""
    UsdPhysics.ArticulationRootAPI.Apply(prim)
    kinds = Sdf.ValueTypeNames
    prim.AddAppliedSchema("PhysxArticulationAPI")
    _set(prim, "physxArticulation:enabledSelfCollisions", kinds.Bool, False)
    _set(prim, "physxArticulation:solverPositionIterationCount", kinds.Int, solver.position_iterations)
    _set(prim, "physxArticulation:solverVelocityIterationCount", kinds.Int, solver.velocity_iterations)
    _set(prim, "physxArticulation:sleepThreshold", kinds.Float, 0.0)
    prim.AddAppliedSchema("NewtonArticulationRootAPI")
    _set(prim, "newton:selfCollisionEnabled", kinds.Bool, False)


def _connect(
    joint: UsdPhysics.Joint,
    parent: str | None,
    child: str,
    position: Sequence[float],
    quat: Sequence[float],
    flip: bool = False,
) -> None:
    """Fill in bodies and frames; the joint frame on the child is the child's own frame, or that turned by pi about x.

    Both joint frames turn together, so the child's pose at zero is the same, while z of the joint is -z of the child.
    """
    child_quat: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    if flip:
        x, y, z, w = quat
        quat, child_quat = (w, z, -y, -x), (1.0, 0.0, 0.0, 0.0)  # quat times the half turn (1, 0, 0, 0)
    if parent is not None:
        joint.CreateBody0Rel().SetTargets([parent])
    joint.CreateBody1Rel().SetTargets([child])
    joint.CreateLocalPos0Attr(_vec3f(position))
    joint.CreateLocalRot0Attr(_quatf(quat))
    joint.CreateLocalPos1Attr(_vec3f((0, 0, 0)))
    joint.CreateLocalRot1Attr(_quatf(child_quat))


def add_fixed_joint(
    stage: Usd.Stage,
    path: str,
    *,
    parent: str | None,
    child: str,
    position: Sequence[float] = (0, 0, 0),
    quat: Sequence[float] = (0, 0, 0, 1),
) -> Usd.Prim:
    """Weld a body to its parent, or to the world when the parent is None.

    Args:
        stage: Stage to write to.
        path: Prim path of the joint.
        parent: Prim path of the parent body, or None for the world.
        child: Prim path of the child body.
        position: Origin of the child in the parent's frame [m].
        quat: Orientation of the child in the parent's frame (x, y, z, w).
    """
    joint = UsdPhysics.FixedJoint.Define(stage, path)
    _connect(joint, parent, child, position, quat)
    return joint.GetPrim()


def add_joint(
    stage: Usd.Stage,
    path: str,
    *,
    kind: str,
    axis: str,
    parent: str,
    child: str,
    position: Sequence[float],
    quat: Sequence[float],
    limits: tuple[float, float],
    effort: float,
    stiffness: float = 1.0,
    damping: float = 0.1,
    max_velocity: float | None = None,
) -> Usd.Prim:
    """Add a driven joint.

    Args:
        stage: Stage to write to.
        path: Prim path of the joint.
        kind: "revolute" or "prismatic".
        axis: "X", "Y", "Z" or "-Z" of the child's frame. USD knows no "-Z": both joint frames are turned by pi about x.
        parent: Prim path of the parent body.
        child: Prim path of the child body.
        position: Origin of the child in the parent's frame at zero [m].
        quat: Orientation of the child in the parent's frame at zero (x, y, z, w).
        limits: Lower and upper limit [rad or m].
        effort: Largest drive effort [N m or N].
        stiffness: Drive stiffness, in USD's units (per degree for angular drives). Isaac Lab's actuators overwrite it.
        damping: Drive damping, in USD's units.
        max_velocity: Largest speed [rad/s or m/s], or None to leave it to the engine. Only PhysX reads it.

    Raises:
        ValueError: Unknown kind or axis, or limits out of order.
    """
    if kind not in ("revolute", "prismatic") or axis not in ("X", "Y", "Z", "-Z"):
        raise ValueError(
            f"Joint '{path}': kind must be revolute or prismatic and axis X, Y, Z or -Z, got {kind}, {axis}."
        )
    if not limits[0] < limits[1]:
        raise ValueError(f"Joint '{path}': the lower limit must be below the upper one, got {limits}.")
    joint: UsdPhysics.RevoluteJoint | UsdPhysics.PrismaticJoint
    if kind == "revolute":
        joint, scale, drive_kind = UsdPhysics.RevoluteJoint.Define(stage, path), 180.0 / math.pi, "angular"
    else:
        joint, scale, drive_kind = UsdPhysics.PrismaticJoint.Define(stage, path), 1.0, "linear"
    _connect(joint, parent, child, position, quat, flip=axis == "-Z")
    joint.CreateAxisAttr(axis[-1])
    joint.CreateLowerLimitAttr(_number(limits[0] * scale))
    joint.CreateUpperLimitAttr(_number(limits[1] * scale))
    drive = UsdPhysics.DriveAPI.Apply(joint.GetPrim(), drive_kind)
    drive.CreateTypeAttr("force")
    drive.CreateMaxForceAttr(_number(effort))
    drive.CreateStiffnessAttr(_number(stiffness))
    drive.CreateDampingAttr(_number(damping))
    if max_velocity is not None:
        joint.GetPrim().AddAppliedSchema("PhysxJointAPI")
        _set(joint.GetPrim(), "physxJoint:maxJointVelocity", Sdf.ValueTypeNames.Float, _number(max_velocity * scale))
    return joint.GetPrim()
