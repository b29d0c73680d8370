# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a scan to an asset folder: the stages in order, each noted in the passport."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from score.reconstruction.asset_folder import (
    Asset,
    AssetRecord,
    CollisionRecord,
    SourceRecord,
    asset_files,
    write_asset,
)
from score.reconstruction.check.check import examine
from score.reconstruction.check.drop_test import ENGINES, require_engine
from score.reconstruction.check.passport import Passport
from score.reconstruction.scan.closing import ClosedMesh, close_mesh
from score.reconstruction.scan.isolate import Upright, isolate, levelled
from score.reconstruction.scan.points import surface_points, write_points
from score.reconstruction.scan.scan import read_scan
from score.reconstruction.scene_motion import ResistanceCfg
from score.reconstruction.settings import AssetCfg
from score.reconstruction.shape.collision import Collision, make_collision
from score.reconstruction.shape.mass import MassProperties, mass_properties
from score.reconstruction.shape.rolling import resistance
from score.reconstruction.usd.usd_writer import write_usd
from score.utils.files import atomic_directory, sha256_of

Progress = Callable[[str], None]


def build_asset(cfg: AssetCfg, *, drop: bool = True, progress: Progress = print) -> Passport:
    """Make an asset folder from a scan.

    Args:
        cfg: What the user says.
        drop: Whether the drop tests are made.
        progress: Gets a line for each stage.

    Returns:
        The passport, also written into the folder.

    Raises:
        UserError: The scan or a setting does not fit; nothing is left behind.
    """
    if drop:
        for engine in ENGINES:
            require_engine(engine)
    started = time.monotonic()
    passport = Passport(cfg.name, str(cfg.output))
    with atomic_directory(cfg.output, replaces=asset_files(cfg.name) if cfg.overwrite else ()) as folder:
        say = _Clock(progress)
        record = _make(cfg, folder, passport.steps, say)
        say("check" if drop else "check (no drop test)")
        examine(Asset(folder, record), passport, drop=drop)
        passport.write(folder)
    say.finish()
    progress(f"Wrote {cfg.output} in {time.monotonic() - started:.1f} s")
    return passport


def _make(cfg: AssetCfg, folder: Path, steps: dict[str, Any], say: _Clock) -> AssetRecord:
    say(f"load {cfg.scan}")
    raw = read_scan(cfg.scan)
    source = SourceRecord(cfg.scan.name, sha256_of(cfg.scan))
    steps["source"] = asdict(source) | {"vertices": len(raw.vertices), "faces": len(raw.faces)}
    steps["notes"] = list(raw.notes)
    say("find table and object")
    upright = isolate(raw, cfg, steps)
    say("close")
    closed = close_mesh(upright.surface, on_table=upright.on_table, voxel=cfg.voxel)
    upright, closed = levelled(upright, closed, steps)
    say("mass")
    mass = mass_properties(closed.mesh, float(upright.surface.area), cfg)
    say(f"collision ({cfg.collision})")
    collision = make_collision(closed.mesh, cfg)
    _note(steps, upright, closed, mass, collision)
    rolls = resistance(closed.mesh, collision.pieces, mass.center, cfg.material)
    if rolls is not None:
        steps["rolls"] = asdict(rolls)
    say("write")
    return _write(cfg, folder, upright, collision, mass, source, rolls)


def _note(
    steps: dict[str, Any], upright: Upright, closed: ClosedMesh, mass: MassProperties, collision: Collision
) -> None:
    steps["closed"] = {
        "method": closed.method,
        "holes_capped": closed.holes,
        "invented_share": closed.invented_share,
        "scan_to_closed_h95": closed.shift_h95,
        "voxel": closed.voxel,
        "volume": float(closed.mesh.volume),
        "faces": len(closed.mesh.faces),
        "watertight": bool(closed.mesh.is_watertight),
    }
    steps["mass"] = {
        "source": mass.source,
        "mass": mass.mass,
        "center": mass.center.tolist(),
        "inertia": mass.inertia.tolist(),
        "median_wall": mass.wall,
    }
    steps["collision"] = {"kind": collision.kind, "pieces": len(collision.pieces), "tried": list(collision.tried)}


def _write(
    cfg: AssetCfg,
    folder: Path,
    upright: Upright,
    collision: Collision,
    mass: MassProperties,
    source: SourceRecord,
    rolls: ResistanceCfg | None,
) -> AssetRecord:
    texture = f"{cfg.name}_texture.jpg" if upright.scan.texture is not None and upright.scan.uv is not None else None
    if texture is not None and upright.scan.texture is not None:
        (folder / texture).write_bytes(upright.scan.texture)
    usd = f"{cfg.name}.usdc"
    write_usd(folder / usd, cfg.name, upright.scan, collision.pieces, mass, cfg.friction, texture, rolls)
    write_points(folder / "points.npz", *surface_points(upright.surface, cfg.num_points))
    record = AssetRecord(
        name=cfg.name,
        usd=usd,
        mass=mass.mass,
        friction=cfg.friction,
        collision=CollisionRecord(
            collision.kind, len(collision.pieces), collision.cavity.record if collision.cavity else None
        ),
        size=tuple(np.ptp(upright.scan.vertices, axis=0).tolist()),
        center_of_mass=tuple(mass.center.tolist()),
        points="points.npz",
        source=source,
    )
    write_asset(record, folder)
    return record


class _Clock:
    """Reports the start of each stage with the time that the one before took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage, self._since = "", time.monotonic()

    def __call__(self, stage: str) -> None:
        self.finish()
        self._stage, self._since = stage, time.monotonic()

    def finish(self) -> None:
        """Report the last stage."""
        if self._stage:
            self._progress(f"  {self._stage}: {time.monotonic() - self._since:.1f} s")
        self._stage = ""
