# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Virtual RGB-D pictures show depth along the optical axis, with the faults that their settings state."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.reconstruction.shapes import block

from score.benchmarks.virtual_frames import RecordingCfg, camera_poses, render_frames
from score.reconstruction.check.ray_pictures import look_at

ABOVE = RecordingCfg(
    count=1, width=64, height=48, focal=60.0, distance=0.4, elevations=(90.0,), depth_noise=0.0, dropout=0.0,
    grazing=90.0, edge_loss=0.0, depth_unit=0.0001,
)  # fmt: skip
"""One picture from straight above, without a fault."""


def depth(seed: int = 0, **changes: float) -> NDArray[np.float64]:
    """Depth [m] of a 50 mm cube from above."""
    cfg = dataclasses.replace(ABOVE, **changes)  # type: ignore[arg-type]
    counts, _, _ = next(render_frames(block(0.05, 0.05, 0.05), (0.8, 0.3, 0.2), cfg, seed))
    return np.asarray(counts * cfg.depth_unit, np.float64)


def test_depth_is_along_the_axis() -> None:
    picture = depth()
    # The camera is 0.4 m above the cube's middle at z = 0.025: 0.375 m above its top, 0.425 m above the table.
    assert picture[24, 32] == pytest.approx(0.375, abs=1e-4)
    assert picture[2, 2] == pytest.approx(0.425, abs=1e-4)
    # 60 pixels of focal length show the top's 50 mm as 60 * 50 / 375 = 8 pixels.
    assert (picture < 0.4).sum() == 8 * 8


def test_the_object_is_coloured_and_the_table_brown() -> None:
    _, picture, _ = next(render_frames(block(0.05, 0.05, 0.05), (0.1, 0.2, 0.9), ABOVE, 0))
    red, _, blue = picture[24, 32].astype(float)
    assert blue > 2.0 * red
    red, _, blue = picture[2, 2].astype(float)
    assert red > 1.3 * blue


def test_noise_grows_with_the_square_of_the_distance() -> None:
    # Measured where the depth is 0.425 m: 0.7 mm * (0.425 / 0.4)^2 = 0.79 mm.
    table = depth(depth_noise=0.0007)[:16]
    assert table.std() == pytest.approx(0.00079, rel=0.1)
    assert table.mean() == pytest.approx(0.425, abs=1e-4)


def test_pixels_are_lost_at_random_and_at_edges() -> None:
    assert (depth(dropout=0.2) == 0.0).mean() == pytest.approx(0.2, abs=0.03)
    lost = depth(edge_loss=1.0) == 0.0
    assert lost.any()
    assert not lost[22:26, 30:34].any()
    assert not lost[:10].any()


def test_grazing_surfaces_are_not_measured() -> None:
    # From 15 degrees over the horizon, 60 pixels of focal length: rows 25 to 27 look down by at most
    # 15 + atan(3.5 / 60) = 18.3 degrees, 71.7 from the table's normal; rows from 42 by at least 31 degrees, 59 from it.
    low = {"distance": 0.4, "grazing": 70.0}
    cfg = dataclasses.replace(ABOVE, elevations=(15.0,), **low)  # type: ignore[arg-type]
    counts, _, _ = next(render_frames(block(0.05, 0.05, 0.05), (0.8, 0.3, 0.2), cfg, 0))
    assert counts[24, 32] > 0  # the cube's side faces the camera
    assert (counts[25:28, :20] == 0).all()  # the table beside it
    assert (counts[42:, 20:44] > 0).all()  # the table before it


def test_cameras_stand_in_rings_and_look_at_the_middle() -> None:
    cfg = dataclasses.replace(ABOVE, count=6, elevations=(0.0, 30.0))
    center = np.array([0.1, 0.0, 0.05])
    poses = camera_poses(cfg, center)
    for index, pose in enumerate(poses):
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(pose[:3, 3] + 0.4 * pose[:3, 2], center, atol=1e-12)
        # 0.4 m * sin(30 degrees) = 0.2 m over the middle in every second frame
        assert pose[2, 3] == pytest.approx(0.05 + (0.2 if index % 2 else 0.0))
    down = look_at(np.array([0.0, 0.0, 1.0]), np.zeros(3))
    np.testing.assert_allclose(down[:3, 2], (0.0, 0.0, -1.0), atol=1e-12)


def test_everything_follows_from_the_seed() -> None:
    faults = {"depth_noise": 0.0007, "dropout": 0.05}
    np.testing.assert_array_equal(depth(3, **faults), depth(3, **faults))
    assert (depth(3, **faults) != depth(4, **faults)).any()
