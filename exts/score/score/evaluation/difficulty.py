# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How hard a start is: how often the base policy solves it when it may try again; and how every arm does by that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from score.rollout.arms import base_arm
from score.rollout.episodes import run_episodes
from score.rollout.results import EpisodeResults
from score.rollout.seeds import SeedSpace, seed_of, start_seeds

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task

LEVELS = ("never", "seldom", "sometimes", "mostly", "always")
"""Levels of difficulty: solved in no try, in up to a quarter of them, up to three quarters, fewer than all, all."""


class TriesCfg(Protocol):
    """What the tries need to know of an evaluation."""

    @property
    def episodes(self) -> int:
        """Starts."""
        ...

    @property
    def tries(self) -> int:
        """Tries at each start."""
        ...

    @property
    def seed(self) -> int:
        """Seed that the user gave."""
        ...

    @property
    def start_seed(self) -> int:
        """Seed of the starts."""
        ...


def count_solved(task: Task, base_policy: BasePolicy, cfg: TriesCfg, **options: Any) -> NDArray[np.int64]:
    """Let the base policy try every start of an evaluation several times, each time with noise of its own.

    None of the tries has the noise of the arms: a start is not called easy because the arm ``base`` solved it.

    Args:
        task: The task.
        base_policy: The frozen base policy.
        cfg: Settings of the evaluation, with at least one try.
        options: ``chunk_steps``, ``progress`` and ``store`` of :func:`~score.rollout.episodes.run_episodes`.

    Returns:
        Tries that solved each start, (E,).
    """
    starts = start_seeds(cfg.start_seed)
    arm = base_arm()
    results = run_episodes(
        task,
        base_policy,
        type(arm)("tries", arm.act),
        episodes=range(cfg.episodes * cfg.tries),
        seed=seed_of(SeedSpace.TRIES, cfg.seed),
        start_seed=lambda episode: starts(episode // cfg.tries),
        **options,
    )
    return results.success.reshape(cfg.episodes, cfg.tries).sum(axis=1)


def split_by_difficulty(results: Mapping[str, EpisodeResults], solved: NDArray[np.int64], tries: int) -> dict[str, Any]:
    """Split the successes of all arms by the difficulty of their starts.

    Args:
        results: Episodes of each arm over the same E starts.
        solved: Tries of the base policy that solved each start, (E,).
        tries: Tries at each start.

    Returns:
        ``tries``; ``pass_at``: k -> fraction of starts that k tries of the base policy solve at least once, for powers
        of two and all tries; ``levels``: name -> ``starts`` and, by arm, ``k`` of them solved; ``solved``, as given.
    """
    levels = level_of(solved, tries)
    counts = sorted({2**power for power in range(tries.bit_length())} | {tries})
    return {
        "tries": tries,
        "pass_at": {str(count): pass_at(solved, tries, count) for count in counts},
        "levels": {
            name: {
                "starts": int((levels == index).sum()),
                "k": {arm: int(result.success[levels == index].sum()) for arm, result in results.items()},
            }
            for index, name in enumerate(LEVELS)
        },
        "solved": solved.tolist(),
    }


def level_of(solved: NDArray[np.int64], tries: int) -> NDArray[np.int64]:
    """Index of the level in :data:`LEVELS` of each start, (E,)."""
    bounds = (solved > 0, solved > tries / 4, solved > 3 * tries / 4, solved == tries)
    return np.sum(bounds, axis=0, dtype=np.int64)


def pass_at(solved: NDArray[np.int64], tries: int, count: int) -> float:
    """Fraction of starts that ``count`` tries solve at least once, without bias from those that were made.

    For a start that c of n tries solve it is 1 - C(n - c, k) / C(n, k).
    """
    missed = [math.comb(tries - number, count) / math.comb(tries, count) for number in solved.tolist()]
    return 1.0 - sum(missed) / len(missed)
