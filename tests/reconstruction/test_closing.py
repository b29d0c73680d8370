# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Closing a surface: the mildest step that works, and the shells that cannot be closed."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from tests.reconstruction.shapes import block, cup

from score.reconstruction.scan import closing
from score.reconstruction.scan.closing import boundary_loops, capped, close_mesh, wall_thickness
from score.utils.errors import UserError


def without(mesh: trimesh.Trimesh, drop: np.ndarray) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces[~drop], process=False)


def fine_ball() -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=4, radius=0.04)


def test_a_closed_scan_stays_as_it_is() -> None:
    closed = close_mesh(fine_ball(), on_table=False)
    assert (closed.method, closed.holes, closed.invented_share) == ("as scanned", 0, 0.0)
    assert closed.mesh.is_watertight
    assert closed.mesh.volume == pytest.approx(fine_ball().volume, rel=0.01)


def test_small_holes_are_capped_and_counted() -> None:
    ball = fine_ball()
    centers = ball.triangles_center
    drop = (np.linalg.norm(centers - [0.04, 0.0, 0.0], axis=1) < 0.008) | (
        np.linalg.norm(centers - [0.0, -0.04, 0.0], axis=1) < 0.006
    )
    closed = close_mesh(without(ball, drop), on_table=False)
    assert (closed.method, closed.holes) == ("capped", 2)
    assert closed.mesh.is_watertight
    # A flat cap loses a spherical cap of height h = 0.8 mm: pi h^2 (R - h / 3), under 0.1 ml of 268.
    assert closed.mesh.volume == pytest.approx(ball.volume, rel=0.01)


def test_the_underside_is_drawn_down_to_the_table() -> None:
    box = block(0.06, 0.04, 0.05).subdivide().subdivide().subdivide()
    seen = without(box, box.triangles_center[:, 2] < 0.0015)
    seen.apply_translation([0.0, 0.0, 0.001])
    closed = close_mesh(seen, on_table=True)
    assert closed.mesh.bounds[0][2] == pytest.approx(0.0, abs=1e-6)
    # Drawn down from 1 mm: 60 x 40 x 51 mm.
    assert closed.mesh.volume == pytest.approx(0.06 * 0.04 * 0.051, rel=0.01)


def test_edges_with_three_faces_are_patched() -> None:
    ball = fine_ball()
    tooth = np.array([[ball.faces[0][0], ball.faces[0][1], ball.faces[500][2]]])
    closed = close_mesh(
        trimesh.Trimesh(ball.vertices, np.concatenate([ball.faces, tooth]), process=False), on_table=False
    )
    assert closed.method == "patched"
    assert closed.mesh.is_watertight
    assert closed.mesh.volume == pytest.approx(ball.volume, rel=0.01)


def test_what_is_no_manifold_at_all_gets_one_from_the_field() -> None:
    ball = fine_ball()
    faces = np.array(ball.faces)
    flipped = np.random.default_rng(0).random(len(faces)) < 0.1  # far more than are patched
    faces[flipped] = faces[flipped, ::-1]
    closed = close_mesh(trimesh.Trimesh(ball.vertices, faces, process=False), on_table=False, voxel=0.002)
    assert closed.method == "field"
    assert closed.mesh.is_watertight
    assert closed.mesh.volume == pytest.approx(ball.volume, rel=0.03)
    assert closed.shift_h95 < 0.001


def test_an_open_shell_cannot_be_closed() -> None:
    ball = fine_ball()
    half = without(ball, ball.triangles_center[:, 2] > 0.0)
    # The lid is pi R^2 of 3 pi R^2: a third would be invented.
    with pytest.raises(
        UserError, match=r"close: the scan is an open shell: \d\d% of its closed surface would be invented"
    ):
        close_mesh(half, on_table=False)


def test_a_sheet_encloses_nothing() -> None:
    sheet = block(0.06, 0.04, 0.05).subdivide().subdivide()
    sheet = without(sheet, sheet.face_normals[:, 2] < 0.9)
    with pytest.raises(UserError, match=r"close: the scan (encloses no volume|is an open shell)"):
        close_mesh(sheet, on_table=False)


def test_a_grid_that_is_too_fine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "LARGEST_GRID", 1000)
    with pytest.raises(UserError, match=r"close: a grid of 2.00 mm cells needs .* give a larger --voxel"):
        closing._from_field(fine_ball(), 0.002)


def test_loops_run_around_the_holes() -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    top = box.face_normals[:, 2] > 0.9
    (loop,) = boundary_loops(np.asarray(without(box, top).faces))
    assert len(loop) == 4
    assert np.allclose(box.vertices[loop][:, 2], 0.5)
    assert boundary_loops(np.asarray(box.faces)) == []


def test_caps_face_outwards() -> None:
    box = trimesh.creation.box((1.0, 1.0, 1.0))
    mesh, holes = capped(without(box, box.face_normals[:, 2] > 0.9), on_table=False)
    assert holes == 1
    assert mesh.volume == pytest.approx(1.0)


def test_the_wall_of_a_cup_is_as_thick_as_it_is() -> None:
    assert np.median(wall_thickness(cup(wall=0.004))) == pytest.approx(0.004, abs=1e-4)
