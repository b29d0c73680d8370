# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Error of a reconstructed mesh against a known one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from score.reconstruction.shape.mesh_queries import MeshQueries

__all__ = ["Accuracy", "measure", "registration"]

SAMPLES = 20_000
_MOVED = 4_000
_TARGET = 60_000
_ROUNDS = 40


@dataclass(frozen=True)
class Accuracy:
    """How far a mesh is from the truth."""

    chamfer: float
    """Mean distance of either surface from the other, averaged over the two directions [m]."""
    h95: float
    """95th percentile of those distances, the larger of the two directions [m]."""
    volume_error: float
    """Relative error of the enclosed volume; NaN for an open mesh."""
    watertight: bool
    """Whether the mesh is closed."""


def measure(mesh: trimesh.Trimesh, truth: trimesh.Trimesh, seed: int = 0) -> Accuracy:
    """Compare a mesh with the truth, in one frame and unit.

    Args:
        mesh: The reconstruction [m].
        truth: The true closed surface [m].
        seed: Seed of the samples.
    """
    there = MeshQueries(truth.vertices, truth.faces).distances(_samples(mesh, SAMPLES, seed))
    back = MeshQueries(mesh.vertices, mesh.faces).distances(_samples(truth, SAMPLES, seed))
    closed = bool(mesh.is_watertight)
    error = mesh.volume / truth.volume - 1.0 if closed else float("nan")
    h95 = max(float(np.percentile(there, 95)), float(np.percentile(back, 95)))
    return Accuracy(float(there.mean() + back.mean()) / 2.0, h95, float(error), closed)


def registration(
    mesh: trimesh.Trimesh, truth: trimesh.Trimesh, rotation: NDArray[np.float64], seed: int = 0
) -> NDArray[np.float64]:
    """Return the rigid motion that lays a reconstruction onto the truth, by nearest points from a known start.

    Args:
        mesh: The reconstruction [m].
        truth: The true surface [m].
        rotation: Rotation from the one's frame to the other's as far as it is known, shape (3, 3).
        seed: Seed of the samples.

    Returns:
        The motion, shape (4, 4).
    """
    target = cKDTree(_samples(truth, _TARGET, seed))
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = truth.bounds.mean(axis=0) - rotation @ mesh.bounds.mean(axis=0)
    start = _samples(mesh, _MOVED, seed)
    for _ in range(_ROUNDS):
        moved = start @ pose[:3, :3].T + pose[:3, 3]
        distance, index = target.query(moved)
        # Holes, crumbs and what was invented pull as little as possible.
        near = distance <= np.percentile(distance, 90)
        step, _, _ = trimesh.registration.procrustes(
            moved[near], np.asarray(target.data)[index[near]], reflection=False, scale=False
        )
        pose = step @ pose
    return np.asarray(pose, dtype=np.float64)


def _samples(mesh: trimesh.Trimesh, count: int, seed: int) -> NDArray[np.float64]:
    return np.asarray(trimesh.sample.sample_surface(mesh, count, seed=seed)[0], dtype=np.float64)
