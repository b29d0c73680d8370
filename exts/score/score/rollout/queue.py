# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Episodes that wait for an environment, and which environment runs which."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch

from .results import Outcome

NOBODY = -1
"""Stands for no episode, and for no seed."""


class EpisodeQueue:
    """Deals episodes to the environments of a task; all of it on the CPU.

    An environment that may be free after the next control step is *offered* an episode. It keeps the episode if it
    really is free then; otherwise the episode goes back to the front of the queue.

    Attributes:
        waiting: Episodes that no environment has begun.
        episodes: Index of the episode that each environment runs, (N,), int64; :data:`NOBODY` where it is free.
        decisions: Decisions made so far in each of them, (N,), int64.
    """

    def __init__(self, episodes: Sequence[int], num_envs: int, start_seed: Callable[[int], int]) -> None:
        """Queue episodes.

        Args:
            episodes: Their indices, at least 0.
            num_envs: Number of environments, N.
            start_seed: Index of an episode -> seed of its start.
        """
        self.waiting = deque(episodes)
        self.episodes = torch.full((num_envs,), NOBODY, dtype=torch.long)
        self.decisions = torch.zeros(num_envs, dtype=torch.long)
        self._start_seed = start_seed
        self._offered: dict[int, int] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self.waiting and not bool((self.episodes != NOBODY).any())

    def offer(self, free: torch.Tensor) -> torch.Tensor:
        """Offer the next episodes, to free environments (N,), bool, first.

        Returns:
            The seed from which each environment would begin, (N,), int64; :data:`NOBODY` without an offer.
        """
        free_first = torch.argsort((~free).long(), stable=True).tolist()
        count = min(len(free_first), len(self.waiting))
        self._offered = {env: self.waiting.popleft() for env in free_first[:count]}
        seeds = torch.full_like(self.episodes, NOBODY)
        for env, episode in self._offered.items():
            seeds[env] = self._start_seed(episode)
        return seeds

    def begin(self, ready: torch.Tensor) -> torch.Tensor:
        """Begin what was offered where the environment is at a start, and take the other offers back.

        Args:
            ready: Environments that were reset from the seed of their offer, if they had one, (N,), bool.

        Returns:
            Environments that begin an episode, (N,), bool.
        """
        begun = torch.zeros_like(ready)
        kept = {env: episode for env, episode in self._offered.items() if ready[env]}
        self.waiting.extendleft(reversed([item for env, item in self._offered.items() if env not in kept]))
        for env, episode in kept.items():
            self.episodes[env], self.decisions[env], begun[env] = episode, 0, True
        self._offered = {}
        return begun

    def collect(self, active: torch.Tensor, outcomes: Sequence[Outcome]) -> dict[int, Outcome]:
        """Free the environments whose episode has ended.

        Args:
            active: Environments whose episode is still running, (N,), bool.
            outcomes: How the episode of each environment ended.

        Returns:
            Episode -> how it ended.
        """
        ended = ((self.episodes != NOBODY) & ~active).nonzero().flatten().tolist()
        found = {int(self.episodes[env]): outcomes[env] for env in ended}
        self.episodes[ended] = NOBODY
        return found
