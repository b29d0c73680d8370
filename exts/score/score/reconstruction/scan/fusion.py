# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Fuses RGB-D frames with known poses into one coloured mesh that ``reconstruct.py asset`` takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
import trimesh
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from score.reconstruction.scan.colors import seen_colors
from score.reconstruction.scan.frames import FrameSet, read_depth
from score.reconstruction.scan.refine import refine_poses
from score.reconstruction.scan.region import POINTS_PER_FRAME, Region, Survey, back_project, object_region, survey
from score.reconstruction.scan.table import find_table
from score.reconstruction.scan.tsdf import BYTES_PER_VOXEL, TsdfGrid, depth_map, grid_shape, grid_window
from score.utils.errors import UserError
from score.utils.files import atomic_file

__all__ = ["REFINEMENTS", "FuseCfg", "FusedMesh", "fuse", "write_fused"]

LEAST_NOISE_RATIO = 3.0
"""A band narrower than this many standard deviations of the noise destroys thin walls."""
LEAST_AGREEMENT = 0.7
"""Share of the measured points that other frames must not contradict: with wrong poses it is far less."""
GOOD_AGREEMENT = 0.9
"""With less than this share poses are refined."""
REFINEMENTS = ("auto", "always", "never")
"""Poses are refined where frames contradict each other, always, or never."""
SEEN_THROUGH = 0.3
"""A point is contradicted when more than this share of the frames saw through it; noise at edges stays below."""
_COARSE_CELLS = 80
_CRUMB = 0.005
"""Pieces with less than this share of the largest one's faces are noise."""
_LEAST_MEASURED = 0.1
"""Pieces of which a smaller share was measured are borders between what was seen to be free and what was not seen."""
_MEMORY_SHARE = 0.8


@dataclass(frozen=True)
class FuseCfg:
    """Settings of a fusion; lengths in metres."""

    voxel: float = 0.001
    """Edge of a voxel."""
    truncation: float | None = None
    """Half width of the band around the surface; None: four voxels, or four times the noise if that is more."""
    roi: tuple[float, ...] | None = None
    """Box to fuse, x0, x1, y0, y1, z0, z1 in the world frame; None finds the object that the cameras look at."""
    device: str | None = None
    """Torch device such as ``cpu`` or ``cuda:0``; None takes a GPU if there is one."""
    refine: str = "auto"
    """Whether poses are refined, see :data:`REFINEMENTS`."""

    def __post_init__(self) -> None:
        if not 1e-4 <= self.voxel <= 0.05:
            raise UserError(f"--voxel is {self.voxel * 1e3:g} mm: give 0.1 to 50 mm.")
        if self.truncation is not None and not self.truncation >= 2.0 * self.voxel:
            raise UserError(
                f"--truncation is {self.truncation * 1e3:g} mm: give at least two voxels, {2e3 * self.voxel:g} mm."
            )
        if self.refine not in REFINEMENTS:
            raise UserError(f"--refine {self.refine!r} is unknown: give one of {', '.join(REFINEMENTS)}.")
        if self.roi is not None:
            if not all(a < b for a, b in zip(self.roi[::2], self.roi[1::2], strict=True)):
                raise UserError(f"--roi {self.roi} is empty: give x0 x1 y0 y1 z0 z1 with x0 < x1, y0 < y1, z0 < z1.")
            if not np.isfinite(self.roi).all():
                raise UserError(f"--roi {self.roi} is not finite: give six numbers in metres.")


@dataclass(frozen=True)
class FusedMesh:
    """Result of a fusion."""

    mesh: trimesh.Trimesh
    """Surface with vertex colours [m], world frame of the poses; open where the box cuts it."""
    region: Region
    """The box that was fused."""
    voxel: float
    """Edge of a voxel [m]."""
    truncation: float
    """Half width of the band [m]."""
    noise: float
    """Noise of depth between neighbouring pixels [m]."""
    agreement: float
    """Share of the measured points in the box that other frames do not contradict."""
    seconds: float
    """Time taken [s]."""
    notes: tuple[str, ...] = ()
    """What was assumed, left out or refined."""

    def summary(self) -> str:
        """Return what was fused and how well the frames agree, a few lines."""
        size = " x ".join(f"{1e3 * extent:.0f}" for extent in self.region.high - self.region.low)
        lines = [
            f"Box {size} mm, voxel {self.voxel * 1e3:g} mm, band {self.truncation * 1e3:.1f} mm, depth noise"
            f" {self.noise * 1e3:.2f} mm",
            f"{len(self.mesh.faces):,} faces; {self.agreement:.1%} of the measured points are contradicted by no other"
            f" frame; {self.seconds:.0f} s",
        ]
        lines += self.notes
        if self.region.others:
            lines.append(f"{self.region.others} other things on the table were left out: choose with --roi")
        return "\n".join(lines)


def fuse(frames: FrameSet, cfg: FuseCfg, progress: Callable[[int, int], None] | None = None) -> FusedMesh:
    """Fuse frames into a mesh.

    Args:
        frames: The recording.
        cfg: Settings.
        progress: Called with the number of frames done and of all.

    Raises:
        UserError: A picture is unsound, the object cannot be found, the grid does not fit into memory, the band is too
            narrow for the noise, or the frames contradict each other.
    """
    start = time.perf_counter()
    device = torch.device(cfg.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    look = survey(frames, find=cfg.roi is None)
    truncation = _truncation(cfg, look.noise)
    notes = [*frames.notes, *look.notes]
    region = _region(frames, look, cfg, device, notes)
    require_memory(region, cfg.voxel, device)
    grid, agreement = _fused(frames, look, region, cfg, truncation, device, progress)
    if cfg.refine == "always" or (cfg.refine == "auto" and agreement < GOOD_AGREEMENT):
        refined = refine_poses(frames, region, truncation, device)
        del grid  # two of them need not fit into memory
        grid, better = _fused(refined.frames, look, region, cfg, truncation, device, progress)
        if better > agreement or cfg.refine == "always":
            notes.append(f"{refined.summary()}; agreement {agreement:.1%} before, {better:.1%} after")
            frames, agreement = refined.frames, better
        else:
            grid, agreement = _fused(frames, look, region, cfg, truncation, device, progress)
    if agreement < LEAST_AGREEMENT:
        raise UserError(
            f"fuse: the frames contradict each other: {1.0 - agreement:.0%} of the measured points lie where other"
            f" frames saw nothing (at most {1.0 - LEAST_AGREEMENT:.0%}), and refining the poses did not help. Check"
            " poses (camera to world, metres), convention, intrinsics and depth_unit."
        )
    mesh = _without_crumbs(_measured_pieces(_surface(grid), grid))
    mesh.visual.vertex_colors = seen_colors(mesh, frames, truncation)
    seconds = time.perf_counter() - start
    return FusedMesh(mesh, region, cfg.voxel, truncation, look.noise, agreement, seconds, tuple(notes))


def write_fused(fused: FusedMesh, path: Path) -> None:
    """Write the mesh as a binary ``.ply`` with vertex colours, whole or not at all."""
    with atomic_file(path) as beside:
        beside.write_bytes(fused.mesh.export(file_type="ply"))


def require_memory(region: Region, voxel: float, device: torch.device) -> None:
    """Check that a grid fits into memory.

    Raises:
        UserError: It does not; the message names the smallest voxel that does.
    """
    cells = int(np.prod([float(count) for count in grid_shape(region.low, region.high, voxel)]))
    needed = cells * BYTES_PER_VOXEL
    on_gpu = device.type == "cuda"
    free = torch.cuda.mem_get_info(device)[0] if on_gpu else psutil.virtual_memory().available
    if needed > _MEMORY_SHARE * free:
        smallest = voxel * (needed / (_MEMORY_SHARE * free)) ** (1.0 / 3.0)
        size = " x ".join(f"{1e3 * extent:.0f}" for extent in region.high - region.low)
        raise UserError(
            f"memory: a box of {size} mm at {voxel * 1e3:g} mm needs {needed / 2**30:.1f} GB, and {free / 2**30:.1f} GB"
            f" are free{' on the GPU' if on_gpu else ''}: give --voxel {smallest * 1.02e3:.2f} or more, or a smaller"
            " --roi."
        )


def _truncation(cfg: FuseCfg, noise: float) -> float:
    if cfg.truncation is None:
        return max(4.0 * cfg.voxel, 4.0 * noise)
    if cfg.truncation < LEAST_NOISE_RATIO * noise:
        raise UserError(
            f"--truncation {cfg.truncation * 1e3:g} mm is under {LEAST_NOISE_RATIO:g} times the depth noise of"
            f" {noise * 1e3:.2f} mm, which destroys thin walls: give at least {LEAST_NOISE_RATIO * noise * 1e3:.1f} mm."
        )
    return cfg.truncation


def _region(frames: FrameSet, look: Survey, cfg: FuseCfg, device: torch.device, notes: list[str]) -> Region:
    """Return the box to fuse: that of the user, or around what stands where the cameras look."""
    if cfg.roi is not None:
        return Region(np.array(cfg.roi[::2]), np.array(cfg.roi[1::2]), 0)
    radius = 0.5 * look.distance
    near = look.points[np.linalg.norm(look.points - look.center, axis=1) < radius]
    if len(near) < 100:
        return object_region(look, None, radius)  # says what is wrong
    # Fused coarsely, the table is found in that.
    low, high = near.min(axis=0).astype(np.float64), near.max(axis=0).astype(np.float64)
    voxel = float((high - low).max()) / _COARSE_CELLS
    coarse = Region(low - 2.0 * voxel, high + 2.0 * voxel, 0)
    mesh = _surface(_fuse_box(frames, coarse, voxel, 3.0 * voxel, look.noise, device, None))
    table = find_table(np.asarray(mesh.vertices), np.asarray(mesh.faces), None)
    if table is None:
        notes.append(
            f"no table in the scene: took everything within {radius:.2f} m of the point that the cameras look at; give"
            " --roi for less, and --up to 'asset'"
        )
    return object_region(look, table, radius)


def _fused(
    frames: FrameSet,
    look: Survey,
    region: Region,
    cfg: FuseCfg,
    truncation: float,
    device: torch.device,
    progress: Callable[[int, int], None] | None,
) -> tuple[TsdfGrid, float]:
    """Return the grid, and the share of what each frame measured in the box that the others do not contradict."""
    grid = _fuse_box(frames, region, cfg.voxel, truncation, look.noise, device, progress)
    return grid, _agreement(grid, frames, region)


def _fuse_box(
    frames: FrameSet,
    region: Region,
    voxel: float,
    truncation: float,
    noise: float,
    device: torch.device,
    progress: Callable[[int, int], None] | None,
) -> TsdfGrid:
    support = max(2.0 * voxel, LEAST_NOISE_RATIO * noise)
    grid = TsdfGrid(region.low, region.high, voxel, truncation, support, device)
    for index, frame in enumerate(frames.frames):
        camera = frames.camera(frame)
        window = grid_window(region.low, region.high, camera, frame.camera_to_world)
        if window is not None:
            surface = depth_map(read_depth(frames, frame), camera, truncation, device, window)
            grid.integrate(surface, camera, frame.camera_to_world)
        if progress is not None:
            progress(index + 1, len(frames.frames))
    return grid


def _surface(grid: TsdfGrid) -> trimesh.Trimesh:
    values, known = grid.field()
    inside = values[known]
    if inside.size == 0 or inside.min() >= 0.0 or inside.max() <= 0.0:
        raise UserError("fuse: no surface lies in the box: check --roi (metres, world frame), poses and depth_unit.")
    # The function's own mask looks at one corner of each cube only; with NaN, faces at the unknown drop out exactly.
    values[~known] = np.nan
    vertices, faces, _, _ = marching_cubes(values, 0.0, mask=known)
    faces = faces[np.isfinite(vertices).all(axis=1)[faces].all(axis=1)]
    mesh = trimesh.Trimesh(np.nan_to_num(vertices) * grid.voxel + grid.low, faces, process=False)
    mesh.remove_unreferenced_vertices()
    return mesh


def _measured_pieces(mesh: trimesh.Trimesh, grid: TsdfGrid) -> trimesh.Trimesh:
    """Drop pieces that no frame measured: the unseen counts as solid, also where it floats in what was seen to be free.

    Pictures whose background was removed show it: what lies under an object then is neither free nor table.
    """
    labels = _pieces(mesh)
    measured = grid.measured(mesh.triangles_center)
    shares = np.bincount(labels, measured) / np.bincount(labels)
    if shares.max() < _LEAST_MEASURED:
        return mesh
    mesh.update_faces(shares[labels] >= _LEAST_MEASURED)
    mesh.remove_unreferenced_vertices()
    return mesh


def _pieces(mesh: trimesh.Trimesh) -> NDArray[np.int64]:
    """Label of the connected piece that each face belongs to."""
    return trimesh.graph.connected_component_labels(mesh.face_adjacency, node_count=len(mesh.faces))


def _without_crumbs(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Drop pieces that are too small to be anything."""
    labels = _pieces(mesh)
    sizes = np.bincount(labels)
    mesh.update_faces(sizes[labels] >= _CRUMB * sizes.max())
    mesh.remove_unreferenced_vertices()
    return mesh


def _agreement(grid: TsdfGrid, frames: FrameSet, region: Region) -> float:
    """Share of the measured points in the box through which few other frames see."""
    shares, counts = [], []
    for frame in frames.frames:
        depth = read_depth(frames, frame)
        points = back_project(depth, frames.camera(frame), frame.camera_to_world, POINTS_PER_FRAME)
        points = points[((points > region.low) & (points < region.high)).all(axis=1)]
        if len(points):
            shares.append(float((grid.contradiction(points) < SEEN_THROUGH).mean()))
            counts.append(len(points))
    return float(np.average(shares, weights=counts)) if counts else 1.0
