# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Collision pieces: the primitives and convex hulls that every physics engine treats alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.transform import Rotation

from score.reconstruction.shape.mesh_queries import planar_area

MAX_PIECES = 64
"""Hulls per body that PhysX takes on a GPU."""
MAX_HULL_VERTICES = 32
"""Corners of a hull: PhysX takes 64 faces, and n corners make up to 2 n - 4 triangles. With more it cooks another hull,
whose foot tilts (measured: a bottle of 60-corner hulls rests 8 mm from its scan, one of 32-corner hulls 0.001 mm)."""
_FOOT_HEIGHT = 0.001
"""What is below this belongs to the foot [m]."""
_FLAT_SHARE = 0.35
"""A foot is flat when its lower third spans at least this share of it; a ball's spans 0.3."""
_TILTS = np.radians([1.0, 10.0])
"""How far an object leans to show the corners that it stands on [rad]."""
_OUTER_SAMPLES = 5000
_SKIN = 2e-5
"""A point this deep inside another piece is no outer surface [m]."""
IDENTITY = (0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class BoxPiece:
    """Box in the asset frame."""

    center: tuple[float, float, float]
    """Centre [m]."""
    half_size: tuple[float, float, float]
    """Half edge lengths [m]."""
    quaternion: tuple[float, float, float, float] = IDENTITY
    """Orientation (x, y, z, w)."""

    def mesh(self) -> trimesh.Trimesh:
        """Return the surface."""
        return trimesh.creation.box(2.0 * np.asarray(self.half_size), transform=_pose(self))


@dataclass(frozen=True)
class CylinderPiece:
    """Cylinder in the asset frame; its own axis is z."""

    center: tuple[float, float, float]
    """Centre [m]."""
    radius: float
    """Radius [m]."""
    height: float
    """Height [m]."""
    quaternion: tuple[float, float, float, float] = IDENTITY
    """Orientation (x, y, z, w)."""

    def mesh(self) -> trimesh.Trimesh:
        """Return the surface, with 64 sides."""
        return trimesh.creation.cylinder(self.radius, self.height, sections=64, transform=_pose(self))


@dataclass(frozen=True)
class SpherePiece:
    """Sphere in the asset frame."""

    center: tuple[float, float, float]
    """Centre [m]."""
    radius: float
    """Radius [m]."""
    quaternion: tuple[float, float, float, float] = IDENTITY
    """Unused; every piece has a pose."""

    def mesh(self) -> trimesh.Trimesh:
        """Return the surface, as an icosphere."""
        sphere = trimesh.creation.icosphere(subdivisions=3, radius=self.radius)
        sphere.apply_translation(self.center)
        return sphere


@dataclass(frozen=True)
class ConvexPiece:
    """Convex hull in the asset frame."""

    vertices: NDArray[np.float64]
    """Vertices [m], shape (V, 3); all are corners of the hull."""
    faces: NDArray[np.int64]
    """Outward triangles, shape (F, 3)."""

    def mesh(self) -> trimesh.Trimesh:
        """Return the surface."""
        return trimesh.Trimesh(self.vertices, self.faces, process=False)


Primitive = BoxPiece | CylinderPiece | SpherePiece
Piece = Primitive | ConvexPiece


def convex_piece(points: NDArray[np.float64]) -> ConvexPiece | None:
    """Hull of points with at most :data:`MAX_HULL_VERTICES` corners, all of them among the points.

    Args:
        points: Points [m], shape (N, 3).

    Returns:
        The hull; None where the points are flat, for such a hull some engines refuse.
    """
    if len(points) < 4 or np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[2] < 1e-7:
        return None
    # Engines keep float32: what they will read is what is measured here.
    corners = points[ConvexHull(points).vertices].astype(np.float32).astype(np.float64)
    if len(corners) > MAX_HULL_VERTICES:
        corners = _outermost(corners, MAX_HULL_VERTICES)
    try:
        hull = trimesh.convex.convex_hull(corners)
    except QhullError:
        return None
    if hull.volume < 1e-12:
        return None
    return ConvexPiece(np.asarray(hull.vertices), np.asarray(hull.faces))


def _outermost(corners: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Of a hull's corners (N, 3), those whose own hull is nearest to it: again and again the one furthest outside."""
    # Those that the object stands on come first: a lost one tilts it. Of a bulging side they are found at 1 degree,
    # of a flat foot at both.
    turns, tilts = (grid.ravel() for grid in np.meshgrid(np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False), _TILTS))
    down = np.column_stack([np.sin(tilts) * np.cos(turns), np.sin(tilts) * np.sin(turns), -np.cos(tilts)])
    axes = np.concatenate([down, np.eye(3), -np.eye(3)])
    chosen = list(dict.fromkeys(np.argmax(corners @ axes.T, axis=0).tolist()))
    while len(chosen) < count:
        equations = ConvexHull(corners[chosen]).equations
        outside = (corners @ equations[:, :3].T + equations[:, 3]).max(axis=1)
        outside[chosen] = -np.inf
        chosen.append(int(np.argmax(outside)))
    return corners[chosen]


def with_flat_foot(pieces: Sequence[Piece], mesh: trimesh.Trimesh) -> list[Piece]:
    """Move the lowest corners of convex pieces down to z = 0, where the object stands on a nearly flat foot.

    A hull has few corners, and PhysX drops one that is within 0.7 mm of the rest: an uneven foot becomes another one,
    and the object tilts; what is flat stays flat. A round bottom, which may roll, is left as it is.

    Args:
        pieces: Collision pieces, asset frame.
        mesh: The object's surface, standing on z = 0: it says whether the foot is flat.
    """
    corners = np.asarray(mesh.vertices)
    areas = [planar_area(corners[corners[:, 2] < height, :2]) for height in (0.3 * _FOOT_HEIGHT, _FOOT_HEIGHT)]
    if areas[0] <= _FLAT_SHARE * areas[1]:
        return list(pieces)
    return [_flattened(piece) if isinstance(piece, ConvexPiece) else piece for piece in pieces]


def _flattened(piece: ConvexPiece) -> ConvexPiece:
    low = piece.vertices[:, 2:] < _FOOT_HEIGHT
    return convex_piece(np.where(low & [False, False, True], 0.0, piece.vertices)) or piece


def contains(pieces: Sequence[Piece], points: NDArray[np.float64], margin: float = 0.0) -> NDArray[np.bool_]:
    """Tell which points lie inside any piece, deeper than a margin.

    Args:
        pieces: Collision pieces.
        points: Points [m], shape (N, 3), asset frame.
        margin: Depth [m].

    Returns:
        Shape (N,).
    """
    inside = np.zeros(len(points), dtype=bool)
    for piece in pieces:
        inside |= depth(piece, points) > margin
    return inside


def depth(piece: Piece, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How deep points lie inside a piece [m], shape (N,); negative outside, where it is no exact distance."""
    if isinstance(piece, ConvexPiece):
        equations = ConvexHull(piece.vertices).equations
        return np.asarray(-(points @ equations[:, :3].T + equations[:, 3]).max(axis=1))
    local = Rotation.from_quat(piece.quaternion).inv().apply(points - np.asarray(piece.center))
    if isinstance(piece, BoxPiece):
        return np.asarray((np.asarray(piece.half_size) - np.abs(local)).min(axis=1))
    if isinstance(piece, CylinderPiece):
        radial = piece.radius - np.hypot(local[:, 0], local[:, 1])
        return np.minimum(radial, piece.height / 2.0 - np.abs(local[:, 2]))
    return np.asarray(piece.radius - np.linalg.norm(local, axis=1))


def combined_mesh(pieces: Sequence[Piece]) -> trimesh.Trimesh:
    """Return the surfaces of all pieces as one mesh, overlaps kept."""
    return trimesh.util.concatenate([piece.mesh() for piece in pieces])


def outer_surface_points(pieces: Sequence[Piece], seed: int = 0) -> NDArray[np.float64]:
    """Points on the pieces' surfaces that no other piece covers [m], shape (N, 3)."""
    meshes = [piece.mesh() for piece in pieces]
    areas = np.array([mesh.area for mesh in meshes])
    counts = np.maximum(20, np.round(_OUTER_SAMPLES * areas / areas.sum())).astype(int)
    found = []
    for index, (mesh, count) in enumerate(zip(meshes, counts, strict=True)):
        points = np.asarray(trimesh.sample.sample_surface(mesh, int(count), seed=seed + index)[0])
        others = [piece for other, piece in enumerate(pieces) if other != index]
        found.append(points[~contains(others, points, -_SKIN)] if others else points)
    points = np.concatenate(found)
    return points if len(points) else np.concatenate([np.asarray(mesh.vertices) for mesh in meshes])


def _pose(piece: BoxPiece | CylinderPiece) -> NDArray[np.float64]:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat(piece.quaternion).as_matrix()
    pose[:3, 3] = piece.center
    return pose
