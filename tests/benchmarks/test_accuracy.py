# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Errors against truth are those of shapes whose distance is known; one object goes through the whole benchmark."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation
from tests.reconstruction.shapes import block, cup

from score.benchmarks.accuracy import measure, registration
from score.benchmarks.truth import Row, benchmark_truth, row_dict, truth_table
from score.benchmarks.virtual_frames import RecordingCfg
from score.utils.errors import UserError
from score_assets.objects.ground_truth import GROUND_TRUTH, GroundTruth

ROOT = Path(__file__).resolve().parents[2]


def test_a_mesh_has_no_distance_from_itself() -> None:
    found = measure(cup(), cup())
    assert found.chamfer < 1e-7
    assert found.h95 < 1e-7
    assert found.volume_error == pytest.approx(0.0, abs=1e-12)
    assert found.watertight


def test_a_ball_that_is_a_millimetre_too_large() -> None:
    small, large = (trimesh.creation.icosphere(5, radius) for radius in (0.030, 0.031))
    found = measure(large, small)
    assert found.chamfer == pytest.approx(0.001, rel=0.02)
    assert found.h95 == pytest.approx(0.001, rel=0.02)
    # (31 / 30)^3 - 1
    assert found.volume_error == pytest.approx(0.10337, abs=1e-4)


def test_a_missing_side_counts_and_an_open_mesh_has_no_volume() -> None:
    truth = block(0.06, 0.06, 0.06)
    lid = truth.copy()
    lid.update_faces(lid.face_normals[:, 2] < 0.5)
    found = measure(lid, truth)
    # From the missing sixth, points are z' away from the nearest edge: 10 mm in the mean over a square of 60 mm
    # (a pyramid of 30 mm height, divided by 3). Times 1/6, and halved, as the other direction has none: 0.83 mm.
    assert found.chamfer == pytest.approx(0.01 / 6.0 / 2.0, rel=0.05)
    assert found.h95 > 0.01
    assert np.isnan(found.volume_error)
    assert not found.watertight
    assert row_dict(Row("a", "mesh", "isolated", 1.0, 2.0, found.volume_error, False, 3.0))["volume_error"] is None


def test_registration_finds_the_motion() -> None:
    truth = cup()
    truth.apply_translation((0.0, 0.0, 0.01))
    handle = block(0.03, 0.01, 0.04)
    truth = trimesh.util.concatenate([truth, handle.apply_translation((0.045, 0.0, 0.02))])
    turn = Rotation.from_euler("xyz", (0.0, 0.0, 0.7)).as_matrix()
    placed = truth.copy()
    there = np.eye(4)
    there[:3, :3], there[:3, 3] = turn, (0.1, -0.2, 0.05)
    placed.apply_transform(there)
    # The start is 0.05 rad off.
    start = Rotation.from_euler("z", 0.05).as_matrix() @ turn.T
    back = registration(placed, truth, start)
    np.testing.assert_allclose(back @ there, np.eye(4), atol=3e-3)
    moved = placed.copy().apply_transform(back)
    assert measure(moved, truth).chamfer < 2e-4


@pytest.fixture(scope="module")
def small() -> GroundTruth:
    """A cube of 40 mm: quick to scan."""
    cube = GROUND_TRUTH["cube"]
    return dataclasses.replace(cube, name="small", build=lambda: cube.build().scale((0.8, 0.8, 0.8)))


def test_a_cube_through_the_benchmark(small: GroundTruth) -> None:
    recording = RecordingCfg(count=12, width=200, height=150, focal=190.0, distance=0.25, depth_noise=0.0004)
    seen: list[str] = []
    rows = benchmark_truth([small], recording=recording, progress=seen.append)
    assert seen == ["small, mesh ...", "small, rgbd ..."]
    asset = {row.source: row for row in rows if row.stage == "asset"}
    for row in asset.values():
        assert row.watertight
        assert row.chamfer_mm < 0.5
        assert abs(row.volume_error) < 0.05
        assert row.mass_error is not None
        assert abs(row.mass_error) < 0.05
    stages = [row.stage for row in rows if row.source == "rgbd"]
    assert stages[:4] == ["fused", "isolated", "capped", "asset"]
    # An unseen underside is worth more than a millimetre; closing it takes that away.
    isolated = next(row for row in rows if row.stage == "isolated")
    assert not isolated.watertight
    assert isolated.chamfer_mm > 2.0 * asset["mesh"].chamfer_mm
    assert truth_table(rows).row_count == len(rows)


def test_a_thin_wall_is_refused_or_right_and_its_scan_kept(tmp_path: Path) -> None:
    rows = benchmark_truth([GROUND_TRUTH["card"]], ["mesh"], keep=tmp_path)
    assert (tmp_path / "card_mesh" / "scan.ply").is_file()
    with pytest.raises(UserError, match=r"card_mesh exists: remove it, or give --keep another folder"):
        benchmark_truth([GROUND_TRUTH["card"]], ["mesh"], keep=tmp_path)
    (asset,) = (row for row in rows if row.stage == "asset")
    assert asset.mass_error is None or abs(asset.mass_error) < 0.1


def test_the_command_names_an_unknown_object() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), "--suite", "reconstruction"]
    wrong = subprocess.run([*command, "--objects", "cub"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "--objects 'cub' is unknown. Did you mean 'cube' or 'cup'?" in wrong.stderr
