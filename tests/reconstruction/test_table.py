# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The table plane, which way is up, and the face on which an object stands."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from score.reconstruction.scan.table import axis_vector, find_table, rotation_to_up


def scene(table: float = 0.4, noise: float = 0.0) -> trimesh.Trimesh:
    """A 60 x 40 x 80 mm box on a square table at z = 0, whose inside is not seen from outside."""
    sheet = trimesh.creation.box((table, table, 1e-4)).subdivide().subdivide().subdivide()
    sheet.apply_translation([0.0, 0.0, -5e-5])
    box = trimesh.creation.box((0.06, 0.04, 0.08))
    box.apply_translation([0.03, 0.0, 0.04])
    both = trimesh.util.concatenate([sheet, box.subdivide().subdivide()])
    both.vertices += np.random.default_rng(0).normal(size=both.vertices.shape) * noise
    return both


@pytest.mark.parametrize("up", [None, "z"])
def test_a_table_is_found_with_and_without_knowing_up(up: str | None) -> None:
    mesh = scene(noise=0.0003)
    plane = find_table(mesh.vertices, mesh.faces, None if up is None else axis_vector(up))
    assert plane is not None
    assert plane.normal[2] > 0.9999
    assert abs(plane.offset) < 0.0004
    assert 0.0001 < plane.residual < 0.0008


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3), st.floats(0.1, 1000.0))
def test_up_follows_the_table_in_any_pose_and_unit(turn: list[float], unit: float) -> None:
    mesh, rotation = scene(), Rotation.from_rotvec(turn).as_matrix()
    plane = find_table((mesh.vertices @ rotation.T) * unit, mesh.faces, None)
    assert plane is not None
    assert plane.normal @ rotation[:, 2] > 0.9999


@pytest.mark.parametrize("shape", ["box", "sphere", "bottle"])
def test_an_object_alone_has_no_table(shape: str) -> None:
    makers = {
        "box": lambda: trimesh.creation.box((0.08, 0.06, 0.05)),
        "sphere": lambda: trimesh.creation.icosphere(radius=0.04),
        "bottle": lambda: trimesh.creation.cylinder(0.03, 0.15),
    }
    mesh = makers[shape]()
    assert find_table(mesh.vertices, mesh.faces, None) is None
    assert find_table(mesh.vertices, mesh.faces, axis_vector("z")) is None


def test_a_table_against_a_given_axis_is_a_wall() -> None:
    mesh = scene()
    assert find_table(mesh.vertices, mesh.faces, axis_vector("x")) is None


@pytest.mark.parametrize("name", ["x", "-x", "y", "-y", "z", "-z"])
def test_an_axis_is_turned_up(name: str) -> None:
    rotation = rotation_to_up(axis_vector(name))
    assert np.allclose(rotation @ axis_vector(name), [0.0, 0.0, 1.0])
    assert np.linalg.det(rotation) == pytest.approx(1.0)
