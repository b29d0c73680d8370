# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What is measured in every iteration: outcomes, where the time goes, and how far the latent has moved from N(0, I)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import scipy.stats
import torch

from score.task import GUARD, SUCCESS
from score.utils import ranks

from .distribution import kl_from_prior

if TYPE_CHECKING:
    from .chunk import Chunk

QUANTILES = (0.05, 0.50, 0.95)
"""Quantiles of the squared latent norm that are logged beside those of the chi-squared distribution."""

SATURATION = 0.95
"""A number of a code counts as "at the bound" from this fraction of the bound on."""


@dataclass(frozen=True)
class RolloutSummary:
    """Outcomes of the decisions of one iteration."""

    episodes: int
    """Episodes that ended."""

    successes: int
    """Of these, by success."""

    ended_by: dict[str, int]
    """Episodes that ended, by termination term; one episode may count under several."""

    guard_resets: int
    """Episodes ended by the guard, while holding still included."""

    nonfinite: int
    """Of these, because an observation, an action or a reward was not finite."""

    mean_reward: float
    """Undiscounted reward of the ended episodes, mean; NaN if none ended."""

    mean_steps: float
    """Control steps of the ended episodes, mean; NaN if none ended."""

    physics_seconds: float
    """Time inside the task's step, on the device's own time line."""

    policy_seconds: float
    """Time of the base policy, encoding and decoding, and of the accounting around it, likewise."""

    @property
    def success_rate(self) -> float:
        """Fraction of the ended episodes that succeeded; NaN if none ended."""
        return self.successes / self.episodes if self.episodes else float("nan")


@dataclass(frozen=True)
class IterationTimes:
    """Where the wall time of an iteration went, in seconds.

    rsl_rl takes it without waiting for the device: on a GPU, what the last decision left undone counts under ``learn``.
    """

    collect: float
    """Rollouts: physics, base policy and the steering policy's own forward passes."""

    learn: float
    """Update of the networks."""

    @property
    def total(self) -> float:
        """The whole iteration."""
        return self.collect + self.learn


class DeviceClock:
    """Moments on the device's own time line, taken without waiting for it: kernels of a GPU run behind the host."""

    def __init__(self, device: torch.device | str) -> None:
        """Set up for a device."""
        self._cuda = torch.device(device).type == "cuda"

    def now(self) -> Any:
        """Return the moment at which the device will have done what it was given so far."""
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    @staticmethod
    def seconds(start: Any, end: Any) -> float:
        """Return the time from one moment to a later one, which the device has to have reached."""
        return end - start if isinstance(start, float) else start.elapsed_time(end) / 1000.0


class RolloutStatistics:
    """Collects outcomes and times on the device; only :meth:`drain` waits for it."""

    def __init__(self, num_envs: int, terms: tuple[str, ...], device: torch.device | str) -> None:
        """Start with nothing.

        Args:
            num_envs: Number of environments, N.
            terms: Names of the termination terms.
            device: Device of the task.
        """
        self._terms = terms
        self._reward = torch.zeros(num_envs, device=device)
        self._steps = torch.zeros(num_envs, dtype=torch.long, device=device)
        # Columns: episodes, successes, guard resets, not finite, reward, steps, then one per term.
        self._totals = torch.zeros(6 + len(terms), dtype=torch.float64, device=device)
        self.clock = DeviceClock(device)
        self._decisions: list[tuple[Any, Any, Any, Any]] = []

    def start_episodes(self) -> None:
        """Forget the unfinished episodes, as all environments were reset."""
        self._reward.zero_()
        self._steps.zero_()

    def add_decision(self, chunk: Chunk) -> None:
        """Add a finished decision."""
        ended = chunk.ended
        guard = chunk.ended_by[GUARD]
        self._reward += chunk.reward_sum
        self._steps += chunk.steps
        counts = [
            ended.sum(),
            (chunk.ended_by[SUCCESS] & ~guard).sum(),
            guard.sum() + chunk.guard_while_holding.sum(),
            chunk.nonfinite.sum(),
            (self._reward * ended).sum(),
            (self._steps * ended).sum(),
            *(fired.sum() for fired in chunk.ended_by.values()),
        ]
        self._totals += torch.stack([count.double() for count in counts])
        self._reward.masked_fill_(ended, 0.0)
        self._steps.masked_fill_(ended, 0)

    def add_moments(self, started: Any, decoded: Any, simulated: Any, finished: Any) -> None:
        """Add the moments of a decision, of :attr:`clock`: its parts are policy, physics, and policy again."""
        self._decisions.append((started, decoded, simulated, finished))

    def drain(self) -> RolloutSummary:
        """Return what all processes collected since the last call, and start anew; episodes under way go on.

        Counts are summed over processes, seconds are their mean.
        """
        totals = self._totals.tolist()  # waits for the device
        seconds = self.clock.seconds
        physics = sum(seconds(decision[1], decision[2]) for decision in self._decisions)
        policy = sum(seconds(*decision[:2]) + seconds(*decision[2:]) for decision in self._decisions)
        parts = ranks.gather([*totals, physics, policy])
        *totals, physics, policy = (sum(values) for values in zip(*parts, strict=True))
        episodes, successes, guard, nonfinite, reward, steps, *terms = totals
        summary = RolloutSummary(
            episodes=int(episodes),
            successes=int(successes),
            ended_by={name: int(count) for name, count in zip(self._terms, terms, strict=True)},
            guard_resets=int(guard),
            nonfinite=int(nonfinite),
            mean_reward=reward / episodes if episodes else float("nan"),
            mean_steps=steps / episodes if episodes else float("nan"),
            physics_seconds=physics / len(parts),
            policy_seconds=policy / len(parts),
        )
        self._totals.zero_()
        self._decisions.clear()
        return summary


def latent_support(codes: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, limit: float) -> dict[str, float]:
    """Measure how typical the sampled codes are under N(0, I), the noise that the base policy was trained on.

    Args:
        codes: Sampled codes z, shape (B, d).
        mean: Means of u, shape (B, d).
        std: Standard deviations of u, shape (B, d).
        limit: Largest absolute value of a code.

    Returns:
        Scalars for the log: ``norm2_q05``, ``norm2_q50``, ``norm2_q95`` (quantiles of |z|^2) and ``chi2_q05`` ...
        (those of the chi-squared distribution with d degrees of freedom), ``norm2_mean``, ``inside`` (fraction of
        codes between the outer chi-squared quantiles; 0.9 for N(0, I)), ``ks`` (largest :func:`kolmogorov_smirnov` of
        a number), ``at_bound`` (fraction of numbers), ``kl`` (nats per decision), ``std`` and ``mean_rms`` (of u).
    """
    dimension = codes.shape[-1]
    norm2 = codes.float().square().sum(-1)
    levels = torch.tensor(QUANTILES, device=norm2.device)
    measured = torch.quantile(norm2, levels).tolist()
    expected = [float(scipy.stats.chi2.ppf(level, dimension)) for level in QUANTILES]
    labels = [f"q{round(100 * level):02d}" for level in QUANTILES]
    inside = (norm2 >= expected[0]) & (norm2 <= expected[-1])
    return {
        **{f"norm2_{label}": value for label, value in zip(labels, measured, strict=True)},
        **{f"chi2_{label}": value for label, value in zip(labels, expected, strict=True)},
        "norm2_mean": norm2.mean().item(),
        "inside": inside.float().mean().item(),
        "ks": kolmogorov_smirnov(codes).max().item(),
        "at_bound": (codes.abs() >= SATURATION * limit).float().mean().item(),
        "kl": kl_from_prior(mean, std).mean().item(),
        "std": std.mean().item(),
        "mean_rms": mean.square().mean().sqrt().item(),
    }


def norm_quantile(codes: torch.Tensor) -> torch.Tensor:
    """Quantile of the squared norm of codes (B, d) in the chi-squared distribution with d degrees of freedom, (B,)."""
    half = codes.float().square().sum(-1) / 2
    return torch.special.gammainc(torch.full_like(half, codes.shape[-1] / 2), half)


def kolmogorov_smirnov(codes: torch.Tensor) -> torch.Tensor:
    """Largest distance between the distribution of each number of codes (B, d) and N(0, 1), shape (d,)."""
    count = len(codes)
    expected = torch.special.ndtr(codes.float().sort(dim=0).values)
    steps = torch.arange(count + 1, device=codes.device).unsqueeze(1) / count
    return torch.maximum(steps[1:] - expected, expected - steps[:-1]).amax(dim=0)


def iteration_scalars(
    summary: RolloutSummary,
    support: dict[str, float],
    times: IterationTimes,
    env_steps: int,
    decisions: int,
    iteration_steps: int,
) -> dict[str, float]:
    """Name the scalars of one iteration for the log.

    Args:
        summary: Outcomes of the iteration.
        support: Its :func:`latent_support`.
        times: Its wall time.
        env_steps: Control steps of the whole run, summed over environments.
        decisions: Decisions of the whole run, summed over environments.
        iteration_steps: Control steps of this iteration.

    Returns:
        Tag -> value; NaN where nothing is known.
    """
    return {
        "Steering/success": summary.success_rate,
        "Steering/episodes": summary.episodes,
        "Steering/episode_reward": summary.mean_reward,
        "Steering/episode_steps": summary.mean_steps,
        **{f"Ended_by/{name}": count / max(1, summary.episodes) for name, count in summary.ended_by.items()},
        **{f"Latent/{name}": value for name, value in support.items()},
        "Guard/resets": summary.guard_resets,
        "Guard/nonfinite": summary.nonfinite,
        "Steps/env_steps": env_steps,
        "Steps/decisions": decisions,
        "Seconds/physics": summary.physics_seconds,
        "Seconds/base_policy": summary.policy_seconds,
        "Seconds/learner": times.learn,
        "Seconds/rest": times.collect - summary.physics_seconds - summary.policy_seconds,
        "Perf/env_steps_per_second": iteration_steps / times.total,
    }
