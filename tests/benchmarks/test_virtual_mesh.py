# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Virtual photogrammetry scans are as wrong as their settings say, and lie where they say the truth is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import trimesh
from tests.reconstruction.shapes import block

from score.benchmarks.virtual_mesh import MeshScanCfg, scan_mesh

CLEAN = MeshScanCfg(noise=0.0, holes=0, flipped=0.0, doubled=0.0, islands=0, table=0.0)
"""The truth in another frame and unit, with nothing wrong."""
COLOR = (0.8, 0.3, 0.2)


def scanned(**changes: object) -> trimesh.Trimesh:
    """A scan of a 50 mm cube in the truth's frame [m]."""
    scan = scan_mesh(block(0.05, 0.05, 0.05), COLOR, dataclasses.replace(CLEAN, **changes), seed=1)  # type: ignore[arg-type]
    return scan.mesh.copy().apply_transform(scan.scan_to_truth)


def test_a_clean_scan_is_the_truth_in_millimetres_with_y_up() -> None:
    scan = scan_mesh(block(0.05, 0.05, 0.02), COLOR, dataclasses.replace(CLEAN, yaw=0.0), seed=1)
    np.testing.assert_allclose(scan.mesh.extents, (50.0, 20.0, 50.0), atol=1e-6)
    back = scan.mesh.copy().apply_transform(scan.scan_to_truth)
    np.testing.assert_allclose(back.bounds, [[-0.025, -0.025, 0.0], [0.025, 0.025, 0.02]], atol=1e-9)
    assert scan.mesh.is_watertight
    assert scanned().volume == pytest.approx(0.05**3)


def test_noise_moves_the_surface_along_its_normals() -> None:
    top = scanned(noise=0.0003).vertices
    top = top[(np.abs(top[:, :2]).max(axis=1) < 0.02) & (top[:, 2] > 0.04), 2]
    assert top.mean() == pytest.approx(0.05, abs=0.0001)
    assert top.std() == pytest.approx(0.0003, rel=0.15)


def test_holes_take_away_surface() -> None:
    whole, holed = scanned(), scanned(holes=4, hole_radius=0.005)
    assert not holed.is_watertight
    # Four discs of 5 mm take 314 mm^2 of 15000 at most; less where they meet or end at an edge.
    missing = whole.area - holed.area
    assert 0.3 * 314e-6 < missing < 1.2 * 314e-6


def test_faces_are_turned_and_doubled() -> None:
    whole, damaged = scanned(), scanned(flipped=0.1, doubled=0.05)
    assert len(damaged.faces) == pytest.approx(1.05 * len(whole.faces), rel=0.02)
    outward = np.einsum("ij,ij->i", damaged.face_normals, damaged.triangles_center - (0.0, 0.0, 0.025)) > 0.0
    assert 1.0 - outward.mean() == pytest.approx(0.1, abs=0.02)
    assert len(np.unique(np.sort(damaged.faces, axis=1), axis=0)) == len(whole.faces)


def test_the_table_hides_the_underside() -> None:
    scan = scanned(table=0.1)
    # 100 mm around the 50 mm cube
    np.testing.assert_allclose(scan.extents[:2], 0.25, atol=1e-9)
    under = np.abs(scan.triangles_center[:, :2]).max(axis=1) < 0.02
    assert not (under & (scan.triangles_center[:, 2] < 0.001)).any()
    beside = np.abs(scan.triangles_center[:, :2]).max(axis=1) > 0.03
    np.testing.assert_allclose(scan.triangles_center[beside, 2], 0.0, atol=1e-9)


def test_crumbs_float_around() -> None:
    parts = scanned(islands=7).split(only_watertight=False)
    assert len(parts) == 8


def test_everything_follows_from_the_seed() -> None:
    truth = block(0.05, 0.05, 0.05)
    one, same, other = (scan_mesh(truth, COLOR, MeshScanCfg(), seed).mesh for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.vertices, same.vertices)
    np.testing.assert_array_equal(one.faces, same.faces)
    assert one.faces.shape != other.faces.shape or (one.faces != other.faces).any()


def test_an_open_truth_is_refused() -> None:
    cube = block(0.05, 0.05, 0.05)
    cube.update_faces(np.arange(len(cube.faces)) > 0)
    with pytest.raises(ValueError, match="needs a closed mesh"):
        scan_mesh(cube, COLOR, CLEAN, seed=0)
