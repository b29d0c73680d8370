# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a user says about a scan: units, mass, collision policy, measured dimensions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from score.reconstruction.asset_folder import require_name
from score.utils.errors import UserError, near_names

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
"""Unit of a scan -> metres."""
MASS_UNITS = {"kg": 1.0, "g": 0.001, "lb": 0.45359237, "oz": 0.028349523125}
"""Unit of a weighed mass -> kilograms."""
UP_AXES = ("auto", "rest", "x", "y", "z", "-x", "-y", "-z")
"""``auto``: that of the table, else what the format says; ``rest``: without a table on the side that is firmest."""
TABLE_MODES = ("auto", "scan", "none")
"""``auto`` cuts a table off where the scan holds one; ``scan`` insists on one; ``none`` leaves every face."""
COLLISION_POLICIES = ("auto", "primitive", "fit:slot", "fit:ring", "sectors", "coacd", "medial", "hull")
DENSITIES = {
    "abs": 1040.0,
    "aluminium": 2700.0,
    "cardboard": 690.0,
    "ceramic": 2400.0,
    "foam": 30.0,
    "glass": 2500.0,
    "petg": 1270.0,
    "pla": 1240.0,
    "plastic": 950.0,
    "rubber": 1100.0,
    "steel": 7850.0,
    "water": 1000.0,
    "wood": 600.0,
}
"""Preset material -> density [kg/m^3] of the solid."""
MEASURES = {
    "primitive": ("x", "y", "z", "diameter", "height"),
    "fit:slot": ("width", "length", "depth", "x", "y", "z"),
    "fit:ring": ("diameter", "depth", "x", "y", "z"),
}
"""Collision policy -> dimensions that it takes; x, y, z are the outer extents of a box."""
REQUIRED_MEASURES = {"fit:slot": ("width", "length", "depth"), "fit:ring": ("diameter", "depth")}
"""Tight features: a scan is 0.1 mm to 2 mm wrong, so callipers give these."""


@dataclass(frozen=True)
class AssetCfg:
    """Settings of one asset; lengths in metres unless a field says otherwise."""

    scan: Path
    """The scanned mesh: .obj, .ply, .stl, .glb, .gltf or .off."""
    name: str
    """Name of the asset."""
    output: Path
    """Folder to make."""
    unit: str | None = None
    """Unit of the scan's numbers; None where the file format or the known length says it."""
    known_length: tuple[str, float] | None = None
    """Axis (``x``, ``y``, ``z`` of the upright object, or ``longest``) and its extent [m]."""
    up: str = "auto"
    """Axis of the scan that points up, or how it is found, see :data:`UP_AXES`."""
    table: str = "auto"
    """What to do about a table in the scan, see :data:`TABLE_MODES`."""
    roi: tuple[float, ...] | None = None
    """Box to keep: x0, x1, y0, y1, z0, z1 in the scan's own frame and unit."""
    mass: float | None = None
    """Weighed mass [kg]."""
    material: str | None = None
    """Preset of :data:`DENSITIES`, where the mass is not known."""
    wall: float | None = None
    """Measured wall thickness [m] of a thin-walled object: its mass is area x wall x density."""
    friction: float = 0.5
    """Static and dynamic friction coefficient."""
    collision: str = "auto"
    """Collision policy."""
    measures: dict[str, float] = field(default_factory=dict)
    """Measured dimensions [m] for the policies of :data:`MEASURES`."""
    voxel: float | None = None
    """Edge of the grid that closes the mesh [m]; None chooses it from the size."""
    coacd_threshold: float = 0.05
    """Concavity that CoACD may leave: 0.05 for grasped objects, 0.01 for features."""
    coacd_timeout: float = 120.0
    """Longest time that CoACD may take [s]."""
    num_points: int = 2048
    """Surface points to store."""
    overwrite: bool = False
    """Whether an existing output folder is replaced."""

    def __post_init__(self) -> None:
        require_name(self.name)
        _require_choice("--up", self.up, UP_AXES)
        _require_choice("--table", self.table, TABLE_MODES)
        _require_choice("--collision", self.collision, COLLISION_POLICIES)
        if self.unit is not None:
            _require_choice("--unit", self.unit, tuple(UNITS))
        if self.material is not None:
            _require_choice("--material", self.material, tuple(DENSITIES))
        if self.unit is not None and self.known_length is not None:
            raise UserError("--unit and --known-length both set the scale: give one of them.")
        if self.mass is not None and self.material is not None:
            raise UserError("--mass and --material both set the mass: give one of them (a weighed mass is better).")
        if self.wall is not None and self.material is None:
            raise UserError("--wall is used with --material: give the material, or --mass alone.")
        for flag in ("mass", "wall", "voxel", "coacd_threshold", "coacd_timeout"):
            _require_positive(f"--{flag.replace('_', '-')}", getattr(self, flag))
        if not (math.isfinite(self.friction) and 0.0 <= self.friction <= 4.0):
            raise UserError(f"--friction is {self.friction}: give a coefficient from 0 to 4.")
        if self.num_points < 1:
            raise UserError(f"--points is {self.num_points}: give at least 1.")
        if self.known_length is not None:
            _require_choice("--known-length", self.known_length[0], ("x", "y", "z", "longest"))
            _require_positive("--known-length", self.known_length[1])
        if self.roi is not None and not all(a < b for a, b in zip(self.roi[::2], self.roi[1::2], strict=True)):
            raise UserError(f"--roi {self.roi} is empty: give x0 x1 y0 y1 z0 z1 with x0 < x1, y0 < y1, z0 < z1.")
        self._check_measures()

    def _check_measures(self) -> None:
        allowed = MEASURES.get(self.collision, ())
        for key, value in self.measures.items():
            if not allowed:
                takers = ", ".join(MEASURES)
                raise UserError(f"--measure {key}: --collision {self.collision} takes none; {takers} do.")
            _require_choice(f"--measure for {self.collision}", key, allowed)
            _require_positive(f"--measure {key}", value)
        missing = [key for key in REQUIRED_MEASURES.get(self.collision, ()) if key not in self.measures]
        if missing:
            flags = " ".join(f"--measure {key}=MM" for key in missing)
            raise UserError(
                f"--collision {self.collision} is a tight feature, and no scan is exact enough for it: measure it with"
                f" callipers and add {flags}."
            )


def parse_mass(text: str) -> float:
    """Read a weighed mass such as ``0.25``, ``0.25kg``, ``250g``, ``8.8 oz`` or ``0.55lb``; without a unit it is kg.

    Returns:
        Mass [kg].

    Raises:
        UserError: It has another form, or the unit is unknown.
    """
    match = re.fullmatch(r"\s*([-+]?[\d.,]+(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*", text[:100])
    try:
        value = float(match.group(1)) if match else float(text)
    except ValueError:
        raise UserError(
            f"--mass {text[:40]!r} is not a mass: give a number of kg, or one with its unit: 250g."
        ) from None
    unit = (match.group(2) if match else "") or "kg"
    if unit.lower() not in MASS_UNITS:
        near = near_names(unit, MASS_UNITS) or f" Known are {', '.join(MASS_UNITS)}."
        raise UserError(f"--mass {text!r} has the unknown unit {unit!r}.{near}")
    return value * MASS_UNITS[unit.lower()]


def parse_measures(texts: Sequence[str], flag: str = "--measure") -> dict[str, float]:
    """Read ``KEY=MM`` arguments.

    Args:
        texts: For example ``["width=21", "depth=30"]``.
        flag: Name of the flag, for the message.

    Returns:
        Key -> length [m].

    Raises:
        UserError: A text has another form.
    """
    measures = {}
    for text in texts:
        key, equals, value = text.partition("=")
        try:
            measures[key] = float(value) / 1000.0
        except ValueError:
            equals = ""
        if not key or not equals:
            raise UserError(f"{flag} {text!r} has another form than KEY=MM, for example z=191.5.")
    return measures


def _require_choice(flag: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        near = near_names(value, choices) or f" Known are {', '.join(choices)}."
        raise UserError(f"{flag} {value!r} is unknown.{near}")


def _require_positive(flag: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0.0):
        raise UserError(f"{flag} is {value}: give a positive number.")
