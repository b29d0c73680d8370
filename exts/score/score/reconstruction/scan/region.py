# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Finds what a recording is about: the thing on the table that all cameras look at, as a box to fuse finely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from score.reconstruction.scan.frames import FrameSet, Intrinsics, read_depth
from score.reconstruction.scan.table import Plane
from score.utils.errors import UserError

__all__ = ["POINTS_PER_FRAME", "Region", "Survey", "attention", "back_project", "object_region", "survey"]

POINTS_PER_FRAME = 8_000
"""Points of each frame that are looked at."""
_DISTANCE_RATIO = 2.5
"""Median depth and distance from what the cameras look at differ by less than this factor in any recording."""
_SHARED_CELL = 0.1
"""Cells in which two frames see the same, as a share of the depth."""
_LEAST_SHARED = 0.25
"""Share of what frames see that others must see as well where the cameras look at nothing in particular."""
_CELL = 0.004
"""Cells of the height map on the table [m], at least."""
_LARGEST_CELL = 0.03
_CELL_POINTS = 8
"""Points that the median cell must hold: where pictures are few or coarse, cells grow, or a thing falls to pieces."""
_LEAST_AREA = 2e-4
"""What covers less of the table [m^2] is no thing."""
_LEAST_HEIGHT = 0.0006
"""Height over the table that stands out [m], where the noise is no larger."""
_MARGIN = (0.025, 0.25)
"""Margin around the object [m], and at least this share of its extents: 'asset' needs to see table around it."""
_BELOW = 0.008
"""Depth of the box below the table [m]."""


@dataclass(frozen=True)
class Survey:
    """A first look at all frames."""

    points: NDArray[np.float32]
    """Measured points, a sample of every frame [m], world frame, shape (N, 3)."""
    noise: float
    """Standard deviation of depth between neighbouring pixels [m]."""
    center: NDArray[np.float64]
    """Point that the cameras look at [m], shape (3,)."""
    distance: float
    """Median distance of the cameras from it [m]."""
    notes: tuple[str, ...] = ()
    """What was assumed."""


@dataclass(frozen=True)
class Region:
    """The box to fuse."""

    low: NDArray[np.float64]
    """Lower corner [m], world frame, shape (3,)."""
    high: NDArray[np.float64]
    """Upper corner [m], shape (3,)."""
    others: int
    """Things on the table that were left out."""


def survey(frames: FrameSet, *, find: bool = True) -> Survey:
    """Read every depth picture once: sample points, measure noise, find where the cameras look.

    Args:
        frames: The recording.
        find: Whether the cameras must look at something; where the user gave a box, they may look anywhere.

    Raises:
        UserError: A picture is unsound, the cameras look away from what they have in common, or depth and poses are
            in different units.
    """
    poses = np.array([frame.camera_to_world for frame in frames.frames])
    points, noise, ahead = [], [], []
    for frame in frames.frames:
        depth = read_depth(frames, frame)
        if not depth.any():  # a phone trusted nothing of it
            continue
        noise.append(depth_noise(depth))
        ahead.append(float(np.median(depth[depth > 0.0])))
        points.append(back_project(depth, frames.camera(frame), frame.camera_to_world, POINTS_PER_FRAME))
    if not ahead:
        raise UserError("frames: the camera trusted no pixel of any frame: record again, slower or with more light.")
    measured = float(np.median(ahead))
    notes: tuple[str, ...] = ()
    try:
        center, distance = _looked_at(poses, measured)
    except UserError:
        # A camera that pans or goes along has no point that it looks at, and still sees one scene.
        if find and _shared(points, measured) < _LEAST_SHARED:
            raise
        center = np.median(np.concatenate(points), axis=0).astype(np.float64)
        distance = float(np.median(np.linalg.norm(poses[:, :3, 3] - center, axis=1)))
        notes = ("the cameras do not look at one point: took the middle of what they see",) if find else ()
    sigma = float(np.nanmedian(noise)) if np.isfinite(noise).any() else 0.0
    return Survey(np.concatenate(points), sigma, center, distance, notes)


def _looked_at(poses: NDArray[np.float64], measured: float) -> tuple[NDArray[np.float64], float]:
    """Return the point that the cameras look at and their distance from it, where the depth pictures agree."""
    center, distance = attention(poses)
    if not distance / _DISTANCE_RATIO < measured < distance * _DISTANCE_RATIO:
        raise UserError(
            f"scale: the depth pictures say that the scene is {measured:.3g} m away, the poses {distance:.3g} m: check"
            " depth_unit (metres of one count) and that the poses are in metres."
        )
    return center, distance


def _shared(points: Sequence[NDArray[np.float32]], measured: float) -> float:
    """Share of what each frame sees that a frame half a recording away sees too; with wrong poses there is little."""
    cells = [np.unique(np.floor(block / (_SHARED_CELL * measured)).astype(np.int64), axis=0) for block in points]
    keys = [np.unique((block * [1, 1 << 20, 1 << 40]).sum(axis=1)) for block in cells]
    half = len(keys) // 2
    return float(np.mean([np.isin(keys[i], keys[(i + half) % len(keys)]).mean() for i in range(len(keys))]))


def attention(poses: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the point nearest to all optical axes.

    Args:
        poses: Poses of the cameras (OpenCV), shape (N, 4, 4) [m].

    Returns:
        The point [m], shape (3,), and the cameras' median distance from it [m].

    Raises:
        UserError: It lies behind most cameras, or the axes are parallel and meet nowhere.
    """
    origins, axes = poses[:, :3, 3], poses[:, :3, 2]
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    normal = across.sum(axis=0)
    if np.linalg.cond(normal) > 1e4:
        raise UserError("poses: all cameras look in one direction: go around the object, or give --roi.")
    center = np.linalg.solve(normal, (across @ origins[:, :, None]).sum(axis=0)[:, 0])
    ahead = np.einsum("ij,ij->i", center - origins, axes)
    if np.mean(ahead > 0.0) < 0.5:
        raise UserError(
            "poses: most cameras look away from the point around which they stand. Are the poses in OpenGL's convention"
            ' (then set "convention": "opengl"), or world-to-camera matrices (then invert them)?'
        )
    return center, float(np.median(np.linalg.norm(center - origins, axis=1)))


def depth_noise(depth: NDArray[np.float32]) -> float:
    """Return the standard deviation of depth between neighbours [m]; NaN where too little is measured.

    Flat slopes cancel: each pixel is compared with the mean of its four neighbours.
    """
    middle = depth[1:-1, 1:-1]
    around = np.stack((depth[:-2, 1:-1], depth[2:, 1:-1], depth[1:-1, :-2], depth[1:-1, 2:]))
    difference = middle - around.mean(axis=0)
    good = (middle > 0.0) & (around > 0.0).all(axis=0) & (np.ptp(around, axis=0) < 0.02 * middle)
    if good.sum() < 100:
        return float("nan")
    # The mean of four has a quarter of the variance; most pixels are smooth surface, so the median ignores edges.
    return float(1.4826 * np.median(np.abs(difference[good])) / np.sqrt(1.25))


def back_project(
    depth: NDArray[np.float32], camera: Intrinsics, camera_to_world: NDArray[np.float64], count: int
) -> NDArray[np.float32]:
    """World points [m], shape (N, 3), of an even sample of at most about ``count`` measured pixels."""
    rows, columns = np.nonzero(depth)
    step = max(1, len(rows) // count)
    rows, columns = rows[::step], columns[::step]
    z = depth[rows, columns]
    points = np.stack(((columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z), axis=1)
    return (points @ camera_to_world[:3, :3].T + camera_to_world[:3, 3]).astype(np.float32)


def object_region(look: Survey, table: Plane | None, radius: float) -> Region:
    """Bound the thing that the cameras look at.

    Args:
        look: The survey.
        table: The table, or None where none was found: then everything near the centre is the object.
        radius: Distance from the centre within which points count [m].

    Raises:
        UserError: Nothing is there.
    """
    points = look.points[np.linalg.norm(look.points - look.center, axis=1) < radius].astype(np.float64)
    if len(points) < 100:
        raise UserError(
            f"region: only {len(points)} measured points lie within {radius:.2f} m of the point that the cameras look"
            " at: check depth_unit and the poses, or give --roi."
        )
    if table is None:
        low, high = np.percentile(points, 0.5, axis=0), np.percentile(points, 99.5, axis=0)
        margin = np.maximum(_MARGIN[0], 0.05 * (high - low))
        return Region(low - margin, high + margin, 0)
    basis = np.linalg.svd(table.normal[None])[2][1:]
    flat, height = points @ basis.T, points @ table.normal - table.offset
    edge = _cell_edge(flat)
    cells = np.floor((flat - flat.min(axis=0)) / edge).astype(int)
    # The table is known the less well, the fewer or coarser the pictures are.
    raised = _raised_cells(cells, height, max(_LEAST_HEIGHT, 0.7 * look.noise) * edge / _CELL)
    blobs, count = ndimage.label(ndimage.binary_closing(raised, iterations=2), structure=np.ones((3, 3)))
    sizes = np.bincount(blobs.ravel(), minlength=count + 1)[1:]
    large = np.flatnonzero(sizes >= max(4.0, _LEAST_AREA / edge**2)) + 1
    if len(large) == 0:
        raise UserError("region: nothing stands on the table where the cameras look: check the frames, or give --roi.")
    middle = ((look.center @ basis.T) - flat.min(axis=0)) / edge
    distances = [np.linalg.norm(np.argwhere(blobs == blob) + 0.5 - middle, axis=1).min() for blob in large]
    chosen = large[int(np.argmin(distances))]
    others = int((sizes[large - 1] > 0.1 * sizes[chosen - 1]).sum()) - 1
    mine = points[(blobs[tuple(cells.T)] == chosen) & (height > -look.noise)]
    tall = np.percentile(mine @ table.normal - table.offset, 99.8)
    mine = mine[mine @ table.normal - table.offset <= 1.02 * tall + 0.002]
    foot = mine - np.outer(mine @ table.normal - table.offset + _BELOW, table.normal)
    both = np.concatenate([mine, foot])
    low, high = both.min(axis=0), both.max(axis=0)
    # Table is wanted around the object, and nothing above it.
    margin = np.maximum(_MARGIN[0], _MARGIN[1] * (high - low)) * (1.0 - np.abs(table.normal)) + 0.01
    return Region(low - margin, high + margin, others)


def _cell_edge(flat: NDArray[np.float64]) -> float:
    """Edge of the height map's cells [m] for points on the table's plane [m], shape (N, 2)."""
    edge = _CELL
    while edge < _LARGEST_CELL:
        _, counts = np.unique(np.floor(flat / edge).astype(np.int64), axis=0, return_counts=True)
        if np.median(counts) >= _CELL_POINTS:
            break
        edge *= 1.25
    return edge


def _raised_cells(cells: NDArray[np.int64], height: NDArray[np.float64], limit: float) -> NDArray[np.bool_]:
    """Cells (X, Y) whose median height is over a limit; of few points, none is."""
    shape = tuple(cells.max(axis=0) + 1)
    flat = np.ravel_multi_index(tuple(cells.T), shape)
    order = np.lexsort((height, flat))
    present, first, counts = np.unique(flat[order], return_index=True, return_counts=True)
    median = height[order][first + counts // 2]
    raised = np.zeros(shape, dtype=bool)
    raised.ravel()[present] = (median > limit) & (counts >= 4)
    return raised
