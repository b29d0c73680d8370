# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Boxes, cylinders and spheres fitted to a closed mesh, and the holes of sockets from measured dimensions.

A fit places each face by the mean of the surface near it, so noise averages out where a bounding box would add it up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from score.reconstruction.shape.cavity import Cavity
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import BoxPiece, CylinderPiece, Piece, Primitive, SpherePiece
from score.utils.errors import UserError

_SAMPLES = 10_000
_FACING = math.cos(math.radians(20.0))
"""A sample belongs to a face whose normal is this near to its own."""
_RING_BOXES = 16
_OUTLINES = ("box", "cylinder", "sphere")


@dataclass(frozen=True)
class Fit:
    """A primitive and how well it fits."""

    piece: Primitive
    """The primitive."""
    error: float
    """95th percentile of the distance between the two surfaces, the worse of both directions [m]."""


def fit_primitive(mesh: trimesh.Trimesh, measures: Mapping[str, float] | None = None) -> Fit:
    """Fit the best of box, cylinder and sphere.

    Args:
        mesh: Closed mesh [m], upright.
        measures: Measured dimensions [m] that replace fitted ones: ``x``, ``y``, ``z`` make it a box (the larger of x
            and y goes to the longer side), ``diameter`` and ``height`` a cylinder, ``diameter`` alone a sphere or a
            cylinder, whichever fits.

    Raises:
        UserError: The measured dimensions belong to different primitives.
    """
    measures = dict(measures or {})
    kinds = set(_OUTLINES)
    if measures.keys() & {"x", "y", "z"}:
        kinds &= {"box"}
    if "height" in measures:
        kinds &= {"cylinder"}
    if "diameter" in measures:
        kinds &= {"cylinder", "sphere"}
    if not kinds:
        raise UserError(
            f"collision: no primitive has the dimensions {', '.join(measures)}: a box takes x, y, z, a cylinder"
            " diameter and height, a sphere diameter."
        )
    points, face = trimesh.sample.sample_surface(mesh, _SAMPLES, seed=0)
    normals = np.asarray(mesh.face_normals)[face]
    makers: dict[str, Callable[..., Primitive]] = {"box": _box, "cylinder": _cylinder, "sphere": _sphere}
    fits = [_standing(_measured(makers[kind](mesh, points, normals), measures)) for kind in _OUTLINES if kind in kinds]
    queries = MeshQueries(mesh.vertices, mesh.faces, "cpu")
    return min((Fit(piece, _error(piece, points, queries)) for piece in fits), key=lambda fit: fit.error)


def slot_pieces(mesh: trimesh.Trimesh, cavity: Cavity | None, measures: Mapping[str, float]) -> list[Piece]:
    """Make a blind rectangular hole of five boxes, its place and direction from the scan, its size from callipers.

    Args:
        mesh: Closed mesh [m], upright.
        cavity: Its hollow.
        measures: ``width``, ``length``, ``depth`` of the hole, and where measured the outer ``x``, ``y``, ``z`` [m].

    Raises:
        UserError: The scan shows no hole, or the hole is larger than the block.
    """
    hole = _require_hole(cavity, "fit:slot")
    to_origin, _ = trimesh.bounds.oriented_bounds_2D(hole.outline())
    from_origin = np.linalg.inv(to_origin)
    yaw = math.atan2(from_origin[1, 0], from_origin[0, 0])
    size = np.ptp(_turned(hole.outline(), -yaw), axis=0)
    across, along = sorted((measures["width"], measures["length"]))
    inner = np.array([across, along] if size[0] <= size[1] else [along, across]) / 2.0
    center = _turned(from_origin[None, :2, 2], -yaw)[0]
    low, high, top = _outer_bounds(mesh, yaw, measures)
    floor = top - measures["depth"]
    walls = np.concatenate([center - inner - low, high - center - inner])
    _require_walls(walls, floor, "width, length and depth")
    middle, half_depth = (top + floor) / 2.0, (top - floor) / 2.0
    blocks = [
        ((low + high) / 2.0, floor / 2.0, (high - low) / 2.0, floor / 2.0),
        *_side_walls(center, inner, low, high, middle, half_depth),
    ]
    quaternion = _yaw_quaternion(yaw)
    return [
        BoxPiece((*_turned(np.asarray(xy)[None], yaw)[0].tolist(), z), (*half.tolist(), half_z), quaternion)
        for xy, z, half, half_z in blocks
    ]


def ring_pieces(mesh: trimesh.Trimesh, cavity: Cavity | None, measures: Mapping[str, float]) -> list[Piece]:
    """Make a blind round hole of a ring of boxes whose inner faces touch the hole's circle from outside, and a floor.

    Args:
        mesh: Closed mesh [m], upright.
        cavity: Its hollow.
        measures: ``diameter`` and ``depth`` of the hole, and where measured the outer ``x``, ``y``, ``z`` [m].

    Raises:
        UserError: The scan shows no hole, or the hole is larger than the block.
    """
    hole = _require_hole(cavity, "fit:ring")
    outline = hole.outline()
    center = (outline.min(axis=0) + outline.max(axis=0)) / 2.0
    low, high, top = _outer_bounds(mesh, 0.0, measures)
    inner, outer = measures["diameter"] / 2.0, float(min((center - low).min(), (high - center).min()))
    floor = top - measures["depth"]
    _require_walls(np.array([outer - inner]), floor, "diameter and depth")
    # Wide enough that neighbours meet at the outer edge; at the inner one they overlap, which is harmless in one body.
    half = ((outer - inner) / 2.0, outer * math.tan(math.pi / _RING_BOXES), (top - floor) / 2.0)
    pieces: list[Piece] = [CylinderPiece((*center.tolist(), floor / 2.0), outer, floor)]
    for index in range(_RING_BOXES):
        angle = 2.0 * math.pi * index / _RING_BOXES
        reach = (inner + outer) / 2.0
        x, y = center + reach * np.array([math.cos(angle), math.sin(angle)])
        pieces.append(BoxPiece((float(x), float(y), (top + floor) / 2.0), half, _yaw_quaternion(angle)))
    return pieces


def _box(mesh: trimesh.Trimesh, points: NDArray[np.float64], normals: NDArray[np.float64]) -> BoxPiece:
    rotation = _box_axes(mesh)
    local, facing = points @ rotation, normals @ rotation
    low, high = (_face_places(local, facing, sign) for sign in (-1.0, 1.0))
    center = rotation @ ((low + high) / 2.0)
    return BoxPiece(
        tuple(center.tolist()), tuple(((high - low) / 2.0).tolist()), tuple(Rotation.from_matrix(rotation).as_quat())
    )


def _box_axes(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Axes of a box around an object that stands, as columns: z up, x along the longer side of the footprint."""
    corners = np.asarray(mesh.convex_hull.vertices)
    to_origin, size = trimesh.bounds.oriented_bounds_2D(corners[:, :2])
    x = np.linalg.inv(to_origin)[:2, 0 if size[0] >= size[1] else 1]
    x = x * (1.0 if x[0] > 0.0 or (x[0] == 0.0 and x[1] > 0.0) else -1.0)
    return np.array([[x[0], -x[1], 0.0], [x[1], x[0], 0.0], [0.0, 0.0, 1.0]])


def _face_places(local: NDArray[np.float64], facing: NDArray[np.float64], sign: float) -> NDArray[np.float64]:
    """Where the three faces on one side lie along their axes; the bound where too little surface faces that way."""
    places = []
    for axis in range(3):
        extreme = (sign * local[:, axis]).max()
        near = (sign * facing[:, axis] > _FACING) & (sign * local[:, axis] > extreme - 0.1 * np.ptp(local[:, axis]))
        places.append(float(np.median(local[near, axis])) if near.sum() > 0.02 * len(local) else sign * extreme)
    return np.array(places)


def _cylinder(mesh: trimesh.Trimesh, points: NDArray[np.float64], normals: NDArray[np.float64]) -> CylinderPiece:
    """Return the best of three cylinders, along the axes of the box."""
    axes = _box_axes(mesh)
    queries = MeshQueries(mesh.vertices, mesh.faces, "cpu")
    fits = []
    for axis in range(3):
        rotation = np.roll(axes, 2 - axis, axis=1)  # a cyclic change stays a rotation
        local, facing = points @ rotation, normals @ rotation
        side = np.abs(facing[:, 2]) < 0.3
        if side.sum() < 50:
            continue
        x, y, radius = _circle(local[side, :2])
        low, high = (_face_places(local, facing, sign)[2] for sign in (-1.0, 1.0))
        center = rotation @ np.array([x, y, (low + high) / 2.0])
        quaternion = tuple(Rotation.from_matrix(rotation).as_quat())
        piece = CylinderPiece(tuple(center.tolist()), radius, float(high - low), quaternion)
        fits.append((_error(piece, points, queries), axis, piece))
    if not fits:
        half = np.ptp(points, axis=0) / 2.0
        return CylinderPiece(tuple((points.min(axis=0) + half).tolist()), float(half[:2].max()), float(2.0 * half[2]))
    return min(fits)[2]


def _sphere(mesh: trimesh.Trimesh, points: NDArray[np.float64], normals: NDArray[np.float64]) -> SpherePiece:
    start = np.append(points.mean(axis=0), np.linalg.norm(points - points.mean(axis=0), axis=1).mean())
    x, y, z, radius = least_squares(lambda p: np.linalg.norm(points - p[:3], axis=1) - p[3], start).x
    return SpherePiece((float(x), float(y), float(z)), abs(float(radius)))


def _circle(points: NDArray[np.float64]) -> tuple[float, float, float]:
    start = np.append(points.mean(axis=0), np.linalg.norm(points - points.mean(axis=0), axis=1).mean())
    fit = least_squares(lambda p: np.linalg.norm(points - p[:2], axis=1) - p[2], start, loss="soft_l1", f_scale=0.001)
    return float(fit.x[0]), float(fit.x[1]), abs(float(fit.x[2]))


def _measured(piece: Primitive, measures: Mapping[str, float]) -> Primitive:
    """Replace fitted dimensions by measured ones."""
    if not measures:
        return piece
    if isinstance(piece, SpherePiece):
        return replace(piece, radius=measures["diameter"] / 2.0)
    if isinstance(piece, CylinderPiece):
        radius, height = measures.get("diameter", 2.0 * piece.radius) / 2.0, measures.get("height", piece.height)
        return replace(piece, radius=radius, height=height)
    # x and y of a user are "one side and the other": give the larger to the longer side.
    horizontal = sorted((measures[key] / 2.0 for key in ("x", "y") if key in measures), reverse=True)
    first = horizontal[0] if len(horizontal) == 2 or "x" in measures else piece.half_size[0]
    second = horizontal[-1] if len(horizontal) == 2 or "y" in measures else piece.half_size[1]
    return replace(piece, half_size=(first, second, measures.get("z", 2.0 * piece.half_size[2]) / 2.0))


def _standing(piece: Primitive) -> Primitive:
    """Put a primitive on z = 0: a ball that lies on its seam, or a can on its rim, would stand too high or too low."""
    if isinstance(piece, SpherePiece):
        below = piece.radius
    else:
        across = np.abs(Rotation.from_quat(piece.quaternion).as_matrix()[2])
        if isinstance(piece, BoxPiece):
            below = float(across @ piece.half_size)
        else:
            below = float(across[2] * piece.height / 2.0 + math.sqrt(max(0.0, 1.0 - across[2] ** 2)) * piece.radius)
    return replace(piece, center=(piece.center[0], piece.center[1], below))


def _error(piece: Piece, points: NDArray[np.float64], queries: MeshQueries) -> float:
    """95th percentile of the distances between a primitive's surface and a mesh, the worse of both directions [m]."""
    surface = piece.mesh()
    there = MeshQueries(surface.vertices, surface.faces, "cpu").distances(points)
    back = queries.distances(trimesh.sample.sample_surface(surface, len(points) // 4, seed=0)[0])
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _require_hole(cavity: Cavity | None, policy: str) -> Cavity:
    if cavity is None:
        raise UserError(
            f"collision: {policy} needs a hole that is open to the top, and the scan shows none: check --up, or scan"
            " the hole from above."
        )
    return cavity


def _require_walls(walls: NDArray[np.float64], floor: float, names: str) -> None:
    if walls.min() <= 0.0 or floor <= 0.0:
        raise UserError(
            f"collision: the measured {names} leave no wall ({walls.min() * 1e3:.1f} mm) or no floor"
            f" ({floor * 1e3:.1f} mm): they are millimetres; check them, and measure the outer x, y, z too."
        )


def _outer_bounds(
    mesh: trimesh.Trimesh, yaw: float, measures: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Lower and upper corner of the block's footprint in axes turned by a yaw (2,), and its height."""
    corners = _turned(np.asarray(mesh.vertices)[:, :2], -yaw)
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    half = np.array([measures.get(key, 2.0 * value) / 2.0 for key, value in zip("xy", half, strict=True)])
    return middle - half, middle + half, float(measures.get("z", mesh.bounds[1][2]))


def _side_walls(
    center: NDArray[np.float64],
    inner: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    middle: float,
    half_depth: float,
) -> list[tuple[NDArray[np.float64], float, NDArray[np.float64], float]]:
    """Walls at -x, +x over the whole length, then at -y, +y between them: centre, height, half size, half height."""
    left, right = center - inner, center + inner
    rectangles = [
        (low, np.array([left[0], high[1]])),
        (np.array([right[0], low[1]]), high),
        (np.array([left[0], low[1]]), np.array([right[0], left[1]])),
        (np.array([left[0], right[1]]), np.array([right[0], high[1]])),
    ]
    return [((a + b) / 2.0, middle, (b - a) / 2.0, half_depth) for a, b in rectangles]


def _turned(xy: NDArray[np.float64], yaw: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(yaw), math.sin(yaw)
    return np.asarray(xy @ np.array([[cosine, sine], [-sine, cosine]]))


def _yaw_quaternion(yaw: float) -> tuple[float, float, float, float]:
    return 0.0, 0.0, math.sin(yaw / 2.0), math.cos(yaw / 2.0)
