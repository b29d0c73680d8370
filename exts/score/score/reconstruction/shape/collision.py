# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Chooses what the engines collide with: by the user's policy, or for ``auto`` the simplest that is faithful."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import trimesh

from score.reconstruction.settings import AssetCfg
from score.reconstruction.shape.cavity import Cavity, find_cavity
from score.reconstruction.shape.decomposition import coacd_pieces, hull_piece, sector_pieces, union_volume
from score.reconstruction.shape.medial import medial_pieces
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import Piece, outer_surface_points, with_flat_foot
from score.reconstruction.shape.primitives import fit_primitive, ring_pieces, slot_pieces
from score.utils.errors import UserError

_CLOSE_ENOUGH = (0.0015, 0.015)
"""A simple shape is taken where 95 % of the surface is nearer than this [m], or than this share of the diagonal."""
_SWOLLEN = 0.3
"""Pieces that enclose this much more than the body bridge something: others are tried."""
_FIRST_SHARE = 0.6
"""Share of CoACD's time for the first try; a coarser one gets the rest."""
_COARSER = 3.0
"""Factor of the concavity of the coarser try."""


@dataclass(frozen=True)
class Collision:
    """Collision pieces and how they were chosen."""

    kind: str
    """The policy that made them."""
    pieces: list[Piece]
    """Primitives and convex pieces in the asset frame."""
    cavity: Cavity | None
    """The hollow of the object, where it has one."""
    tried: tuple[str, ...] = ()
    """What ``auto`` looked at and why it went on."""


def make_collision(mesh: trimesh.Trimesh, cfg: AssetCfg) -> Collision:
    """Make the collision pieces of an object.

    Args:
        mesh: Closed mesh [m], asset frame, standing on z = 0.
        cfg: Policy, measured dimensions and CoACD's settings.

    Raises:
        UserError: The policy does not fit the object.
    """
    chosen = _chosen(mesh, find_cavity(mesh), cfg)
    return replace(chosen, pieces=with_flat_foot(chosen.pieces, mesh))


def _chosen(mesh: trimesh.Trimesh, cavity: Cavity | None, cfg: AssetCfg) -> Collision:
    if cfg.collision == "auto":
        return _automatic(mesh, cavity, cfg)
    if cfg.collision == "sectors":
        if cavity is None:
            raise UserError(
                "collision: sectors need a hollow that is open to the top, and the scan shows none: use coacd or hull."
            )
        pieces = sector_pieces(mesh, cavity)
    elif cfg.collision == "primitive":
        pieces = [fit_primitive(mesh, cfg.measures).piece]
    elif cfg.collision == "fit:slot":
        pieces = slot_pieces(mesh, cavity, cfg.measures)
    elif cfg.collision == "fit:ring":
        pieces = ring_pieces(mesh, cavity, cfg.measures)
    elif cfg.collision == "medial":
        pieces = medial_pieces(mesh)
    elif cfg.collision == "coacd":
        pieces = coacd_pieces(mesh, cfg.coacd_threshold, cfg.coacd_timeout)
    else:
        pieces = hull_piece(mesh)
    return Collision(cfg.collision, pieces, cavity)


def _automatic(mesh: trimesh.Trimesh, cavity: Cavity | None, cfg: AssetCfg) -> Collision:
    tried = []
    if cavity is not None:
        try:
            return Collision("sectors", sector_pieces(mesh, cavity), cavity)
        except UserError as error:
            tried.append(f"sectors: {error}")
    else:
        limit = _near_enough(mesh)
        fit = fit_primitive(mesh)
        if fit.error < limit:
            return Collision("primitive", [fit.piece], None)
        tried.append(f"primitive: 95 % within {fit.error * 1e3:.1f} mm, limit {limit * 1e3:.1f} mm")
        hull = hull_piece(mesh)
        distance = _distance(hull, mesh)
        if distance < limit:
            return Collision("hull", hull, None, tuple(tried))
        tried.append(f"hull: 95 % within {distance * 1e3:.1f} mm, limit {limit * 1e3:.1f} mm")
    return _decomposed(mesh, cavity, cfg, tried)


def _decomposed(mesh: trimesh.Trimesh, cavity: Cavity | None, cfg: AssetCfg, tried: list[str]) -> Collision:
    """CoACD, a coarser CoACD, and pieces along the medial lines: the first that do not bridge, else the nearest."""
    options: list[tuple[float, str, list[Piece]]] = []
    for kind in ("coacd", "coarser coacd", "medial"):
        if kind == "coarser coacd" and options:
            continue  # a finer one is there
        share = _FIRST_SHARE if kind == "coacd" else 1.0 - _FIRST_SHARE
        factor = 1.0 if kind == "coacd" else _COARSER
        try:
            if kind == "medial":
                pieces = medial_pieces(mesh)
            else:
                pieces = coacd_pieces(mesh, factor * cfg.coacd_threshold, share * cfg.coacd_timeout)
        except UserError as error:
            tried.append(f"{kind}: {error}")
            continue
        name = kind.rpartition(" ")[2]
        swollen = union_volume(pieces) / float(mesh.volume) - 1.0
        distance = _distance(pieces, mesh)
        # Hulls along the lines of a stone meet in its middle, and leave holes under its skin.
        near = kind != "medial" or distance < _near_enough(mesh)
        if swollen < _SWOLLEN and near:
            return Collision(name, pieces, cavity, tuple(tried))
        tried.append(f"{kind}: encloses {swollen:.0%} more than the body, 95 % within {distance * 1e3:.1f} mm")
        options.append((distance, name, pieces))
    if cavity is None:
        hull = hull_piece(mesh)
        options.append((_distance(hull, mesh), "hull", hull))
    if not options:
        raise UserError(
            f"collision: nothing decomposes the body ({'; '.join(tried[-3:])}): give a larger --coacd-timeout, or use"
            " --collision hull."
        )
    distance, name, pieces = min(options, key=lambda option: option[0])
    return Collision(name, pieces, cavity, (*tried, f"{name} is nearest, 95 % within {distance * 1e3:.1f} mm"))


def _near_enough(mesh: trimesh.Trimesh) -> float:
    return max(_CLOSE_ENOUGH[0], _CLOSE_ENOUGH[1] * float(np.linalg.norm(mesh.extents)))


def _distance(pieces: list[Piece], mesh: trimesh.Trimesh) -> float:
    """95th percentile of the distance from the pieces' outer surface to the mesh [m]."""
    points = outer_surface_points(pieces)
    return float(np.percentile(MeshQueries(mesh.vertices, mesh.faces, "cpu").distances(points), 95))
