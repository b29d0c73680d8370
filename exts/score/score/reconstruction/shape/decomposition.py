# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Convex pieces of a closed mesh: sectors around the axis of a hollow, CoACD, or one hull."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import manifold3d
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from score.reconstruction.scan.closing import as_manifold, as_trimesh
from score.reconstruction.shape.cavity import Cavity, filled_share
from score.reconstruction.shape.pieces import MAX_PIECES, ConvexPiece, Piece, convex_piece
from score.utils.errors import UserError

LARGEST_FILL = 0.10
"""Share of a hollow that collision pieces may fill."""
_SECTORS = (10, 12, 14, 16, 20)
"""Numbers of sectors that are tried."""
_MOST_BANDS = 6
_MOST_TRIES = 10
_GOOD_FILL = 0.075
"""With this share the search for sectors ends."""
_LEVELS = (6, 14)
"""Steps of height below and above the floor at which bands may meet."""
_FLOOR_CLEARANCE = 0.0006
"""Height of the lowest cut above the floor [m]: cut on it, slivers of floor join the wall's hulls, which fill all."""


def hull_piece(mesh: trimesh.Trimesh) -> list[Piece]:
    """One convex hull around a mesh."""
    piece = convex_piece(np.asarray(mesh.vertices))
    if piece is None:
        raise UserError("collision: the object is flat, and so is its hull: use --collision primitive.")
    return [piece]


def sector_pieces(mesh: trimesh.Trimesh, cavity: Cavity) -> list[Piece]:
    """Hulls of the wedges between half-planes through a hollow's axis, cut into bands of height.

    Args:
        mesh: Closed mesh [m], upright.
        cavity: Its hollow.

    Returns:
        At most :data:`MAX_PIECES` pieces: of the numbers of sectors and bands that promise to add least volume, the
        first that fill little of the hollow.

    Raises:
        UserError: No number of sectors leaves the hollow open enough.
    """
    solid = as_manifold(mesh)
    assert solid is not None, "a closed mesh is a manifold"
    costs, heights = _band_costs(mesh, cavity)
    best: list[Piece] = []
    least_fill = math.inf
    for sectors, cuts in _promising(costs, cavity.record.volume)[:_MOST_TRIES]:
        pieces = _cut(solid, cavity, sectors, heights[cuts])
        if not 0 < len(pieces) <= MAX_PIECES:
            continue
        fill = filled_share(cavity, pieces)
        if fill < least_fill:
            best, least_fill = pieces, fill
        if fill <= _GOOD_FILL:
            break
    if least_fill <= LARGEST_FILL:
        return best
    raise UserError(
        f"collision: sectors fill {least_fill:.0%} of the hollow, and at most {LARGEST_FILL:.0%} is allowed: it is not"
        " round; use --collision coacd."
    )


def coacd_pieces(mesh: trimesh.Trimesh, threshold: float, timeout: float) -> list[Piece]:
    """Convex decomposition by CoACD, in a process of its own that can be stopped.

    Args:
        mesh: Closed mesh [m].
        threshold: Concavity that may stay; smaller gives more pieces.
        timeout: Longest time [s].

    Raises:
        UserError: It ran out of time, failed, or gave more than :data:`MAX_PIECES` pieces.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "mesh.npz", Path(folder) / "pieces.npz"
        np.savez(source, vertices=np.asarray(mesh.vertices), faces=np.asarray(mesh.faces))
        settings = json.dumps({"threshold": threshold})
        command = [sys.executable, "-m", "score.reconstruction.shape.coacd_worker", str(source), str(target), settings]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"collision: CoACD ran out of time after {timeout:g} s: give a larger --coacd-timeout or a coarser"
                " --coacd-threshold, or use --collision sectors or hull."
            ) from None
        if result.returncode or not target.is_file():
            lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
            raise UserError(
                f"collision: CoACD failed ({lines[-1]}): use --collision hull, sectors or primitive, or a coarser"
                " --coacd-threshold."
            )
        with np.load(target, allow_pickle=False) as data:
            parts = [data[f"part{index}"] for index in range(int(data["count"]))]
    pieces: list[Piece] = [piece for part in parts if (piece := convex_piece(part)) is not None]
    if len(pieces) > MAX_PIECES:
        raise UserError(
            f"collision: CoACD gave {len(pieces)} pieces, and PhysX takes {MAX_PIECES} per body on a GPU: give a"
            f" coarser --coacd-threshold than {threshold:g}."
        )
    if not pieces:
        raise UserError("collision: CoACD gave no piece: use --collision hull.")
    return pieces


def _band_costs(mesh: trimesh.Trimesh, cavity: Cavity) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute what a band between two heights would fill, by the outline of the object turned about the axis.

    Returns:
        Volume of the turned hull of the outline between heights i and j [m^3], shape (K, K), infinite for i >= j; and
        the heights [m], shape (K,).
    """
    (_, _, bottom), (_, _, top) = mesh.bounds
    floor = cavity.record.floor + _FLOOR_CLEARANCE
    below = np.linspace(bottom, floor, _LEVELS[0] + 1)
    heights = np.concatenate([below, np.linspace(floor, top, _LEVELS[1] + 1)[1:]])
    points = np.asarray(trimesh.sample.sample_surface(mesh, 20_000, seed=0)[0])
    outline = np.column_stack([np.hypot(*(points[:, :2] - cavity.record.center).T), points[:, 2]])
    costs = np.full((len(heights), len(heights)), np.inf)
    for low, high in itertools.combinations(range(len(heights)), 2):
        inside = outline[(outline[:, 1] >= heights[low]) & (outline[:, 1] <= heights[high])]
        if len(inside) >= 20:
            hull = ConvexHull(inside)
            # Pappus: area times the way of its middle, 2 pi r.
            costs[low, high] = hull.volume * 2.0 * math.pi * inside[hull.vertices, 0].mean()
    return costs, heights


def _promising(costs: NDArray[np.float64], hollow: float) -> list[tuple[int, list[int]]]:
    """Numbers of sectors, each with the indices of the cut heights, least added volume first."""
    options = []
    for bands in range(2, _MOST_BANDS + 1):
        volume, cuts = _cheapest_bands(costs, bands)
        for sectors in _SECTORS:
            angle = 2.0 * math.pi / sectors
            # The chords of a circle cut off 1 - sin(a) / a of its area.
            options.append((volume + hollow * (1.0 - math.sin(angle) / angle), sectors, cuts))
    # A solid floor may be one piece; the other bands have one in each sector.
    return [(n, cuts) for _, n, cuts in sorted(options) if n * (len(cuts) - 2) < MAX_PIECES]


def _cheapest_bands(costs: NDArray[np.float64], bands: int) -> tuple[float, list[int]]:
    """Split the whole height into bands of least cost, by dynamic programming over the end of the last band."""
    count = len(costs)
    best = [(float(costs[0, end]), [0, end]) for end in range(count)]
    for _ in range(bands - 1):
        best = [
            min(
                ((best[cut][0] + float(costs[cut, end]), [*best[cut][1], end]) for cut in range(1, end)),
                default=best[0],
            )
            for end in range(count)
        ]
    return best[-1]


def _cut(solid: manifold3d.Manifold, cavity: Cavity, sectors: int, heights: NDArray[np.float64]) -> list[Piece]:
    reach = 4.0 * float(np.ptp(np.array(solid.bounding_box()).reshape(2, 3), axis=0).max())
    cuts = [heights[0] - reach, *heights[1:-1], heights[-1] + reach]
    pieces: list[Piece] = []
    for low, high in itertools.pairwise(cuts):
        band = solid.trim_by_plane((0.0, 0.0, 1.0), low).trim_by_plane((0.0, 0.0, -1.0), -high)
        whole = _whole(band)
        if whole is not None:
            pieces.append(whole)
            continue
        for index in range(sectors):
            start, end = (2.0 * math.pi * (index + shift) / sectors for shift in (0.0, 1.0))
            corners = [(0.0, 0.0), *((reach * math.cos(a), reach * math.sin(a)) for a in (start, end))]
            wedge = manifold3d.CrossSection([corners]).extrude(high - low).translate((*cavity.record.center, low))
            # A wedge may hold several bodies, such as the wall and a handle; one hull would bridge them.
            for part in (band ^ wedge).decompose():
                piece = convex_piece(np.asarray(as_trimesh(part).vertices))
                if piece is not None and part.volume() > 1e-10:
                    pieces.append(piece)
    return pieces


def _whole(band: manifold3d.Manifold) -> ConvexPiece | None:
    """Return the hull of a band where it is nearly convex: a solid floor, for example."""
    if band.is_empty() or band.volume() < 0.9 * band.hull().volume():
        return None
    return convex_piece(np.asarray(as_trimesh(band).vertices))


def union_volume(pieces: Sequence[Piece]) -> float:
    """Volume of the union of pieces [m^3]."""
    solids = [solid for piece in pieces if (solid := as_manifold(piece.mesh())) is not None]
    return float(manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add).volume()) if solids else 0.0
