# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Sizes of peg and socket, and point clouds on their surfaces."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score_assets.objects.peg_socket import PEG_SOCKET, PegSocketCfg, peg_points, socket_points
from score_assets.robots import franka
from score_assets.shapes import BoxShape, CapsuleShape, Shape, contains, sample_surface


def test_nominal_sizes() -> None:
    assert PEG_SOCKET.hole_width == pytest.approx(0.022)
    assert PEG_SOCKET.rim_height == pytest.approx(0.040)
    assert PEG_SOCKET.outer_width == pytest.approx(0.052)  # 22 + 2 * 15 mm
    assert PEG_SOCKET.tip_offset == pytest.approx(0.045)  # 15 + 60 / 2 mm
    # Solid box: m / 12 (w^2 + l^2) = 0.05 / 12 * (0.0004 + 0.0036); m / 12 (w^2 + w^2) = 0.05 / 12 * 0.0008
    assert PEG_SOCKET.peg_inertia == pytest.approx((1.66667e-5, 1.66667e-5, 3.33333e-6), rel=1e-5)


def test_five_boxes_fill_the_block_around_the_hole() -> None:
    volume = sum(8.0 * np.prod(box.half_size) for box in PEG_SOCKET.socket_boxes)
    # Outline 52 x 52 x 40 mm minus hole 22 x 22 x 30 mm.
    assert volume == pytest.approx(0.052**2 * 0.040 - 0.022**2 * 0.030)


@given(
    clearance=st.floats(1e-4, 5e-3),
    width=st.floats(0.005, 0.05),
    depth=st.floats(0.005, 0.05),
    wall=st.floats(5e-3, 0.03),
)
def test_boxes_leave_the_hole_free_for_any_size(clearance: float, width: float, depth: float, wall: float) -> None:
    cfg = PegSocketCfg(peg_width=width, clearance=clearance, depth=depth, wall_thickness=wall)
    half = cfg.hole_width / 2 - 1e-9
    grid = np.array([[sx * half, sy * half, z] for sx in (-1, 0, 1) for sy in (-1, 0, 1) for z in (1e-9, 0.5, 1.0)])
    grid[:, 2] = cfg.base_thickness + grid[:, 2] * depth + 1e-9
    assert not any(contains(box, grid).any() for box in cfg.socket_boxes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clearance": 0.0}, "clearance must be positive, got 0.0"),
        ({"peg_mass": -1.0}, "peg_mass must be positive"),
        ({"depth": 0.06}, r"depth \(0.06\) must be below peg_length"),
        ({"grasp_offset": 0.03}, "puts the TCP outside the peg"),
        ({"peg_friction": -0.1}, "friction must not be negative"),
    ],
)
def test_bad_sizes_are_named(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PEG_SOCKET, **change)


def on_surface(shape: Shape, points: np.ndarray, tolerance: float = 1e-6) -> np.ndarray:
    return contains(shape, points, tolerance) & ~contains(shape, points, -tolerance)


def test_peg_points_lie_on_the_peg_in_proportion_to_area() -> None:
    points = peg_points(20000)
    assert points.shape == (20000, 3)
    assert points.dtype == np.float32
    assert on_surface(PEG_SOCKET.peg_box, points.astype(np.float64)).all()
    # Ends 2 * 20 * 20 = 800 mm^2 of 800 + 4 * 20 * 60 = 5600 mm^2: one seventh; 3 sigma = 3 sqrt(1/7 * 6/7 / 20000).
    share = (np.abs(points[:, 2]) > 0.03 - 1e-6).mean()
    assert share == pytest.approx(1 / 7, abs=0.0075)


def test_socket_points_are_visible_and_include_the_inside_of_the_hole() -> None:
    points = socket_points(20000).astype(np.float64)
    assert (points[:, 2] > 0).all()
    assert any(on_surface(box, points).any() for box in PEG_SOCKET.socket_boxes)
    inside = np.max(np.abs(points[:, :2]), axis=1) < 0.011 + 1e-6
    # Floor 22^2 = 484, four inner walls 4 * 22 * 30 = 2640, rim 52^2 - 484 = 2220, outside 4 * 52 * 40 = 8320 mm^2.
    assert inside.mean() == pytest.approx((484 + 2640) / (484 + 2640 + 2220 + 8320), abs=0.01)
    # No point in the material: neither deep in a box nor on a face where two boxes touch.
    for box in PEG_SOCKET.socket_boxes:
        assert not contains(box, points, -1e-6).any()
    seam = (points[:, 2] > 0.0099) & (points[:, 2] < 0.0101) & (np.max(np.abs(points[:, :2]), axis=1) < 0.0259)
    assert (inside[seam]).all()


@pytest.mark.parametrize("sample", [peg_points, socket_points])
def test_sampling_is_deterministic(sample: object) -> None:
    assert callable(sample)
    np.testing.assert_array_equal(sample(300), sample(300))
    assert np.abs(sample(300, seed=1) - sample(300)).max() > 1e-3


def test_gripper_points_lie_on_the_links_and_add_up() -> None:
    clouds = franka.gripper_points(501)
    assert tuple(clouds) == franka.HAND_LINK_NAMES
    assert sum(len(cloud) for cloud in clouds.values()) == 501
    for name, cloud in clouds.items():
        assert cloud.dtype == np.float32
        shapes = franka.link(name).shapes
        assert np.any([on_surface(shape, cloud.astype(np.float64)) for shape in shapes], axis=0).all()
    # The pads' inner face is at y = 0 of a finger, so no finger point lies behind it.
    assert clouds["panda_leftfinger"][:, 1].min() >= -1e-6


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_capsule_sampling_is_uniform_along_its_axis(seed: int) -> None:
    capsule = CapsuleShape((0.1, 0.0, 0.0), (0.1, 0.0, 0.2), 0.05)
    points = sample_surface([capsule], 4000, seed=seed).astype(np.float64)
    assert on_surface(capsule, points).all()
    # Area is uniform in z over -0.05 .. 0.25, so the tube (0 .. 0.2) has 2/3 of it; 4.5 sigma = 0.034.
    tube = (points[:, 2] > 0) & (points[:, 2] < 0.2)
    assert tube.mean() == pytest.approx(2 / 3, abs=0.034)


def test_bad_sampling_requests_are_named() -> None:
    with pytest.raises(ValueError, match="at least one shape"):
        sample_surface([], 10)
    with pytest.raises(ValueError, match="rejects \\(almost\\) every point"):
        sample_surface([BoxShape((0, 0, 0), (1, 1, 1))], 10, keep=lambda p: p[:, 0] > 2)
    with pytest.raises(ValueError, match="half sizes must be positive"):
        BoxShape((0, 0, 0), (1, 0, 1))
    with pytest.raises(ValueError, match="radius and length must be positive"):
        CapsuleShape((0, 0, 0), (0, 0, 0), 0.1)
