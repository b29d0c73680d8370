# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The segmented cloud on hand-made bodies (no simulator): what cameras see of them, and how wrongly."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from score_assets.objects.peg_socket import PEG_SOCKET, peg_surface, socket_surface
from score_assets.shapes import BoxShape, CapsuleShape, sample_surface, surface_normals
from score_tasks.kit import cloud
from score_tasks.kit.cloud import (
    CloudCameraCfg,
    KnownSegmentCfg,
    SeenSegmentCfg,
    SegmentedCloud,
    curve_order,
    describe_segments,
    pixel_density,
    points_by_camera,
    rotation,
    systematic_sample,
)

EYES = {"front": (1.0, 0.0, 0.5), "side": (0.5, 1.0, 0.5)}


def box_surface(half: float) -> tuple[np.ndarray, np.ndarray]:
    shape = BoxShape((0.0, 0.0, 0.0), (half, half, half))
    points = sample_surface([shape], 600)
    return points, surface_normals([shape], points)


class Entity(SimpleNamespace):
    def resolve(self, scene: object) -> None:
        """There is no scene."""


def make_cloud(
    monkeypatch: pytest.MonkeyPatch, num_envs: int = 4, shift_std: float = 0.0, turn_std: float = 0.0, eyes: Any = EYES
) -> Any:
    """A hand of 5 points, known from the joints, and a box of 10 cm at (0.5, 0, 0), seen by two cameras."""
    pose = torch.tensor([[0.5, 0.0, 0.0]]).expand(num_envs, -1), torch.eye(3).repeat(num_envs, 1, 1)
    monkeypatch.setattr(cloud, "body_pose_e", lambda env, entity: pose)
    params: dict[str, Any] = {
        "frame": lambda env: (torch.zeros(num_envs, 3), torch.eye(3).repeat(num_envs, 1, 1)),
        "segments": {
            "hand": KnownSegmentCfg(points=lambda env, count: lambda: torch.ones(num_envs, count, 3), count=5),
            "box": SeenSegmentCfg(
                entity=Entity(),
                surface=box_surface,
                surface_params={"half": 0.05},
                count=64,
            ),
        },
        "cameras": {
            name: CloudCameraCfg(eye=eye, shift_std=shift_std, turn_std=turn_std) for name, eye in eyes.items()
        },
        "point_std": 0.0,
    }
    steps = torch.zeros(num_envs, dtype=torch.long)
    env: Any = SimpleNamespace(num_envs=num_envs, device="cpu", scene=None, episode_length_buf=steps)
    term = SegmentedCloud(SimpleNamespace(params=params), env)

    def sample() -> torch.Tensor:
        env.episode_length_buf += 1
        return term(env, **params)

    return sample, term


def test_the_far_side_never_appears(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, _ = make_cloud(monkeypatch)
    points = torch.cat([sample()[:, 5:] for _ in range(20)], dim=1)
    # cameras in front (x = 1), at the side (y = 1) and above: faces at x = 0.45, y = -0.05 and z = -0.05 look away. On
    # an edge a point belongs to a face that is seen, so a face is hidden where its inside would be.
    inside = (points - torch.tensor([0.5, 0.0, 0.0])).abs() < 0.049
    for axis, value in ((0, 0.45), (1, -0.05), (2, -0.05)):
        others = [other for other in range(3) if other != axis]
        on_face = (points[..., axis] - value).abs() < 1e-6
        assert not bool((on_face & inside[..., others].all(-1)).any())
    for axis, value in ((0, 0.55), (1, 0.05), (2, 0.05)):
        assert bool(((points[..., axis] - value).abs() < 1e-6).any())


def test_points_are_others_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, _ = make_cloud(monkeypatch, num_envs=50)
    first, second = sample()[:, 5:], sample()[:, 5:]
    assert float((first - second).abs().amax(-1).gt(1e-6).float().mean()) > 0.5
    # drawn evenly over the surface, their centroid hardly moves: of 64 independent points it would by 5 mm
    centroids = torch.stack([sample()[:, 5:].mean(1) for _ in range(50)])
    assert float(centroids.std(0).max()) < 0.002


def test_the_points_of_an_episode_depend_on_its_seed_and_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clouds = []
    for num_envs, row in ((2, 1), (7, 4)):
        sample, term = make_cloud(monkeypatch, num_envs, shift_std=0.004)
        term.cfg.params["point_std"] = 0.002
        sample()
        torch.manual_seed(3)  # as an evaluation does for the episode that begins in this row
        term.reset(torch.tensor([row]))
        term._env.episode_length_buf[row] = 0
        first = sample()[row]
        # Another environment ends, and the observations of the same step are computed once more.
        term._env.episode_length_buf -= 1
        term.reset(torch.tensor([0]))
        assert torch.equal(sample()[row], first)
        clouds.append(torch.stack([first, sample()[row]]))
    assert torch.equal(clouds[0], clouds[1])
    assert not torch.equal(clouds[0][0, 5:], clouds[0][1, 5:])


def test_calibration_moves_what_is_seen_and_not_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, term = make_cloud(monkeypatch, num_envs=2000, shift_std=0.004)
    exact = sample()
    assert torch.equal(exact[:, :5], torch.ones(2000, 5, 3))
    term.reset(torch.arange(1000))
    moved = sample()
    assert torch.equal(moved[:, :5], torch.ones(2000, 5, 3))
    offset = (moved[:, 5:].mean(1) - exact[:, 5:].mean(1))[:1000]
    # two cameras with independent errors, each seeing about half of the points: 4 mm * sqrt(1/2^2 + 1/2^2) = 2.8 mm
    assert float(offset.std(0).mean()) == pytest.approx(0.0028, rel=0.25)
    untouched = (moved[:, 5:].mean(1) - exact[:, 5:].mean(1))[1000:]
    assert float(untouched.std(0).max()) < 0.002


def test_a_turn_is_about_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    # 1.118 m from the camera at (1, 0, 0.5) to the box at (0.5, 0, 0) is 0.7071 m: 0.01 rad about each axis moves it by
    # 0.01 * |axis x (-0.5, 0, -0.5)| = 5 mm (x axis), 7.1 mm (y), 5 mm (z): 5 mm sideways for x and z each, so 7.1 mm
    sample, term = make_cloud(monkeypatch, num_envs=2000, turn_std=0.01, eyes={"front": EYES["front"]})
    exact = sample()[:, 5:].mean(1)
    term.reset()
    offset = (sample()[:, 5:].mean(1) - exact).std(0)
    assert float(offset[1]) == pytest.approx(0.0071, rel=0.1)
    assert float(offset[0]) == pytest.approx(0.005, rel=0.1)
    assert float(offset[2]) == pytest.approx(0.005, rel=0.1)


def test_rotation_vectors() -> None:
    # a quarter turn about z takes x to y
    turned = rotation(torch.tensor([[0.0, 0.0, math.pi / 2]])) @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(turned, torch.tensor([[0.0, 1.0, 0.0]]), atol=1e-6, rtol=0.0)
    torch.testing.assert_close(rotation(torch.zeros(2, 3)), torch.eye(3).repeat(2, 1, 1))


def test_density_falls_with_the_angle_and_the_distance() -> None:
    points, normals = torch.zeros(3, 3), torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    eyes = torch.tensor([[[0.0, 0.0, 2.0], [1.0, 0.0, 1.0]]])
    # straight above at 2 m: 1 / 4; side-on: 0; looking away: 0. From (1, 0, 1): cos 45 deg / 2 for the first two.
    expected = torch.tensor([[[0.25, 0.0, 0.0], [0.3536, 0.3536, 0.0]]])
    torch.testing.assert_close(pixel_density(points, normals, eyes), expected, atol=1e-4, rtol=0.0)


@settings(deadline=None)
@given(
    st.lists(st.floats(0.0, 5.0), min_size=1, max_size=40).filter(lambda w: sum(w) > 0.1), st.integers(1, 50),
    st.floats(0.0, 0.99),
)  # fmt: skip
def test_a_weight_of_zero_is_never_drawn_and_others_in_proportion(
    weights: list[float], count: int, offset: float
) -> None:
    tensor = torch.tensor([weights])
    index = systematic_sample(tensor, count, torch.full((1, 1), offset))
    assert index.shape == (1, count)
    assert bool((tensor[0, index[0]] > 0.0).all())
    drawn = torch.bincount(index[0], minlength=len(weights)).double()
    expected = count * tensor[0].double() / tensor[0].double().sum()
    assert float((drawn - expected).abs().max()) <= 1.0 + 1e-3  # systematic: never off by more than one


def test_each_point_comes_by_the_pose_of_its_own_camera() -> None:
    points = torch.tensor([[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    shifted = [(torch.tensor([[0.0, 0.0, float(index)]]), torch.eye(3)[None]) for index in range(2)]
    moved = points_by_camera(points, torch.tensor([[1, 0]]), shifted)
    assert moved[0].tolist() == [[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_neighbours_along_the_curve_are_neighbours_in_space() -> None:
    points = sample_surface([BoxShape((0.0, 0.0, 0.0), (0.5, 0.5, 0.5))], 2000)
    steps = np.linalg.norm(np.diff(points[curve_order(points)], axis=0), axis=1)
    assert float(np.median(steps)) < 0.06  # 2000 points on 6 m^2 are 5.5 cm apart; at random they would be 0.7 m
    assert sorted(curve_order(points).tolist()) == list(range(2000))


def test_normals_of_shapes_point_outwards() -> None:
    box, capsule = BoxShape((1.0, 0.0, 0.0), (0.1, 0.2, 0.3)), CapsuleShape((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 0.5)
    points = np.array([[1.1, 0.0, 0.0], [1.0, -0.2, 0.1], [0.5, 0.0, 0.5], [0.0, 0.0, 1.5]], dtype=np.float32)
    expected = [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(surface_normals([box, capsule], points), expected, atol=1e-6)


def test_the_hole_is_seen_no_deeper_than_light_falls() -> None:
    points, normals = socket_surface(4000)
    half = PEG_SOCKET.hole_width / 2.0
    inside = (np.abs(points[:, :2]) < half + 1e-6).all(axis=1)
    # 22 mm wide, seen at 30 degrees over the table: 22 * tan(30) = 12.7 mm below the rim at 40 mm
    assert points[inside, 2].min() == pytest.approx(0.040 - 0.0127, abs=5e-4)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)
    assert np.abs(peg_surface(500)[1]).max(axis=1) == pytest.approx(1.0)  # a box has axis-aligned normals


def test_segments_are_described_for_the_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    _, term = make_cloud(monkeypatch)
    assert describe_segments(term.cfg) == [
        {"name": "hand", "points": 5, "seen_by": "joints"},
        {"name": "box", "points": 64, "seen_by": "front+side"},
    ]
