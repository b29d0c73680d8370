# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a depth picture to the segments of a cloud: by colour, and by what stands out of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["above_plane", "deproject", "fit_plane", "inside", "near_color", "transform"]

Points = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def deproject(depth: Points, focal: tuple[float, float], center: tuple[float, float]) -> Points:
    """Points (H, W, 3) [m] of a depth picture (H, W) [m] in the camera's frame: x right, y down, z ahead.

    Args:
        depth: Distance along z; 0 where the camera saw nothing.
        focal: Focal lengths in x and y [pixels].
        center: Principal point [pixels].
    """
    rows, columns = np.indices(depth.shape)
    return np.stack([(columns - center[0]) * depth / focal[0], (rows - center[1]) * depth / focal[1], depth], axis=-1)


def transform(pose: Points, points: Points) -> Points:
    """Points (..., 3) in the frame that a pose (4, 4) is given in."""
    return points @ pose[:3, :3].T + pose[:3, 3]


def inside(points: Points, low: tuple[float, ...], high: tuple[float, ...]) -> Mask:
    """Which points (..., 3) lie in a box, (...)."""
    return np.all((points >= np.asarray(low)) & (points <= np.asarray(high)), axis=-1)


def near_color(picture: NDArray[np.uint8], color: tuple[int, int, int], tolerance: float) -> Mask:
    """Which pixels (H, W) of a picture (H, W, 3) have a colour, whatever the brightness.

    Args:
        picture: Red, green and blue.
        color: The colour, taken from a picture of the object.
        tolerance: Largest distance of the shares of red, green and blue; 0.1 tells an orange peg from a grey socket.
    """
    values = picture.astype(float)
    shares = values / np.maximum(values.sum(-1, keepdims=True), 1.0)
    wanted = np.asarray(color, dtype=float) / max(sum(color), 1)
    lit = values.sum(-1) > 60  # a dark pixel's colour is noise
    return (np.linalg.norm(shares - wanted, axis=-1) < tolerance) & lit


def fit_plane(points: Points, tolerance: float, tries: int = 100, seed: int = 0) -> NDArray[np.floating[Any]]:
    """Return the plane that most points (n, 3) lie on, (4,): n . p + d = 0 with the unit normal n pointing up (z >= 0).

    Args:
        points: At least three.
        tolerance: Distance up to which a point counts [m].
        tries: Planes through three random points that are compared.
        seed: Seed of the choice.

    Raises:
        ValueError: Fewer than three points, or all on a line.
    """
    if len(points) < 3:
        raise ValueError(f"A plane needs three points, got {len(points)}: does the camera see the table?")
    generator = np.random.default_rng(seed)
    corners = points[generator.integers(len(points), size=(tries, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    real = lengths > 1e-12
    if not real.any():
        raise ValueError("All points lie on a line: does the camera see the table?")
    normals, corners = normals[real] / lengths[real, None], corners[real]
    distances = np.abs((points[None] - corners[:, :1]) @ normals[:, :, None])[..., 0]
    close = points[distances[(distances < tolerance).sum(1).argmax()] < tolerance]
    middle = close.mean(0)
    normal = np.linalg.svd(close - middle)[2][2]  # least squares over all that lie on it
    normal = normal if normal[2] >= 0.0 else -normal
    return np.append(normal, -normal @ middle)


def above_plane(points: Points, plane: NDArray[np.floating[Any]], distance: float) -> Mask:
    """Which points (..., 3) stand more than a distance [m] out of a plane (4,), (...)."""
    return points @ plane[:3] + plane[3] > distance
