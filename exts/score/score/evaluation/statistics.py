# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Statistics of paired evaluations: intervals of rates, exact McNemar test, steps to success with censoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

INTERVAL_METHOD = (
    "wilson 95% for rates; exact McNemar; paired percentile bootstrap 95% (9999 resamples) for steps_ratio"
)
"""What a report says about its intervals."""

_RESAMPLES = 9999


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a success rate.

    Args:
        successes: Number of successes, 0 to ``trials``.
        trials: Number of trials, at least 1.
        confidence: Coverage.

    Returns:
        Lower and upper bound, within [0, 1].

    Raises:
        ValueError: ``trials`` is below 1 or ``successes`` outside 0 to ``trials``.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials: no rate.")
    low, high = proportion_confint(successes, trials, alpha=1.0 - confidence, method="wilson")
    # Rounding can leave the rate outside by 1e-17 at 0 or all successes.
    rate = successes / trials
    return min(max(0.0, float(low)), rate), max(min(1.0, float(high)), rate)


@dataclass(frozen=True)
class PairedTable:
    """Outcomes of two arms on the same starts."""

    both: int
    """Starts that both solve."""
    base_only: int
    """Starts that only the base policy solves."""
    steered_only: int
    """Starts that only the steered policy solves."""
    neither: int
    """Starts that none solves."""

    @classmethod
    def from_outcomes(cls, base: NDArray[np.bool_], steered: NDArray[np.bool_]) -> PairedTable:
        """Count the outcomes of two arms, (E,) bool each, over the same starts in the same order.

        Raises:
            ValueError: The arms have different numbers of episodes.
        """
        if base.shape != steered.shape:
            raise ValueError(f"Arms of {base.shape} and {steered.shape} episodes are not paired.")
        counts = (base & steered, base & ~steered, ~base & steered, ~base & ~steered)
        return cls(*(int(np.count_nonzero(count)) for count in counts))

    def mcnemar_p(self) -> float:
        """Two-sided exact McNemar p: how likely so uneven a split of discordant starts is if both arms are equal."""
        table = [[self.both, self.base_only], [self.steered_only, self.neither]]
        return float(mcnemar(table, exact=True).pvalue)


def sign_flip_p(differences: NDArray[np.int64]) -> float:
    """Two-sided exact sign-flip test (Fisher's randomisation test) of paired differences.

    How likely a sum so far from 0 is if every difference had either sign with the same chance. Of differences of 1 it
    is exact McNemar; with the differences of several runs added up start by start, starts stay what was drawn.

    Args:
        differences: By how much one arm is better on each start (E,), whole numbers.

    Returns:
        p.
    """
    sizes = np.abs(differences)
    chances = np.ones(1)
    for size in sizes[sizes > 0]:
        step = np.zeros(2 * size + 1)
        step[[0, -1]] = 0.5
        chances = np.convolve(chances, step)
    sums = np.arange(len(chances)) - sizes.sum()
    return min(1.0, float(chances[np.abs(sums) >= abs(differences.sum())].sum()))


@dataclass(frozen=True)
class StepsSummary:
    """Control steps to success of one arm."""

    median: float | None
    """Kaplan-Meier median over all episodes; None where fewer than half succeed."""
    mean: float | None
    """Mean over the successes; None where there is none."""
    censored: int
    """Episodes without success."""


def steps_summary(success: NDArray[np.bool_], steps: NDArray[np.int64], horizon: int) -> StepsSummary:
    """Summarise the steps to success.

    An episode that failed never succeeds, whenever it ended: it is censored at ``horizon``, not at its own end.
    (Censored at its end, an early failure would drop out of the risk set and the others would speak for it.)

    Args:
        success: Outcomes, (E,).
        steps: Control steps until the end of each episode, (E,).
        horizon: Longest episode in control steps.

    Returns:
        Median, mean and number of censored episodes. The median is the first step at which the Kaplan-Meier estimate of
        "not yet solved" is at most one half.
    """
    times, solved = success_curve(success, steps, horizon)
    reached = np.flatnonzero(solved >= 0.5 - 1e-9)
    return StepsSummary(
        median=float(times[reached[0]]) if reached.size else None,
        mean=float(steps[success].mean()) if success.any() else None,
        censored=int(np.count_nonzero(~success)),
    )


def success_curve(
    success: NDArray[np.bool_], steps: NDArray[np.int64], horizon: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fraction of episodes solved by each step: one minus the Kaplan-Meier estimate, failures censored at ``horizon``.

    Args:
        success: Outcomes, (E,).
        steps: Control steps until the end of each episode, (E,).
        horizon: Longest episode in control steps.

    Returns:
        Steps from 0 to ``horizon`` at which the curve may change, and the fraction solved by then; (K,) each.
    """
    sample = stats.CensoredData(uncensored=steps[success], right=np.full(np.count_nonzero(~success), horizon))
    survival = stats.ecdf(sample).sf
    times = np.unique(np.concatenate(([0.0], steps[success], [horizon]))).astype(np.float64)
    return times, 1.0 - survival.evaluate(times)


@dataclass(frozen=True)
class StepsRatio:
    """Mean steps of the steered policy over those of the base policy, on the starts that both solve."""

    value: float | None
    """The ratio; below 1 the steered policy is faster. None where no start is solved by both."""
    interval: tuple[float, float] | None
    """Bootstrap interval of 95 %; None for fewer than two such starts."""
    starts: int
    """Starts that both solve."""


def steps_ratio(
    base_success: NDArray[np.bool_],
    base_steps: NDArray[np.int64],
    steered_success: NDArray[np.bool_],
    steered_steps: NDArray[np.int64],
    seed: int = 0,
) -> StepsRatio:
    """Compare the steps of two arms on the starts that both solve.

    Args:
        base_success: Outcomes of the base policy, (E,).
        base_steps: Its steps, (E,).
        steered_success: Outcomes of the steered policy on the same starts, (E,).
        steered_steps: Its steps, (E,).
        seed: Seed of the bootstrap.

    Returns:
        The ratio of means with its paired percentile bootstrap interval.
    """
    both = base_success & steered_success
    base, steered = base_steps[both].astype(np.float64), steered_steps[both].astype(np.float64)
    if base.size == 0:
        return StepsRatio(None, None, 0)
    value = float(steered.mean() / base.mean())
    if base.size == 1:
        return StepsRatio(value, None, 1)
    bootstrap = stats.bootstrap(
        (steered, base),
        lambda a, b, axis=-1: a.mean(axis=axis) / b.mean(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=1000,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = bootstrap.confidence_interval
    return StepsRatio(value, (float(interval.low), float(interval.high)), int(base.size))
