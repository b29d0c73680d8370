# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Finds the table in a scan, which axis is up, and the face on which an object without a table stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

_SAMPLES = 20_000
_HYPOTHESES = 600
_SCORED = 4_000
"""Samples that a hypothesis is scored on."""
_TOLERANCE = 0.004
"""Distance from the plane that counts as on it, as a share of the scan's diagonal; 1.5 to 6 mm in practice."""
_MAX_BELOW = 0.03
"""Share of the surface that may lie below a table: noise and stray islands."""
_MIN_SPREAD = 1.6
"""A table's footprint is at least this many times that of what stands on it; an object's own foot is not."""
LARGEST_TILT = 20.0
"""A table steeper than this against a given --up axis is a wall [deg]."""


@dataclass(frozen=True)
class Plane:
    """Plane ``normal . x = offset``; the normal points up."""

    normal: NDArray[np.float64]
    """Unit normal, shape (3,)."""
    offset: float
    """Distance of the plane from the origin along the normal."""
    residual: float
    """Standard deviation of the points on it."""
    share: float
    """Share of the scan's surface that lies on it."""


def axis_vector(name: str) -> NDArray[np.float64]:
    """Return the unit vector of an axis named ``x``, ``-x``, ``y``, ..."""
    vector = np.zeros(3)
    vector["xyz".index(name[-1])] = -1.0 if name.startswith("-") else 1.0
    return vector


def rotation_to_up(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the smallest rotation that turns a unit vector to +z, as a matrix (3, 3)."""
    return np.asarray(trimesh.geometry.align_vectors(up, [0.0, 0.0, 1.0])[:3, :3], dtype=np.float64)


def find_table(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], up: NDArray[np.float64] | None, seed: int = 0
) -> Plane | None:
    """Look for a plane that carries everything else and is larger than it.

    Args:
        vertices: Vertices in any unit, shape (V, 3).
        faces: Triangles, shape (F, 3).
        up: Unit vector that is up, or None where it is not known: then the plane decides.
        seed: Seed of the sampling.

    Returns:
        The table, or None where the scan holds none.
    """
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    points = np.asarray(trimesh.sample.sample_surface(mesh, _SAMPLES, seed=seed)[0])
    tolerance = _TOLERANCE * float(np.linalg.norm(np.ptp(vertices, axis=0)))
    rng = np.random.default_rng(seed)
    remaining = points
    # The largest plane may be a wall of the object; the table is then the next.
    for _ in range(3):
        if len(remaining) < 0.05 * len(points):
            return None
        normal, offset = _best_plane(remaining, tolerance, rng, up)
        normal, offset = _refined(remaining, normal, offset, tolerance)
        plane = _as_table(points, normal, offset, tolerance, up)
        if plane is not None:
            return plane
        remaining = remaining[np.abs(remaining @ normal - offset) > tolerance]
    return None


def _best_plane(
    points: NDArray[np.float64], tolerance: float, rng: np.random.Generator, up: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], float]:
    corners = points[rng.integers(len(points), size=(_HYPOTHESES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1)
    good = length > 1e-12
    if up is not None:
        good &= np.abs(normals @ up) >= np.cos(np.radians(LARGEST_TILT)) * length
    if not good.any():
        return np.array([0.0, 0.0, 1.0]) if up is None else up, float(np.min(points @ (up if up is not None else 1.0)))
    normals, origins = normals[good] / length[good, None], corners[good, 0]
    offsets = np.einsum("ij,ij->i", normals, origins)
    scored = points[rng.permutation(len(points))[:_SCORED]]
    counts = (np.abs(scored @ normals.T - offsets) < tolerance).sum(axis=0)
    best = int(np.argmax(counts))
    return normals[best], float(offsets[best])


def _refined(
    points: NDArray[np.float64], normal: NDArray[np.float64], offset: float, tolerance: float
) -> tuple[NDArray[np.float64], float]:
    """Least squares on the points near a plane, with an ever narrower idea of near."""
    for factor in (1.0, 0.5, 0.3, 0.3):
        near = points[np.abs(points @ normal - offset) < factor * tolerance]
        if len(near) < 10:
            break
        center = near.mean(axis=0)
        fitted = np.linalg.svd(near - center, full_matrices=False)[2][2]
        normal = fitted if fitted @ normal > 0.0 else -fitted
        offset = float(center @ normal)
    return normal, offset


def _as_table(
    points: NDArray[np.float64],
    normal: NDArray[np.float64],
    offset: float,
    tolerance: float,
    up: NDArray[np.float64] | None,
) -> Plane | None:
    height = points @ normal - offset
    if up is not None:
        flip = bool(normal @ up < 0.0)
        if abs(normal @ up) < np.cos(np.radians(LARGEST_TILT)):
            return None
    else:
        flip = bool((height < -tolerance).sum() > (height > tolerance).sum())
    if flip:
        normal, offset, height = -normal, -offset, -height
    on, above = np.abs(height) < 0.5 * tolerance, height > tolerance
    if (height < -tolerance).mean() > _MAX_BELOW or above.sum() < 20 or on.sum() < 20:
        return None
    basis = np.linalg.svd(normal[None])[2][1:]
    # Areas from covariances: one stray island would blow a hull up.
    spread = [float(np.sqrt(np.linalg.det(np.cov((points[group] @ basis.T).T)))) for group in (on, above)]
    if spread[0] < _MIN_SPREAD * spread[1]:
        return None
    near = height[np.abs(height) < 0.3 * tolerance]
    return Plane(normal, offset, float(near.std()), float(on.mean()))
