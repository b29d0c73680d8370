# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Surface points in farthest-point order: any prefix is a cloud that covers the whole surface."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

_CANDIDATES = 20_000


def surface_points(mesh: trimesh.Trimesh, count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sample a surface and order the samples by farthest-point selection.

    Args:
        mesh: Surface [m], outward.
        count: Number of points.
        seed: Seed of the sampling.

    Returns:
        Points [m] and outward unit normals, both of shape (count, 3), float32, in farthest-point order.
    """
    candidates, face = trimesh.sample.sample_surface(mesh, max(_CANDIDATES, 4 * count), seed=seed)
    order = farthest_point_order(np.asarray(candidates), count)
    normals = np.asarray(mesh.face_normals)[face[order]]
    return candidates[order].astype(np.float32), normals.astype(np.float32)


def farthest_point_order(points: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Order points so that each is the one furthest from all before it.

    Args:
        points: Points, shape (N, 3); the first of the order is the one furthest from their mean.
        count: Length of the order, at most N.

    Returns:
        Indices, shape (count,).
    """
    order = np.empty(count, dtype=np.int64)
    nearest = np.full(len(points), np.inf)
    order[0] = np.argmax(((points - points.mean(axis=0)) ** 2).sum(axis=1))
    for index in range(1, count):
        nearest = np.minimum(nearest, ((points - points[order[index - 1]]) ** 2).sum(axis=1))
        order[index] = np.argmax(nearest)
    return order


def write_points(path: Path, points: NDArray[np.float32], normals: NDArray[np.float32]) -> None:
    """Write points and normals as ``.npz`` whose bytes depend on the numbers alone.

    Args:
        path: File to write.
        points: Shape (N, 3), float32.
        normals: Shape (N, 3), float32.
    """
    # np.savez stamps the members with the time of writing.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in {"points": points, "normals": normals}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
