# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The four YCB scans, where they lie beside the repository: closed, hollow ones hollow, few hulls, on their foot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from score.reconstruction.asset_folder import read_asset
from score.reconstruction.build import build_asset
from score.reconstruction.settings import AssetCfg

ROOT = Path(__file__).resolve().parents[2]
SCANS = Path(os.environ.get("SCORE_SCANS", ROOT.parent / "shared" / "scans")) / "ycb"
KINDS = {
    "006_mustard_bottle": (0.603, "coacd"),
    "024_bowl": (0.147, "sectors"),
    "061_foam_brick": (0.028, "hull"),
    "065-a_cups": (0.013, "sectors"),
}
"""Folder: weighed mass [kg], and the collision policy that auto should choose."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SCANS.is_dir(), reason="no scans: set SCORE_SCANS")]


@pytest.mark.parametrize("name", KINDS)
def test_a_real_scan_goes_through_with_its_mass_alone(name: str, tmp_path: Path) -> None:
    mass, kind = KINDS[name]
    cfg = AssetCfg(SCANS / name / "textured.obj", "thing", tmp_path / "thing", mass=mass)
    passport = build_asset(cfg, drop=False, progress=lambda line: None)
    assert passport.passed, passport.summary()
    assert passport.steps["closed"]["watertight"]
    record = read_asset(tmp_path / "thing").record
    assert (record.mass, record.collision.kind) == (mass, kind)
    assert record.collision.pieces <= 64
    assert (record.collision.cavity is not None) == (kind == "sectors")
    if record.collision.cavity is not None:
        assert passport.measured["collision_against_visual"]["filled"] <= 0.10
