# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import pytest
import torch

from score.policies.normalisation import Normalizer, Statistic, checked_statistic, mean_std_statistic
from score.utils.errors import UserError


def test_statistic_by_hand() -> None:
    # Column 0: 1, 3: mean 2, deviation sqrt((1 + 1) / 1) = 1.41421. Column 1: 0, 4: mean 2, deviation 2.82843.
    statistic = mean_std_statistic(torch.tensor([[1.0, 0.0], [3.0, 4.0]]), "x")
    torch.testing.assert_close(statistic.offset, torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(statistic.scale, torch.tensor([2.0, 8.0]).sqrt())


def test_normaliser_round_trip() -> None:
    normaliser = Normalizer(Statistic(torch.tensor([1.0, -2.0]), torch.tensor([2.0, 0.5])))
    # (5 - 1) / 2 = 2; (-1 + 2) / 0.5 = 2.
    data = torch.tensor([[5.0, -1.0]])
    torch.testing.assert_close(normaliser(data), torch.tensor([[2.0, 2.0]]))
    torch.testing.assert_close(normaliser.inverse(normaliser(data)), data)


def test_zero_range_names_index_and_label() -> None:
    samples = torch.randn(50, 2, 3)
    samples[:, 1, 2] = 0.7
    with pytest.raises(UserError, match=r"Statistic of actions: index \(1, 2\) \('j3'\) has zero range"):
        mean_std_statistic(samples, "actions", ("j1", "j2", "j3"))


def test_rounding_noise_is_zero_range() -> None:
    samples = torch.full((100, 1), 0.1) + 1e-8 * torch.randn(100, 1)
    with pytest.raises(UserError, match=r"zero range"):
        mean_std_statistic(samples, "x")


def test_not_finite_wrong_shape_and_too_few_are_refused() -> None:
    with pytest.raises(UserError, match=r"Statistic of x: offset is not finite"):
        mean_std_statistic(torch.tensor([[1.0], [float("nan")]]), "x")
    with pytest.raises(UserError, match=r"scale has shape \(2,\), and \(3,\) is needed"):
        checked_statistic(torch.zeros(3), torch.ones(2), "x", (3,))
    with pytest.raises(UserError, match=r"at least 2 samples and got 1"):
        mean_std_statistic(torch.ones(1, 2), "x")


def test_negative_scale_is_refused() -> None:
    with pytest.raises(UserError, match=r"zero range"):
        checked_statistic(torch.zeros(1), -torch.ones(1), "x", (1,))
