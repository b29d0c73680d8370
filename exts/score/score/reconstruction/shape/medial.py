# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Convex pieces along the medial lines of thin and looped bodies (scissors, chains, racks), in seconds.

The solid is thinned to its lines; the lines are cut into short stretches, equally long along the body and not through
the air, and each stretch gets the hull of the surface around it. Loops stay open.
"""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from score.reconstruction.scan.field import signed_field
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import MAX_PIECES, Piece, convex_piece, outer_surface_points
from score.utils.errors import UserError

__all__ = ["medial_pieces"]

_CELLS = 160
"""Cells along the longest side: a wall of 1 mm in an object of 200 mm has one."""
_LEAST_CELL = 0.0003
_COUNTS = (12, 24, 40, MAX_PIECES)
"""Numbers of pieces that are tried."""
_GOOD = 0.01
"""The search ends where 95 % of the pieces are within this share of the diagonal of the mesh."""
_SAMPLES = 20_000
_OVERLAP = 1.5
"""Neighbours share the surface that is this near to both [cells], so that no gap is left between them."""


def medial_pieces(mesh: trimesh.Trimesh) -> list[Piece]:
    """Decompose a body along its medial lines.

    Args:
        mesh: Closed mesh [m].

    Returns:
        At most :data:`~score.reconstruction.shape.pieces.MAX_PIECES` hulls: the fewest that are near the mesh, else the
        nearest.

    Raises:
        UserError: The body is too thin for the grid.
    """
    nodes, cell = _medial_nodes(mesh)
    order, reach = _stretches(nodes, cell, max(_COUNTS))
    points = np.concatenate([np.asarray(mesh.vertices), trimesh.sample.sample_surface(mesh, _SAMPLES, seed=0)[0]])
    near, node = cKDTree(nodes).query(points, k=min(4, len(nodes)))
    near, node = near.reshape(len(points), -1), node.reshape(len(points), -1)
    shared = near <= near[:, :1] + _OVERLAP * cell
    queries = MeshQueries(mesh.vertices, mesh.faces, "cpu")
    good = _GOOD * float(np.linalg.norm(mesh.extents))
    best: tuple[float, list[Piece]] = (np.inf, [])
    for count in _COUNTS:
        owner = np.argmin(reach[: min(count, len(order))], axis=0)[node]
        pieces: list[Piece] = []
        for index in range(min(count, len(order))):
            piece = convex_piece(points[((owner == index) & shared).any(axis=1)])
            if piece is not None:
                pieces.append(piece)
        if not pieces:
            continue
        error = float(np.percentile(queries.distances(outer_surface_points(pieces)), 95))
        if error < best[0]:
            best = (error, pieces)
        if error < good or count >= len(order):
            break
    if not best[1]:
        raise UserError("collision: the body is too thin for medial pieces: use --collision hull or primitive.")
    return best[1]


def _medial_nodes(mesh: trimesh.Trimesh) -> tuple[NDArray[np.float64], float]:
    """Points on the medial lines [m], shape (N, 3), one a cell, and the edge of a cell [m]."""
    cell = max(float(mesh.extents.max()) / _CELLS, _LEAST_CELL)
    low = mesh.bounds[0] - 2.0 * cell
    shape = np.ceil((mesh.extents + 4.0 * cell) / cell).astype(int) + 1
    # Half a cell more than the solid: what is thinner than a cell stays in one piece.
    solid = signed_field(mesh, low, cell, shape) < 0.5 * cell
    nodes = np.argwhere(skeletonize(solid))
    if not len(nodes):
        raise UserError("collision: the body has no medial lines: use --collision hull or primitive.")
    return nodes * cell + low, cell


def _stretches(nodes: NDArray[np.float64], cell: float, count: int) -> tuple[list[int], NDArray[np.float64]]:
    """Nodes that are far from each other along the lines, and the way from each to all nodes, shape (count, N)."""
    # Neighbours lie in touching cells, at most the square root of 3 apart.
    pairs = cKDTree(nodes).query_pairs(1.75 * cell, output_type="ndarray").reshape(-1, 2)
    lengths = np.linalg.norm(nodes[pairs[:, 0]] - nodes[pairs[:, 1]], axis=1)
    graph = coo_matrix((lengths, (pairs[:, 0], pairs[:, 1])), shape=(len(nodes),) * 2).tocsr()
    # From an end: the node that is farthest from any first one.
    start = dijkstra(graph, directed=False, indices=0)
    order = [int(np.argmax(np.where(np.isfinite(start), start, -1.0)))]
    reach = [dijkstra(graph, directed=False, indices=order[0])]
    nearest = reach[0].copy()
    while len(order) < min(count, len(nodes)) and nearest.max() > 0.0:
        # Pieces without a way to each other are infinitely far, and get theirs first.
        order.append(int(np.argmax(nearest)))
        reach.append(dijkstra(graph, directed=False, indices=order[-1]))
        nearest = np.minimum(nearest, reach[-1])
    return order, np.array(reach)
