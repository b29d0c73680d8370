# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Measures the pipeline against truth: virtual scans of known objects go in, errors come out, stage by stage."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import fast_simplification
import numpy as np
import trimesh
from numpy.typing import NDArray
from rich.table import Table

from score.benchmarks.accuracy import measure, registration
from score.benchmarks.virtual_frames import RecordingCfg, write_virtual_frames
from score.benchmarks.virtual_mesh import MeshScanCfg, scan_mesh
from score.reconstruction.scan.closing import capped, close_mesh
from score.reconstruction.scan.fusion import FuseCfg, fuse, write_fused
from score.reconstruction.scan.isolate import Upright, isolate
from score.reconstruction.scan.recordings.read import read_frames
from score.reconstruction.scan.scan import read_scan
from score.reconstruction.scan.table import rotation_to_up
from score.reconstruction.settings import DENSITIES, AssetCfg
from score.reconstruction.shape.mass import mass_properties
from score.utils.errors import UserError

__all__ = ["SOURCES", "Row", "TruthObject", "benchmark_truth", "truth_table"]

SOURCES = ("mesh", "rgbd")
"""``mesh``: photogrammetry-like mesh; ``rgbd``: frames through ``fuse``."""
_MATERIAL = "water"
_DECIMATED = 6_000


class TruthObject(Protocol):
    """A known object."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def wall(self) -> float:
        """Its thinnest wall [m]."""

    @property
    def color(self) -> tuple[float, float, float]:
        """Its colour, 0 to 1."""

    def mesh(self) -> trimesh.Trimesh:
        """Its closed surface [m]."""


@dataclass(frozen=True)
class Row:
    """One stage of one object."""

    name: str
    """Object."""
    source: str
    """``mesh`` or ``rgbd``."""
    stage: str
    """What was measured; ``asset`` is the closed mesh that an asset is made of."""
    chamfer_mm: float
    """Mean distance between the surfaces [mm]."""
    h95_mm: float
    """95th percentile [mm]."""
    volume_error: float
    """Relative error of the volume; NaN for an open mesh."""
    watertight: bool
    """Whether it is closed."""
    seconds: float
    """Time since the stage before [s]."""
    mass_error: float | None = None
    """Relative error of the mass by volume and density; None where the pipeline refuses it without --mass."""
    error: str = ""
    """Why there are no numbers."""


def benchmark_truth(
    objects: Iterable[TruthObject],
    sources: Iterable[str] = SOURCES,
    *,
    recording: RecordingCfg | None = None,
    seed: int = 0,
    keep: Path | None = None,
    progress: Callable[[str], None] = print,
) -> list[Row]:
    """Scan every object virtually, reconstruct it, and compare.

    Args:
        objects: The known objects.
        sources: Kinds of scans.
        recording: Settings of the RGB-D recordings.
        seed: Seed of the scans.
        keep: Folder for the scans, in folders ``OBJECT_SOURCE`` that must not exist yet; None to keep none.
        progress: Gets a line for each scan.

    Raises:
        UserError: A folder for a scan exists.
    """
    rows: list[Row] = []
    kinds = tuple(sources)
    for item in objects:
        for source in kinds:
            progress(f"{item.name}, {source} ...")
            with _folder(keep, f"{item.name}_{source}") as folder:
                rows += _measured(item, source, recording or RecordingCfg(), folder, seed)
    return rows


def truth_table(rows: Iterable[Row]) -> Table:
    """Render the numbers as a table."""
    table = Table("object", "scan", "stage", "chamfer", "H95", "volume", "closed", "mass by density", "s")
    for row in rows:
        if row.error:
            table.add_row(row.name, row.source, row.stage, row.error)
            continue
        mass = "refused" if row.mass_error is None else f"{row.mass_error:+.1%}"
        table.add_row(
            row.name,
            row.source,
            row.stage,
            f"{row.chamfer_mm:.3f} mm",
            f"{row.h95_mm:.2f} mm",
            "" if math.isnan(row.volume_error) else f"{row.volume_error:+.1%}",
            "yes" if row.watertight else "no",
            mass if row.stage == "asset" else "",
            f"{row.seconds:.1f}",
        )
    return table


def row_dict(row: Row) -> dict[str, Any]:
    """Make a row for a JSON report, which has no NaN."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(row).items()}


@contextlib.contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    """Folder for one scan, for good or for now."""
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    if (keep / name).exists():
        raise UserError(f"{keep / name} exists: remove it, or give --keep another folder.")
    (keep / name).mkdir(parents=True)
    yield keep / name


def _measured(item: TruthObject, source: str, recording: RecordingCfg, folder: Path, seed: int) -> list[Row]:
    truth = item.mesh()
    rows: list[Row] = []
    started = time.perf_counter()
    try:
        if source == "mesh":
            path, rotation = _mesh_scan(item, truth, folder, seed)
            unit = "mm"
        else:
            write_virtual_frames(truth, item.color, folder / "frames", recording, seed)
            started = time.perf_counter()
            fused = fuse(read_frames(folder / "frames"), FuseCfg())
            path, rotation, unit = folder / "scan.ply", np.eye(3), "m"
            write_fused(fused, path)
            rows.append(_row(item, source, "fused", fused.mesh, truth, np.eye(4), time.perf_counter() - started))
        cfg = AssetCfg(scan=path, name=item.name, output=folder / "asset", unit=unit, material=_MATERIAL)
        started = time.perf_counter()
        upright = isolate(read_scan(path), cfg, {})
        isolated = time.perf_counter()
        closed = close_mesh(upright.surface, on_table=upright.on_table)
        finished = time.perf_counter()
        pose = registration(closed.mesh, truth, rotation, seed)
        rows.append(_row(item, source, "isolated", upright.surface, truth, pose, isolated - started))
        started = time.perf_counter()
        filled, _ = capped(upright.surface, on_table=upright.on_table)
        rows.append(_row(item, source, "capped", filled, truth, pose, time.perf_counter() - started))
        mass = _mass_error(closed.mesh, upright, cfg, truth)
        rows.append(_row(item, source, "asset", closed.mesh, truth, pose, finished - isolated, mass))
        started = time.perf_counter()
        few = _decimated(closed.mesh)
        rows.append(_row(item, source, f"decimated {_DECIMATED}", few, truth, pose, time.perf_counter() - started))
    except UserError as error:
        nan = float("nan")
        rows.append(Row(item.name, source, "asset", nan, nan, nan, False, nan, None, str(error)))
    return rows


def _mesh_scan(item: TruthObject, truth: trimesh.Trimesh, folder: Path, seed: int) -> tuple[Path, NDArray[np.float64]]:
    """Write a photogrammetry-like scan; its file, and the rotation from the upright scan to the truth."""
    cfg = MeshScanCfg()
    scan = scan_mesh(truth, item.color, cfg, seed)
    path = folder / "scan.ply"
    path.write_bytes(scan.mesh.export(file_type="ply"))
    to_truth = scan.scan_to_truth[:3, :3] / cfg.unit
    return path, to_truth @ rotation_to_up(np.array([0.0, 1.0, 0.0])).T


def _row(
    item: TruthObject,
    source: str,
    stage: str,
    mesh: trimesh.Trimesh,
    truth: trimesh.Trimesh,
    pose: NDArray[np.float64],
    seconds: float,
    mass_error: float | None = None,
) -> Row:
    moved = mesh.copy()
    moved.apply_transform(pose)
    if stage == "fused":
        # The table is not the object's; a card is thinner than the table's noise.
        moved.update_faces(moved.triangles_center[:, 2] > min(0.002, 0.5 * float(truth.extents[2])))
    if len(moved.faces) == 0:
        nan = float("nan")
        return Row(item.name, source, stage, nan, nan, nan, False, seconds, None, "nothing above the table")
    found = measure(moved, truth)
    return Row(
        item.name,
        source,
        stage,
        found.chamfer * 1e3,
        found.h95 * 1e3,
        found.volume_error,
        found.watertight,
        seconds,
        mass_error,
    )


def _mass_error(closed: trimesh.Trimesh, upright: Upright, cfg: AssetCfg, truth: trimesh.Trimesh) -> float | None:
    try:
        found = mass_properties(closed, float(upright.surface.area), cfg)
    except UserError:
        return None
    return found.mass / (DENSITIES[_MATERIAL] * truth.volume) - 1.0


def _decimated(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the same with about 6,000 faces by quadrics, as is usual for display; not always closed any more."""
    if len(mesh.faces) <= _DECIMATED:
        return mesh
    points, faces = fast_simplification.simplify(
        np.asarray(mesh.vertices, dtype=np.float32), np.asarray(mesh.faces, dtype=np.int32), target_count=_DECIMATED
    )
    return trimesh.Trimesh(points, faces, process=False)
