# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Strategies of a search with a budget of episodes: what to try next, given what has been tried. They run nothing."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Candidates:
    """What is tried next."""

    codes: torch.Tensor
    """Candidates, (C, d)."""
    starts: int
    """Starts that each of them meets."""


class Strategy(Protocol):
    """A search over codes of d numbers."""

    @property
    def best(self) -> torch.Tensor:
        """What is taken for the best so far, (d,)."""
        ...

    def ask(self) -> Candidates | None:
        """Return what to try next; None at the end, with at least a sixteenth of the budget left."""
        ...

    def tell(self, successes: NDArray[np.int64], steps: NDArray[np.int64]) -> None:
        """Take in how the candidates did: successes and steps of each, summed over its starts, (C,) both."""
        ...


class Racing:
    """Successive quartering: N(0, I) candidates meet a start each, and the better quarter goes on to more starts.

    A quarter of the budget for the first round, the rest in equal parts for those that follow. (After the successive
    halving of Jamieson and Talwalkar 2016.) 2,048 episodes are 512 candidates on 1 start, 128 on 2, 32 on 11, 8 on 44,
    2 on 176.
    """

    def __init__(self, dimension: int, budget: int, generator: torch.Generator) -> None:
        """Draw the candidates.

        Args:
            dimension: Numbers of a code, d.
            budget: Episodes of the whole search.
            generator: Where candidates are drawn from.
        """
        self._codes = torch.randn((budget // 4, dimension), generator=generator)
        self._alive = np.arange(len(self._codes))
        self._successes = np.zeros(len(self._codes), dtype=np.int64)
        self._steps = np.zeros_like(self._successes)
        sizes = [len(self._codes)]
        while sizes[-1] > 1:
            sizes.append(math.ceil(sizes[-1] / 4))
        later = sizes[1:-1]
        share = (budget - budget // 16 - sizes[0]) // max(1, len(later))
        self.rounds = [(sizes[0], 1), *((size, max(1, share // size)) for size in later)]
        """Candidates and starts of each, by round."""
        self._next = 0

    @property
    def best(self) -> torch.Tensor:
        """See :class:`Strategy`."""
        return self._codes[self._alive[0]]

    def ask(self) -> Candidates | None:
        """See :class:`Strategy`."""
        if self._next == len(self.rounds):
            return None
        self._next += 1
        return Candidates(self._codes[self._alive], self.rounds[self._next - 1][1])

    def tell(self, successes: NDArray[np.int64], steps: NDArray[np.int64]) -> None:
        """See :class:`Strategy`."""
        self._successes[self._alive] += successes
        self._steps[self._alive] += steps
        order = best_first(self._successes[self._alive], self._steps[self._alive])
        # The order is kept: the first one alive is the best.
        self._alive = self._alive[order[: math.ceil(len(self._alive) / 4)]]


class CrossEntropy:
    """The cross-entropy method: draw from a Gaussian, fit it to the better quarter, draw again; its last mean is best.

    A generation is the 64th part of the budget in candidates, at least 8, on 4 starts: 2,048 episodes are 15
    generations of 32. Half of the old deviation is kept each time, so that few candidates do not end the search.
    """

    STARTS = 4
    """Starts that each candidate meets."""

    def __init__(self, dimension: int, budget: int, generator: torch.Generator, *, std: float) -> None:
        """Start around zero.

        Args:
            dimension: Numbers of a code, d.
            budget: Episodes of the whole search.
            generator: Where candidates are drawn from.
            std: Deviation to begin with.
        """
        self._mean, self._std = torch.zeros(dimension), torch.full((dimension,), std)
        self._generator = generator
        self.population = max(8, budget // 64)
        """Candidates of a generation."""
        self.generations = (budget - budget // 16) // (self.population * self.STARTS)
        """Generations in all."""
        self._left = self.generations
        self._codes = torch.empty(0, dimension)

    @property
    def best(self) -> torch.Tensor:
        """See :class:`Strategy`."""
        return self._mean

    def ask(self) -> Candidates | None:
        """See :class:`Strategy`."""
        if self._left == 0:
            return None
        self._left -= 1
        draws = torch.randn((self.population, len(self._mean)), generator=self._generator)
        self._codes = self._mean + self._std * draws
        return Candidates(self._codes, self.STARTS)

    def tell(self, successes: NDArray[np.int64], steps: NDArray[np.int64]) -> None:
        """See :class:`Strategy`."""
        elite = self._codes[torch.from_numpy(best_first(successes, steps)[: self.population // 4])]
        self._mean = elite.mean(dim=0)
        self._std = 0.5 * (self._std + elite.std(dim=0, correction=0))


def best_first(successes: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order of candidates: most successes, then fewest steps, then the lower index."""
    return np.lexsort((np.arange(len(successes)), steps, -successes))


STRATEGIES: dict[str, Callable[[int, int, torch.Generator], Strategy]] = {
    "cem_zero": functools.partial(CrossEntropy, std=0.5),
    "cem_normal": functools.partial(CrossEntropy, std=1.0),
    "racing": Racing,
}
"""All strategies by name: cross-entropy around zero and from N(0, I), and racing."""
