# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Collision pieces: hollows stay open, tight fits keep their measure, and policies that do not fit are refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reconstruction.shapes import block, bored, cup, moved, slotted

from score.reconstruction.check.comparison import compare
from score.reconstruction.check.insertion import hole_of, peg_starts, tip_gaps
from score.reconstruction.settings import AssetCfg
from score.reconstruction.shape import decomposition
from score.reconstruction.shape.cavity import filled_share, find_cavity
from score.reconstruction.shape.collision import Collision, make_collision
from score.reconstruction.shape.decomposition import union_volume
from score.reconstruction.shape.pieces import (
    MAX_HULL_VERTICES,
    BoxPiece,
    ConvexPiece,
    CylinderPiece,
    SpherePiece,
    contains,
    convex_piece,
    depth,
    with_flat_foot,
)
from score.utils.errors import UserError


def collide(mesh: trimesh.Trimesh, policy: str = "auto", **changes: Any) -> Collision:
    return make_collision(mesh, AssetCfg(Path("a.obj"), "a", Path("out"), collision=policy, **changes))


def test_the_hollow_of_a_cup() -> None:
    cavity = find_cavity(cup(radius=0.035, height=0.08, wall=0.004, floor=0.006))
    assert cavity is not None
    record = cavity.record
    assert record.center == pytest.approx((0.0, 0.0), abs=0.0005)
    assert (record.floor, record.rim) == pytest.approx((0.006, 0.08), abs=1e-4)
    assert record.radius == pytest.approx(0.031, abs=0.0006)
    # pi 31^2 mm^2 x 74 mm = 223.4 ml
    assert record.volume == pytest.approx(223.4e-6, rel=0.02)


@pytest.mark.parametrize("mesh", [block(0.05, 0.05, 0.05), moved(trimesh.creation.icosphere(radius=0.04), z=0.04)])
def test_what_is_not_hollow_has_no_cavity(mesh: trimesh.Trimesh) -> None:
    assert find_cavity(mesh) is None


def test_a_cup_upside_down_holds_nothing() -> None:
    mesh = cup().apply_transform(trimesh.transformations.rotation_matrix(np.pi, [1.0, 0.0, 0.0]))
    assert find_cavity(mesh) is None


def test_auto_cuts_a_cup_into_sectors_that_leave_it_open() -> None:
    collision = collide(cup())
    assert collision.kind == "sectors"
    assert collision.cavity is not None
    assert len(collision.pieces) <= 64
    assert filled_share(collision.cavity, collision.pieces) < 0.06
    # The pieces cover the wall: its middle is inside.
    angles = np.linspace(0.0, 2.0 * np.pi, 50) + 0.01  # not on a cut
    wall = np.column_stack([0.033 * np.cos(angles), 0.033 * np.sin(angles), np.full(50, 0.04)])
    assert contains(collision.pieces, wall, -1e-5).all()


def test_what_one_sees_through_holds_no_water() -> None:
    ring = moved(trimesh.creation.torus(0.03, 0.006), z=0.006)
    assert find_cavity(ring) is None
    pinhole = trimesh.creation.cylinder(0.0004, 0.05)
    leaking = trimesh.boolean.difference([cup(), pinhole], engine="manifold")
    found, whole = find_cavity(leaking), find_cavity(cup())
    assert found is not None
    assert whole is not None
    assert found.record.volume == pytest.approx(whole.record.volume, rel=0.01)


def test_auto_takes_a_primitive_where_one_fits() -> None:
    (piece,) = collide(block(0.06, 0.04, 0.05)).pieces
    assert isinstance(piece, BoxPiece)
    assert sorted(piece.half_size) == pytest.approx([0.02, 0.025, 0.03], abs=1e-4)
    (piece,) = collide(moved(trimesh.creation.icosphere(radius=0.04), z=0.04)).pieces
    assert isinstance(piece, SpherePiece)
    assert piece.radius == pytest.approx(0.04, abs=2e-4)
    (piece,) = collide(moved(trimesh.creation.cylinder(0.03, 0.1, sections=96), z=0.05)).pieces
    assert isinstance(piece, CylinderPiece)
    assert (piece.radius, piece.height) == pytest.approx((0.03, 0.1), abs=2e-4)


def test_a_lying_cylinder_is_found() -> None:
    mesh = trimesh.creation.cylinder(0.03, 0.1, sections=96)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [0.0, 1.0, 0.0]))
    (piece,) = collide(moved(mesh, z=0.03), "primitive").pieces
    assert isinstance(piece, CylinderPiece)
    assert (piece.radius, piece.height) == pytest.approx((0.03, 0.1), abs=3e-4)


def test_auto_takes_the_hull_of_what_is_convex() -> None:
    cone = trimesh.creation.cone(0.04, 0.05, sections=64)
    collision = collide(cone)
    assert collision.kind == "hull"
    assert "primitive: 95 % within" in collision.tried[0]


def test_measured_dimensions_replace_the_scanned_ones() -> None:
    (piece,) = collide(block(0.0203, 0.0199, 0.061), "primitive", measures={"x": 0.02, "y": 0.02, "z": 0.06}).pieces
    assert isinstance(piece, BoxPiece)
    assert piece.half_size == pytest.approx((0.01, 0.01, 0.03))
    assert piece.center[2] == pytest.approx(0.03)  # its bottom stays on the table


def test_a_primitive_stands_on_the_table() -> None:
    """A ball that lies on a seam: 2 mm of it are flat, and the sphere around the rest would reach below the table."""
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=0.06)
    mesh.vertices[:, 2] = np.maximum(mesh.vertices[:, 2], -0.058)
    (piece,) = collide(moved(mesh, z=0.058), "primitive").pieces
    assert isinstance(piece, SpherePiece)
    assert piece.center[2] == piece.radius == pytest.approx(0.06, abs=0.0003)


def test_dimensions_of_different_primitives_are_refused() -> None:
    with pytest.raises(UserError, match="no primitive has the dimensions x, diameter"):
        collide(block(0.05, 0.05, 0.05), "primitive", measures={"x": 0.05, "diameter": 0.05})


SLOT = {"width": 0.021, "length": 0.021, "depth": 0.03}


@settings(max_examples=10, deadline=None)
@given(st.floats(-0.7, 0.7))
def test_a_slot_has_the_measured_size_wherever_the_scan_has_it(yaw: float) -> None:
    hole = hole_of(collide(slotted(yaw, hole=0.0214), "fit:slot", measures=SLOT).pieces)
    assert hole.width == pytest.approx([0.021, 0.021], abs=1e-6)
    assert (hole.floor, hole.rim) == pytest.approx((0.01, 0.04), abs=1e-6)
    assert hole.center == pytest.approx([0.002 * np.cos(yaw), 0.002 * np.sin(yaw)], abs=4e-4)
    assert abs((hole.yaw - yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4) < 0.02


def test_a_ring_does_not_reach_into_the_measured_hole() -> None:
    pieces = collide(bored(), "fit:ring", measures={"diameter": 0.017, "depth": 0.03}).pieces
    assert len(pieces) == 17
    angles = np.linspace(0.0, 2.0 * np.pi, 360)
    circle = 0.0085 * np.column_stack([np.cos(angles), np.sin(angles)])
    rim = np.column_stack([circle * 0.9999, np.full(360, 0.025)])
    center = np.array([hole_of(pieces).center])
    assert center == pytest.approx(np.zeros((1, 2)), abs=3e-4)
    rim[:, :2] += center
    assert not contains(pieces, rim).any()
    rim[:, :2] += 0.0006 * circle / 0.0085  # between the boxes the wall is up to R (1 / cos(pi / 16) - 1) = 0.17 mm off
    assert contains(pieces, rim).all()


@pytest.mark.parametrize(("policy", "measures"), [("fit:slot", SLOT), ("fit:ring", {"diameter": 0.02, "depth": 0.02})])
def test_a_feature_that_the_scan_does_not_show(policy: str, measures: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"{policy} needs a hole that is open to the top"):
        collide(block(0.05, 0.05, 0.05), policy, measures=measures)


def test_a_hole_larger_than_its_block() -> None:
    with pytest.raises(UserError, match="leave no wall"):
        collide(slotted(), "fit:slot", measures={**SLOT, "width": 0.06, "length": 0.06})
    with pytest.raises(UserError, match=r"no floor \(-10.0 mm\)"):
        collide(bored(), "fit:ring", measures={"diameter": 0.017, "depth": 0.05})


def test_sectors_want_a_hollow() -> None:
    with pytest.raises(UserError, match="sectors need a hollow"):
        collide(block(0.05, 0.05, 0.05), "sectors")


def test_sectors_that_fill_the_hollow_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decomposition, "_SECTORS", (3,))
    # A triangle in a circle leaves 3 sqrt(3) / (4 pi) = 41 % open.
    with pytest.raises(UserError, match=r"sectors fill \d\d% of the hollow.*--collision coacd"):
        collide(cup(), "sectors")


def test_coacd_that_runs_out_of_time() -> None:
    with pytest.raises(UserError, match=r"CoACD ran out of time after 0.01 s.*--coacd-timeout"):
        collide(cup(), "coacd", coacd_timeout=0.01)


def test_coacd_that_fails_says_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError, match=r"CoACD failed \(exit code 1\)"):
        collide(cup(), "coacd")


@pytest.mark.slow
def test_coacd_pieces_are_small_and_cover_the_mesh() -> None:
    ell = trimesh.boolean.union([block(0.08, 0.03, 0.03), block(0.03, 0.03, 0.08)], engine="manifold")
    collision = collide(ell, "coacd")
    assert 2 <= len(collision.pieces) <= 64
    assert union_volume(collision.pieces) == pytest.approx(ell.volume, rel=0.05)
    assert all(isinstance(p, ConvexPiece) and len(p.vertices) <= MAX_HULL_VERTICES for p in collision.pieces)


def test_too_many_coacd_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decomposition, "MAX_PIECES", 1)
    ell = trimesh.boolean.union([block(0.08, 0.03, 0.03), block(0.03, 0.03, 0.08)], engine="manifold")
    with pytest.raises(UserError, match=r"CoACD gave \d+ pieces, and PhysX takes 1 .* coarser --coacd-threshold"):
        collide(ell, "coacd")


def test_a_hull_has_few_corners_and_hardly_shrinks() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.04)
    piece = convex_piece(np.asarray(ball.vertices))
    assert piece is not None
    assert len(piece.vertices) == MAX_HULL_VERTICES
    # A hull of 32 even points in a sphere holds four fifths of it.
    assert piece.mesh().volume > 0.75 * ball.volume
    assert depth(piece, np.asarray(ball.vertices)).min() > -0.008


def test_flat_points_have_no_hull() -> None:
    assert convex_piece(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])) is None


def test_depth_in_the_primitives() -> None:
    turned = (0.0, 0.0, np.sin(np.pi / 8), np.cos(np.pi / 8))  # 45 degrees about z
    box = BoxPiece((0.0, 0.0, 0.0), (0.1, 0.1, 0.1), turned)
    # The corner of the turned box is at 0.1 sqrt(2) = 0.141 on x.
    assert contains([box], np.array([[0.14, 0.0, 0.0], [0.142, 0.0, 0.0]])).tolist() == [True, False]
    cylinder = CylinderPiece((0.0, 0.0, 0.0), 0.1, 0.4)
    assert depth(cylinder, np.array([[0.0, 0.0, 0.15], [0.07, 0.0, 0.0]])) == pytest.approx([0.05, 0.03])
    assert depth(SpherePiece((1.0, 0.0, 0.0), 0.5), np.array([[1.2, 0.0, 0.0]])) == pytest.approx([0.3])


def test_collision_against_visual_numbers() -> None:
    box = block(0.06, 0.04, 0.05)
    grown = BoxPiece((0.0, 0.0, 0.025), (0.032, 0.022, 0.027))  # 2 mm larger on every side
    found = compare(box, box, None, [grown], 0.003)
    assert found.out_p95 == pytest.approx(0.002, abs=0.0008)
    assert found.in_p95 == pytest.approx(0.002, abs=1e-4)
    assert found.collision_volume == pytest.approx(0.064 * 0.044 * 0.054)
    assert found.visual_volume == pytest.approx(0.06 * 0.04 * 0.05)
    assert found.filled is None


def test_overlapping_pieces_count_once() -> None:
    a, b = BoxPiece((0.0, 0.0, 0.0), (0.1, 0.1, 0.1)), BoxPiece((0.1, 0.0, 0.0), (0.1, 0.1, 0.1))
    # 0.2 + 0.1 long, 0.2 x 0.2 across.
    assert union_volume([a, b]) == pytest.approx(0.3 * 0.2 * 0.2)


def test_a_peg_starts_inside_the_play_of_its_hole() -> None:
    hole = hole_of(collide(slotted(0.3), "fit:slot", measures=SLOT).pieces)
    peg = [BoxPiece((0.0, 0.0, 0.03), (0.01, 0.01, 0.03))]
    starts = np.array(peg_starts(hole, peg, 10))
    assert starts[0][:2] == pytest.approx(hole.center, abs=1e-9)
    assert starts[0][2] == pytest.approx(0.041)
    # 1 mm of play: at most 0.8 x 0.5 mm beside the centre on either axis of the hole.
    assert np.linalg.norm(starts[:, :2] - hole.center, axis=1).max() <= 0.4e-3 * np.sqrt(2.0) + 3e-4
    gaps = tip_gaps(np.tile([0.0, 0, 0, 0, 0, 0, 1], (10, 1)), starts, hole.floor, peg[0].mesh().vertices)
    assert gaps == pytest.approx(np.full(10, 0.031), abs=1e-7)  # 30 mm deep, 1 mm above the rim


def test_a_peg_that_is_too_wide() -> None:
    hole = hole_of(collide(slotted(), "fit:slot", measures=SLOT).pieces)
    with pytest.raises(UserError, match=r"the peg \(22.00 mm\) is wider than the hole \(21.00 mm\)"):
        peg_starts(hole, [BoxPiece((0.0, 0.0, 0.03), (0.011, 0.011, 0.03))], 1)


def test_a_socket_without_a_hole() -> None:
    with pytest.raises(UserError, match="insertion: the socket's collision pieces leave no hole"):
        hole_of([BoxPiece((0.0, 0.0, 0.02), (0.02, 0.02, 0.02))])


def test_a_flat_foot_is_judged_by_the_surface_and_not_by_a_few_corners() -> None:
    # Four feet, one of them on the ground: the corners alone span nothing below 0.3 mm.
    corners = np.array([[x, y, 0.1] for x in (-0.03, 0.03) for y in (-0.02, 0.02)])
    feet = np.array([[-0.03, -0.02, 0.0], [0.03, -0.02, 0.0006], [0.03, 0.02, 0.0007], [-0.03, 0.02, 0.0008]])
    piece = convex_piece(np.concatenate([corners, feet]))
    assert piece is not None
    flat = with_flat_foot([piece], block(0.06, 0.04, 0.1))[0].mesh()
    # The scanned surface is flat there, so all four come down; 0.06 x 0.04 m touch the table.
    low = flat.vertices[flat.vertices[:, 2] < 1e-9]
    assert np.ptp(low, axis=0)[:2] == pytest.approx([0.06, 0.04])
    round_bottom = moved(trimesh.creation.icosphere(subdivisions=5, radius=0.04), z=0.04)
    assert with_flat_foot([piece], round_bottom) == [piece]


def test_a_hull_keeps_the_corners_that_a_bulging_side_stands_on() -> None:
    # A carton on its side, whose underside bulges along x and y: from z = 0 in the middle to 2 mm at the corners.
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.08, 0.08, 21), np.linspace(-0.035, 0.035, 11)))
    under = np.column_stack([x, y, 0.001 * (x / 0.08) ** 2 + 0.001 * (y / 0.035) ** 2])
    piece = convex_piece(np.concatenate([under, under * [1.0, 1.0, -1.0] + [0.0, 0.0, 0.07]]))
    assert piece is not None
    assert len(piece.vertices) == 32
    low = piece.vertices[piece.vertices[:, 2] < 0.001]  # what comes down to the table
    # A support at 1 degree lies where the slope, 0.3125 x and 1.633 y, is tan 1 degree = 0.01746: x = 56 mm and
    # y = 10.7 mm, to a cell of the grid.
    assert np.ptp(low, axis=0)[:2] == pytest.approx([0.112, 0.0214], abs=0.017)


def test_an_underside_that_nobody_scanned_is_no_error_of_the_pieces() -> None:
    whole = block(0.06, 0.04, 0.1)
    seen = whole.copy()
    seen.update_faces(seen.face_normals[:, 2] > -0.5)
    pieces = [BoxPiece((0.0, 0.0, 0.05), (0.03, 0.02, 0.05))]
    assert compare(seen, whole, None, pieces, 0.003).out_p95 < 1e-6
    # Without the closed mesh the middle of the underside, a tenth of the surface, is up to 20 mm from what was seen.
    assert compare(seen, None, None, pieces, 0.003).out_p95 > 0.005
