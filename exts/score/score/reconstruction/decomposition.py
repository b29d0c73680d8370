# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Convex pieces of a closed mesh: sectors around the axis of a hollow, CoACD, or one hull."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import manifold3d
import numpy as np
import trimesh

from score.reconstruction.cavity import Cavity, filled_share
from score.reconstruction.closing import as_manifold, as_trimesh
from score.reconstruction.pieces import MAX_HULL_VERTICES, MAX_PIECES, ConvexPiece, Piece, convex_piece
from score.utils.errors import UserError

LARGEST_FILL = 0.10
"""Share of a hollow that collision pieces may fill."""
_GOOD_FILL = 0.04
_SECTORS_AND_BANDS = ((12, 2), (12, 3), (16, 2), (16, 3), (12, 4), (20, 2), (14, 4), (12, 5))
"""Tried in this order: few pieces first."""
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
        At most :data:`MAX_PIECES` pieces; the fewest that fill little of the hollow.

    Raises:
        UserError: No number of sectors leaves the hollow open enough.
    """
    solid = as_manifold(mesh)
    assert solid is not None, "a closed mesh is a manifold"
    best: list[Piece] = []
    best_fill = math.inf
    for sectors, bands in _SECTORS_AND_BANDS:
        pieces = _cut(solid, mesh, cavity, sectors, bands)
        if not 0 < len(pieces) <= MAX_PIECES:
            continue
        fill = filled_share(cavity, pieces)
        if fill < best_fill:
            best, best_fill = pieces, fill
        if fill <= _GOOD_FILL:
            break
    if best_fill > LARGEST_FILL:
        raise UserError(
            f"collision: sectors fill {best_fill:.0%} of the hollow, and at most {LARGEST_FILL:.0%} is allowed: it is"
            " not round; use --collision coacd."
        )
    return best


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
        settings = json.dumps({"threshold": threshold, "max_ch_vertex": MAX_HULL_VERTICES})
        command = [sys.executable, "-m", "score.reconstruction.coacd_worker", str(source), str(target), settings]
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


def _cut(solid: manifold3d.Manifold, mesh: trimesh.Trimesh, cavity: Cavity, sectors: int, bands: int) -> list[Piece]:
    record = cavity.record
    (_, _, bottom), (_, _, top) = mesh.bounds
    floor = record.floor + _FLOOR_CLEARANCE
    # A rounded floor rises with the square of the radius, so the lower bands are the flatter ones: make them thinner.
    steps = (np.arange(1, bands + 1) / bands) ** 1.5
    cuts = [bottom - 1.0, floor, *(floor + (record.rim - floor) * steps[:-1]), top + 1.0]
    reach = 4.0 * float(np.ptp(mesh.bounds, axis=0).max())
    pieces: list[Piece] = []
    for low, high in itertools.pairwise(cuts):
        band = solid.trim_by_plane((0.0, 0.0, 1.0), low).trim_by_plane((0.0, 0.0, -1.0), -high)
        whole = _whole(band) if high == floor else None
        if whole is not None:
            pieces.append(whole)
            continue
        for index in range(sectors):
            start, end = (2.0 * math.pi * (index + shift) / sectors for shift in (0.0, 1.0))
            corners = [(0.0, 0.0), *((reach * math.cos(a), reach * math.sin(a)) for a in (start, end))]
            wedge = manifold3d.CrossSection([corners]).extrude(high - low).translate((*record.center, low))
            # A wedge may hold several bodies, such as the wall and a handle; one hull would bridge them.
            for part in (band ^ wedge).decompose():
                piece = convex_piece(np.asarray(as_trimesh(part).vertices))
                if piece is not None and part.volume() > 1e-10:
                    pieces.append(piece)
    return pieces


def _whole(band: manifold3d.Manifold) -> ConvexPiece | None:
    """The hull of a band below the floor, where the band is nearly convex."""
    if band.is_empty() or band.volume() < 0.9 * band.hull().volume():
        return None
    return convex_piece(np.asarray(as_trimesh(band).vertices))
