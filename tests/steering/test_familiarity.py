# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Familiarity: distances by hand, a limit that fresh draws keep, and what a checkpoint holds of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tests.steering.test_training import run

from score.steering.checkpoint import load_checkpoint, policy_state
from score.steering.config import SteeringRunnerCfg
from score.steering.familiarity import (
    Distance,
    Familiarity,
    familiarity_state,
    fit_familiarity,
    load_familiarity,
)
from score.utils.errors import UserError

NO_SIZES = torch.zeros(1, 0)


def plane() -> Distance:
    """Two features: deviation 2 along the first, 1 along the other, the limit at 2 deviations."""
    return Distance(
        mean=torch.tensor([1.0, 0.0]),
        scale=torch.tensor([1.0, 0.5]),
        axes=torch.tensor([[1.0], [0.0]]),
        variances=torch.tensor([4.0]),
        rest=torch.tensor(1.0),
        limit=torch.tensor(2.0),
    )


def test_distances_by_hand() -> None:
    # (3, 0): 2 along, 2^2 / 4 = 1. (1, 1.5): 3 beside, 3^2 / 1 = 9. Both: sqrt(1 + 9). Half of it, as the limit is 2.
    features = torch.tensor([[1.0, 0.0], [3.0, 0.0], [1.0, 1.5], [3.0, 1.5]])
    wanted = [0.0, 0.5, 1.5, math.sqrt(10) / 2]
    assert plane()(features).tolist() == pytest.approx(wanted)
    assert torch.jit.script(plane())(features).tolist() == pytest.approx(wanted)


def draws(count: int, seed: int) -> torch.Tensor:
    """Forty features that vary along five directions, one of them not at all, with a little noise."""
    ways = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(count, 5, generator=generator) @ ways + 0.1 * torch.randn(count, 40, generator=generator)
    features[:, 7] = 2.0
    return features


def test_one_in_a_hundred_of_the_simulators_own_is_beyond_the_limit() -> None:
    found = fit_familiarity(draws(800, 1), NO_SIZES.expand(800, 0), torch.arange(800) // 8)
    assert found is not None
    assert found.features.axes.shape[1] == 5
    beyond = (found(draws(5000, 2), NO_SIZES) > 1.0).float().mean().item()
    assert 0.002 < beyond < 0.03  # 1 %, with a limit that 800 draws set
    # What lies in no direction of the training is seen, however little it is; so is what stood still.
    other = draws(100, 3)
    other[:, 3] += 2.0
    assert bool((found(other, NO_SIZES) > 1.0).all())
    other = draws(100, 3)
    other[:, 7] += 5.0
    assert bool((found(other, NO_SIZES) > 1.0).all())


def test_of_too_few_decisions_nothing_is_said() -> None:
    assert fit_familiarity(draws(64, 1), NO_SIZES.expand(64, 0), torch.arange(64) // 16) is None  # 4 episodes
    assert fit_familiarity(draws(16, 1), NO_SIZES.expand(16, 0), torch.arange(16)) is None
    # As many episodes as parts are enough, whatever their numbers.
    assert fit_familiarity(draws(64, 1), NO_SIZES.expand(64, 0), 8 * (torch.arange(64) // 8)) is not None


def sizes(count: int, seed: int) -> torch.Tensor:
    """Sizes of an object seen from all sides: 30 x 40 x 50 mm, give or take a millimetre."""
    generator = torch.Generator().manual_seed(seed)
    return torch.tensor([0.03, 0.04, 0.05]) + 0.001 * torch.randn(count, 3, generator=generator)


def test_an_object_of_another_size_is_told_although_the_features_are_the_same() -> None:
    found = fit_familiarity(draws(800, 1), sizes(800, 4), torch.arange(800) // 8)
    assert found is not None
    beyond = (found(draws(5000, 2), sizes(5000, 5)) > 1.0).float().mean().item()
    assert 0.002 < beyond < 0.03  # 1 % of both together
    # Eight deviations of one; the limit of three numbers together is at about 3.5 of them.
    other = sizes(100, 6)
    other[:, 0] += 0.008
    assert bool((found(draws(100, 3), other) > 1.0).all())
    scripted = torch.jit.script(found)
    assert scripted(draws(100, 3), other).tolist() == pytest.approx(found(draws(100, 3), other).tolist())


def test_the_larger_distance_counts() -> None:
    """By hand: (3, 1.5) is sqrt(10) / 2 of its limit away (above), sizes (3, 0) half of theirs."""
    features, extents = torch.tensor([[3.0, 1.5], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    both = Familiarity(plane(), plane())
    assert both(features, extents).tolist() == pytest.approx([math.sqrt(10) / 2, 0.5])
    assert Familiarity(plane())(features, NO_SIZES).tolist() == pytest.approx([math.sqrt(10) / 2, 0.0])


def test_a_checkpoint_holds_it_and_refuses_another() -> None:
    state = familiarity_state(Familiarity(plane(), plane()))
    assert state is not None
    again = load_familiarity(state, (2, 2), "file")
    assert again is not None
    point = torch.tensor([[1.0, 1.5]])
    assert again(point, point).equal(Familiarity(plane(), plane())(point, point))
    assert load_familiarity(None, (2, 2), "file") is None
    with pytest.raises(UserError, match=r"file: familiarity\.mean has the shape \[2\], not \[3\]"):
        load_familiarity(state, (3, 2), "file")
    with pytest.raises(UserError, match=r"file: familiarity\.extents\.mean has the shape \[2\], not \[0\]"):
        load_familiarity(state, (2, 0), "file")
    with pytest.raises(UserError, match="file: familiarity was edited: it needs the tensors mean, scale, axes"):
        load_familiarity({"mean": torch.zeros(2)}, (2, 2), "file")
    with pytest.raises(UserError, match=r"file: familiarity\.extents was edited: it needs the tensors mean"):
        load_familiarity(state | {"extents": 3}, (2, 2), "file")
    with pytest.raises(UserError, match=r"file: familiarity\.rest must be positive"):
        load_familiarity(state | {"rest": torch.zeros(())}, (2, 2), "file")


def test_a_checkpoint_of_before_knows_no_sizes() -> None:
    found = load_familiarity(dict(plane().state_dict()), (2, 6), "file")
    assert found is not None
    assert found.extents is None


def test_training_keeps_what_the_policy_met(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations, small_cfg.steering.evaluation_episodes = 2, 32
    run(small_cfg, tmp_path / "run")
    state = load_checkpoint(tmp_path / "run" / "model_2.pt")
    width = state["score"]["identity"]["condition_dim"]
    found = load_familiarity(state["score"]["familiarity"], (width, 0), "file")
    assert found is not None
    assert found(found.features.mean[None] + 100.0, NO_SIZES).item() > 10.0
    # What ships has it too.
    shipped = load_familiarity(policy_state(state, {})["score"]["familiarity"], (width, 0), "file")
    assert shipped is not None
    assert shipped.features.mean.equal(found.features.mean)
