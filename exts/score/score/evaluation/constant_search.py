# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The best constant latent: the strongest baseline that needs no training, searched for with a budget of episodes.

All candidates of a round meet the same starts. What a search finds is tried once more, on search starts of its own: the
rate by which it was chosen flatters it. No start of a search is one of the report (:func:`.seeds.start_seeds`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from score.rollout.arms import CONSTANT, constant_arm, grid_arm
from score.rollout.episodes import Progress, ResultStore, run_episodes
from score.rollout.results import EpisodeResults
from score.rollout.seeds import SeedSpace, Stream, derive_seed, seed_of, start_seeds
from score.steering.latent import NO_BASIS, LatentBasis
from score.utils.errors import UserError, near_names

from .strategies import STRATEGIES

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task

LEAST_EPISODES = 64
"""Smallest budget of a search."""

SPACES = ("full", "basis")
"""Where is searched: among all numbers of a latent, or among the codes of the steering basis, the rest of it zero."""


@dataclass(frozen=True)
class SearchCfg:
    """Settings of a search."""

    method: str
    """A name of :data:`~score.evaluation.strategies.STRATEGIES`."""
    space: str = "full"
    """A name of :data:`SPACES`."""
    episodes: int = 512
    """Budget, at least :data:`LEAST_EPISODES`."""
    seed: int = 0
    """Seed of candidates and starts, inside the block of searches."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: One is out of range.
        """
        seed_of(SeedSpace.SEARCH, self.seed)
        if self.method not in STRATEGIES:
            near = near_names(self.method, STRATEGIES)
            raise UserError(f"--search: '{self.method}' is unknown: use {', '.join(STRATEGIES)}, all or none.{near}")
        if self.episodes < LEAST_EPISODES:
            raise UserError(f"--search_episodes must be at least {LEAST_EPISODES}, got {self.episodes}.")

    @property
    def start_seed(self) -> int:
        """Seed of candidates and starts, among the seeds of all uses."""
        return seed_of(SeedSpace.SEARCH, self.seed)

    @property
    def arm(self) -> str:
        """Name of the arm that holds what is found."""
        return f"{CONSTANT}_{self.method}_{self.space}"


@dataclass(frozen=True)
class SearchResult:
    """The latent that was found."""

    latent: torch.Tensor
    """The latent, (rows, columns)."""
    facts: dict[str, Any]
    """For the report: method, space and its numbers, episodes, seed; ``chosen_by`` (candidates and best rate when it
    was chosen) and ``confirmed`` (successes and trials on search starts that did not choose it)."""


def parse_searches(text: str) -> tuple[str, ...]:
    """Read ``--search``: names of strategies joined by commas, ``all`` or ``none``.

    Raises:
        UserError: A name is unknown.
    """
    names = {"all": tuple(STRATEGIES), "none": ()}.get(text, tuple(dict.fromkeys(text.split(","))))
    for name in names:
        SearchCfg(name)
    return names


def search_spaces(base_policy: BasePolicy, basis: tuple[str, int]) -> dict[str, LatentBasis]:
    """Return the spaces that there are to search.

    Args:
        base_policy: The base policy.
        basis: Kind and knots of the steering basis; one that spans the whole latent is no second space.

    Returns:
        Name of :data:`SPACES` -> basis whose codes are searched.
    """
    shape, (kind, knots) = base_policy.latent_shape, basis
    spaces = {"full": LatentBasis("full", *shape)}
    if kind not in ("full", NO_BASIS):
        spaces["basis"] = LatentBasis(kind, *shape, knots)
    return spaces


def find_constant_latent(
    task: Task,
    base_policy: BasePolicy,
    cfg: SearchCfg,
    space: LatentBasis,
    *,
    chunk_steps: int,
    reported: Collection[int] = (),
    progress: Progress | None = None,
    store: ResultStore | None = None,
) -> SearchResult:
    """Search the constant latent with the highest success rate.

    Args:
        task: The task.
        base_policy: The frozen base policy.
        cfg: Settings of the search.
        space: Basis whose codes are searched.
        chunk_steps: Control steps executed of every chunk.
        reported: Seeds of starts that the search must not meet.
        progress: Told how many episodes of the search have ended.
        store: Keeps finished episodes; the arms are named ``search_<method>_<space>_<round>``.

    Returns:
        The latent. Ties go to the candidate with fewer steps, where a failure counts the longest episode, then to the
        lower index.
    """
    generator = torch.Generator().manual_seed(derive_seed(cfg.start_seed, 0, Stream.CANDIDATES))
    strategy = STRATEGIES[cfg.method](space.code_dim, cfg.episodes, generator)
    seeds = start_seeds(cfg.start_seed, frozenset(reported))
    name = f"search_{cfg.method}_{cfg.space}"
    finished, starts_used, rounds, best = 0, 0, 0, (0, 0)

    def run(codes: torch.Tensor, starts: int, arm_name: str) -> EpisodeResults:
        count = len(codes)
        first_episode, first_start = finished, starts_used

        def seed_of_episode(episode: int) -> int:
            return seeds(first_start + (episode - first_episode) // count)

        latents = space.expand(codes)
        arm = constant_arm(latents[0], arm_name) if count == 1 else grid_arm(latents, arm_name, first=first_episode)
        return run_episodes(
            task,
            base_policy,
            arm,
            episodes=range(first_episode, first_episode + count * starts),
            seed=cfg.start_seed,
            start_seed=seed_of_episode,
            chunk_steps=chunk_steps,
            progress=_shifted(progress, first_episode, cfg.episodes),
            store=store,
        )

    for candidates in iter(strategy.ask, None):
        count, starts = len(candidates.codes), candidates.starts
        results = run(candidates.codes, starts, f"{name}_{rounds}")
        # Episode e of the round held candidate e % count, so a row is one start, which all of them met.
        success = results.success.reshape(starts, count)
        steps = np.where(success, results.steps.reshape(starts, count), results.horizon)
        strategy.tell(success.sum(axis=0), steps.sum(axis=0))
        best = max(zip(success.sum(axis=0).tolist(), [starts] * count, strict=True))
        finished, starts_used, rounds = finished + count * starts, starts_used + starts, rounds + 1
    left = cfg.episodes - finished
    confirmed = run(strategy.best.unsqueeze(0), left, f"{name}_confirmed")
    facts = {
        "method": cfg.method,
        "space": cfg.space,
        "basis": space.kind,
        "numbers": space.code_dim,
        "episodes": cfg.episodes,
        "seed": cfg.start_seed,
        "rounds": rounds,
        "last_round_best": {"k": best[0], "n": best[1]},
        "confirmed": {"k": int(confirmed.success.sum()), "n": left},
    }
    return SearchResult(space.expand(strategy.best.unsqueeze(0))[0], facts)


def _shifted(progress: Progress | None, finished: int, total: int) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda ended, _: progress(finished + ended, total)
