# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Tight fits from measured dimensions: scanned pegs are dropped into scanned sockets on both engines.

Peg and socket are scanned with all of :class:`MeshScanCfg`'s faults, which would close a hole of half a millimetre of
play; the dimensions come from the user, as from callipers, and the scans give place and look.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trimesh
from rich.table import Table

from score.benchmarks.virtual_mesh import MeshScanCfg, scan_mesh
from score.reconstruction.build import build_asset
from score.reconstruction.check.check import open_asset
from score.reconstruction.check.insertion import check_insertion
from score.reconstruction.check.passport import Passport
from score.reconstruction.settings import AssetCfg

__all__ = ["CLEARANCES", "SHAPES", "SeatingRow", "benchmark_seating", "seating_table"]

CLEARANCES = (0.001, 0.0005)
"""Hole minus peg, in all, not per side [m]."""
SHAPES = ("square", "round")
_PEG = (0.02, 0.06)
"""Width or diameter, and height of the peg [m]."""
_BLOCK = (0.05, 0.04)
"""Width and height of the socket [m]."""
_DEPTH = 0.03
"""Depth of its hole [m]."""
_COLOR = (0.7, 0.6, 0.4)


@dataclass(frozen=True)
class SeatingRow:
    """How often a peg seated on one engine."""

    shape: str
    """``square`` or ``round``."""
    clearance_mm: float
    """Hole minus peg [mm]."""
    engine: str
    """Physics engine."""
    drops: int
    """Drops; all but the first start beside the centre and tilted."""
    seated: int
    """Drops whose tip came within 1 mm of the floor."""
    worst_gap_mm: float
    """Largest distance of a tip from the floor [mm]."""


def benchmark_seating(
    shapes: Sequence[str] = SHAPES,
    clearances: Sequence[float] = CLEARANCES,
    *,
    drops: int = 10,
    seed: int = 0,
    progress: Callable[[str], None] = print,
) -> list[SeatingRow]:
    """Scan, reconstruct and drop every pair.

    Args:
        shapes: Some of :data:`SHAPES`.
        clearances: Hole minus peg [m].
        drops: Drops of each pair on each engine.
        seed: Seed of the scans.
        progress: Gets a line for each pair.

    Raises:
        UserError: A scan does not become an asset, or an engine is missing.
    """
    rows: list[SeatingRow] = []
    for shape, clearance in itertools.product(shapes, clearances):
        progress(f"{shape}, {clearance * 1e3:g} mm ...")
        with tempfile.TemporaryDirectory() as folder:
            peg, socket = (_asset(kind, shape, clearance, Path(folder), seed) for kind in ("peg", "socket"))
            passport = Passport("socket", str(socket))
            check_insertion(open_asset(socket), open_asset(peg), drops, passport)
        for engine, found in passport.measured["insertion"].items():
            worst = max(abs(gap) for gap in found["gaps"]) * 1e3
            rows.append(SeatingRow(shape, clearance * 1e3, engine, drops, found["seated"], worst))
    return rows


def seating_table(rows: Iterable[SeatingRow]) -> Table:
    """Render the numbers as a table."""
    table = Table("shape", "clearance", "engine", "seated", "tip from the floor, worst")
    for row in rows:
        clearance, worst = f"{row.clearance_mm:g} mm", f"{row.worst_gap_mm:.2f} mm"
        table.add_row(row.shape, clearance, row.engine, f"{row.seated} of {row.drops}", worst)
    return table


def _asset(kind: str, shape: str, clearance: float, folder: Path, seed: int) -> Path:
    """Make the asset of a scan of the true shape and of its true dimensions."""
    truth = _peg(shape) if kind == "peg" else _socket(shape, _PEG[0] + clearance)
    cfg = MeshScanCfg()
    scan = folder / f"{kind}.ply"
    scan.write_bytes(scan_mesh(truth, _COLOR, cfg, seed).mesh.export(file_type="ply"))
    output = folder / kind
    collision, measures, mass = _settings(kind, shape, clearance)
    asset = AssetCfg(scan, kind, output, unit="mm", mass=mass, collision=collision, measures=measures)
    build_asset(asset, drop=False, progress=lambda line: None)
    return output


def _settings(kind: str, shape: str, clearance: float) -> tuple[str, dict[str, float], float]:
    """Collision policy, measured dimensions [m] and mass [kg]."""
    width, height = _PEG
    if kind == "peg":
        square = {"x": width, "y": width, "z": height}
        return "primitive", square if shape == "square" else {"diameter": width, "height": height}, 0.05
    hole = width + clearance
    if shape == "square":
        return "fit:slot", {"width": hole, "length": hole, "depth": _DEPTH}, 0.4
    return "fit:ring", {"diameter": hole, "depth": _DEPTH}, 0.4


def _peg(shape: str) -> trimesh.Trimesh:
    width, height = _PEG
    mesh = trimesh.creation.box((width, width, height))
    if shape == "round":
        mesh = trimesh.creation.cylinder(width / 2.0, height, sections=96)
    return mesh.apply_translation([0.0, 0.0, height / 2.0])


def _socket(shape: str, hole: float) -> trimesh.Trimesh:
    side, height = _BLOCK
    block = trimesh.creation.box((side, side, height)).apply_translation([0.0, 0.0, height / 2.0])
    above = 0.01  # the tool sticks out of the block
    tool = trimesh.creation.box((hole, hole, _DEPTH + above))
    if shape == "round":
        tool = trimesh.creation.cylinder(hole / 2.0, _DEPTH + above, sections=96)
    tool.apply_translation([0.0, 0.0, height + above - (_DEPTH + above) / 2.0])
    return trimesh.boolean.difference([block, tool], engine="manifold")
