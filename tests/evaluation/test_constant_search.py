# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The searches for the best constant latent: what they try, what they find, and which starts they never meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.rollout.scripted import LinePolicy, LineTask

from score.evaluation import SearchCfg, find_constant_latent, search_spaces
from score.evaluation.constant_search import parse_searches
from score.evaluation.strategies import STRATEGIES, CrossEntropy, Racing, best_first
from score.rollout.arms import ARM_NAMES
from score.rollout.seeds import Stream, derive_seed, start_seeds
from score.utils.errors import UserError


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_racing_by_hand() -> None:
    # 2,048: a quarter for the first round, a sixteenth kept: (2048 - 128 - 512) / 4 = 352 for each later round.
    assert Racing(3, 2048, generator()).rounds == [(512, 1), (128, 2), (32, 11), (8, 44), (2, 176)]
    # 80: 20 candidates, then 5, 2, and one; (80 - 5 - 20) / 2 = 27 for each.
    race = Racing(2, 80, generator())
    assert race.rounds == [(20, 1), (5, 5), (2, 13)]
    first = race.ask()
    assert first is not None
    success = np.zeros(20, dtype=np.int64)
    success[[3, 5, 7, 11, 13]] = 1
    # Five of equal success; 13 is the fastest, 3 the slowest.
    steps = np.full(20, 30)
    steps[[13, 11, 7, 5, 3]] = [1, 2, 3, 4, 5]
    race.tell(success, steps)
    second = race.ask()
    assert second is not None
    assert torch.equal(second.codes, first.codes[[13, 11, 7, 5, 3]])
    # What counts is the sum of all rounds: 1 + 2 against 1 + 5 of another.
    race.tell(np.array([2, 5, 5, 0, 0]), np.array([0, 10, 9, 0, 0]))
    third = race.ask()
    assert third is not None
    # 11 has 2 + 10 steps, 7 has 3 + 9: equal, and the earlier one leads.
    assert torch.equal(third.codes, first.codes[[11, 7]])
    race.tell(np.array([0, 13]), np.array([0, 0]))
    assert race.ask() is None
    assert torch.equal(race.best, first.codes[7])


def test_cross_entropy_by_hand() -> None:
    search = CrossEntropy(1, 128, generator(), std=0.5)
    # 128 - 8 episodes in generations of 8 candidates on 4 starts: 3.
    assert (search.population, search.generations) == (8, 3)
    asked = search.ask()
    assert asked is not None
    assert (asked.codes.shape, asked.starts) == ((8, 1), 4)
    torch.testing.assert_close(asked.codes, 0.5 * torch.randn((8, 1), generator=generator()))
    search.tell(np.array([0, 4, 0, 0, 0, 3, 0, 0]), np.zeros(8, dtype=np.int64))
    # Fitted to the better two; the deviation is half of the old one and half of theirs.
    elite = asked.codes[[1, 5]]
    assert search.best.item() == pytest.approx(elite.mean().item())
    assert search._std.item() == pytest.approx((0.5 + (elite[0] - elite[1]).abs().item() / 2) / 2)


def test_the_better_ones_by_hand() -> None:
    successes, steps = np.array([0, 5, 2, 5, 2]), np.array([9, 8, 20, 8, 30])
    assert best_first(successes, steps).tolist() == [1, 3, 2, 4, 0]


@given(st.sampled_from(sorted(STRATEGIES)), st.integers(64, 3000), st.integers(0, 9))
def test_every_strategy_keeps_to_its_budget_and_a_sixteenth_is_left(name: str, budget: int, seed: int) -> None:
    strategy = STRATEGIES[name](2, budget, torch.Generator().manual_seed(seed))
    used, rng = 0, np.random.default_rng(seed)
    for asked in iter(strategy.ask, None):
        count = len(asked.codes)
        used += count * asked.starts
        strategy.tell(rng.integers(0, asked.starts + 1, count), rng.integers(0, 99, count))
    assert budget - budget // 4 - 8 <= used + budget // 2
    assert used <= budget - budget // 16
    assert strategy.best.shape == (2,)


@pytest.mark.parametrize("method", STRATEGIES)
@pytest.mark.parametrize("space", ["full", "basis"])
def test_a_search_finds_a_latent_that_moves_to_the_goal(method: str, space: str) -> None:
    cfg, policy, seen = SearchCfg(method, space, 256), LinePolicy(), list[tuple[int, int]]()
    basis = search_spaces(policy, ("repeat", 1))[space]
    found = find_constant_latent(
        LineTask(16, limit=40), policy, cfg, basis, chunk_steps=4, progress=lambda *done: seen.append(done)
    )
    # A constant latent moves 0.1 m times its mean a step, and has 40 steps for 0.9 to 1.1 m.
    assert found.latent.shape == (4, 1)
    assert found.latent.mean() > 0.225
    if space == "basis":
        # One column: the same number in all four rows, and nothing in the complement.
        torch.testing.assert_close(found.latent, found.latent[:1].expand(4, 1))
    facts = found.facts
    assert (facts["method"], facts["space"], facts["numbers"]) == (method, space, 4 if space == "full" else 1)
    assert facts["confirmed"]["k"] == facts["confirmed"]["n"] >= 16
    assert seen[-1] == (256, 256)


def test_all_candidates_of_a_round_meet_the_same_starts_and_none_of_the_report() -> None:
    task, policy = LineTask(6), LinePolicy()
    cfg = SearchCfg("racing", "full", 64, seed=3)
    seeds: list[int] = []

    class Watched(LineTask):
        def _begin(self, envs: Any) -> None:
            seeds.extend(int(self._seeds[env]) for env in envs if self._seeds[env] >= 0)
            super()._begin(envs)

    task = Watched(6)
    # The starts that it would take, were they not reported.
    reported = {derive_seed(cfg.start_seed, index, Stream.START) for index in (0, 2, 5)}
    find_constant_latent(
        task, policy, cfg, search_spaces(policy, ("full", 1))["full"], chunk_steps=4, reported=reported
    )
    # 16 candidates on start 0, 4 on 11 more, what was found on 4 others.
    assert len(seeds) == 64
    assert sorted(seeds.count(seed) for seed in set(seeds)) == [1] * 4 + [4] * 11 + [16]
    assert not reported & set(seeds)


def test_starts_that_are_to_be_avoided_are_replaced_and_the_others_stay() -> None:
    plain, avoided = start_seeds(5), derive_seed(5, 1, Stream.START)
    other = start_seeds(5, {avoided})
    assert [other(index) for index in (0, 2)] == [plain(index) for index in (0, 2)]
    assert plain(1) == avoided != other(1)


def test_the_steering_basis_is_a_space_of_its_own_where_it_is_smaller() -> None:
    policy = LinePolicy()
    assert list(search_spaces(policy, ("full", 4))) == list(search_spaces(policy, ("none", 0))) == ["full"]
    assert search_spaces(policy, ("dct", 2))["basis"].code_dim == 2


def test_every_search_has_its_arm() -> None:
    for method in STRATEGIES:
        for space in ("full", "basis"):
            assert SearchCfg(method, space).arm in ARM_NAMES


def test_what_the_command_line_says() -> None:
    assert parse_searches("all") == tuple(STRATEGIES)
    assert parse_searches("none") == ()
    assert parse_searches("racing,cem_zero") == ("racing", "cem_zero")
    with pytest.raises(UserError, match=r"--search: 'race' is unknown: use cem_zero, cem_normal, racing, all or none"):
        parse_searches("race")


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="Seed -3 is out of range"):
        SearchCfg("racing", seed=-3)
    with pytest.raises(UserError, match="--search_episodes must be at least 64, got 63"):
        SearchCfg("racing", episodes=63)
