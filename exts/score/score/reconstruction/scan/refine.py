# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Refines poses that drift: each frame is fitted to the model of those before it (point-to-plane ICP)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from score.reconstruction.scan.frames import Frame, FrameSet, read_depth
from score.reconstruction.scan.region import Region
from score.reconstruction.scan.tsdf import depth_map, grid_window

__all__ = ["Refinement", "fitted_pose", "refine_poses"]

_POINTS = 3_000
"""Points of a frame that are fitted."""
_MODEL_CELL = 0.003
"""The model keeps one point in each cell of this edge [m]."""
_REACHES = (0.03, 0.03, 0.02, 0.02, 0.01, 0.01, 0.006, 0.006, 0.004, 0.004)
"""Largest distance of a pair in each round [m]."""
_LEAST_PAIRS = 200
_FACING = 0.7
"""Cosine between the normals of a pair at least."""
_STIFFNESS = 1e-3
"""Share of the mean curvature that is added to each: along a bare table nothing holds a frame, and it stays."""
_FURTHEST = (0.25, 20.0)
"""A frame that moves further [m], or turns further [deg], against its stated pose was fitted to something else."""
_TRUSTED = 0.25
_BORDER = 0.05
"""What surrounds the box is fitted too, this far [m]."""


@dataclass(frozen=True)
class Refinement:
    """A recording with refined poses."""

    frames: FrameSet
    """The recording."""
    moves: NDArray[np.float64]
    """How far each camera moved [m], shape (N,); 0 where it was left as it was."""

    def summary(self) -> str:
        """How far the cameras moved, one line."""
        moved = self.moves[self.moves > 0.0]
        if not len(moved):
            return "poses: none could be refined"
        return (
            f"poses: {len(moved)} of {len(self.moves)} refined, by {1e3 * float(np.median(moved)):.1f} mm in the"
            f" median, {1e3 * float(moved.max()):.1f} mm at most"
        )


def refine_poses(frames: FrameSet, region: Region, truncation: float, device: torch.device) -> Refinement:
    """Fit every frame to the surface that the frames before it saw, in the order of the recording.

    Args:
        frames: The recording; neighbours in it see much of the same.
        region: The box that matters.
        truncation: Jumps of depth larger than this are edges [m].
        device: Where normals are estimated.
    """
    low, high = region.low - _BORDER, region.high + _BORDER
    model = _Model()
    drift, refined, moves = np.eye(4), [], []
    for frame in frames.frames:
        stated = frame.camera_to_world
        points, normals = _surface_of(frames, frame, low, high, truncation, device)
        guess = drift @ stated
        pose = fitted_pose(points, normals, model.points, model.normals, guess)
        if pose is None or _too_far(pose, stated):
            pose = guess if pose is None and not _too_far(guess, stated) else stated
        # What one frame had to be moved by, the next one has to be as well, about.
        drift = pose @ np.linalg.inv(stated)
        model.add(points @ pose[:3, :3].T + pose[:3, 3], normals @ pose[:3, :3].T)
        refined.append(replace(frame, camera_to_world=pose))
        moves.append(float(np.linalg.norm(pose[:3, 3] - stated[:3, 3])))
    return Refinement(replace(frames, frames=tuple(refined)), np.array(moves))


def fitted_pose(
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    model: NDArray[np.float64],
    model_normals: NDArray[np.float64],
    guess: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Fit points to a surface, by their distances along its normals.

    Args:
        points: Points in the camera's frame [m], shape (N, 3).
        normals: Their unit normals, shape (N, 3).
        model: Points of the surface, world frame [m], shape (M, 3).
        model_normals: Their unit normals, shape (M, 3).
        guess: Pose of the camera to begin with, shape (4, 4).

    Returns:
        The pose, shape (4, 4); None where too few points have a partner.
    """
    if len(points) < _LEAST_PAIRS or len(model) < _LEAST_PAIRS:
        return None
    tree, pose = cKDTree(model), guess.copy()
    for reach in _REACHES:
        world = points @ pose[:3, :3].T + pose[:3, 3]
        facing = normals @ pose[:3, :3].T
        distance, partner = tree.query(world, distance_upper_bound=reach)
        paired = np.isfinite(distance)
        paired[paired] &= np.einsum("ij,ij->i", facing[paired], model_normals[partner[paired]]) > _FACING
        if paired.sum() < _LEAST_PAIRS:
            return None
        here, plane = world[paired], model_normals[partner[paired]]
        gap = np.einsum("ij,ij->i", model[partner[paired]] - here, plane)
        # About the middle, so that turns and shifts weigh alike.
        middle = here.mean(axis=0)
        scale = float(np.sqrt(((here - middle) ** 2).sum(axis=1).mean())) + 1e-9
        rows = np.hstack([np.cross((here - middle) / scale, plane), plane])
        weight = 1.0 / np.maximum(1.0, np.abs(gap) / (0.3 * reach))
        normal = rows.T @ (weight[:, None] * rows)
        normal += _STIFFNESS * np.trace(normal) / 6.0 * np.eye(6)
        step = np.linalg.solve(normal, rows.T @ (weight * gap))
        turn = Rotation.from_rotvec(step[:3] / scale).as_matrix()
        update = np.eye(4)
        update[:3, :3], update[:3, 3] = turn, middle + step[3:] - turn @ middle
        pose = update @ pose
    return pose


class _Model:
    """Surface that was seen so far: one point and normal in each cell, the first that came."""

    def __init__(self) -> None:
        self.points, self.normals = np.zeros((0, 3)), np.zeros((0, 3))
        self._cells: set[tuple[int, int, int]] = set()

    def add(self, points: NDArray[np.float64], normals: NDArray[np.float64]) -> None:
        """Add what is new."""
        cells = np.floor(points / _MODEL_CELL).astype(np.int64)
        _, first = np.unique(cells, axis=0, return_index=True)
        fresh = [index for index in first.tolist() if tuple(cells[index].tolist()) not in self._cells]
        self._cells.update(tuple(cells[index].tolist()) for index in fresh)
        self.points = np.concatenate([self.points, points[fresh]])
        self.normals = np.concatenate([self.normals, normals[fresh]])


def _surface_of(
    frames: FrameSet,
    frame: Frame,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    truncation: float,
    device: torch.device,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and normals that a frame saw in a box, camera frame [m], each (N, 3)."""
    camera = frames.camera(frame)
    window = grid_window(low, high, camera, frame.camera_to_world)
    if window is None:
        return np.zeros((0, 3)), np.zeros((0, 3))
    seen = depth_map(read_depth(frames, frame), camera, truncation, device, window)
    depth, weight = seen.depth.cpu().numpy().astype(np.float64), seen.weight.cpu().numpy()
    pixel = np.flatnonzero((weight > _TRUSTED) & (depth > 0.0))
    z = depth[pixel]
    columns, rows = pixel % camera.width, pixel // camera.width
    points = np.stack([(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z], axis=1)
    world = points @ frame.camera_to_world[:3, :3].T + frame.camera_to_world[:3, 3]
    inside = np.flatnonzero(((world > low) & (world < high)).all(axis=1))
    chosen = inside[:: max(1, len(inside) // _POINTS)]
    return points[chosen], seen.plane.cpu().numpy().astype(np.float64)[pixel[chosen], :3]


def _too_far(pose: NDArray[np.float64], stated: NDArray[np.float64]) -> bool:
    move = pose @ np.linalg.inv(stated)
    turn = np.degrees(Rotation.from_matrix(move[:3, :3]).magnitude())
    return bool(np.linalg.norm(pose[:3, 3] - stated[:3, 3]) > _FURTHEST[0] or turn > _FURTHEST[1])
