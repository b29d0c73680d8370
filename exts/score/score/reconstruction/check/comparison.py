# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Numbers on how faithful collision pieces are to the mesh that is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh

from score.reconstruction.scan.field import signed_distances
from score.reconstruction.shape.cavity import Cavity, filled_share
from score.reconstruction.shape.decomposition import union_volume
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import Piece, combined_mesh, contains, outer_surface_points

_SAMPLES = 5000
_ROOM_SAMPLES = 40_000
_LEAST_ROOM = 0.01
"""Openings with less than this share of the convex hull's volume are none."""


@dataclass(frozen=True)
class Comparison:
    """Collision pieces against the visual mesh."""

    out_p95: float
    """95th percentile of the distance from the pieces' outer surface to the visual mesh [m]."""
    out_max: float
    """Its largest value [m]."""
    in_p95: float
    """95th percentile of the distance from the visual mesh to the pieces' surface [m]."""
    collision_volume: float
    """Volume of the union of the pieces [m^3]."""
    visual_volume: float | None
    """Volume of the closed visual mesh [m^3]; None where it could not be closed."""
    filled: float | None
    """Share of the hollow that the pieces fill; None without a hollow."""
    openings_filled: float | None
    """Share of the room inside the convex hull, away from the surface, that the pieces fill: between the blades and in
    the loops of scissors, under a handle. None where there is no such room, or the mesh could not be closed."""


def compare(
    visual: trimesh.Trimesh,
    closed: trimesh.Trimesh | None,
    cavity: Cavity | None,
    pieces: Sequence[Piece],
    reach: float,
) -> Comparison:
    """Compare collision pieces with the scan: their surface with the closed mesh, what is seen with the pieces.

    Args:
        visual: What is seen, asset frame [m].
        closed: The same, closed; None where it could not be.
        cavity: Its hollow.
        pieces: Collision pieces, asset frame.
        reach: What is nearer to the surface than this counts as no opening [m].
    """
    outer = outer_surface_points(pieces)
    # An underside that nobody scanned is missing in what is seen, and not in what is closed.
    whole = visual if closed is None else closed
    out = MeshQueries(whole.vertices, whole.faces, "cpu").distances(outer)
    seen, _ = trimesh.sample.sample_surface(visual, _SAMPLES, seed=0)
    surface = combined_mesh(pieces)
    inward = MeshQueries(surface.vertices, surface.faces, "cpu").distances(np.asarray(seen))
    return Comparison(
        out_p95=float(np.percentile(out, 95)),
        out_max=float(out.max()),
        in_p95=float(np.percentile(inward, 95)),
        collision_volume=union_volume(pieces),
        visual_volume=None if closed is None else float(closed.volume),
        filled=None if cavity is None else filled_share(cavity, pieces),
        openings_filled=None if closed is None else openings_filled(closed, pieces, reach),
    )


def openings_filled(closed: trimesh.Trimesh, pieces: Sequence[Piece], reach: float) -> float | None:
    """Share of the room inside a body's hull and outside the body, away from its surface, that pieces fill.

    Args:
        closed: Closed mesh [m].
        pieces: Collision pieces in the same frame.
        reach: Distance from the surface that room has at least [m].

    Returns:
        The share; None where there is hardly any room.
    """
    hull = closed.convex_hull
    points = np.random.default_rng(0).uniform(*closed.bounds, size=(_ROOM_SAMPLES, 3))
    normals, origins = np.asarray(hull.face_normals), np.asarray(hull.triangles)[:, 0]
    offsets = np.einsum("ij,ij->i", normals, origins)
    inside = np.concatenate([(block @ normals.T < offsets).all(axis=1) for block in np.array_split(points, 40)])
    points = points[inside]
    room = points[signed_distances(closed, points) > reach]
    if len(room) < _LEAST_ROOM * len(points):
        return None
    return float(contains(pieces, room).mean())
