# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from score.imitation import AugmentationCfg
from score.imitation.augmentation import _rotations, augment_cloud, condition_noise
from score.imitation.ema import averaged_model, ema_decay
from score.policies import ActionSpec, FlowMatchingPolicy, FlowNetworkCfg, IntegratorCfg, ObservationSpec, PolicySpec
from score.policies.normalisation import Statistic
from score.policies.window_policy import statistic_shapes
from score.utils.errors import UserError

OFF: dict[str, Any] = {"point_noise": 0.0, "extrinsic_shift": 0.0, "extrinsic_rotation": 0.0, "points": None}


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_on_features_by_hand() -> None:
    """Newest frame, then all that is relative to it, then plain windows; divided by the statistic's scale."""
    spec = PolicySpec(
        {
            "q": ObservationSpec((1,), 3, "rad"),
            "target": ObservationSpec((1,), 2, "rad"),
            "grip": ObservationSpec((1,), 1, "m"),
            "cloud": ObservationSpec((8, 3), 1, "m"),
        },
        ActionSpec(("a",), "rad", (-1.0,), (1.0,), "q"),
        10.0,
        2,
    )
    network = FlowNetworkCfg(embedding_dim=2, width=8, depth=1, relative_observations=("target",))
    shapes = statistic_shapes(spec, network)
    statistics = {name: Statistic(torch.zeros(shape), torch.full(shape, 0.5)) for name, shape in shapes.items()}
    policy = FlowMatchingPolicy(spec, network, IntegratorCfg(), statistics)
    scale = condition_noise(policy, AugmentationCfg(joint_noise=0.02, history_noise=0.01))
    # Embedding 2 x 0; newest 0.02 / 0.5; two older frames and two targets 0.01 / 0.5; grip 0.
    torch.testing.assert_close(scale, torch.tensor([0, 0, 0.04, 0.02, 0.02, 0.02, 0.02, 0]))


def test_point_noise_stays_within_its_half_range() -> None:
    cloud = torch.zeros(20, 100, 3)
    noisy = augment_cloud(cloud, AugmentationCfg(**{**OFF, "point_noise": 0.001}), _generator())
    # Uniform of half range w has deviation w / sqrt(3).
    assert noisy.abs().max().item() <= 0.001
    assert noisy.std().item() == pytest.approx(0.001 / math.sqrt(3), rel=0.05)


def test_shift_and_rotation_move_a_cloud_as_one_body() -> None:
    cloud = torch.randn(50, 30, 3)
    moved = augment_cloud(
        cloud, AugmentationCfg(**{**OFF, "extrinsic_shift": 0.002, "extrinsic_rotation": 0.2}), _generator()
    )
    torch.testing.assert_close(torch.cdist(moved, moved), torch.cdist(cloud, cloud), atol=2e-3, rtol=0)
    shifted = augment_cloud(cloud, AugmentationCfg(**{**OFF, "extrinsic_shift": 0.002}), _generator()) - cloud
    torch.testing.assert_close(shifted[:, 0], shifted[:, 29], atol=1e-6, rtol=0)
    assert 0.0015 < shifted.abs().max().item() <= 0.002 + 1e-6


def test_rotation_by_hand() -> None:
    # A quarter turn about z takes x to y; then nothing about x and y.
    matrix = _rotations(torch.tensor([[0.0, 0.0, math.pi / 2]]))[0]
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)
    # A quarter turn about x takes y to z, then one about y takes z to x.
    matrix = _rotations(torch.tensor([[math.pi / 2, math.pi / 2, 0.0]]))[0]
    torch.testing.assert_close(matrix @ torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_subset_has_no_repeats_and_differs_between_windows() -> None:
    cloud = torch.arange(20.0).view(1, 20, 1).expand(2, 20, 3)
    subset = augment_cloud(cloud, AugmentationCfg(**{**OFF, "points": 8}), _generator())[..., 0]
    assert subset.shape == (2, 8)
    assert all(len(set(row.tolist())) == 8 for row in subset)
    assert set(subset[0].tolist()) != set(subset[1].tolist())
    assert augment_cloud(cloud, AugmentationCfg(**{**OFF, "points": 50}), _generator()).shape == (2, 20, 3)


@pytest.mark.parametrize(("setting", "value"), [("joint_noise", -0.1), ("extrinsic_shift", -1), ("points", 0)])
def test_bad_magnitudes_are_refused(setting: str, value: float) -> None:
    with pytest.raises(UserError, match=f"augmentation.{setting} is {value}"):
        AugmentationCfg(**{setting: value})  # type: ignore[arg-type]


def test_ema_schedule_by_hand() -> None:
    # 1 - (1 + 15)^-0.75 = 1 - 1/8; after very many updates the maximum holds.
    assert ema_decay(15, 0.75, 0.9999) == pytest.approx(0.875)
    assert ema_decay(0, 0.75, 0.9999) == 0.0
    assert ema_decay(10**9, 0.75, 0.9999) == 0.9999


def test_averaged_model_by_hand() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = averaged_model(model, 1.0, 0.9999)
    # With power 1 decay is n / (n + 1): the plain mean of the models seen, here of 2, 4 and 9.
    for weight in (2.0, 4.0, 9.0):
        torch.nn.init.constant_(model.weight, weight)
        average.update_parameters(model)
    assert next(average.parameters()).item() == pytest.approx(5.0)
