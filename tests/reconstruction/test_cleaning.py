# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One object out of a scan: islands, seams, a second object, doubled faces."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from score.reconstruction.scan.cleaning import inside_roi, repaired, select_object, weld
from score.utils.errors import UserError


def box(center: tuple[float, float, float], size: float = 0.05) -> trimesh.Trimesh:
    made = trimesh.creation.box((size, size, size)).subdivide().subdivide()
    made.apply_translation(center)
    return made


def test_crumbs_are_dropped_and_counted() -> None:
    mesh = trimesh.util.concatenate([box((0.0, 0.0, 0.0)), box((0.1, 0.0, 0.0), 0.004), box((0.0, 0.1, 0.0), 0.003)])
    found = select_object(mesh.vertices, weld(mesh.vertices, mesh.faces))
    assert int(found.keep.sum()) == 12 * 16
    assert found.islands == 2
    assert mesh.vertices[mesh.faces[found.keep]].max() <= 0.025 + 1e-9


def test_pieces_that_nearly_touch_are_one_object() -> None:
    # A gap of 1 mm, under 3 % of the 87 mm diagonal.
    mesh = trimesh.util.concatenate([box((0.0, 0.0, 0.0)), box((0.051, 0.0, 0.0))])
    found = select_object(mesh.vertices, weld(mesh.vertices, mesh.faces))
    assert found.keep.all()
    assert found.islands == 0


def test_two_objects_are_refused_and_the_second_is_located() -> None:
    mesh = trimesh.util.concatenate([box((0.0, 0.0, 0.0)), box((0.2, 0.0, 0.0), 0.04)])
    # 6 x 40^2 / (6 x 50^2) = 64 % of the surface.
    # Boxes with a margin of 0.4 x 50 and 0.4 x 40 mm; and in the numbers of the file where those are given.
    welded = weld(mesh.vertices, mesh.faces)
    with pytest.raises(UserError, match=r"second has 64% .* --roi -0.04500 0.04500 .*--roi 0.16400 0.23600 -0.03600 "):
        select_object(mesh.vertices, welded)
    with pytest.raises(UserError, match=r"--roi -45.00 45.00 .*--roi 164.00 236.00 "):
        select_object(mesh.vertices, welded, 1000.0 * mesh.vertices)


def lid(height: float, *, glass: bool = True) -> trimesh.Trimesh:
    """A lid of 200 mm, or its rim where the glass was not seen, and over its middle a knob that starts at a height."""
    disc = trimesh.creation.cylinder(0.1, 0.01, sections=32)
    rim = trimesh.creation.annulus(0.09, 0.1, 0.01, sections=32)
    knob = trimesh.creation.box((0.04, 0.04, 0.03)).apply_translation([0.0, 0.0, 0.02 + height])
    return trimesh.util.concatenate([disc if glass else rim, knob])


@pytest.mark.parametrize("mesh", [lid(0.0), lid(0.02), lid(0.0, glass=False)], ids=["on it", "over it", "no glass"])
def test_a_lid_and_its_knob_are_one_object(mesh: trimesh.Trimesh) -> None:
    assert select_object(mesh.vertices, weld(mesh.vertices, mesh.faces)).keep.all()


def test_pieces_that_touch_in_the_middle_of_a_face_are_one_object() -> None:
    """Their corners are 25 mm apart; beside each other, so that neither is in the other's outline."""
    wall = trimesh.creation.box((0.01, 0.2, 0.2))
    handle = trimesh.creation.box((0.1, 0.08, 0.08)).apply_translation([0.0555, 0.0, 0.0])
    mesh = trimesh.util.concatenate([wall, handle])
    assert select_object(mesh.vertices, weld(mesh.vertices, mesh.faces)).keep.all()


def test_a_region_of_interest_chooses_one() -> None:
    mesh = trimesh.util.concatenate([box((0.0, 0.0, 0.0)), box((0.2, 0.0, 0.0))])
    keep = inside_roi(mesh.vertices, mesh.faces, (0.1, 0.3, -1.0, 1.0, -1.0, 1.0))
    assert keep.sum() == len(mesh.faces) // 2
    assert mesh.vertices[mesh.faces[keep]][..., 0].min() > 0.1


def test_an_empty_region_says_how_far_the_scan_reaches() -> None:
    mesh = box((0.0, 0.0, 0.0))
    with pytest.raises(UserError, match=r"--roi holds no face; the scan reaches from \[-0.025"):
        inside_roi(mesh.vertices, mesh.faces, (1.0, 2.0, 1.0, 2.0, 1.0, 2.0))


def test_seams_of_the_texture_are_welded() -> None:
    mesh = box((0.0, 0.0, 0.0))
    vertices = mesh.vertices[mesh.faces.ravel()]  # every face with corners of its own
    faces = np.arange(len(vertices)).reshape(-1, 3)
    assert trimesh.Trimesh(vertices, weld(vertices, faces), process=False).is_watertight


def test_doubled_and_flipped_faces_are_repaired() -> None:
    mesh = box((0.0, 0.0, 0.0))
    faces = np.concatenate([mesh.faces, mesh.faces[:20]])
    faces[5:15] = faces[5:15, ::-1]
    clean = repaired(mesh.vertices, faces)
    assert clean.is_watertight
    assert clean.volume == pytest.approx(0.05**3)


def test_an_inside_out_scan_is_turned() -> None:
    mesh = box((0.0, 0.0, 0.0))
    assert repaired(mesh.vertices, mesh.faces[:, ::-1]).volume == pytest.approx(0.05**3)
