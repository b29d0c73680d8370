# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Virtual scans of a known mesh as a photogrammetry program delivers them: the input of the truth benchmark.

The surface is noisy and has holes; faces are flipped and doubled; crumbs float around; the object stands on a piece of
table that hides its underside; the numbers are millimetres and y is up. Everything follows from one seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from score.reconstruction.check.ray_pictures import TABLE_COLOR, shade
from score.reconstruction.scan.closing import as_manifold, as_trimesh

__all__ = ["MeshScan", "MeshScanCfg", "scan_mesh"]

_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""From z up to y up: x, y, z becomes x, z, -y."""
_CONTACT = 0.001
"""What is nearer to the table than this is not seen [m]."""


@dataclass(frozen=True)
class MeshScanCfg:
    """What is wrong with a virtual scan."""

    edge: float = 0.002
    """Length of the scan's edges [m]."""
    noise: float = 0.0003
    """Standard deviation of the surface along its normals [m]."""
    holes: int = 6
    """Holes in the surface."""
    hole_radius: float = 0.005
    """Radius of a hole [m]."""
    flipped: float = 0.03
    """Share of the faces that are turned inside out."""
    doubled: float = 0.01
    """Share of the faces that are there twice."""
    islands: int = 15
    """Crumbs that float around the object."""
    table: float = 0.1
    """Table around the object on every side [m]; 0 for none, then the underside was scanned too."""
    unit: float = 0.001
    """Metres of one unit of the scan's numbers."""
    y_up: bool = True
    """Whether y is up in the scan, as many programs export it; else z."""
    yaw: float = 0.4
    """Turn of the object about the vertical [rad]."""


@dataclass(frozen=True)
class MeshScan:
    """A virtual scan and where the truth lies in it."""

    mesh: trimesh.Trimesh
    """The scan, in its own unit and frame, with vertex colours."""
    scan_to_truth: NDArray[np.float64]
    """Maps the scan's numbers to the true object's frame [m], shape (4, 4); holds the unit."""


def scan_mesh(truth: trimesh.Trimesh, color: tuple[float, float, float], cfg: MeshScanCfg, seed: int) -> MeshScan:
    """Make a virtual scan.

    Args:
        truth: Closed mesh of the object [m], z up, standing on z = 0.
        color: Its base colour, 0 to 1.
        cfg: What is wrong with the scan.
        seed: Seed of everything random.

    Raises:
        ValueError: The truth is no closed mesh.
    """
    solid = as_manifold(truth)
    if solid is None:
        raise ValueError("A virtual scan needs a closed mesh.")
    rng = np.random.default_rng(seed)
    fine = as_trimesh(solid.refine_to_length(cfg.edge))
    if cfg.table > 0.0:
        hidden = (fine.face_normals[:, 2] < -0.5) & (fine.triangles_center[:, 2] < _CONTACT)
        fine.update_faces(~hidden)
    fine.update_faces(~_in_holes(fine, cfg, rng))
    fine.remove_unreferenced_vertices()
    parts = [_colored(_noisy(fine, cfg.noise, rng), color)]
    if cfg.table > 0.0:
        parts.append(_colored(_noisy(_table(truth, cfg), cfg.noise, rng), TABLE_COLOR))
    parts += [_colored(crumb, color) for crumb in _islands(truth, cfg, rng)]
    scan = trimesh.util.concatenate(parts)
    scan.faces = _damaged(np.asarray(scan.faces), cfg, rng)
    to_scan = _placement(cfg)
    scan.apply_transform(to_scan)
    return MeshScan(scan, np.linalg.inv(to_scan))


def _placement(cfg: MeshScanCfg) -> NDArray[np.float64]:
    turn = trimesh.transformations.rotation_matrix(cfg.yaw, (0.0, 0.0, 1.0))
    axes = np.eye(4)
    axes[:3, :3] = (_Y_UP if cfg.y_up else np.eye(3)) / cfg.unit
    shift = trimesh.transformations.translation_matrix((0.03, -0.02, 0.05))
    return np.asarray(axes @ shift @ turn, dtype=np.float64)


def _in_holes(mesh: trimesh.Trimesh, cfg: MeshScanCfg, rng: np.random.Generator) -> NDArray[np.bool_]:
    centers = np.asarray(mesh.triangles_center)
    inside = np.zeros(len(centers), dtype=bool)
    # By area, and of one side of a wall only, as a camera misses one.
    chances = mesh.area_faces / mesh.area
    for chosen in rng.choice(len(centers), size=cfg.holes, p=chances):
        near = np.linalg.norm(centers - centers[chosen], axis=1) < cfg.hole_radius
        inside |= near & (np.asarray(mesh.face_normals) @ mesh.face_normals[chosen] > 0.0)
    return inside


def _noisy(mesh: trimesh.Trimesh, noise: float, rng: np.random.Generator) -> trimesh.Trimesh:
    offset = noise * rng.standard_normal(len(mesh.vertices))
    return trimesh.Trimesh(mesh.vertices + offset[:, None] * mesh.vertex_normals, mesh.faces, process=False)


def _table(truth: trimesh.Trimesh, cfg: MeshScanCfg) -> trimesh.Trimesh:
    """Make a sheet around the object's footprint, without what the object hides."""
    low, high = truth.bounds[0, :2] - cfg.table, truth.bounds[1, :2] + cfg.table
    counts = np.maximum(np.ceil((high - low) / (1.5 * cfg.edge)).astype(int), 2)
    x, y = (np.linspace(a, b, n + 1) for a, b, n in zip(low, high, counts, strict=True))
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    index = np.arange(grid.shape[0] * grid.shape[1]).reshape(grid.shape[:2])
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack((a, b, c), -1).reshape(-1, 3), np.stack((a, c, d), -1).reshape(-1, 3)])
    vertices = np.concatenate([grid.reshape(-1, 2), np.zeros((index.size, 1))], axis=1)
    sheet = trimesh.Trimesh(vertices, faces, process=False)
    feet = truth.vertices[truth.vertices[:, 2] < _CONTACT, :2]
    covered = Delaunay(feet).find_simplex(sheet.triangles_center[:, :2]) >= 0
    sheet.update_faces(~covered)
    sheet.remove_unreferenced_vertices()
    return sheet


def _islands(truth: trimesh.Trimesh, cfg: MeshScanCfg, rng: np.random.Generator) -> list[trimesh.Trimesh]:
    crumbs = []
    for _ in range(cfg.islands):
        crumb = trimesh.creation.icosphere(subdivisions=0, radius=float(rng.uniform(0.0005, 0.002)))
        angle, height = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(0.2, 1.2)
        reach = 0.5 * float(np.linalg.norm(truth.extents[:2])) + rng.uniform(0.01, 0.04)
        crumb.apply_translation((reach * math.cos(angle), reach * math.sin(angle), height * truth.extents[2]))
        crumbs.append(crumb)
    return crumbs


def _damaged(faces: NDArray[np.int64], cfg: MeshScanCfg, rng: np.random.Generator) -> NDArray[np.int64]:
    """Faces with some turned over and some there twice, in another order."""
    flipped = rng.random(len(faces)) < cfg.flipped
    turned = np.where(flipped[:, None], faces[:, ::-1], faces)
    twice = turned[rng.random(len(faces)) < cfg.doubled]
    return np.asarray(rng.permutation(np.concatenate([turned, twice]), axis=0), dtype=np.int64)


def _colored(mesh: trimesh.Trimesh, color: tuple[float, float, float]) -> trimesh.Trimesh:
    base = np.broadcast_to(np.asarray(color), (len(mesh.vertices), 3))
    colors = np.full((len(mesh.vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = shade(base, np.asarray(mesh.vertex_normals))
    mesh.visual.vertex_colors = colors
    return mesh
