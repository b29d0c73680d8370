# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The best constant latent: the strongest baseline that needs no training.

Successive halving (Jamieson and Talwalkar 2016): N(0, I) candidates are tried on a few starts each, the better half
goes on to twice as many new starts, until one is left. All candidates of a round are episodes of one queue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from score.rollout.arms import grid_arm
from score.rollout.episodes import Progress, ResultStore, run_episodes
from score.rollout.seeds import SeedSpace, Stream, derive_seed, seed_of
from score.utils.errors import UserError

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task


@dataclass(frozen=True)
class ConstantSearchCfg:
    """Settings of the search."""

    candidates: int = 32
    """Number of N(0, I) latents to begin with, at least 2."""
    starts: int = 4
    """Starts of each candidate in the first round, at least 1; doubled every round."""
    seed: int = 0
    """Seed of candidates and starts, inside the block of searches."""

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
            UserError: One is out of range.
        """
        seed_of(SeedSpace.SEARCH, self.seed)
        if self.candidates < 2 or self.starts < 1:
            raise UserError(
                "The constant search needs at least 2 candidates and 1 start each,"
                f" got {self.candidates} and {self.starts}."
            )

    @property
    def start_seed(self) -> int:
        """Seed of candidates and starts, among the seeds of all uses."""
        return seed_of(SeedSpace.SEARCH, self.seed)

    def rounds(self) -> list[tuple[int, int]]:
        """Candidates alive and starts of each, by round; for 32 and 4: (32, 4), (16, 8), (8, 16), (4, 32), (2, 64)."""
        alive, plan = self.candidates, list[tuple[int, int]]()
        while alive > 1:
            plan.append((alive, self.starts * 2 ** len(plan)))
            alive = math.ceil(alive / 2)
        return plan

    def episodes(self) -> int:
        """Episodes of the whole search."""
        return sum(alive * starts for alive, starts in self.rounds())


@dataclass(frozen=True)
class ConstantSearchResult:
    """The latent that was found."""

    latent: torch.Tensor
    """The latent, (H, A)."""
    candidate: int
    """Its index among the candidates."""
    successes: int
    """Its successes in the search; optimistic, as it was chosen by them."""
    trials: int
    """Its episodes in the search."""


def find_constant_latent(
    task: Task,
    base_policy: BasePolicy,
    cfg: ConstantSearchCfg,
    *,
    chunk_steps: int,
    progress: Progress | None = None,
    store: ResultStore | None = None,
) -> ConstantSearchResult:
    """Searches the constant latent with the highest success rate.

    Args:
        task: The task.
        base_policy: The frozen base policy.
        cfg: Settings of the search.
        chunk_steps: Control steps executed of every chunk.
        progress: Told how many episodes of the search have ended.
        store: Keeps finished episodes; the arms are named ``constant_search_<round>``.

    Returns:
        The latent with its successes. Ties go to the candidate with fewer steps, then to the lower index.
    """
    candidates = _candidates(base_policy.latent_shape, cfg)
    alive = np.arange(cfg.candidates)
    successes, steps = np.zeros(cfg.candidates, dtype=np.int64), np.zeros(cfg.candidates, dtype=np.int64)
    trials, finished, total = 0, 0, cfg.episodes()
    for index, (count, starts) in enumerate(cfg.rounds()):
        results = run_episodes(
            task,
            base_policy,
            grid_arm(candidates[alive], f"constant_search_{index}", first=finished),
            episodes=range(finished, finished + count * starts),
            seed=cfg.start_seed,
            chunk_steps=chunk_steps,
            progress=_shifted(progress, finished, total),
            store=store,
        )
        # Episode e of the round held candidate e % count, so a row is one pass over the candidates.
        successes[alive] += results.success.reshape(starts, count).sum(axis=0)
        steps[alive] += results.steps.reshape(starts, count).sum(axis=0)
        trials += starts
        finished += count * starts
        alive = _better_half(alive, successes, steps)
    best = int(alive[0])
    return ConstantSearchResult(candidates[best], best, int(successes[best]), trials)


def _candidates(latent_shape: tuple[int, int], cfg: ConstantSearchCfg) -> torch.Tensor:
    """Draws the candidates, (C, H, A)."""
    generator = torch.Generator().manual_seed(derive_seed(cfg.start_seed, 0, Stream.CANDIDATES))
    return torch.randn((cfg.candidates, *latent_shape), generator=generator)


def _better_half(alive: NDArray[np.int64], successes: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keeps the better half of the candidates: most successes, then fewest steps, then the lower index."""
    order = np.lexsort((alive, steps[alive], -successes[alive]))
    return np.sort(alive[order[: math.ceil(alive.size / 2)]])


def _shifted(progress: Progress | None, finished: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda ended, _: progress(finished + ended, total)
