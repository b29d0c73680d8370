# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Outcomes of episodes, and the bookkeeping that reads them from the steps of all environments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from score.task import GUARD, SUCCESS
from score.utils.errors import UserError

TIME_OUT, UNKNOWN = "time_out", "unknown"


@dataclass(frozen=True)
class Outcome:
    """How one episode ended."""

    ended_by: str
    """The termination term that ended it; of several ``guard``, then ``success``, ``time_out`` last."""
    steps: int
    """Control steps until the end."""


@dataclass(frozen=True)
class EpisodeResults:
    """How episodes ended, in the order in which they were asked for."""

    success: NDArray[np.bool_]
    """(E,): the task's success, never true where the guard fired."""
    steps: NDArray[np.int64]
    """(E,): control steps until the end."""
    ended_by: tuple[str, ...]
    """(E,): see :class:`Outcome`."""
    horizon: int
    """Longest episode in control steps."""
    traces: tuple[torch.Tensor, ...] = ()
    """Latents (D, H, A) of the D decisions of each episode, on the CPU, if they were asked for."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], horizon: int, traces: Sequence[torch.Tensor] = ()) -> EpisodeResults:
        """Put outcomes side by side."""
        names = tuple(outcome.ended_by for outcome in outcomes)
        success = np.array([name == SUCCESS for name in names], dtype=np.bool_)
        steps = np.array([outcome.steps for outcome in outcomes], dtype=np.int64)
        return cls(success, steps, names, horizon, tuple(traces))

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.ended_by)

    @property
    def guard(self) -> NDArray[np.bool_]:
        """(E,): whether the guard for non-finite states and contact overflow fired."""
        return np.array([name == GUARD for name in self.ended_by], dtype=np.bool_)

    def failures(self) -> dict[str, int]:
        """Return the counts of what ended the episodes that did not succeed, most frequent first."""
        return dict(Counter(name for name in self.ended_by if name != SUCCESS).most_common())


class RunningEpisodes:
    """Follows the episode of each environment until it ends; what an environment does then is not looked at."""

    def __init__(self, num_envs: int, limit: int, device: torch.device | str) -> None:
        """Start with no episode.

        Args:
            num_envs: Number of environments, N.
            limit: Control steps after which an episode that did not end counts as ``time_out``.
            device: Device of the task.
        """
        self.active = torch.zeros(num_envs, dtype=torch.bool, device=device)
        """(N,): whether the episode is still running."""
        self._steps = torch.zeros(num_envs, dtype=torch.long, device=device)
        self._limit = limit
        self._unsound, self._overdue = torch.zeros_like(self.active), torch.zeros_like(self.active)
        self._terms: dict[str, torch.Tensor] = {}

    def begin(self, begun: torch.Tensor) -> None:
        """Follow the new episodes of some environments (N,), bool."""
        self.active = self.active | begun
        self._steps = self._steps.masked_fill(begun, 0)
        for fired in (self._unsound, self._overdue, *self._terms.values()):
            fired &= ~begun

    def update(self, done: torch.Tensor, ended_by: Mapping[str, torch.Tensor]) -> None:
        """Take in one control step, without host synchronisation.

        Args:
            done: Environments that ended in this step, (N,) bool.
            ended_by: Termination terms of this step, name -> (N,) bool.

        Raises:
            UserError: The task has no term ``success`` or ``guard``.
        """
        if not self._terms:
            self._terms = {name: torch.zeros_like(self.active) for name in _ordered(ended_by)}
        self._steps = self._steps + self.active
        ending = self.active & done
        for name, fired in self._terms.items():
            fired |= ended_by[name] & ending
        self.active = self.active & ~done
        self._overdue |= self.active & (self._steps >= self._limit)
        self.active = self.active & ~self._overdue

    def require(self, sound: torch.Tensor) -> None:
        """End by the guard, after the steps done so far, the episodes that are running and are not sound (N,) bool."""
        self._unsound |= self.active & ~sound
        self.active = self.active & sound

    def outcomes(self) -> list[Outcome]:
        """Read how the episode of each environment ended; of those that are running it means nothing."""
        everyone = torch.ones_like(self.active)
        fired = torch.stack([self._unsound, *self._terms.values(), self._overdue, everyone]).cpu().numpy()
        names = (GUARD, *self._terms, TIME_OUT, UNKNOWN)
        steps = self._steps.tolist()
        return [Outcome(names[first], count) for first, count in zip(fired.argmax(axis=0), steps, strict=True)]


def _ordered(terms: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of termination terms, those first that decide when several fire in one step."""
    missing = [name for name in (SUCCESS, GUARD) if name not in terms]
    if missing:
        raise UserError(
            f"The task's terminations lack {' and '.join(repr(name) for name in missing)} (it has"
            f" {', '.join(terms) or 'none'}): evaluation reads success from that term and trusts"
            " no success where the guard fired. Add it to the task."
        )
    others = [name for name in terms if name not in (SUCCESS, GUARD, TIME_OUT)]
    return [GUARD, SUCCESS, *others, *([TIME_OUT] if TIME_OUT in terms else [])]
