# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Finds the hollow of a cup, bowl or socket: where water would stay, read off the height of the surface from above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction

from score.reconstruction.asset_folder import CavityRecord
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import Piece, contains

_CELLS = 200
"""Cells along the longer horizontal side."""
_MIN_DEPTH = 0.005
"""A hollow less deep is unevenness [m]."""
_MIN_SHARE = 0.03
"""A hollow holds at least this share of the convex hull's volume."""
_FLOOR_PERCENTILE = 2.0
_MOST_OPEN = 0.1
"""Share of a hollow that one may see through: scans have holes in thin floors; a ring is open altogether."""
_WET = 0.0005
"""Depth of water at which a cell belongs to the hollow [m]."""


@dataclass(frozen=True)
class Cavity:
    """A hollow that is open to the top."""

    record: CavityRecord
    """Where it is and how large."""
    columns: NDArray[np.float64]
    """x, y and floor height of each column of water [m], shape (N, 3)."""
    cell: float
    """Edge of a column [m]."""

    def points(self, count: int, clearance: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
        """Points spread evenly over its volume.

        Args:
            count: Number of points.
            clearance: Distance from its floor [m] that they keep, vertically.
            seed: Seed.

        Returns:
            Points [m], shape (count, 3).
        """
        rng = np.random.default_rng(seed)
        heights = np.maximum(self.record.rim - self.columns[:, 2] - clearance, 0.0)
        chosen = rng.choice(len(heights), size=count, p=heights / heights.sum())
        xy = self.columns[chosen, :2] + rng.uniform(-0.5, 0.5, size=(count, 2)) * self.cell
        z = self.columns[chosen, 2] + clearance + rng.uniform(size=count) * heights[chosen]
        return np.column_stack([xy, z])

    def outline(self) -> NDArray[np.float64]:
        """Where (x, y) it is at least half as deep as at its deepest [m], shape (M, 2)."""
        middle = 0.5 * (self.record.floor + self.record.rim)
        return self.columns[self.columns[:, 2] < middle, :2]


def find_cavity(mesh: trimesh.Trimesh) -> Cavity | None:
    """Find the largest hollow that is open to the top.

    Args:
        mesh: Closed mesh [m], upright (z up).

    Returns:
        The hollow; None where there is none worth the name.
    """
    (x0, y0, bottom), (x1, y1, top) = mesh.bounds
    cell = float(max(x1 - x0, y1 - y0)) / _CELLS
    xs = np.arange(x0 - 1.5 * cell, x1 + 2.0 * cell, cell)
    ys = np.arange(y0 - 1.5 * cell, y1 + 2.0 * cell, cell)
    grid = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
    start = np.concatenate([grid.reshape(-1, 2), np.full((grid[..., 0].size, 1), top + cell)], axis=1)
    fall, _ = MeshQueries(mesh.vertices, mesh.faces, "cpu").cast(start, np.tile([0.0, 0.0, -1.0], (len(start), 1)))
    height = np.where(np.isfinite(fall), top + cell - fall, bottom).reshape(grid.shape[:2]).astype(np.float64)
    # Water poured over it stays where a path to the edge must climb.
    seed = height.copy()
    seed[1:-1, 1:-1] = height.max()
    level = reconstruction(seed, height, method="erosion")
    regions, count = ndimage.label(level - height > _WET)
    if not count:
        return None
    labels = np.arange(1, count + 1)
    volumes = ndimage.sum_labels((level - height) * cell**2, regions, labels)
    volumes[ndimage.mean(~np.isfinite(fall).reshape(height.shape), regions, labels) > _MOST_OPEN] = 0.0
    best = int(np.argmax(volumes)) + 1
    wet = regions == best
    # Scans have pinholes in thin floors: the lowest column may look through one.
    floor, rim = float(np.percentile(height[wet], _FLOOR_PERCENTILE)), float(level[wet].max())
    if rim - floor < _MIN_DEPTH or volumes[best - 1] < _MIN_SHARE * mesh.convex_hull.volume:
        return None
    deep = wet & (height < 0.5 * (floor + rim))
    room = ndimage.distance_transform_edt(deep)
    middle = np.argwhere(room >= room.max() - 0.5).mean(axis=0)
    center = (float(xs[0] + middle[0] * cell), float(ys[0] + middle[1] * cell))
    record = CavityRecord(center, floor, rim, float(room.max() - 0.5) * cell, float(volumes[best - 1]))
    return Cavity(record, np.column_stack([grid[wet], np.maximum(height[wet], floor)]), cell)


def filled_share(cavity: Cavity, pieces: Sequence[Piece], samples: int = 20_000) -> float:
    """Share of a hollow that collision pieces fill.

    Args:
        cavity: The true hollow.
        pieces: Collision pieces in the same frame.
        samples: Number of points that are tested.
    """
    return float(contains(pieces, cavity.points(samples)).mean())
