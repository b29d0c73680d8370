# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Which way up a scan without a table is, and whether it stands that way."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from tests.reconstruction.shapes import block, moved
from trimesh.transformations import rotation_matrix

from score.reconstruction.scan.table import rotation_to_up
from score.reconstruction.scan.upright import firmest_up, guessed_up, stand_of, standing_face, stands_otherwise
from score.utils.errors import UserError

Y_UP = rotation_matrix(-np.pi / 2.0, [1.0, 0.0, 0.0])
"""What stood with z up has y up after it."""
TURN = np.eye(3)


def can() -> trimesh.Trimesh:
    """A can of 66 x 120 mm that stands on z = 0."""
    return moved(trimesh.creation.cylinder(0.033, 0.12, sections=64), z=0.06)


def without_bottom(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    mesh.update_faces(mesh.face_normals[:, 2] > -0.9)
    return mesh


def test_a_box_that_leans_stands_on_the_face_that_is_nearest_to_down() -> None:
    box = trimesh.creation.box((0.06, 0.04, 0.05)).apply_transform(rotation_matrix(np.radians(5.0), [1.0, 0.0, 0.0]))
    stand = standing_face(box.convex_hull, box.center_mass, TURN)
    assert stand.tilt == pytest.approx(5.0, abs=1e-6)
    assert np.allclose(rotation_to_up(-stand.normal) @ stand.normal, [0.0, 0.0, -1.0])
    # Its foot is 60 x 40 mm, its centre 25 mm up: atan(20 / 25) = 38.7 degrees.
    assert stand.toppling == pytest.approx(38.66, abs=0.01)


def test_an_object_on_its_edge_was_not_scanned_standing() -> None:
    box = trimesh.creation.box((0.06, 0.04, 0.05)).apply_transform(rotation_matrix(np.radians(40.0), [1.0, 0.0, 0.0]))
    with pytest.raises(UserError, match=r"no table plane.*would tip by 40 degrees.*--up"):
        standing_face(box.convex_hull, box.center_mass, TURN)


def test_a_body_whose_weight_is_beside_its_foot_does_not_stand_on_it() -> None:
    # On its tip: a cone of half angle atan(30 / 80) = 20.6 degrees falls on its side, by 69, or 70 with 32 sides.
    cone = trimesh.creation.cone(0.03, 0.08).apply_transform(rotation_matrix(np.pi, [1.0, 0.0, 0.0]))
    with pytest.raises(
        UserError,
        match=r"would tip by 70 degrees.* it would stand with --up -z, stand it .* --up rest",
    ):
        standing_face(cone.convex_hull, cone.center_mass, TURN)


def test_a_board_on_its_edge_is_refused_with_the_axes_along_which_it_lies() -> None:
    board = block(0.3, 0.003, 0.3)
    # atan(1.5 / 150) = 0.57 degrees
    assert stand_of(board.convex_hull, board.center_mass).toppling == pytest.approx(0.573, abs=0.01)
    with pytest.raises(UserError, match=r"by 0.6 degrees it falls over.*would stand with --up y or --up -y, stand"):
        standing_face(board.convex_hull, board.center_mass, TURN)
    # The axes are those of the file, whose y was turned up here: the one that is now along y lies flat.
    turned = rotation_to_up(np.array([0.0, 1.0, 0.0]))
    axis = "xyz"[int(np.argmax(np.abs(turned[1])))]
    assert axis != "y"
    with pytest.raises(UserError, match=rf"would stand with --up {axis} or --up -{axis}, stand"):
        standing_face(board.convex_hull, board.center_mass, turned)


def test_a_pen_on_its_end_and_a_ball_are_taken() -> None:
    pen = moved(trimesh.creation.cylinder(0.004, 0.14, sections=32), z=0.07)
    ball = moved(trimesh.creation.icosphere(subdivisions=4, radius=0.035), z=0.035)
    for body in (pen, ball):
        standing_face(body.convex_hull, body.center_mass, TURN)


def test_an_open_side_at_the_bottom_tells_the_axis() -> None:
    mesh = without_bottom(moved(can(), x=0.4, y=0.3, z=0.2))
    assert guessed_up(mesh, "z") == ("z", "")
    axis, why = guessed_up(mesh.copy().apply_transform(Y_UP), "z")
    assert (axis, why) == ("y", "its open side is at the bottom along y")


def test_the_rim_of_an_unseen_bottom_is_ragged() -> None:
    """As phones scan a bottle on a table: some of the rim reaches 7 % up."""
    side = trimesh.creation.revolve([[0.033, 0.0], [0.033, 0.06], [0.033, 0.12], [0.0, 0.12]], sections=120)
    rim = np.flatnonzero(side.vertices[:, 2] < 1e-6)
    side.vertices[rim[::20], 2] = 0.07 * 0.12
    mesh = moved(side, x=0.4, y=0.3, z=0.2).apply_transform(Y_UP)
    assert guessed_up(mesh, "z") == ("y", "its open side is at the bottom along y")


def test_the_firmest_side_is_down_however_a_body_was_turned() -> None:
    turn = rotation_matrix(np.radians(40.0), [1.0, 0.0, 0.0])
    # On 60 x 50 mm with the centre 20 mm up: atan(25 / 20) = 51 degrees, more than on any other side.
    box = trimesh.creation.box((0.06, 0.04, 0.05)).apply_transform(turn)
    assert abs(firmest_up(box) @ turn[:3, 1]) == pytest.approx(1.0, abs=1e-6)
    cone = trimesh.creation.cone(0.03, 0.03).apply_transform(turn)
    assert firmest_up(cone) @ turn[:3, 2] == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(UserError, match="the object is flat, and --up rest needs a body"):
        firmest_up(trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], [[0, 1, 2], [1, 3, 2]]))


def test_an_origin_on_the_ground_tells_the_axis() -> None:
    box = block(0.06, 0.04, 0.05)
    assert guessed_up(box, "z") == ("z", "")
    axis, why = guessed_up(box.copy().apply_transform(Y_UP), "z")
    assert (axis, why) == ("y", "its origin is on the ground and in the middle along y")
    # A file whose format says y, written with z up.
    assert guessed_up(box, "y")[0] == "z"


def test_a_flat_foot_tells_the_axis_where_nothing_else_does() -> None:
    lying = moved(can(), x=0.4, y=0.3, z=0.2).apply_transform(Y_UP)
    axis, why = guessed_up(lying, "z")
    assert (axis, why) == ("y", "it has a flat foot along y")


def test_a_carton_stands_along_two_axes_and_a_die_and_a_can_do_not() -> None:
    carton = trimesh.creation.box((0.07, 0.19, 0.07))
    assert (stands_otherwise(carton, "z"), stands_otherwise(carton, "y")) == ("y", "z")
    # 60 mm against 50 mm is no matter, and a can on its side would roll.
    assert stands_otherwise(trimesh.creation.box((0.06, 0.06, 0.05)), "z") == ""
    assert stands_otherwise(can(), "z") == ""


def test_without_a_clear_hint_the_format_is_believed() -> None:
    box = moved(block(0.06, 0.04, 0.05), x=0.4, y=0.3, z=0.2)
    assert guessed_up(box, "z") == ("z", "")
    assert guessed_up(box, "y") == ("y", "")
    # A pen lies: on its end it would fall over (atan(1.5 / 70) = 1.2 degrees).
    pen = trimesh.creation.cylinder(0.0015, 0.14, sections=32).apply_transform(Y_UP)
    assert guessed_up(moved(pen, y=0.07), "z") == ("z", "")
