# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Articulations in USD: their roots and joints (:mod:`score_assets.usd_authoring` has bodies, shapes and the rules)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pxr import Sdf, Usd, UsdPhysics

from score_assets.usd_authoring import DEFAULT_SOLVER, SolverCfg, number, quatf, set_attribute, vec3f

__all__ = ["add_articulation_root", "add_fixed_joint", "add_joint"]


def add_articulation_root(prim: Usd.Prim, *, solver: SolverCfg = DEFAULT_SOLVER) -> None:
    """Make a prim the root of an articulation without self-collision, on both engines."""
    UsdPhysics.ArticulationRootAPI.Apply(prim)
    kinds = Sdf.ValueTypeNames
    prim.AddAppliedSchema("PhysxArticulationAPI")
    set_attribute(prim, "physxArticulation:enabledSelfCollisions", kinds.Bool, False)
    set_attribute(prim, "physxArticulation:solverPositionIterationCount", kinds.Int, solver.position_iterations)
    set_attribute(prim, "physxArticulation:solverVelocityIterationCount", kinds.Int, solver.velocity_iterations)
    set_attribute(prim, "physxArticulation:sleepThreshold", kinds.Float, 0.0)
    prim.AddAppliedSchema("NewtonArticulationRootAPI")
    set_attribute(prim, "newton:selfCollisionEnabled", kinds.Bool, False)


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
    joint.CreateLocalPos0Attr(vec3f(position))
    joint.CreateLocalRot0Attr(quatf(quat))
    joint.CreateLocalPos1Attr(vec3f((0, 0, 0)))
    joint.CreateLocalRot1Attr(quatf(child_quat))


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
    joint.CreateLowerLimitAttr(number(limits[0] * scale))
    joint.CreateUpperLimitAttr(number(limits[1] * scale))
    drive = UsdPhysics.DriveAPI.Apply(joint.GetPrim(), drive_kind)
    drive.CreateTypeAttr("force")
    drive.CreateMaxForceAttr(number(effort))
    drive.CreateStiffnessAttr(number(stiffness))
    drive.CreateDampingAttr(number(damping))
    if max_velocity is not None:
        joint.GetPrim().AddAppliedSchema("PhysxJointAPI")
        set_attribute(
            joint.GetPrim(), "physxJoint:maxJointVelocity", Sdf.ValueTypeNames.Float, number(max_velocity * scale)
        )
    return joint.GetPrim()
