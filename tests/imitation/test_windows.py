# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from score.imitation import AugmentationCfg, Episode, PretrainCfg, read_demonstrations
from score.imitation.settings import parse_histories
from score.imitation.statistics import fit_action_axes, fit_statistics
from score.imitation.windows import (
    WindowSet,
    action_chunks,
    make_spec,
    make_windows,
    observation_windows,
    past_action_windows,
    split_episodes,
)
from score.policies.window_policy import statistic_shapes
from score.utils.errors import UserError

from .conftest import tiny_cfg


def _column(*values: float) -> torch.Tensor:
    return torch.tensor(values).unsqueeze(1)


def test_observations_before_the_start_repeat_the_first_frame() -> None:
    windows = observation_windows(_column(10, 11, 12), 4).squeeze(-1)
    assert windows.tolist() == [[10, 10, 10, 10], [10, 10, 10, 11], [10, 10, 11, 12]]


def test_past_actions_before_the_start_are_the_first_measured_frame() -> None:
    # Measured 9 at the start, commanded 1, 2, 3, 4: at step 3 the last three commands are 1, 2, 3.
    windows = past_action_windows(_column(1, 2, 3, 4), torch.tensor([9.0]), 3).squeeze(-1)
    assert windows.tolist() == [[9, 9, 9], [9, 9, 1], [9, 1, 2], [1, 2, 3]]


def test_actions_after_the_end_repeat_the_last() -> None:
    chunks = action_chunks(_column(1, 2, 3), 4).squeeze(-1)
    assert chunks.tolist() == [[1, 2, 3, 3], [2, 3, 3, 3], [3, 3, 3, 3]]


def test_history_of_one_has_no_frame_axis() -> None:
    assert observation_windows(_column(1, 2), 1).tolist() == [[1], [2]]
    assert past_action_windows(_column(1, 2), torch.tensor([9.0]), 1).tolist() == [[9], [1]]


def test_windows_never_mix_episodes() -> None:
    def episode(start: float) -> Episode:
        joints = _column(start, start + 1, start + 2)
        cloud = joints.view(3, 1, 1).expand(3, 5, 3)
        return Episode("demo", {"joint_pos": joints, "point_cloud": cloud}, joints + 0.5, True)

    windows = make_windows([episode(0.0), episode(100.0)], PretrainCfg(horizon=2))
    assert len(windows) == 6
    observations, actions = windows.take(torch.tensor([2, 3]))
    assert observations["joint_pos"].squeeze(-1).tolist() == [[0, 0, 1, 2], [100, 100, 100, 100]]
    assert observations["joint_pos_target"].squeeze(-1).tolist() == [[0, 0.5, 1.5], [100, 100, 100]]
    assert observations["point_cloud"][:, 0, 0].tolist() == [2, 100]
    assert actions.squeeze(-1).tolist() == [[2.5, 2.5], [100.5, 101.5]]


@settings(deadline=None)
@given(length=st.integers(1, 20), history=st.integers(1, 6), horizon=st.integers(1, 10))
def test_windows_end_at_now_and_chunks_start_there(length: int, history: int, horizon: int) -> None:
    frames = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    windows = observation_windows(frames, history).view(length, history)
    assert torch.equal(windows[:, -1], frames[:, 0])
    assert bool((windows.diff(dim=1) >= 0).all())
    assert bool((windows.diff(dim=1) <= 1).all())
    chunks = action_chunks(frames, horizon).view(length, horizon)
    assert torch.equal(chunks[:, 0], frames[:, 0])
    assert chunks.max().item() == length - 1


def test_measured_observation_must_fit_the_actions() -> None:
    episode = Episode("demo", {"joint_pos": torch.zeros(3, 2)}, torch.zeros(3, 1), None)
    with pytest.raises(UserError, match=r"'joint_pos' has 2 numbers and actions have 1"):
        make_windows([episode], PretrainCfg(point_cloud=None))


@settings(deadline=None)
@given(count=st.integers(2, 300), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 100))
def test_split_is_a_partition_into_whole_episodes(count: int, fraction: float, seed: int) -> None:
    train, validation = split_episodes(count, fraction, seed)
    assert sorted(train + validation) == list(range(count))
    assert train
    assert validation
    assert (train, validation) == split_episodes(count, fraction, seed)


def test_split_sizes_and_too_few() -> None:
    assert [len(part) for part in split_episodes(200, 0.05, 0)] == [190, 10]
    with pytest.raises(UserError, match=r"at least 2 episodes, one of them for validation, and got 1"):
        split_episodes(1, 0.05, 0)


def test_spec_of_the_demonstrations(demonstrations: Path) -> None:
    spec = make_spec(read_demonstrations(demonstrations, ["joint_pos"], ["point_cloud"]), tiny_cfg())
    assert {key: entry.window_shape for key, entry in spec.observations.items()} == {
        "joint_pos": (4, 2),
        "joint_pos_target": (3, 2),
        "point_cloud": (16, 3),
    }
    assert spec.observations["joint_pos"].names == ("a", "b")
    assert spec.observations["point_cloud"].units == "m"
    assert (spec.actions.relative_to, spec.control_rate_hz, spec.horizon) == ("joint_pos", 10.0, 4)


def test_statistics_have_the_shapes_a_policy_needs_and_actions_are_offsets(demonstrations: Path) -> None:
    data, cfg = read_demonstrations(demonstrations, ["joint_pos"], ["point_cloud"]), tiny_cfg()
    spec, windows = make_spec(data, cfg), make_windows(data.episodes, cfg)
    statistics = fit_statistics(windows, spec, cfg.network, torch.eye(2), cfg.augmentation)
    shapes = statistic_shapes(spec, cfg.network)
    assert {name: tuple(s.scale.shape) for name, s in statistics.items()} == shapes
    offsets = windows.actions - windows.observations["joint_pos"][:, -1:]
    torch.testing.assert_close(statistics["actions"].scale, offsets.std(dim=0))
    cloud = windows.take(torch.arange(len(windows)))[0]["point_cloud"]
    torch.testing.assert_close(statistics["cloud"].offset, cloud.mean(dim=(0, 1)))
    expected = (cloud - cloud.mean(dim=(0, 1))).square().mean().sqrt()
    torch.testing.assert_close(statistics["cloud"].scale, expected.expand(3))


def test_deviations_of_features_count_the_noise_of_training(demonstrations: Path) -> None:
    data, cfg = read_demonstrations(demonstrations, ["joint_pos"], ["point_cloud"]), tiny_cfg()
    spec, windows = make_spec(data, cfg), make_windows(data.episodes, cfg)
    exact = AugmentationCfg(joint_noise=0.0, history_noise=0.0)
    noise = AugmentationCfg(joint_noise=0.01, history_noise=0.004)
    plain, found = (
        fit_statistics(windows, spec, cfg.network, torch.eye(2), cfg_)["features"] for cfg_ in (exact, noise)
    )
    positions = windows.observations["joint_pos"]
    torch.testing.assert_close(plain.scale[:2], positions[:, -1].std(dim=0))
    # The newest frame of 2 joints, then 3 older ones and 3 targets relative to it. A joint that varies by 2 mrad and
    # is seen with 10 mrad of noise varies by sqrt(2^2 + 10^2) = 10.2 mrad.
    added = torch.tensor([0.01] * 2 + [0.004] * 12)
    torch.testing.assert_close(found.scale, (plain.scale.square() + added.square()).sqrt())
    torch.testing.assert_close(found.offset, plain.offset)


def test_axes_keep_apart_what_two_joints_do_together(demonstrations: Path) -> None:
    data, cfg = read_demonstrations(demonstrations, ["joint_pos"], ["point_cloud"]), tiny_cfg()
    spec = make_spec(data, cfg)
    # Offsets (0.3 s + 0.01 t, 0.4 s - 0.0075 t) with independent s and t: far along (3, 4) / 5, little across it,
    # (4, -3) / 5, by 0.01 * 5 / 4 t. The axis of the larger variance comes first, its largest entry is positive.
    torch.manual_seed(0)
    s, t = torch.randn(2, 4000, cfg.horizon, 1)
    windows = make_windows(data.episodes, cfg)
    newest = torch.zeros(4000, 4, 2)
    actions = s * torch.tensor([0.3, 0.4]) + t * torch.tensor([0.01, -0.0075])
    windows = WindowSet({**windows.observations, "joint_pos": newest}, actions)
    axes = fit_action_axes(windows, spec)
    torch.testing.assert_close(axes, torch.tensor([[0.6, 0.8], [0.8, -0.6]]), atol=2e-3, rtol=0)
    torch.testing.assert_close(axes.mT @ axes, torch.eye(2), atol=1e-6, rtol=0)


def test_a_joint_that_never_moves_is_named(demonstrations: Path) -> None:
    data, cfg = read_demonstrations(demonstrations, ["joint_pos"], ["point_cloud"]), tiny_cfg()
    for episode in data.episodes:
        episode.observations["joint_pos"][:, 1] = 0.3
    with pytest.raises(UserError, match=r"Statistic of observations: .*'joint_pos\[0\] b'.* zero range"):
        fit_statistics(
            make_windows(data.episodes, cfg), make_spec(data, cfg), cfg.network, torch.eye(2), cfg.augmentation
        )


def test_observations_are_named_with_their_frames() -> None:
    assert parse_histories(["hand:2", "goal"]) == {"hand": 2, "goal": 1}
    for words in (["hand", "hand:2"], [":2"], ["hand:x"]):
        with pytest.raises(UserError, match=r"--observations .*: give NAME or NAME:FRAMES, each name once"):
            parse_histories(words)
