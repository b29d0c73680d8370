# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The field of a wall is the signed distance from it; space that was seen through is carved, the unseen is solid."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from score.reconstruction.scan.frames import Intrinsics
from score.reconstruction.scan.tsdf import TsdfGrid, depth_map, grid_shape, grid_window

CAMERA = Intrinsics(80, 60, 100.0, 100.0, 39.5, 29.5)
LOW, HIGH = np.array([-0.02, -0.02, 0.46]), np.array([0.02, 0.02, 0.54])
VOXEL, BAND = 0.002, 0.008
CPU = torch.device("cpu")


def grid(depths: list[float]) -> TsdfGrid:
    """A box around z = 0.5 that cameras at the origin saw walls in, square to the optical axis."""
    result = TsdfGrid(LOW, HIGH, VOXEL, BAND, BAND, CPU)
    for depth in depths:
        picture = np.full((60, 80), depth, dtype=np.float32)
        result.integrate(depth_map(picture, CAMERA, BAND, CPU), CAMERA, np.eye(4))
    return result


def column(depths: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Field and knowledge along the optical axis; voxel k lies at z = 0.46 + 0.002 k."""
    values, known = grid(depths).field()
    return values[10, 10], known[10, 10]


def test_the_field_is_the_distance_from_the_wall() -> None:
    values, known = column([0.5] * 3)
    # z = 0.496, 0.500, 0.504: 4 mm before the wall, on it, 4 mm behind it
    np.testing.assert_allclose(values[[18, 20, 22]], (0.004, 0.0, -0.004), atol=1e-6)
    # Further away the band ends: free before, solid behind.
    np.testing.assert_allclose(values[[0, 10, 30, 40]], (BAND, BAND, -BAND, -BAND), atol=1e-6)
    assert known.all()


def test_noise_averages_out() -> None:
    values, _ = column([0.499, 0.5, 0.501])
    # Weights are even in front of the walls.
    assert values[18] == pytest.approx(0.004, abs=1e-6)


def test_a_frame_that_sees_through_carves() -> None:
    # One frame saw a thing 20 mm before the wall; five looked through it at the wall.
    values, _ = column([0.48] + [0.5] * 5)
    assert values[10] == pytest.approx(BAND)
    assert values[20] == pytest.approx(0.0, abs=1e-6)


def test_frames_that_contradict_a_point() -> None:
    seen = grid([0.48] + [0.5] * 3)
    # At z = 0.48: one frame saw a surface, three looked through: 3 / 4. At the wall, one of them saw nothing.
    shares = seen.contradiction(np.array([[0.0, 0.0, 0.48], [0.0, 0.0, 0.5]]))
    assert shares.tolist() == [0.75, 0.0]


def test_where_nothing_was_measured_nothing_is_known() -> None:
    values, known = column([0.0])
    assert not known.any()
    np.testing.assert_allclose(values, -BAND)


def test_the_window_holds_the_box() -> None:
    # Nearest corners: 20 mm aside at 0.46 m are 4.35 pixels from the middle (39.5, 29.5); 4 pixels of margin.
    rows, columns = grid_window(LOW, HIGH, CAMERA, np.eye(4)) or (slice(0), slice(0))
    assert (columns.start, columns.stop) == (31, 48)
    assert (rows.start, rows.stop) == (21, 38)
    behind = np.diag([1.0, -1.0, -1.0, 1.0])
    assert grid_window(LOW, HIGH, CAMERA, behind) is None
    aside = np.eye(4)
    aside[0, 3] = 1.0
    assert grid_window(LOW, HIGH, CAMERA, aside) is None


def test_the_shape_covers_the_box() -> None:
    # 40, 40 and 80 mm at 2 mm, both ends
    assert grid_shape(LOW, HIGH, VOXEL) == (21, 21, 41)
