# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Takes the one object out of a scan, in metres, alone and standing on z = 0."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from score.reconstruction.scan import cleaning
from score.reconstruction.scan.closing import ClosedMesh
from score.reconstruction.scan.scan import Scan
from score.reconstruction.scan.table import Plane, axis_vector, find_table, rotation_to_up
from score.reconstruction.scan.upright import firmest_up, guessed_up, standing_face, stands_otherwise
from score.reconstruction.settings import UNITS, AssetCfg
from score.utils.errors import UserError

SIZE_RANGE = (0.005, 2.0)
"""Longest side of an object that is taken [m]."""
_TABLE_CLEARANCE = 3.0
"""What is cut off above a table, in standard deviations of the scan on it."""
_TOLD_TILT = 3.0
"""An object that has to be tipped further than this to stand is told of [deg]."""
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
    turn: NDArray[np.float64]
    """Rotation from the scan's frame to this one, shape (3, 3)."""


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
    up = None if cfg.up in ("auto", "rest") else axis_vector(cfg.up)
    table = None if cfg.table == "none" else find_table(scan.vertices, scan.faces, up)
    if table is None and cfg.table == "scan":
        raise UserError(
            "table: no table plane in the scan (--table scan): no large plane lies under everything else. Scan it with"
            " the table around it, check --up, or use --table auto."
        )
    normal = table.normal if table else (up if up is not None else _likely_up(scan, cfg, steps))
    turn = rotation_to_up(normal)
    scan = scan.transformed(turn, np.array([0.0, 0.0, -table.offset if table else 0.0]))
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
    return Upright(found, surface, table is not None, turn)


def _likely_up(scan: Scan, cfg: AssetCfg, steps: dict[str, Any]) -> NDArray[np.float64]:
    """Which way is up in a scan without a table, a unit vector; what is not the format's word is noted."""
    surface = trimesh.Trimesh(scan.vertices, cleaning.weld(scan.vertices, scan.faces), process=False)
    surface.remove_unreferenced_vertices()
    if cfg.up == "rest":
        return firmest_up(surface)
    axis, why = guessed_up(surface, scan.format_up)
    # A format with a unit says what is up as well.
    other = "" if why or scan.format_unit else stands_otherwise(surface, axis)
    if other:
        steps.setdefault("notes", []).append(
            f"up: read as {axis}-up, which the file does not say; it stands along {other} as well: give --up {other} if"
            " that was meant"
        )
    if why:
        steps.setdefault("notes", []).append(
            f"up: read as {axis}-up, for {why}; give --up {scan.format_up} if that is wrong"
        )
    return axis_vector(axis)


def _known_scale(raw: Scan, cfg: AssetCfg) -> float | None:
    """Metres per unit; None where a known length has to give it."""
    if cfg.known_length is not None:
        return None
    if cfg.unit is not None:
        return UNITS[cfg.unit]
    if raw.format_unit is not None:
        return UNITS[raw.format_unit]
    longest = float(np.ptp(raw.vertices, axis=0).max())
    # As centimetres or less this would be under 5 mm, too small for an object: only metres are left.
    if SIZE_RANGE[0] <= longest < SIZE_RANGE[0] / UNITS["cm"]:
        return 1.0
    raise UserError(
        f"unit: {cfg.scan.name} states no unit, and its longest side of {longest:.4g} fits more than one: give --unit"
        f" {', '.join(UNITS)}, or --known-length longest=MM."
    )


def _require_plausible(scan: Scan, scale: float) -> None:
    longest = float(np.ptp(scan.vertices, axis=0).max()) * scale
    # A table may be larger than any object, a room is not taken for one.
    if longest > 2.5 * SIZE_RANGE[1]:
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
    """Return the faces of the object, in the scan's own appearance, and the number of dropped pieces."""
    if table is not None:
        cut = float(np.clip(_TABLE_CLEARANCE * table.residual * scale, *_CLEARANCE_RANGE))
        # By its middle: a coarse face may reach from the table to the top, a spike of the table's noise does not count.
        above = scan.vertices[scan.faces][:, :, 2].mean(axis=1) > cut
        if not above.any():
            raise UserError("table: nothing stands on the table in the scan: check --up, --roi and --table.")
        scan = scan.with_faces(above)
    found = cleaning.select_object(scan.vertices, cleaning.weld(scan.vertices, scan.faces), scan.places)
    return scan.with_faces(found.keep), found.islands


def levelled(upright: Upright, closed: ClosedMesh, steps: dict[str, Any]) -> tuple[Upright, ClosedMesh]:
    """Stand an object that was scanned without a table on the face that it would come to rest on.

    Args:
        upright: The object.
        closed: Its closed mesh.
        steps: Gets what was corrected.

    Raises:
        UserError: It does not stand the way it was scanned.
    """
    if upright.on_table:
        return upright, closed
    mesh = closed.mesh
    stand = standing_face(mesh.convex_hull, np.asarray(mesh.center_mass), upright.turn)
    rotation = rotation_to_up(-stand.normal)
    offset = np.array([0.0, 0.0, -float((rotation @ stand.point)[2])])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, offset
    steps["table"]["tilt_corrected_deg"] = stand.tilt
    if stand.tilt > _TOLD_TILT:
        steps.setdefault("notes", []).append(
            f"table: tipped by {stand.tilt:.0f} degrees against the scan, for like that it comes to rest if its density"
            " is even; scan it with the table to keep its pose"
        )
    surface = upright.surface.copy().apply_transform(pose)
    scan = upright.scan.transformed(rotation, offset)
    return replace(upright, scan=scan, surface=surface), replace(closed, mesh=mesh.copy().apply_transform(pose))
