# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Signed distances from a surface, the sign by winding numbers: holes and flipped faces change little."""

from __future__ import annotations

import numpy as np
import trimesh
import warp as wp
from numpy.typing import NDArray
from scipy import ndimage

from score.reconstruction.shape.mesh_queries import MeshQueries

__all__ = ["signed_distances", "signed_field"]

_BLOCK = 4
"""Cells of the field along the edge of a block that is asked or left out as a whole."""


@wp.kernel
def _signed_distance(
    mesh: wp.uint64, points: wp.array[wp.vec3], band: float, distances: wp.array[float], known: wp.array[wp.int8]
) -> None:
    index = wp.tid()
    hit = wp.mesh_query_point_sign_winding_number(mesh, points[index], band)  # type: ignore[call-arg]
    if hit.result:
        nearest = wp.mesh_eval_position(mesh, hit.face, hit.u, hit.v)
        distances[index] = hit.sign * wp.length(points[index] - nearest)
        known[index] = wp.int8(1)


def signed_field(
    surface: trimesh.Trimesh, low: NDArray[np.float64], cell: float, shape: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Signed distance on a grid, negative inside, exact within a band around the surface, constant beyond.

    Args:
        surface: The surface [m], outward.
        low: First cell of the grid [m], shape (3,).
        cell: Edge of a cell [m].
        shape: Cells along x, y, z, shape (3,).
    """
    mesh = _winding_mesh(surface)
    band, near = 2.0 * cell, _near_cells(surface, low, cell, shape)
    field = np.full(shape, band, dtype=np.float32)
    distances, known = _query(mesh, near * cell + low, band)
    near, distances = near[known], distances[known]
    field[tuple(near.T)] = distances
    beyond = np.ones(shape, dtype=bool)
    beyond[tuple(near.T)] = False
    # Beyond the band the sign is that of the whole region, read at one cell of it.
    regions, count = ndimage.label(beyond)
    _, first = np.unique(regions.ravel(), return_index=True)
    first = first[-count:] if count else first[:0]
    cells = np.stack(np.unravel_index(first, shape), axis=1)
    signs = np.sign(_query(mesh, cells * cell + low, float(np.linalg.norm(shape * cell)))[0])
    values = np.concatenate([[0.0], band * signs]).astype(np.float32)
    field[beyond] = values[regions[beyond]]
    return field


def signed_distances(surface: trimesh.Trimesh, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of points from a surface, negative inside [m].

    Args:
        surface: The surface [m], outward.
        points: Points [m], shape (N, 3).
    """
    reach = float(np.linalg.norm(np.ptp(np.concatenate([surface.bounds, points]), axis=0))) + 1e-6
    return _query(_winding_mesh(surface), points, reach)[0].astype(np.float64)


def _winding_mesh(surface: trimesh.Trimesh) -> wp.Mesh:
    wp.init()
    return wp.Mesh(
        points=wp.array(np.asarray(surface.vertices, dtype=np.float32), dtype=wp.vec3, device="cpu"),
        indices=wp.array(np.asarray(surface.faces, dtype=np.int32).ravel(), dtype=int, device="cpu"),
        support_winding_number=True,
    )


def _near_cells(
    surface: trimesh.Trimesh, low: NDArray[np.float64], cell: float, shape: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Cells (N, 3) of the blocks that the surface may touch: most of the grid is far from it, and need not be asked."""
    blocks = np.stack(np.meshgrid(*[np.arange(-(-n // _BLOCK)) for n in shape], indexing="ij"), axis=-1).reshape(-1, 3)
    centers = (blocks * _BLOCK + (_BLOCK - 1) / 2.0) * cell + low
    near = (
        MeshQueries(surface.vertices, surface.faces, "cpu").distances(centers) < (2.0 + 3.0**0.5 * _BLOCK / 2.0) * cell
    )
    offsets = np.stack(np.meshgrid(*[np.arange(_BLOCK)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = (blocks[near][:, None] * _BLOCK + offsets).reshape(-1, 3)
    return np.asarray(cells[(cells < shape).all(axis=1)])


def _query(mesh: wp.Mesh, points: NDArray[np.float64], band: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Signed distances of points (N, 3), and which of them lie within the band."""
    distances = wp.zeros(len(points), dtype=float, device="cpu")
    known = wp.zeros(len(points), dtype=wp.int8, device="cpu")
    given = wp.array(points.astype(np.float32), dtype=wp.vec3, device="cpu")
    wp.launch(_signed_distance, len(points), [mesh.id, given, band], [distances, known], device="cpu")
    return distances.numpy(), known.numpy() > 0
