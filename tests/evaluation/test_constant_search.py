# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The search for the best constant latent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.rollout.scripted import LinePolicy, LineTask

from score.evaluation import ConstantSearchCfg, find_constant_latent
from score.evaluation.constant_search import _better_half, _candidates
from score.utils.errors import UserError


def test_rounds_by_hand() -> None:
    cfg = ConstantSearchCfg(candidates=32, starts=4)
    assert cfg.rounds() == [(32, 4), (16, 8), (8, 16), (4, 32), (2, 64)]
    assert cfg.episodes() == 5 * 128
    # An odd number keeps the larger half: 5 -> 3 -> 2 -> 1.
    assert ConstantSearchCfg(candidates=5, starts=1).rounds() == [(5, 1), (3, 2), (2, 4)]


def test_better_half_by_hand() -> None:
    # Candidates 1 3 4 6; 3 and 6 lead with 5 successes; 1 and 4 are behind.
    alive = np.array([1, 3, 4, 6])
    successes, steps = np.array([0, 2, 0, 5, 2, 0, 5]), np.array([0, 30, 0, 9, 20, 0, 8])
    assert _better_half(alive, successes, steps).tolist() == [3, 6]
    # Of 1 and 4, equal in successes, 4 needed fewer steps; equal in steps too, the lower index stays.
    assert _better_half(np.array([1, 4]), successes, steps).tolist() == [4]
    assert _better_half(np.array([3, 6]), successes, np.full(7, 9)).tolist() == [3]


@pytest.mark.parametrize("num_envs", [6, 16])
def test_the_search_finds_a_latent_that_moves_to_the_goal(num_envs: int) -> None:
    cfg = ConstantSearchCfg(candidates=8, starts=2)
    found = find_constant_latent(LineTask(num_envs), LinePolicy(), cfg, chunk_steps=4)
    # A constant latent moves 0.1 m times its mean a step and needs 1 m within 20 steps: means above .55 always solve
    # it.
    means = _candidates((4, 1), cfg).mean(dim=(1, 2))
    assert means[found.candidate] == means.max() > 0.55
    assert torch.equal(found.latent, _candidates((4, 1), cfg)[found.candidate])
    # Three rounds of 2, 4 and 8 starts.
    assert (found.successes, found.trials) == (14, 14)


def test_the_search_counts_its_progress() -> None:
    seen: list[tuple[int, int]] = []
    cfg = ConstantSearchCfg(candidates=4, starts=2)
    find_constant_latent(
        LineTask(), LinePolicy(), cfg, chunk_steps=4, progress=lambda ended, total: seen.append((ended, total))
    )
    assert seen[-1] == (cfg.episodes(), cfg.episodes()) == (16, 16)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="Seed -3 is out of range"):
        ConstantSearchCfg(seed=-3)
    with pytest.raises(UserError, match="at least 2 candidates and 1 start each, got 1 and 4"):
        ConstantSearchCfg(candidates=1)
