# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Virtual RGB-D recordings of a known mesh on a table: what an error of ``fuse`` is measured against.

A ring of cameras looks at the object. Depth carries noise, quantisation, dropouts and the losses that real depth
cameras have at edges and on surfaces seen at a grazing angle. Everything follows from one seed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from score.reconstruction.check.ray_pictures import TABLE_COLOR, look_at, pixel_rays, shade
from score.reconstruction.scan.frames import Intrinsics
from score.reconstruction.scan.recordings.own import CAMERAS_FILE, FRAMES_FORMAT
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.utils.files import atomic_directory

__all__ = ["RecordingCfg", "render_frames", "write_virtual_frames"]


@dataclass(frozen=True)
class RecordingCfg:
    """A virtual recording with a depth camera that is carried around an object."""

    count: int = 48
    """Number of frames."""
    width: int = 640
    """Width [pixels]."""
    height: int = 480
    """Height [pixels]."""
    focal: float = 600.0
    """Focal length [pixels]."""
    distance: float = 0.45
    """Distance from the object's middle [m]."""
    elevations: tuple[float, ...] = (15.0, 40.0, 65.0)
    """Heights over the horizon that frames take in turn [deg]."""
    depth_noise: float = 0.0007
    """Standard deviation of depth [m] at ``distance``; it grows with the square of the distance."""
    dropout: float = 0.01
    """Share of pixels without a measurement."""
    grazing: float = 80.0
    """Angle of incidence beyond which nothing is measured [deg]."""
    edge_loss: float = 0.5
    """Share of pixels lost where depth jumps."""
    table_size: float = 0.6
    """Edge of the square table [m]."""
    depth_unit: float = 0.001
    """Metres of one count in a depth picture."""

    @property
    def intrinsics(self) -> Intrinsics:
        """The camera."""
        middle = ((self.width - 1) / 2.0, (self.height - 1) / 2.0)
        return Intrinsics(self.width, self.height, self.focal, self.focal, *middle)


def camera_poses(cfg: RecordingCfg, center: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Poses of all frames around a point, each (4, 4)."""
    poses = []
    for index in range(cfg.count):
        azimuth = 2.0 * math.pi * index / cfg.count
        elevation = math.radians(cfg.elevations[index % len(cfg.elevations)])
        across = math.cos(elevation)
        offset = np.array([across * math.cos(azimuth), across * math.sin(azimuth), math.sin(elevation)])
        poses.append(look_at(center + cfg.distance * offset, center))
    return poses


def render_frames(
    mesh: trimesh.Trimesh, color: tuple[float, float, float], cfg: RecordingCfg, seed: int
) -> Iterator[tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.float64]]]:
    """Render a recording of a mesh that stands on a table at z = 0.

    Args:
        mesh: The object [m], z up.
        color: Its base colour, 0 to 1; a pattern of 10 mm cells is laid over it.
        cfg: The recording.
        seed: Seed of everything random.

    Yields:
        Depth counts (height, width), colours (height, width, 3), and the camera's pose (4, 4).
    """
    table = trimesh.creation.box((cfg.table_size, cfg.table_size, 0.02))
    table.apply_translation((0.0, 0.0, -0.01))
    scene = trimesh.util.concatenate([mesh, table])
    base = np.array([color] * len(mesh.faces) + [TABLE_COLOR] * len(table.faces))
    queries = MeshQueries(scene.vertices, scene.faces)
    rays = pixel_rays(cfg.intrinsics)
    lengths = np.linalg.norm(rays, axis=1)
    rng = np.random.default_rng(seed)
    for pose in camera_poses(cfg, mesh.bounds.mean(axis=0)):
        directions = (rays / lengths[:, None]) @ pose[:3, :3].T
        distance, face = queries.cast(np.broadcast_to(pose[:3, 3], directions.shape), directions)
        hit = face >= 0
        normals = np.asarray(scene.face_normals)[face]
        points = pose[:3, 3] + np.where(hit, distance, 0.0)[:, None] * directions
        depth = np.where(hit, distance / lengths, 0.0)
        seen = hit & (np.abs(np.sum(normals * directions, axis=1)) > math.cos(math.radians(cfg.grazing)))
        depth = _measure(np.where(seen, depth, 0.0).reshape(cfg.height, cfg.width), cfg, rng)
        cells = np.floor(points * 100.0 + 0.5).sum(axis=1) % 2 == 0
        picture = shade(base[face] * np.where(cells, 1.0, 0.8)[:, None], normals)
        picture[~hit] = 0
        yield depth, picture.reshape(cfg.height, cfg.width, 3), pose


def write_virtual_frames(
    mesh: trimesh.Trimesh, color: tuple[float, float, float], directory: Path, cfg: RecordingCfg, seed: int
) -> None:
    """Write a recording as the folder that :func:`score.reconstruction.scan.frames.read_frames` reads.

    Args:
        mesh: The object [m], z up, standing on z = 0.
        color: Its base colour, 0 to 1.
        directory: The folder to make.
        cfg: The recording.
        seed: Seed of everything random.

    Raises:
        UserError: The folder exists.
    """
    with atomic_directory(directory) as beside:
        (beside / "depth").mkdir()
        (beside / "color").mkdir()
        entries = []
        for index, (depth, picture, pose) in enumerate(render_frames(mesh, color, cfg, seed)):
            entry = {"depth": f"depth/{index:06d}.png", "color": f"color/{index:06d}.png"}
            Image.fromarray(depth).save(beside / entry["depth"])
            Image.fromarray(picture).save(beside / entry["color"])
            entries.append({**entry, "camera_to_world": pose.tolist()})
        cameras = {
            "format": FRAMES_FORMAT,
            "depth_unit": cfg.depth_unit,
            "convention": "opencv",
            "intrinsics": vars(cfg.intrinsics),
            "frames": entries,
        }
        (beside / CAMERAS_FILE).write_text(json.dumps(cameras, indent=1), encoding="utf-8")


def _measure(depth: NDArray[np.float64], cfg: RecordingCfg, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return what a depth camera reports of true depth (0: nothing), as counts."""
    jump = np.zeros(depth.shape, dtype=bool)
    for axis in (0, 1):
        step = np.abs(np.diff(depth, axis=axis)) > 0.01
        jump |= np.pad(step, [(0, 1) if a == axis else (0, 0) for a in (0, 1)])
        jump |= np.pad(step, [(1, 0) if a == axis else (0, 0) for a in (0, 1)])
    lost = rng.random(depth.shape) < np.where(jump, cfg.edge_loss, cfg.dropout)
    noise = cfg.depth_noise * (depth / cfg.distance) ** 2 * rng.standard_normal(depth.shape)
    counts = np.rint((depth + noise) / cfg.depth_unit)
    return np.where(lost | (depth <= 0.0), 0, np.clip(counts, 0, 65535)).astype(np.uint16)
