# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Colours a fused surface by the pictures of its frames."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from score.reconstruction.scan.frames import FrameSet, Intrinsics, read_color, read_depth

__all__ = ["seen_colors"]


def seen_colors(mesh: trimesh.Trimesh, frames: FrameSet, truncation: float) -> NDArray[np.uint8]:
    """Mean colour of each vertex over the frames that see it; grey without pictures.

    Args:
        mesh: Fused surface [m], world frame.
        frames: The recording.
        truncation: Half width of the band around the surface [m].

    Returns:
        Red, green, blue and 255, shape (V, 4).
    """
    vertices, normals = np.asarray(mesh.vertices), np.asarray(mesh.vertex_normals)
    total, weight = np.zeros((len(vertices), 3)), np.zeros(len(vertices))
    for frame in frames.frames:
        picture = read_color(frames, frame)
        if picture is None:
            continue
        depth = read_depth(frames, frame)
        pixel, z, visible = _project(vertices, frames.camera(frame), frame.camera_to_world)
        row, column = pixel[visible, 1], pixel[visible, 0]
        near = np.abs(depth[row, column] - z[visible]) < 0.5 * truncation
        seen = np.flatnonzero(visible)[near]
        ray = vertices[seen] - frame.camera_to_world[:3, 3]
        facing = np.clip(-np.einsum("ij,ij->i", normals[seen], ray) / np.linalg.norm(ray, axis=1), 0.0, 1.0) ** 2
        total[seen] += facing[:, None] * picture[row[near], column[near]]
        weight[seen] += facing
    colors = np.full((len(vertices), 4), 255, dtype=np.uint8)
    seen = weight > 1e-6
    if not seen.any():
        colors[:, :3] = 160
        return colors
    mean = total[seen] / weight[seen, None]
    colors[seen, :3] = mean.astype(np.uint8)
    # What no frame saw, such as the bottom of a narrow cup, takes the colour of the nearest place that was seen.
    colors[~seen, :3] = mean[cKDTree(vertices[seen]).query(vertices[~seen])[1]].astype(np.uint8)
    return colors


def _project(
    points: NDArray[np.float64], camera: Intrinsics, camera_to_world: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Nearest pixels (N, 2), depths (N,), and which points lie in the picture."""
    seen = (points - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
    z = np.maximum(seen[:, 2], 1e-6)
    focal, middle = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
    pixel = np.rint(np.clip(seen[:, :2] / z[:, None] * focal + middle, -1e6, 1e6)).astype(np.int64)
    inside = ((pixel >= 0) & (pixel < (camera.width, camera.height))).all(axis=1) & (seen[:, 2] > 1e-3)
    return pixel, z, inside
