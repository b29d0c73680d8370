# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Thin and looped bodies: pieces along their lines, openings that stay open, a second and a third try that end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.reconstruction.shapes import block, moved

from score.reconstruction.check.comparison import compare, openings_filled
from score.reconstruction.settings import AssetCfg
from score.reconstruction.shape.collision import make_collision
from score.reconstruction.shape.decomposition import hull_piece, union_volume
from score.reconstruction.shape.medial import medial_pieces
from score.reconstruction.shape.pieces import MAX_PIECES, BoxPiece, Piece

MUCH = 0.003
"""What is nearer to the surface than this counts as no opening [m]."""


def ring(radius: float = 0.03, wire: float = 0.004) -> trimesh.Trimesh:
    """A ring that lies on z = 0."""
    return moved(trimesh.creation.torus(radius, wire, major_sections=48, minor_sections=16), z=wire)


def link() -> trimesh.Trimesh:
    """Two links of a chain, one lying and one standing in it."""
    standing = ring().apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2.0, [1.0, 0.0, 0.0]))
    return trimesh.util.concatenate([ring(), moved(standing, x=0.03, z=0.004)])


@pytest.mark.parametrize("mesh", [ring(), link()], ids=["ring", "chain"])
def test_loops_stay_open_and_the_pieces_near(mesh: trimesh.Trimesh) -> None:
    pieces = medial_pieces(mesh)
    assert len(pieces) <= MAX_PIECES
    found = compare(mesh, mesh, None, pieces, MUCH)
    assert found.out_p95 < 0.0015
    assert found.in_p95 < 0.0015
    assert found.openings_filled is not None
    assert found.openings_filled < 0.02
    # Hulls of a bent wire hold a little more than the wire.
    assert union_volume(pieces) == pytest.approx(float(mesh.volume), rel=0.25)


def test_what_closes_an_opening_is_measured() -> None:
    mesh = ring()
    assert openings_filled(mesh, hull_piece(mesh), MUCH) == pytest.approx(1.0, abs=0.05)
    # Half of the hole: its part with x > 0.
    half: list[Piece] = [BoxPiece((0.015, 0.0, 0.004), (0.015, 0.03, 0.004))]
    assert openings_filled(mesh, half, MUCH) == pytest.approx(0.5, abs=0.03)
    assert openings_filled(block(0.06, 0.04, 0.05), half, MUCH) is None


def test_when_coacd_has_no_time_the_lines_decide() -> None:
    cfg = AssetCfg(Path("a.obj"), "ring", Path("out"), coacd_timeout=0.02)
    found = make_collision(ring(), cfg)
    assert found.kind == "medial"
    tries = [line.partition(":")[0] for line in found.tried]
    assert tries == ["primitive", "hull", "coacd", "coarser coacd"]
    assert "ran out of time after 0.012 s" in found.tried[2]
    assert make_collision(ring(), AssetCfg(Path("a.obj"), "ring", Path("out"), collision="medial")).kind == "medial"


def test_lines_of_a_stone_are_weighed_against_its_hull_when_coacd_has_no_time() -> None:
    stone = trimesh.creation.icosphere(subdivisions=3, radius=0.05)
    bumps = 1.0 + 0.12 * np.sin(7.0 * stone.vertices[:, :1] / 0.05) * np.cos(5.0 * stone.vertices[:, 1:2] / 0.05)
    stone.vertices *= bumps
    stone.apply_translation([0.0, 0.0, -stone.bounds[0][2]])
    found = make_collision(stone, AssetCfg(Path("a.obj"), "stone", Path("out"), coacd_timeout=0.02))
    assert "medial: encloses" in found.tried[-2]
    assert f"{found.kind} is nearest" in found.tried[-1]
    hull = compare(stone, stone, None, hull_piece(stone), MUCH)
    assert compare(stone, stone, None, found.pieces, MUCH).out_p95 <= hull.out_p95 + 1e-4
