# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Assets on both engines: a cup settles where it was scanned and keeps a ball, a peg seats in a measured socket."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.reconstruction.shapes import block, cup, export, slotted

from score.benchmarks.seating import benchmark_seating
from score.reconstruction.build import build_asset
from score.reconstruction.check.check import check_asset
from score.reconstruction.check.passport import Passport
from score.reconstruction.settings import AssetCfg

pytestmark = [pytest.mark.simulator, pytest.mark.timeout(900)]

SLOT = {"width": 0.0205, "length": 0.0205, "depth": 0.03}
"""0.5 mm of clearance around a peg of 20 mm."""


def outcome(passport: Passport) -> dict[str, bool]:
    return {check.name: check.passed for check in passport.checks}


def test_a_cup_rests_and_keeps_a_ball_on_both_engines(tmp_path: Path) -> None:
    scan = export(cup(), tmp_path / "cup.obj")
    passport = build_asset(AssetCfg(scan, "cup", tmp_path / "cup", mass=0.15), progress=lambda line: None)
    assert passport.passed, passport.summary()
    names = [f"{engine}: {what}" for engine in ("ovphysx", "newton_mjwarp") for what in ("mass", "set down", "ball")]
    assert {name: outcome(passport)[name] for name in names} == dict.fromkeys(names, True)


def test_a_peg_seats_in_a_socket_from_measured_dimensions(tmp_path: Path) -> None:
    quiet = {"drop": False, "progress": lambda line: None}
    # The scanned hole is 0.3 mm too tight: the measured dimensions decide.
    peg = AssetCfg(
        export(block(0.0204, 0.0204, 0.06), tmp_path / "peg.obj"), "peg", tmp_path / "peg", mass=0.05,
        collision="primitive", measures={"x": 0.02, "y": 0.02, "z": 0.06},
    )  # fmt: skip
    socket = AssetCfg(
        export(slotted(0.3, hole=0.0202), tmp_path / "socket.obj"), "socket", tmp_path / "socket", mass=0.4,
        collision="fit:slot", measures=SLOT,
    )  # fmt: skip
    for cfg in (peg, socket):
        build_asset(cfg, **quiet)  # type: ignore[arg-type]
    passport = check_asset(tmp_path / "socket", insert=tmp_path / "peg", drops=3)
    assert passport.passed, passport.summary()
    assert passport.measured["insertion"]["ovphysx"]["seated"] == 3


def test_the_seating_benchmark_drops_on_both_engines() -> None:
    rows = benchmark_seating(["round"], [0.0005], drops=2, progress=lambda line: None)
    assert [(row.shape, row.clearance_mm, row.engine, row.seated) for row in rows] == [
        ("round", 0.5, "ovphysx", 2),
        ("round", 0.5, "newton_mjwarp", 2),
    ]
    assert max(row.worst_gap_mm for row in rows) < 1.0
