# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Takes the one object out of a scan: region of interest, islands, a second object, doubled and flipped faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError

from score.reconstruction.shape.mesh_queries import MeshQueries
from score.utils.errors import UserError

_GAP = 0.03
"""Pieces nearer than this share of the object's size belong together: a scan breaks a surface at its holes."""
_WITHIN = 0.9
"""A large piece with this share of its points above, under or in the outline of the largest one belongs to it."""
_RIVAL_AREA = 0.1
"""A piece with this share of the largest one's area is a second object, a smaller one an island."""


@dataclass(frozen=True)
class ObjectFaces:
    """Which faces of a scan are the object."""

    keep: NDArray[np.bool_]
    """Faces of the object, shape (F,)."""
    islands: int
    """Pieces that were dropped."""


def inside_roi(vertices: NDArray[np.float64], faces: NDArray[np.int64], roi: tuple[float, ...]) -> NDArray[np.bool_]:
    """Faces whose corners all lie in a box.

    Args:
        vertices: Vertices, shape (V, 3).
        faces: Triangles, shape (F, 3).
        roi: x0, x1, y0, y1, z0, z1 in the vertices' frame and unit.

    Raises:
        UserError: None does.
    """
    low, high = np.array(roi[::2]), np.array(roi[1::2])
    inside = ((vertices >= low) & (vertices <= high)).all(axis=1)[faces].all(axis=1)
    if not inside.any():
        bounds = np.round([vertices.min(axis=0), vertices.max(axis=0)], 4).tolist()
        raise UserError(f"region: --roi holds no face; the scan reaches from {bounds[0]} to {bounds[1]}.")
    return np.asarray(inside)


def weld(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give vertices at one place one number, so that seams of the texture are no edges of the surface.

    Returns:
        The faces with the new numbers, shape (F, 3); they index the same ``vertices``.
    """
    digits = 1e-7 * float(np.ptp(vertices, axis=0).max())
    _, first, inverse = np.unique(
        np.round(vertices / digits).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    return np.asarray(first[inverse.ravel()][faces], dtype=np.int64)


def select_object(
    vertices: NDArray[np.float64], welded: NDArray[np.int64], places: NDArray[np.float64] | None = None
) -> ObjectFaces:
    """Keep the largest piece and what belongs to it.

    Args:
        vertices: Vertices, shape (V, 3).
        welded: Faces from :func:`weld`, shape (F, 3).
        places: The vertices in the unit and frame in which a region is given, shape (V, 3), for the message; None: as
            they are.

    Raises:
        UserError: A second piece is too large to be an island; the message holds a region for each of the two.
    """
    piece, count = _pieces(len(vertices), welded)
    areas = np.bincount(piece, weights=trimesh.triangles.area(vertices[welded]), minlength=count)
    # Hundreds of crumbs would cost a search each, and none can be a bridge between two large pieces.
    large = [int(p) for p in np.argsort(-areas) if areas[p] > 1e-3 * areas.max()][:60]
    corners = {p: np.unique(welded[piece == p]) for p in large}
    gap = _GAP * float(np.linalg.norm(np.ptp(vertices[corners[large[0]]], axis=0)))
    joined, waiting = [large[0]], large[1:]
    while True:
        whole = _Whole(vertices, welded[np.isin(piece, joined)], gap)
        # A crumb over the object is an island all the same.
        parts = {p: bool(areas[p] > _RIVAL_AREA * areas[joined].sum()) for p in waiting}
        near = [p for p, large_part in parts.items() if whole.has(welded[piece == p], within=large_part)]
        if not near:
            break
        joined += near
        waiting = [p for p in waiting if p not in near]
    for rival in waiting:
        if areas[rival] > _RIVAL_AREA * areas[joined].sum():
            told = vertices if places is None else places
            both = [told[np.concatenate([corners[p] for p in joined])], told[corners[rival]]]
            regions = [_region_text(both[i], both[1 - i]) for i in (0, 1)]
            raise UserError(
                f"object: the scan holds two objects; the second has {areas[rival] / areas[joined].sum():.0%} of the"
                f" first one's surface. Choose the first with --roi {regions[0]}, the second with --roi {regions[1]}."
            )
    return ObjectFaces(np.isin(piece, joined), count - len(joined))


class _Whole:
    """The pieces that are known to be one object, and whether another one belongs to them."""

    def __init__(self, vertices: NDArray[np.float64], faces: NDArray[np.int64], gap: float) -> None:
        self._vertices, self._gap = vertices, gap
        self._queries = MeshQueries(*_compact(vertices, faces), "cpu")
        self._places = _places(vertices, faces)
        try:
            self._outline = ConvexHull(self._places[:, :2]).equations
        except (QhullError, ValueError):
            self._outline = np.array([[0.0, 0.0, 1.0]])  # of no area: nothing is inside

    def has(self, part: NDArray[np.int64], *, within: bool) -> bool:
        """Whether a piece touches it, or where ``within`` stands in its outline, as a knob does on a lid of glass."""
        places = _places(self._vertices, part)
        inside = (places[:, :2] @ self._outline[:, :2].T + self._outline[:, 2]).max(axis=1) < 0.0
        # Both ways: the corners of a large face may all be far from where another piece touches its middle.
        return bool(
            (within and inside.mean() > _WITHIN)
            or self._touches(self._queries, places)
            or self._touches(MeshQueries(*_compact(self._vertices, part), "cpu"), self._around(places))
        )

    def _touches(self, surface: MeshQueries, places: NDArray[np.float64]) -> bool:
        return bool(len(places)) and float(surface.distances(places).min()) < self._gap

    def _around(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Its own places near a piece's box: only these can be near the piece."""
        low, high = places.min(axis=0) - self._gap, places.max(axis=0) + self._gap
        return self._places[((self._places >= low) & (self._places <= high)).all(axis=1)]


def _places(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Corners and middles of faces."""
    return np.concatenate([vertices[np.unique(faces)], vertices[faces].mean(axis=1)])


def _compact(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the vertices that some faces use, and the faces with their new numbers."""
    used, inverse = np.unique(faces, return_inverse=True)
    return vertices[used], inverse.reshape(-1, 3)


def _region_text(mine: NDArray[np.float64], other: NDArray[np.float64]) -> str:
    """Suggest a box around an object, for ``--roi``: with room for table around it, and without the other object."""
    low, high = mine.min(axis=0), mine.max(axis=0)
    size = float((high - low).max())
    margin = size
    for share in (0.4, 0.2, 0.1, 0.05, 0.02, 0.01):
        margin = share * size
        if not ((other > low - margin) & (other < high + margin)).all(axis=1).any():
            break
    digits = max(0, 3 - int(np.floor(np.log10(margin))))
    bounds = np.stack([low - margin, high + margin], axis=1).ravel()
    return " ".join(f"{value:.{digits}f}" for value in np.round(bounds, digits) + 0.0)


def repaired(vertices: NDArray[np.float64], welded: NDArray[np.int64]) -> trimesh.Trimesh:
    """Drop doubled, degenerate and bridging faces, and turn all faces the same way, outwards.

    Returns:
        The surface, usually still with holes.
    """
    distinct = (welded[:, 0] != welded[:, 1]) & (welded[:, 1] != welded[:, 2]) & (welded[:, 2] != welded[:, 0])
    faces = welded[distinct]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    faces = faces[np.sort(first)]
    piece, count = _pieces(len(vertices), faces)
    sizes = np.bincount(piece, minlength=count)
    # Two faces back to back enclose nothing and break the manifold.
    mesh = trimesh.Trimesh(vertices, faces[sizes[piece] > 4], process=False)
    mesh.remove_unreferenced_vertices()
    if not mesh.is_winding_consistent:
        trimesh.repair.fix_winding(mesh)
    if mesh.volume < 0.0:
        mesh.invert()
    return mesh


def _pieces(num_vertices: int, faces: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the connected piece of each face, shape (F,), and their number; faces that share an edge are connected."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    owner = np.repeat(np.arange(len(faces)), 3)
    _, edge = np.unique(edges[:, 0] * np.int64(num_vertices) + edges[:, 1], return_inverse=True)
    edge = edge.ravel() + len(faces)
    graph = coo_matrix((np.ones(len(edge), dtype=np.int8), (owner, edge)), shape=(edge.max() + 1,) * 2)
    _, labels = connected_components(graph, directed=False)
    _, piece = np.unique(labels[: len(faces)], return_inverse=True)
    return np.asarray(piece.ravel(), dtype=np.int64), int(piece.max()) + 1
