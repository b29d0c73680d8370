# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Pinhole cameras and shading for pictures made by casting rays at meshes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from score.reconstruction.scan.frames import Intrinsics

__all__ = ["TABLE_COLOR", "look_at", "pixel_rays", "shade"]

TABLE_COLOR = (0.45, 0.33, 0.25)


def look_at(eye: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pose of a camera (OpenCV: z forward, y down) at ``eye`` that looks at ``target``, z up; shape (4, 4)."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    # Looking straight down, any direction serves as "up".
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([1.0, 0.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack((right, np.cross(forward, right), forward), axis=1)
    pose[:3, 3] = eye
    return pose


def pixel_rays(camera: Intrinsics) -> NDArray[np.float64]:
    """Directions of all pixels in the camera's frame with z = 1, row by row, shape (height * width, 3)."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    return np.stack((x, y, np.ones_like(x)), axis=-1).reshape(-1, 3)


def shade(colors: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Light surfaces from above and beside.

    Args:
        colors: Base colours, 0 to 1, shape (N, 3).
        normals: Unit normals in a frame with z up, shape (N, 3).

    Returns:
        8-bit colours, shape (N, 3).
    """
    light = np.array([0.35, 0.25, 0.9]) / np.linalg.norm([0.35, 0.25, 0.9])
    strength = 0.45 + 0.55 * np.clip(normals @ light, 0.0, 1.0)
    return np.asarray(np.clip(255.0 * colors * strength[:, None], 0.0, 255.0), dtype=np.uint8)
