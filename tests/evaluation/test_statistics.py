# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Statistics against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from score.evaluation.statistics import (
    PairedTable,
    sign_flip_p,
    steps_ratio,
    steps_summary,
    success_curve,
    wilson_interval,
)

TRUE, FALSE = True, False


def test_wilson_interval_by_hand() -> None:
    # z = 1.959964, z^2 = 3.841459; k 8 of n 10:
    # centre = (0.8 + 3.841459 / 20) / (1 + 0.3841459) = 0.9920729 / 1.3841459 = 0.7167401
    # half = 1.959964 / 1.3841459 * sqrt(0.8 * 0.2 / 10 + 3.841459 / 400) = 1.4160096 * sqrt(0.016 + 0.0096036) =
    # 0.2265759
    assert wilson_interval(8, 10) == pytest.approx((0.4901642, 0.9433160), abs=2e-6)


def test_wilson_interval_at_the_ends_by_hand() -> None:
    # k = 0: high = z^2 / (n + z^2) = 3.841459 / 23.841459; k = n mirrors it.
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611252), abs=1e-6)
    assert wilson_interval(20, 20) == pytest.approx((0.8388748, 1.0), abs=1e-6)


def test_sign_flips_by_hand() -> None:
    # 3 + 1 = 4; of 4, 2, -2, -4 two are as far from 0. Nothing differs: every sum is as far.
    assert sign_flip_p(np.array([3, 0, 1])) == 0.5
    assert sign_flip_p(np.array([2, -2])) == 1.0
    assert sign_flip_p(np.zeros(5, dtype=np.int64)) == 1.0


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=60), st.integers(1, 4))
def test_sign_flips_of_one_run_are_mcnemars_test_and_a_run_twice_is_no_more_evidence(
    signs: list[int], times: int
) -> None:
    differences = np.array(signs)
    table = PairedTable.from_outcomes(differences < 0, differences > 0)
    assert sign_flip_p(times * differences) == pytest.approx(table.mcnemar_p(), rel=1e-9)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_rate(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_interval_refuses_what_is_no_rate(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes of {trials} trials: no rate"):
        wilson_interval(successes, trials)


def test_paired_table_counts_by_hand() -> None:
    base = np.array([TRUE, TRUE, FALSE, FALSE, FALSE, TRUE])
    steered = np.array([TRUE, FALSE, TRUE, TRUE, FALSE, TRUE])
    assert PairedTable.from_outcomes(base, steered) == PairedTable(both=2, base_only=1, steered_only=2, neither=1)


def test_paired_table_refuses_arms_of_different_length() -> None:
    with pytest.raises(ValueError, match="not paired"):
        PairedTable.from_outcomes(np.array([TRUE]), np.array([TRUE, FALSE]))


@pytest.mark.parametrize(
    ("base_only", "steered_only", "p"),
    [
        # 2 * (C(6,0) + C(6,1)) / 2^6 = 2 * 7 / 64
        (1, 5, 0.21875),
        # 2 * 1 / 2^10
        (0, 10, 0.001953125),
        # the same on both sides, and nothing discordant: no evidence at all
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_by_hand(base_only: int, steered_only: int, p: float) -> None:
    assert PairedTable(7, base_only, steered_only, 9).mcnemar_p() == pytest.approx(p)


def test_steps_summary_by_hand() -> None:
    # Solved at 10, 20, 30 of five episodes; the two failures never are. Half of five is passed by the third success.
    summary = steps_summary(
        np.array([TRUE, FALSE, TRUE, TRUE, FALSE]), np.array([30, 5, 10, 20, 150], dtype=np.int64), horizon=150
    )
    assert (summary.median, summary.mean, summary.censored) == (30.0, 20.0, 2)


def test_early_failures_do_not_shorten_the_median() -> None:
    # Three of six solve, all at 40; three fail at step 2. S(40) = 1/2, so the median is 40.
    # With the failures censored at step 2, S(40) would be 0.
    success = np.array([TRUE] * 3 + [FALSE] * 3)
    steps = np.array([40] * 3 + [2] * 3, dtype=np.int64)
    assert steps_summary(success, steps, horizon=150).median == 40.0
    times, solved = success_curve(success, steps, horizon=150)
    assert times.tolist() == [0.0, 40.0, 150.0]
    assert solved == pytest.approx([0.0, 0.5, 0.5])


def test_steps_summary_below_half_has_no_median() -> None:
    summary = steps_summary(np.array([TRUE, FALSE, FALSE]), np.array([7, 150, 150], dtype=np.int64), horizon=150)
    assert (summary.median, summary.mean, summary.censored) == (None, 7.0, 2)


def test_steps_summary_without_success() -> None:
    summary = steps_summary(np.array([FALSE, FALSE]), np.array([150, 3], dtype=np.int64), horizon=150)
    assert (summary.median, summary.mean, summary.censored) == (None, None, 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 150)), min_size=1, max_size=60))
def test_median_is_the_middle_success_whatever_the_episodes(episodes: list[tuple[bool, int]]) -> None:
    # With all failures censored at the end, the median is the ceil(n / 2)-th success in order of steps.
    success = np.array([ok for ok, _ in episodes])
    steps = np.array([count for _, count in episodes], dtype=np.int64)
    solved, middle = sorted(steps[success].tolist()), math.ceil(len(episodes) / 2)
    expected = solved[middle - 1] if len(solved) >= middle else None
    assert steps_summary(success, steps, horizon=150).median == expected


def test_steps_ratio_uses_only_starts_that_both_solve() -> None:
    # Both solve starts 0 and 1: steered (20 + 30) / 2 over base (40 + 60) / 2 = 25 / 50.
    ratio = steps_ratio(
        np.array([TRUE, TRUE, TRUE, FALSE]),
        np.array([40, 60, 10, 150], dtype=np.int64),
        np.array([TRUE, TRUE, FALSE, TRUE]),
        np.array([20, 30, 150, 10], dtype=np.int64),
    )
    assert (ratio.value, ratio.starts) == (0.5, 2)
    # Every start halves its steps, so every resample of the pairs does; unpaired resamples would not.
    assert ratio.interval == pytest.approx((0.5, 0.5))


def test_steps_ratio_interval_holds_the_value_and_repeats() -> None:
    rng = np.random.default_rng(1)
    ok = np.ones(80, dtype=np.bool_)
    base, steered = rng.integers(60, 120, 80), rng.integers(30, 90, 80)
    first, again = steps_ratio(ok, base, ok, steered, seed=3), steps_ratio(ok, base, ok, steered, seed=3)
    assert first == again
    assert first.value is not None
    assert first.interval is not None
    assert first.interval[0] < first.value < first.interval[1]
    # Delta method: sd of the ratio about r * sqrt(cv_a^2 + cv_b^2) / sqrt(n), here
    # .67 * sqrt(.29^2 + .19^2) / 8.9 = .026; the interval is 4 sd wide.
    assert first.interval[1] - first.interval[0] == pytest.approx(0.10, abs=0.03)


def test_steps_ratio_of_one_or_no_common_start() -> None:
    yes, no, steps = np.array([TRUE]), np.array([FALSE]), np.array([10], dtype=np.int64)
    assert steps_ratio(yes, steps, no, steps).value is None
    single = steps_ratio(yes, steps, yes, steps)
    assert (single.value, single.interval, single.starts) == (1.0, None, 1)


@pytest.mark.parametrize(("rate", "trials"), [(0.05, 50), (0.4, 200), (0.9, 64), (0.985, 200)])
def test_intervals_contain_the_truth_as_often_as_they_say(rate: float, trials: int) -> None:
    # Exactly, over all outcomes of so many coin flips: 95 % on average over rates, a few percent less or more at one.
    counts = np.arange(trials + 1)
    held = [low <= rate <= high for low, high in (wilson_interval(int(count), trials) for count in counts)]
    assert 0.92 < stats.binom.pmf(counts, trials, rate)[held].sum() < 0.99


def test_the_average_coverage_is_95_percent() -> None:
    trials, counts = 50, np.arange(51)
    bounds = np.array([wilson_interval(int(count), trials) for count in counts])
    covered = []
    for rate in np.linspace(0.02, 0.98, 193):
        held = (bounds[:, 0] <= rate) & (rate <= bounds[:, 1])
        covered.append(stats.binom.pmf(counts, trials, rate)[held].sum())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)


def test_mcnemar_rejects_equal_arms_no_oftener_than_it_says() -> None:
    # Twelve discordant starts, each a fair coin: what is called significant at 5 % has probability 5 % at most.
    p = np.array([PairedTable(3, count, 12 - count, 4).mcnemar_p() for count in range(13)])
    probability = stats.binom.pmf(np.arange(13), 12, 0.5)
    for level in (0.01, 0.05, 0.2):
        assert probability[p <= level].sum() <= level
    # Reference values of the two-sided binomial test.
    assert p.tolist() == pytest.approx([stats.binomtest(count, 12).pvalue for count in range(13)])


def test_kaplan_meier_agrees_with_published_values() -> None:
    # Weeks of remission of the 21 patients of Gehan (1965) on placebo, none censored, and the published survival.
    weeks = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23])
    everyone = np.ones(21, dtype=np.bool_)
    times, ended = success_curve(everyone, weeks, horizon=35)
    published = {1: 0.9048, 4: 0.6667, 8: 0.3810, 12: 0.1905, 22: 0.0476, 23: 0.0}
    assert {week: round(1.0 - float(ended[times == week][0]), 4) for week in published} == published
    assert steps_summary(everyone, weeks, horizon=35).median == 8.0


def test_the_bootstrap_contains_the_true_ratio_as_often_as_it_says() -> None:
    rng, everyone, held = np.random.default_rng(0), np.ones(40, dtype=np.bool_), 0
    for repeat in range(60):
        base, steered = rng.poisson(90, 40), rng.poisson(54, 40)
        interval = steps_ratio(everyone, base, everyone, steered, seed=repeat).interval
        assert interval is not None
        held += interval[0] <= 0.6 <= interval[1]
    # 57 of 60 are expected; fewer than 51 have a probability of 0.003.
    assert held >= 51
