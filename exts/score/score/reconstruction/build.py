# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a scan to an asset folder: the stages in order, each noted in the passport."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

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
from score.reconstruction.scan import cleaning
from score.reconstruction.scan.closing import ClosedMesh, close_mesh
from score.reconstruction.scan.points import surface_points, write_points
from score.reconstruction.scan.scan import Scan, read_scan
from score.reconstruction.scan.table import Plane, axis_vector, find_table, rotation_to_up, standing_face
from score.reconstruction.settings import UNITS, AssetCfg
from score.reconstruction.shape.collision import Collision, make_collision
from score.reconstruction.shape.mass import MassProperties, mass_properties
from score.reconstruction.usd.usd_writer import write_usd
from score.utils.errors import UserError
from score.utils.files import atomic_directory, sha256_of

SIZE_RANGE = (0.01, 1.0)
"""Longest side of an object that is taken [m]."""
_TABLE_CLEARANCE = 3.0
"""What is cut off above a table, in standard deviations of the scan on it."""
_CLEARANCE_RANGE = (0.0004, 0.004)


@dataclass(frozen=True)
class Upright:
    """One object, alone and standing on z = 0."""

    scan: Scan
    """Its faces, textured as scanned [m]."""
    surface: trimesh.Trimesh
    """The same, welded and repaired [m]."""
    on_table: bool
    """Whether it was cut off a table in the scan."""


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
    upright, closed = _levelled(upright, closed, steps)
    say("mass")
    mass = mass_properties(closed.mesh, float(upright.surface.area), cfg)
    say(f"collision ({cfg.collision})")
    collision = make_collision(closed.mesh, cfg)
    _note(steps, upright, closed, mass, collision)
    say("write")
    return _write(cfg, folder, upright, collision, mass, source)


def isolate(raw: Scan, cfg: AssetCfg, steps: dict[str, Any]) -> Upright:
    """Find unit, table and object.

    Args:
        raw: The scan, in its own unit and frame.
        cfg: Unit or known length, up axis, table, region of interest.
        steps: Gets what was found.

    Raises:
        UserError: The unit is unknown, the size is implausible, there is no table where there must be one, or the scan
            holds two objects.
    """
    scan = raw
    if cfg.roi is not None:
        scan = scan.with_faces(cleaning.inside_roi(scan.vertices, scan.faces, cfg.roi))
    up = None if cfg.up == "auto" else axis_vector(cfg.up)
    table = None if cfg.table == "none" else find_table(scan.vertices, scan.faces, up)
    if table is None and cfg.table == "scan":
        raise UserError(
            "table: no table plane in the scan (--table scan): no large plane lies under everything else. Scan it with"
            " the table around it, check --up, or use --table auto."
        )
    normal = table.normal if table else (up if up is not None else axis_vector(raw.format_up))
    scan = scan.transformed(rotation_to_up(normal), np.array([0.0, 0.0, -table.offset if table else 0.0]))
    scale = _known_scale(raw, cfg)
    if scale is None:
        assert cfg.known_length is not None
        axis, length = cfg.known_length
        # Which faces are the object does not depend on the unit, but for what is cut above the table.
        guess = 0.2 / float(np.ptp(scan.vertices, axis=0).max())
        extents = np.ptp(
            _object_faces(scan.transformed(np.eye(3), np.zeros(3), guess), table, guess)[0].vertices, axis=0
        )
        scale = length / float(extents.max() if axis == "longest" else extents["xyz".index(axis)]) * guess
    _require_plausible(scan, scale)
    found, islands = _object_faces(scan.transformed(np.eye(3), np.zeros(3), scale), table, scale)
    extents = np.ptp(found.vertices, axis=0)
    if not SIZE_RANGE[0] <= extents.max() <= SIZE_RANGE[1]:
        raise UserError(_size_message(extents, cfg))
    low, high = found.vertices.min(axis=0), found.vertices.max(axis=0)
    base = 0.0 if table else low[2]
    found = found.transformed(np.eye(3), -np.array([(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0, base]))
    steps["scale"] = {"metres_per_unit": scale}
    steps["table"] = {"in_scan": table is not None}
    if table:
        steps["table"] |= {"residual": table.residual * scale, "share": table.share}
    steps["object"] = {"faces": len(found.faces), "islands_dropped": islands, "size": extents.tolist()}
    surface = cleaning.repaired(found.vertices, cleaning.weld(found.vertices, found.faces))
    return Upright(found, surface, table is not None)


def _known_scale(raw: Scan, cfg: AssetCfg) -> float | None:
    """Metres per unit; None where a known length has to give it."""
    if cfg.known_length is not None:
        return None
    if cfg.unit is not None:
        return UNITS[cfg.unit]
    if raw.format_unit is not None:
        return UNITS[raw.format_unit]
    longest = float(np.ptp(raw.vertices, axis=0).max())
    # As centimetres or less this would be under 1 cm, too small for an object: only metres are left.
    if SIZE_RANGE[0] <= longest < SIZE_RANGE[0] / UNITS["cm"]:
        return 1.0
    raise UserError(
        f"unit: {cfg.scan.name} states no unit, and its longest side of {longest:.4g} fits more than one: give --unit"
        f" {', '.join(UNITS)}, or --known-length longest=MM."
    )


def _require_plausible(scan: Scan, scale: float) -> None:
    longest = float(np.ptp(scan.vertices, axis=0).max()) * scale
    # A table may be larger than any object, a room is not taken for one.
    if longest > 5.0 * SIZE_RANGE[1]:
        raise UserError(
            f"unit: the scan would be {longest:.4g} m long: the unit is wrong (1000 times too large where millimetres"
            " are read as metres); give another --unit, or --known-length. Cut a room off with --roi."
        )


def _size_message(extents: NDArray[np.float64], cfg: AssetCfg) -> str:
    size = " x ".join(f"{value:.4g}" for value in extents)
    return (
        f"unit: the object would be {size} m, and its longest side must be {SIZE_RANGE[0]:g} to {SIZE_RANGE[1]:g} m:"
        f" the unit is wrong{f' (--unit {cfg.unit})' if cfg.unit else ''}, or the region is; give another --unit,"
        " --known-length or --roi."
    )


def _object_faces(scan: Scan, table: Plane | None, scale: float) -> tuple[Scan, int]:
    """The faces of the object, in the scan's own appearance, and the number of dropped pieces."""
    if table is not None:
        cut = float(np.clip(_TABLE_CLEARANCE * table.residual * scale, *_CLEARANCE_RANGE))
        # By its middle: a coarse face may reach from the table to the top, a spike of the table's noise does not count.
        above = scan.vertices[scan.faces][:, :, 2].mean(axis=1) > cut
        if not above.any():
            raise UserError("table: nothing stands on the table in the scan: check --up, --roi and --table.")
        scan = scan.with_faces(above)
    found = cleaning.select_object(scan.vertices, cleaning.weld(scan.vertices, scan.faces))
    return scan.with_faces(found.keep), found.islands


def _levelled(upright: Upright, closed: ClosedMesh, steps: dict[str, Any]) -> tuple[Upright, ClosedMesh]:
    """Stand an object that was scanned without a table on the face that it would come to rest on."""
    if upright.on_table:
        return upright, closed
    mesh = closed.mesh
    normal, point, tilt = standing_face(mesh.convex_hull, np.asarray(mesh.center_mass))
    rotation = rotation_to_up(-normal)
    offset = np.array([0.0, 0.0, -float((rotation @ point)[2])])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, offset
    steps["table"]["tilt_corrected_deg"] = tilt
    surface = upright.surface.copy().apply_transform(pose)
    scan = upright.scan.transformed(rotation, offset)
    return replace(upright, scan=scan, surface=surface), replace(closed, mesh=mesh.copy().apply_transform(pose))


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
    cfg: AssetCfg, folder: Path, upright: Upright, collision: Collision, mass: MassProperties, source: SourceRecord
) -> AssetRecord:
    texture = f"{cfg.name}_texture.jpg" if upright.scan.texture is not None and upright.scan.uv is not None else None
    if texture is not None and upright.scan.texture is not None:
        (folder / texture).write_bytes(upright.scan.texture)
    usd = f"{cfg.name}.usdc"
    write_usd(folder / usd, cfg.name, upright.scan, collision.pieces, mass, cfg.friction, texture)
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
