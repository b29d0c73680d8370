# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Which way up a scan without a table is: what its file hints at, and whether it would stand that way."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from score.reconstruction.scan.closing import boundary_loops
from score.reconstruction.scan.table import axis_vector, rotation_to_up
from score.reconstruction.shape.mesh_queries import planar_area
from score.reconstruction.shape.rolling import rolling_radius
from score.utils.errors import UserError

__all__ = [
    "LARGEST_STANDING_TILT",
    "LEAST_TOPPLING",
    "Stand",
    "firmest_up",
    "guessed_up",
    "stand_of",
    "standing_face",
    "stands_otherwise",
]

LARGEST_STANDING_TILT = 15.0
"""An object that would have to tip further than this to stand was not scanned standing [deg]."""
LEAST_TOPPLING = 2.0
"""An object that falls over when it is tipped by less was not scanned standing [deg]; a pen on its end takes 3."""
_SLAB = 0.01
"""What is this near to the lowest point, as a share of the longest side, carries the object."""
_FLAT_FOOT = 0.3
"""Share of the footprint that a flat foot spans at least; a ball spans 0.02, a bottle on its side 0.2."""
_OPEN_FOOT = 0.2
"""Share of the footprint that a hole spans where the side on which the object stood was not seen."""
_LOW_RIM = (90.0, 0.05)
"""A hole is at the bottom where this percentile of its ragged rim is below this share of the longest side."""
_DIFFERENT_HEIGHT = 1.5
"""Ratio of the heights from which it matters along which of two axes a body stands."""
_FIRMEST_TRIED = 30
"""Faces of the hull, lowest centre of mass first, among which the firmest is sought."""
_CENTRED = 0.02
"""The origin is in the middle, or on the ground, when it is this near, as a share of the longest side."""
_AXES = ("x", "y", "z", "-x", "-y", "-z")


@dataclass(frozen=True)
class Stand:
    """How a body comes to rest when it is set down (z up)."""

    normal: NDArray[np.float64]
    """Outward normal of the face of its hull on which it stands, shape (3,)."""
    point: NDArray[np.float64]
    """A point on that face, shape (3,)."""
    tilt: float
    """Angle by which it has to tip to stand on it [deg]."""
    toppling: float
    """Angle by which it may be tipped then before it falls over [deg]."""


def stand_of(hull: trimesh.Trimesh, center_of_mass: NDArray[np.float64]) -> Stand:
    """Return the face of a convex hull on which a body comes to rest when it is set down as it is (z up).

    Args:
        hull: Convex hull of the body.
        center_of_mass: Centre of mass, shape (3,).
    """
    normals, feet, height, stable = _faces(hull, center_of_mass)
    tilt = np.degrees(np.arccos(np.clip(-normals[:, 2], -1.0, 1.0)))
    tilt[~stable] = 180.0
    best = int(np.argmin(tilt))
    toppling = _toppling(hull, normals[best], feet[best], float(height[best]))
    return Stand(normals[best], np.asarray(hull.triangles)[best, 0], float(tilt[best]), toppling)


def firmest_up(surface: trimesh.Trimesh) -> NDArray[np.float64]:
    """Return what is up for a body that stands on the face on which it has to be tipped furthest to fall over.

    Args:
        surface: Surface in any unit and frame.

    Returns:
        Unit vector, shape (3,).

    Raises:
        UserError: It has no hull.
    """
    low: list[int] = []
    with contextlib.suppress(QhullError, ValueError), np.errstate(invalid="ignore"):
        hull = surface.convex_hull
        normals, feet, height, stable = _faces(hull, np.asarray(hull.center_mass))
        low = [index for index in np.argsort(height).tolist() if stable[index]][:_FIRMEST_TRIED]
    if not low:
        raise UserError("table: the object is flat, and --up rest needs a body: name the axis with --up.")
    best = max(low, key=lambda index: _toppling(hull, normals[index], feet[index], float(height[index])))
    return -normals[best]


def standing_face(hull: trimesh.Trimesh, center_of_mass: NDArray[np.float64], turn: NDArray[np.float64]) -> Stand:
    """Return the face on which a body stands as it is.

    Args:
        hull: Convex hull of the body (z up).
        center_of_mass: Centre of mass, shape (3,).
        turn: Rotation from the frame of the scan to that of the hull, shape (3, 3).

    Raises:
        UserError: It would tip over, or fall at the least touch; the message names the axes along which it stands.
    """
    stand = stand_of(hull, center_of_mass)
    if _firm(stand):
        return stand
    why = (
        f"the object does not stand on its lowest side (it would tip by {stand.tilt:.0f} degrees)"
        if stand.tilt > LARGEST_STANDING_TILT
        else f"the object stands on an edge (tipped by {stand.toppling:.1f} degrees it falls over)"
    )
    standing = [f"--up {axis}" for axis in _AXES if _stands(hull, center_of_mass, turn @ axis_vector(axis))]
    hint = f"; it would stand with {' or '.join(standing)}" if standing else ""
    raise UserError(
        f"table: the scan holds no table plane, and {why}: name the axis that points up with --up{hint}, stand it"
        " on its firmest side with --up rest, or scan it with the table."
    )


def guessed_up(surface: trimesh.Trimesh, default: str) -> tuple[str, str]:
    """Which of y and z is up in a file whose format, or custom, says one, and whose author may have meant the other.

    Args:
        surface: Welded surface in any unit, in the file's frame, without a table.
        default: ``y`` or ``z``, what is taken unless the file clearly hints at the other.

    Returns:
        The axis, and why it is the other one; empty where it is the default.
    """
    other = "z" if default == "y" else "y"
    try:
        hull = surface.convex_hull
    except (QhullError, ValueError):
        return default, ""
    center = np.asarray(hull.center_mass)
    if not _stands(hull, center, axis_vector(other)):
        return default, ""
    for hints in (_strong_hints, _weak_hints):
        ours, theirs = hints(surface, hull, default), hints(surface, hull, other)
        if ours:
            return default, ""
        if theirs:
            return other, theirs
    return default, ""


def stands_otherwise(surface: trimesh.Trimesh, axis: str) -> str:
    """Return the other one of y and z where a body stands along both, and much higher or lower; else nothing.

    Args:
        surface: Welded surface in any unit, in the file's frame.
        axis: ``y`` or ``z``, along which it was stood.
    """
    other = "z" if axis == "y" else "y"
    extents = dict(zip("xyz", surface.extents.tolist(), strict=True))
    low, high = sorted((extents[axis], extents[other]))
    if high < _DIFFERENT_HEIGHT * low:
        return ""
    try:
        hull = surface.convex_hull
    except (QhullError, ValueError):
        return ""
    center, turn = np.asarray(hull.center_mass), rotation_to_up(axis_vector(other))
    if rolling_radius(np.asarray(hull.vertices) @ turn.T, turn @ center) is not None:
        return ""
    return other if _stands(hull, center, axis_vector(other)) else ""


def _firm(stand: Stand) -> bool:
    return stand.tilt <= LARGEST_STANDING_TILT and stand.toppling >= LEAST_TOPPLING


def _stands(hull: trimesh.Trimesh, center: NDArray[np.float64], up: NDArray[np.float64]) -> bool:
    turn = rotation_to_up(up)
    turned = trimesh.Trimesh(np.asarray(hull.vertices) @ turn.T, hull.faces, process=False)
    return _firm(stand_of(turned, turn @ center))


def _strong_hints(surface: trimesh.Trimesh, hull: trimesh.Trimesh, axis: str) -> str:
    up = axis_vector(axis)
    height, longest = np.asarray(surface.vertices) @ up, float(surface.extents.max())
    across = [i for i in range(3) if up[i] == 0.0]
    middle = surface.bounds.mean(axis=0)
    footprint = planar_area(np.asarray(hull.vertices)[:, across])
    for loop in boundary_loops(np.asarray(surface.faces)):
        ring = np.asarray(surface.vertices)[loop]
        low = np.percentile(height[loop], _LOW_RIM[0]) < height.min() + _LOW_RIM[1] * longest
        if low and planar_area(ring[:, across]) > _OPEN_FOOT * footprint:
            return f"its open side is at the bottom along {axis}"
    grounded = abs(height.min()) < _CENTRED * longest < abs(height.max())
    if grounded and np.abs(middle[across]).max() < _CENTRED * longest:
        return f"its origin is on the ground and in the middle along {axis}"
    return ""


def _weak_hints(surface: trimesh.Trimesh, hull: trimesh.Trimesh, axis: str) -> str:
    up = axis_vector(axis)
    across = [i for i in range(3) if up[i] == 0.0]
    corners = np.asarray(surface.vertices)
    height = corners @ up
    foot = corners[height < height.min() + 0.5 * _SLAB * float(surface.extents.max())]
    flat = planar_area(foot[:, across]) > _FLAT_FOOT * planar_area(np.asarray(hull.vertices)[:, across])
    return f"it has a flat foot along {axis}" if flat else ""


def _faces(
    hull: trimesh.Trimesh, center: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Of each face of a hull: normal (F, 3), foot (F, 3) and height (F,) of the centre of mass, whether it carries."""
    triangles, normals = np.asarray(hull.triangles), np.asarray(hull.face_normals)
    below = np.einsum("ij,ij->i", center - triangles[:, 0], normals)
    feet = center - below[:, None] * normals
    weights = trimesh.triangles.points_to_barycentric(triangles, feet)
    return normals, feet, -below, (weights >= -1e-9).all(axis=1)


def _toppling(hull: trimesh.Trimesh, normal: NDArray[np.float64], foot: NDArray[np.float64], height: float) -> float:
    """Angle [deg] about the nearest edge of what carries the body, from its foot point below the centre of mass."""
    corners = np.asarray(hull.vertices)
    depth = (corners - foot) @ normal
    carrying = corners[depth > -_SLAB * float(hull.extents.max())] - foot
    flat = carrying @ np.linalg.svd(normal[None])[2][1:].T
    try:
        # Distances of the foot point from the edges; it lies inside.
        distance = float((-ConvexHull(flat).equations[:, 2]).min())
    except (QhullError, ValueError):
        distance = 0.0
    return float(np.degrees(np.arctan2(max(distance, 0.0), max(float(height), 1e-12))))
