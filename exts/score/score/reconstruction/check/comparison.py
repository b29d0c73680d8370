# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Numbers on how faithful collision pieces are to the mesh that is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import manifold3d
import numpy as np
import trimesh

from score.reconstruction.scan.closing import as_manifold
from score.reconstruction.shape.cavity import Cavity, filled_share
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import Piece, combined_mesh, contains

_SAMPLES = 5000
_SKIN = 2e-5
"""A point this deep inside another piece is no outer surface [m]."""


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


def compare(
    visual: trimesh.Trimesh, closed: trimesh.Trimesh | None, cavity: Cavity | None, pieces: Sequence[Piece]
) -> Comparison:
    """Compare collision pieces with the scan: their surface with the closed mesh, what is seen with the pieces.

    Args:
        visual: What is seen, asset frame [m].
        closed: The same, closed; None where it could not be.
        cavity: Its hollow.
        pieces: Collision pieces, asset frame.
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
    )


def outer_surface_points(pieces: Sequence[Piece], seed: int = 0) -> np.ndarray:
    """Points on the pieces' surfaces that no other piece covers [m], shape (N, 3)."""
    meshes = [piece.mesh() for piece in pieces]
    areas = np.array([mesh.area for mesh in meshes])
    counts = np.maximum(20, np.round(_SAMPLES * areas / areas.sum())).astype(int)
    found = []
    for index, (mesh, count) in enumerate(zip(meshes, counts, strict=True)):
        points = np.asarray(trimesh.sample.sample_surface(mesh, int(count), seed=seed + index)[0])
        others = [piece for other, piece in enumerate(pieces) if other != index]
        found.append(points[~contains(others, points, -_SKIN)] if others else points)
    points = np.concatenate(found)
    return points if len(points) else np.concatenate([np.asarray(mesh.vertices) for mesh in meshes])


def union_volume(pieces: Sequence[Piece]) -> float:
    """Volume of the union of pieces [m^3]."""
    solids = [solid for piece in pieces if (solid := as_manifold(piece.mesh())) is not None]
    return float(manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add).volume()) if solids else 0.0
