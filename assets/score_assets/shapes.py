# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Primitive shapes and exact, deterministic sampling of their surfaces.

Shapes are boxes and capsules in the frame of the body that carries them. A union of touching shapes is sampled by
rejecting the points that another shape covers. Units: metres. Needs numpy only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoxShape", "CapsuleShape", "Shape", "contains", "sample_surface", "surface_normals"]


@dataclass(frozen=True)
class BoxShape:
    """Axis-aligned box in the frame of its body."""

    center: tuple[float, float, float]
    """Centre [m], body frame."""
    half_size: tuple[float, float, float]
    """Half edge lengths [m]."""
    name: str = "box"
    """Name of the USD prim."""
    material: str = "body"
    """Name of the physics material."""

    def __post_init__(self) -> None:
        if min(self.half_size) <= 0.0:
            raise ValueError(f"Box '{self.name}': half sizes must be positive, got {self.half_size}.")

    @property
    def area(self) -> float:
        """Surface area [m^2]."""
        x, y, z = self.half_size
        return 8.0 * (x * y + y * z + z * x)


@dataclass(frozen=True)
class CapsuleShape:
    """Capsule between two points in the frame of its body."""

    start: tuple[float, float, float]
    """Centre of the first cap [m], body frame."""
    end: tuple[float, float, float]
    """Centre of the second cap [m], body frame."""
    radius: float
    """Radius [m]."""
    name: str = "capsule"
    """Name of the USD prim."""
    material: str = "body"
    """Name of the physics material."""

    def __post_init__(self) -> None:
        if self.radius <= 0.0 or self.length <= 0.0:
            raise ValueError(f"Capsule '{self.name}': radius and length must be positive.")

    @property
    def length(self) -> float:
        """Distance between the two cap centres [m]."""
        return math.dist(self.start, self.end)

    @property
    def area(self) -> float:
        """Surface area [m^2]."""
        return 2.0 * math.pi * self.radius * (self.length + 2.0 * self.radius)


Shape = BoxShape | CapsuleShape


def _box_surface(box: BoxShape, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    half = np.asarray(box.half_size)
    face_area = np.array([half[1] * half[2], half[2] * half[0], half[0] * half[1]])
    axis = rng.choice(3, size=count, p=face_area / face_area.sum())
    unit = rng.uniform(-1.0, 1.0, size=(count, 3))
    unit[np.arange(count), axis] = rng.choice(np.array([-1.0, 1.0]), size=count)
    return np.asarray(box.center) + unit * half


def _capsule_surface(capsule: CapsuleShape, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    # A sphere's area is uniform along any axis (Archimedes), so the whole capsule is uniform along its own.
    start, end = np.asarray(capsule.start), np.asarray(capsule.end)
    length, radius = capsule.length, capsule.radius
    z = (end - start) / length
    x = np.cross(z, np.eye(3)[np.argmin(np.abs(z))])
    x /= np.linalg.norm(x)
    along = rng.uniform(-radius, length + radius, size=count)
    outside = along - np.clip(along, 0.0, length)
    ring = np.sqrt(radius**2 - outside**2)
    angle = rng.uniform(0.0, 2.0 * math.pi, size=count)
    around = np.cos(angle)[:, None] * x + np.sin(angle)[:, None] * np.cross(z, x)
    return start + along[:, None] * z + ring[:, None] * around


def contains(shape: Shape, points: NDArray[np.float64], margin: float = 0.0) -> NDArray[np.bool_]:
    """Tell which points lie inside a shape.

    Args:
        shape: Box or capsule.
        points: Points [m], shape (N, 3), frame of the shape's body.
        margin: Grows the shape by this length [m]; negative shrinks it.

    Returns:
        Boolean array, shape (N,).
    """
    if isinstance(shape, BoxShape):
        distance = np.abs(points - np.asarray(shape.center)) - np.asarray(shape.half_size)
        return np.asarray((distance < margin).all(axis=1))
    start, axis = np.asarray(shape.start), np.asarray(shape.end) - np.asarray(shape.start)
    along = np.clip((points - start) @ axis / (axis @ axis), 0.0, 1.0)
    return np.asarray(np.linalg.norm(points - start - along[:, None] * axis, axis=1) < shape.radius + margin)


def sample_surface(
    shapes: Sequence[Shape],
    num_points: int,
    *,
    seed: int = 0,
    keep: Callable[[NDArray[np.float64]], NDArray[np.bool_]] | None = None,
    touch_margin: float = 1e-7,
) -> NDArray[np.float32]:
    """Sample points uniformly on the outer surface of a union of shapes.

    Args:
        shapes: Shapes in one body frame. They may touch or overlap.
        num_points: Number of points to return.
        seed: Seed; the same seed and number give the same points.
        keep: Optional filter: points (N, 3) -> boolean (N,), applied before counting.
        touch_margin: Points this near to another shape count as covered [m], which removes faces where two boxes touch.

    Returns:
        Points [m], shape (num_points, 3), float32, in random order, body frame of the shapes.

    Raises:
        ValueError: No shapes, a negative number, or a filter that rejects (almost) every point.
    """
    if not shapes or num_points < 0:
        raise ValueError(
            f"sample_surface needs at least one shape and num_points >= 0, got {len(shapes)}, {num_points}."
        )
    rng = np.random.default_rng(seed)
    area = np.array([shape.area for shape in shapes])
    found: list[NDArray[np.float64]] = [np.empty((0, 3))]
    total = 0
    for _ in range(100):
        if total >= num_points:
            break
        count = 2 * num_points + 64
        owner = rng.choice(len(shapes), size=count, p=area / area.sum())
        points, good = np.empty((count, 3)), np.ones(count, dtype=bool)
        for index, shape in enumerate(shapes):
            mine = np.flatnonzero(owner == index)
            surface = _box_surface if isinstance(shape, BoxShape) else _capsule_surface
            points[mine] = surface(shape, len(mine), rng)  # type: ignore[arg-type]
            for other_index, other in enumerate(shapes):
                if other_index != index:
                    good[mine] &= ~contains(other, points[mine], touch_margin)
        if keep is not None:
            good &= keep(points)
        found.append(points[good])
        total += int(good.sum())
    else:
        raise ValueError("sample_surface found no visible surface: the filter rejects (almost) every point.")
    return np.concatenate(found)[:num_points].astype(np.float32)


def surface_normals(shapes: Sequence[Shape], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Outward unit normals at points on the surface of a union of shapes.

    Args:
        shapes: The shapes that the points were sampled from.
        points: Points [m], shape (N, 3), body frame of the shapes.

    Returns:
        Normals, shape (N, 3), float32: of the shape whose surface is nearest, and on an edge of either face.
    """
    found = [_signed_distance(shape, points.astype(np.float64)) for shape in shapes]
    nearest = np.abs(np.stack([distance for distance, _ in found])).argmin(axis=0)
    normals = np.stack([normal for _, normal in found])
    return normals[nearest, np.arange(len(points))].astype(np.float32)


def _signed_distance(shape: Shape, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance to the surface, negative inside (N,), and the direction away from it (N, 3)."""
    if isinstance(shape, CapsuleShape):
        start, axis = np.asarray(shape.start), np.asarray(shape.end) - np.asarray(shape.start)
        along = np.clip((points - start) @ axis / (axis @ axis), 0.0, 1.0)
        away = points - start - along[:, None] * axis
        length = np.linalg.norm(away, axis=1)
        return length - shape.radius, away / np.maximum(length, 1e-12)[:, None]
    local = points - np.asarray(shape.center)
    outside = np.abs(local) - np.asarray(shape.half_size)
    face = outside.argmax(axis=1)
    rows = np.arange(len(points))
    normals = np.zeros_like(points)
    normals[rows, face] = np.sign(local[rows, face])
    beyond = np.linalg.norm(np.maximum(outside, 0.0), axis=1)
    return np.where(beyond > 0.0, beyond, outside[rows, face]), normals
