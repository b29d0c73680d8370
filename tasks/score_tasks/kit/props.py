# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Objects and fixtures of boxes, cylinders and spheres as asset folders, where a task has no scan.

What is seen and what collides are the same shapes, so the asset has no error of a fit. The frame of an asset is that of
its pieces; by custom it stands on z = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from score.reconstruction.asset_folder import AssetRecord, CollisionRecord, asset_files, write_asset
from score.reconstruction.scan.points import farthest_point_order, write_points
from score.reconstruction.scan.scan import Scan
from score.reconstruction.shape.mass import MassProperties, principal
from score.reconstruction.shape.pieces import BoxPiece, CylinderPiece, Primitive, combined_mesh, contains
from score.reconstruction.usd.usd_writer import write_usd
from score.utils.files import atomic_directory

__all__ = ["Prop", "box", "cup", "write_prop"]

NUM_POINTS = 2048
"""Surface points of an asset."""
_CANDIDATES = 40_000
_OUTWARD = 1e-5
"""A point is on the surface when what lies this far outside of it is in no other piece [m]."""


@dataclass(frozen=True)
class Prop:
    """An object of primitives."""

    name: str
    """Name of its asset folder."""
    pieces: tuple[Primitive, ...]
    """What is seen and collides [m]."""
    mass: float
    """Mass [kg]."""
    friction: float
    """Friction coefficient."""
    color: tuple[float, float, float]
    """Colour (red, green, blue), 0 to 1."""
    marks: tuple[Primitive, ...] = ()
    """What is seen and does not collide."""
    inertia: tuple[float, float, float] | None = None
    """Moments about the axes of its frame [kg m^2], where it is not of even density; None: from the pieces."""


def box(low: Sequence[float], high: Sequence[float]) -> BoxPiece:
    """Make a box from its lowest to its highest corner [m]."""
    ends = np.array([low, high], dtype=np.float64)
    center, half = ends.mean(axis=0).round(6), (np.diff(ends, axis=0)[0] / 2.0).round(6)
    return BoxPiece(tuple(center.tolist()), tuple(half.tolist()))


def cup(radius: float, wall: float, height: float, sides: int, floor: float = 0.004) -> tuple[Primitive, ...]:
    """Make an upright cup or bowl on z = 0: a ring of boxes that touch a circle from outside, and a floor.

    Args:
        radius: Radius of the circle inside [m].
        wall: Thickness of the boxes [m].
        height: Height [m].
        sides: Number of boxes.
        floor: Thickness of the floor [m].
    """
    middle, half = radius + wall / 2.0, (wall / 2.0, (radius + wall) * math.tan(math.pi / sides), height / 2.0)
    walls = [
        BoxPiece(
            (middle * math.cos(angle), middle * math.sin(angle), height / 2.0),
            half,
            (0.0, 0.0, math.sin(angle / 2.0), math.cos(angle / 2.0)),
        )
        for angle in (2.0 * math.pi * side / sides for side in range(sides))
    ]
    return (CylinderPiece((0.0, 0.0, floor / 2.0), middle, floor), *walls)


def write_prop(prop: Prop, directory: Path) -> None:
    """Write an asset folder; one that is there is replaced.

    Args:
        prop: The object.
        directory: The folder.
    """
    shown = (*prop.pieces, *prop.marks)
    mesh = combined_mesh(shown)
    color = np.tile((255.0 * np.array(prop.color)).astype(np.uint8), (len(mesh.vertices), 1))
    scan = Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces), colors=color)
    mass = _mass(prop)
    usd = f"{prop.name}.usdc"
    record = AssetRecord(
        name=prop.name,
        usd=usd,
        mass=prop.mass,
        friction=prop.friction,
        collision=CollisionRecord("hand", len(prop.pieces)),
        size=tuple(np.ptp(mesh.vertices, axis=0).round(6).tolist()),
        center_of_mass=tuple(mass.center.round(9).tolist()),
        points="points.npz",
    )
    with atomic_directory(directory, replaces=asset_files(prop.name)) as folder:
        write_usd(folder / usd, prop.name, scan, prop.pieces, mass, prop.friction, None)
        write_points(folder / "points.npz", *_surface(shown, NUM_POINTS))
        write_asset(record, folder)


def _surface(pieces: Sequence[Primitive], count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (count, 3) and normals (count, 3) of the outside of a union, in farthest-point order."""
    mesh = combined_mesh(pieces)
    normals = np.asarray(mesh.face_normals)
    points, faces = trimesh.sample.sample_surface(mesh, _CANDIDATES, seed=0)
    owner = np.repeat(np.arange(len(pieces)), [len(piece.mesh().faces) for piece in pieces])[faces]
    outside = np.ones(len(points), dtype=bool)
    for index in range(len(pieces)):
        mine = np.flatnonzero(owner == index)
        others = [piece for other, piece in enumerate(pieces) if other != index]
        outside[mine] = ~contains(others, points[mine] + _OUTWARD * normals[faces[mine]])
    points, faces = points[outside], faces[outside]
    order = farthest_point_order(points, count)
    return points[order].astype(np.float32), normals[faces[order]].astype(np.float32)


def _mass(prop: Prop) -> MassProperties:
    """Mass properties of pieces of one density; where pieces overlap, both count."""
    parts = [piece.mesh() for piece in prop.pieces]
    density = prop.mass / sum(part.volume for part in parts)
    weights = np.array([density * part.volume for part in parts])
    center = np.average([part.center_mass for part in parts], axis=0, weights=weights)
    tensor = np.zeros((3, 3))
    for part, weight in zip(parts, weights, strict=True):
        offset = part.center_mass - center
        tensor += density * part.moment_inertia + weight * (offset @ offset * np.eye(3) - np.outer(offset, offset))
    if prop.inertia is not None:
        tensor = np.diag(prop.inertia)
    moments, axes = principal(np.where(np.abs(tensor) > 1e-12, tensor, 0.0))
    return MassProperties(prop.mass, center, moments, axes, "given", 0.0)
