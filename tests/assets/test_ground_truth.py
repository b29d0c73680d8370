# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The project's own objects: closed, of the sizes and masses that a calculation by hand gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh

from score_assets.objects.ground_truth import GROUND_TRUTH, SEGMENTS, GroundTruth, mass_properties
from score_assets.objects.peg_socket import PEG_SOCKET

ROUND = SEGMENTS / (2.0 * math.pi) * math.sin(2.0 * math.pi / SEGMENTS)
"""Area of the regular polygon over that of its circle: every round object's volume carries this factor (0.9993)."""


def test_every_object_that_later_tasks_need_is_there() -> None:
    assert set(GROUND_TRUTH) == {"cup", "bottle", "flask", "bowl", "plate", "card", "cube", "ball", "peg", "socket"}


@pytest.mark.parametrize("name", GROUND_TRUTH)
def test_meshes_are_closed_solids_that_stand_on_the_table(name: str) -> None:
    truth = GROUND_TRUTH[name]
    mesh, again = truth.mesh(), truth.mesh()
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.body_count == 1
    np.testing.assert_array_equal(mesh.vertices, again.vertices)
    np.testing.assert_array_equal(mesh.faces, again.faces)
    assert mesh.bounds[0, 2] == pytest.approx(0.0, abs=1e-7)
    # All but the lying flask, whose neck points along x, are balanced about the vertical through the origin.
    balanced = slice(1, 2) if name == "flask" else slice(0, 2)
    np.testing.assert_allclose(truth.properties.center[balanced], 0.0, atol=1e-7)
    # A hand of 8 cm grasps each of them somewhere, and a small arm lifts it.
    assert min(mesh.extents) < 0.081
    assert 0.005 < truth.properties.mass < 0.6
    # Rigid bodies obey the triangle inequality of inertia; a solver given another tensor explodes.
    low, middle, high = np.linalg.eigvalsh(truth.properties.inertia)
    assert low > 0.0
    assert high <= (low + middle) * (1.0 + 1e-9)


def test_box_objects_have_the_inertia_of_the_formula() -> None:
    cube = GROUND_TRUTH["cube"].properties
    assert cube.volume == pytest.approx(125e-6)  # 50 mm cubed
    assert cube.mass == pytest.approx(0.1)
    np.testing.assert_allclose(np.diag(cube.inertia), 0.1 * 2 * 0.05**2 / 12)
    card = GROUND_TRUTH["card"].properties
    assert card.mass == pytest.approx(1380 * 0.0856 * 0.054 * 0.001)  # 6.38 g, a bank card's weight
    expected = card.mass / 12 * np.array([0.054**2 + 0.001**2, 0.0856**2 + 0.001**2, 0.0856**2 + 0.054**2])
    np.testing.assert_allclose(np.diag(card.inertia), expected, rtol=1e-9)
    peg = GROUND_TRUTH["peg"].properties
    assert peg.mass == pytest.approx(0.05)


def test_socket_is_the_block_less_its_hole() -> None:
    cfg = PEG_SOCKET
    block = cfg.outer_width**2 * cfg.rim_height
    hole = cfg.hole_width**2 * cfg.depth
    socket = GROUND_TRUTH["socket"].properties
    assert socket.volume == pytest.approx(block - hole)
    # The block's centre is half way up, the hole's in the middle of its depth.
    height = (block * cfg.rim_height / 2 - hole * (cfg.base_thickness + cfg.depth / 2)) / (block - hole)
    assert socket.center[2] == pytest.approx(height, rel=1e-6)


def test_cup_is_a_frustum_less_its_cavity() -> None:
    def frustum(low: float, high: float, height: float) -> float:
        return math.pi * height / 3 * (low**2 + low * high + high**2)

    # outer radii 34 to 40 mm over 105 mm; cavity from 4 mm up, where the outside is 34 + 6 * 4 / 105 mm wide
    inner = 0.034 + 0.006 * 4 / 105 - 0.003
    volume = ROUND * (frustum(0.034, 0.040, 0.105) - frustum(inner, 0.037, 0.101))
    assert GROUND_TRUTH["cup"].properties.volume == pytest.approx(volume, rel=1e-6)


def test_ball_approaches_the_sphere() -> None:
    # An inscribed polyhedron of 96 sides loses a few parts in a thousand.
    properties = GROUND_TRUTH["ball"].properties
    assert properties.volume == pytest.approx(4 / 3 * math.pi * 0.03**3, rel=4e-3)
    np.testing.assert_allclose(np.diag(properties.inertia), 0.4 * properties.mass * 0.03**2, rtol=4e-3)


def test_plate_is_its_profile_turned() -> None:
    # Pappus by triangles: V = 2 pi * integral of r dA over the profile polygon, with the polygon's factor.
    under = [(0.0, 0.0), (0.058, 0.0), (0.070, 0.005), (0.095, 0.014), (0.095, 0.018)]
    profile = np.array([*under, (0.093, 0.018), (0.068, 0.009), (0.056, 0.004), (0.0, 0.004)])
    nearer, further = profile, np.roll(profile, -1, axis=0)
    cross = nearer[:, 0] * further[:, 1] - further[:, 0] * nearer[:, 1]
    first_moment = np.sum((nearer[:, 0] + further[:, 0]) * cross) / 6
    assert GROUND_TRUTH["plate"].properties.volume == pytest.approx(ROUND * 2 * math.pi * first_moment, rel=1e-6)


def test_walls_are_as_thin_as_stated() -> None:
    for name in ("cup", "bowl", "plate", "card"):
        truth = GROUND_TRUTH[name]
        mesh = truth.mesh()
        # Twice volume over area is the mean wall of a thin shell; the thinnest is no thicker than that.
        assert 0.9 * truth.wall < 2 * mesh.volume / mesh.area < 1.35 * truth.wall, name


def test_bad_objects_are_named() -> None:
    good = GROUND_TRUTH["cube"]
    with pytest.raises(ValueError, match="'lead': density and wall must be positive"):
        GroundTruth("lead", good.build, -1.0, 0.5, 0.01, (0, 0, 0))
    open_box = trimesh.creation.box((1, 1, 1))
    open_box.update_faces(np.arange(11))
    with pytest.raises(ValueError, match="need a closed mesh with outward normals"):
        mass_properties(open_box, 1000.0)
    inverted = trimesh.creation.box((1, 1, 1))
    inverted.invert()
    with pytest.raises(ValueError, match="outward normals"):
        mass_properties(inverted, 1000.0)
