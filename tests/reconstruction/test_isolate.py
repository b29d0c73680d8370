# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One object out of a scan: regions that can be pasted, which way up, which unit, and files that once went wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from tests.reconstruction.shapes import block, export, moved, on_table

from score.reconstruction.scan.closing import close_mesh
from score.reconstruction.scan.isolate import Upright, isolate, levelled
from score.reconstruction.scan.scan import read_scan
from score.reconstruction.settings import AssetCfg
from score.reconstruction.shape.mass import mass_properties
from score.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
FAILING = Path(os.environ.get("SCORE_SCANS", ROOT.parent / "shared" / "scans")) / "failing"
Y_UP = trimesh.transformations.rotation_matrix(-np.pi / 2.0, [1.0, 0.0, 0.0])


def isolated(path: Path, **changes: Any) -> tuple[Upright, dict[str, Any]]:
    steps: dict[str, Any] = {}
    return isolate(read_scan(path), AssetCfg(path, "thing", Path("out"), **changes), steps), steps


def size(upright: Upright) -> list[float]:
    return sorted(np.ptp(upright.scan.vertices, axis=0).tolist())


def test_the_regions_that_are_named_for_two_objects_can_be_pasted(tmp_path: Path) -> None:
    """In the file's unit and frame, with the table around it: here millimetres with y up, 200 mm apart."""
    mesh = on_table(trimesh.util.concatenate([block(0.06, 0.04, 0.05), moved(block(0.05, 0.05, 0.03), x=0.2)]), 0.4, 7)
    path = export(moved(mesh.apply_transform(Y_UP).apply_scale(1000.0), x=70.0, y=300.0), tmp_path / "two.ply")
    with pytest.raises(UserError, match="two objects") as caught:
        isolated(path, unit="mm")
    sizes = []
    for words in str(caught.value).split("--roi ")[1:]:
        upright, steps = isolated(path, unit="mm", roi=tuple(float(word.strip(",.")) for word in words.split()[:6]))
        assert steps["table"]["in_scan"]
        sizes.append(size(upright))
    assert sizes[0] == pytest.approx([0.04, 0.05, 0.06], abs=0.001)
    assert sizes[1] == pytest.approx([0.03, 0.05, 0.05], abs=0.001)


def test_what_a_y_up_file_is_read_as_is_said(tmp_path: Path) -> None:
    path = export(block(0.06, 0.04, 0.05).apply_transform(Y_UP), tmp_path / "y.obj")
    upright, steps = isolated(path)
    assert np.ptp(upright.scan.vertices[:, 2]) == pytest.approx(0.05)
    reason = "its origin is on the ground and in the middle along y"
    assert steps["notes"] == [f"up: read as y-up, for {reason}; give --up z if that is wrong"]
    upright, steps = isolated(path, up="z")
    assert np.ptp(upright.scan.vertices[:, 2]) == pytest.approx(0.04)
    assert "notes" not in steps


@pytest.mark.parametrize(
    ("extents", "unit", "message"),
    [
        ((0.6, 0.4, 0.5), None, r"states no unit, and its longest side of 0.6 fits more than one: give --unit"),
        ((0.004, 0.003, 0.003), "m", r"the object would be 0.004 x .* longest side must be 0.005 to 2 m"),
        ((2.1, 1.0, 1.0), "m", r"the object would be 2.1 x .* longest side must be 0.005 to 2 m"),
    ],
)
def test_a_size_that_is_no_objects_is_refused(
    tmp_path: Path, extents: tuple[float, float, float], unit: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        isolated(export(block(*extents), tmp_path / "a.ply"), unit=unit)


@pytest.mark.parametrize("extents", [(0.006, 0.004, 0.005), (0.49, 0.4, 0.5), (1.9, 1.0, 1.0)])
def test_sizes_of_objects_are_taken(tmp_path: Path, extents: tuple[float, float, float]) -> None:
    path = export(block(*extents), tmp_path / "a.ply")
    upright, _ = isolated(path, unit="m" if max(extents) > 0.49 else None)
    assert size(upright) == pytest.approx(sorted(extents), rel=1e-6)


needs_scans = pytest.mark.skipif(not FAILING.is_dir(), reason="no scans: set SCORE_SCANS")


@needs_scans
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("board_3mm_on_edge.obj", r"stands on an edge \(tipped by 0.6 degrees it falls over\).* stand with --up y or"),
        ("mug_normalised_to_one.obj", r"states no unit, and its longest side of 0.98 fits more than one: give --unit"),
    ],
)
def test_files_that_must_be_refused(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        upright, steps = isolated(FAILING / name)
        levelled(upright, close_mesh(upright.surface, on_table=False), steps)


@needs_scans
def test_a_mug_scaled_to_one_metre_is_too_light() -> None:
    upright, _ = isolated(FAILING / "mug_normalised_to_one.obj", unit="m")
    closed = close_mesh(upright.surface, on_table=False)
    cfg = AssetCfg(FAILING / "x", "thing", Path("out"), mass=0.25)
    with pytest.raises(UserError, match=r"mass: 0.25 kg in 6.\d*e\+04 ml are 3.\d* kg/m.* the scan's unit is wrong"):
        mass_properties(closed.mesh, float(upright.surface.area), cfg)


@needs_scans
@pytest.mark.parametrize(
    ("name", "height"),
    [("bottle_y_up_no_bottom.obj", 0.2), ("bottle_two_colours.glb", 0.13), ("can_one_colour.glb", 0.1),
     ("mug_with_handle.obj", 0.095)],
)  # fmt: skip
def test_files_that_must_stand_upright(name: str, height: float) -> None:
    upright, steps = isolated(FAILING / name)
    upright, closed = levelled(upright, close_mesh(upright.surface, on_table=False), steps)
    assert np.ptp(closed.mesh.vertices[:, 2]) == pytest.approx(height, abs=0.002)
    assert closed.mesh.is_watertight
    colors = upright.scan.colors
    if name == "bottle_two_colours.glb":
        assert colors is not None
        assert np.unique(colors, axis=0).tolist() == [[200, 30, 30], [240, 240, 240]]
    if name == "can_one_colour.glb":
        assert colors is not None
        assert np.unique(colors, axis=0).tolist() == [[200, 30, 30]]
