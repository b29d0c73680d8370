# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Outcomes of episodes, and the bookkeeping that reads each environment's first episode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from score.task import GUARD, SUCCESS
from score.utils.errors import UserError

TIME_OUT, UNKNOWN = "time_out", "unknown"


@dataclass(frozen=True)
class LatentTrace:
    """Latents of every decision of a set of episodes, on the CPU."""

    latents: torch.Tensor
    """(E, D, H, A)."""
    active: torch.Tensor
    """(E, D) bool: whether the episode was still running; latents of others mean nothing."""


@dataclass(frozen=True)
class EpisodeResults:
    """How episodes ended, in the order of batches and environments."""

    success: NDArray[np.bool_]
    """(E,): the task's success, never true where the guard fired."""
    steps: NDArray[np.int64]
    """(E,): control steps until the end."""
    ended_by: tuple[str, ...]
    """(E,): the termination term that ended the episode; of several ``guard``, then ``success``, ``time_out`` last."""
    horizon: int
    """Longest episode in control steps."""
    traces: tuple[LatentTrace, ...] = ()
    """Latents of each batch, if they were asked for."""

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.ended_by)

    @property
    def guard(self) -> NDArray[np.bool_]:
        """(E,): whether the guard for non-finite states and contact overflow fired."""
        return np.array([name == GUARD for name in self.ended_by], dtype=np.bool_)

    def failures(self) -> dict[str, int]:
        """Counts of what ended the episodes that did not succeed, most frequent first."""
        return dict(Counter(name for name in self.ended_by if name != SUCCESS).most_common())

    @classmethod
    def concatenate(cls, parts: Sequence[EpisodeResults]) -> EpisodeResults:
        """Joins batches in their order."""
        return cls(
            success=np.concatenate([part.success for part in parts]),
            steps=np.concatenate([part.steps for part in parts]),
            ended_by=tuple(name for part in parts for name in part.ended_by),
            horizon=parts[0].horizon,
            traces=tuple(trace for part in parts for trace in part.traces),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without traces."""
        return {"steps": self.steps.tolist(), "ended_by": list(self.ended_by), "horizon": self.horizon}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpisodeResults:
        """Reads what :meth:`to_dict` wrote."""
        names = tuple(str(name) for name in values["ended_by"])
        success = np.array([name == SUCCESS for name in names], dtype=np.bool_)
        return cls(success, np.array(values["steps"], dtype=np.int64), names, int(values["horizon"]))


class FirstEpisodes:
    """Follows each environment until its first episode ends; what comes after is not looked at."""

    def __init__(self, num_envs: int, device: torch.device | str) -> None:
        """Starts with all environments running."""
        self.active = torch.ones(num_envs, dtype=torch.bool, device=device)
        """(N,): whether the first episode is still running."""
        self.steps = torch.zeros(num_envs, dtype=torch.long, device=device)
        """(N,): control steps of the first episode so far."""
        self._unsound = torch.zeros_like(self.active)
        self._terms: dict[str, torch.Tensor] = {}

    def update(self, done: torch.Tensor, ended_by: Mapping[str, torch.Tensor]) -> None:
        """Takes in one control step; runs without host synchronisation.

        Args:
            done: Environments that ended in this step, (N,) bool.
            ended_by: Termination terms of this step, name -> (N,) bool.

        Raises:
            UserError: The task has no term ``success`` or ``guard``.
        """
        if not self._terms:
            self._terms = {name: torch.zeros_like(self.active) for name in _ordered(ended_by)}
        self.steps += self.active
        ending = self.active & done
        for name, fired in self._terms.items():
            fired |= ended_by[name] & ending
        self.active = self.active & ~done

    def require(self, sound: torch.Tensor) -> None:
        """Ends by the guard, after the steps done so far, the episodes that are running and are not sound (N,) bool."""
        self._unsound |= self.active & ~sound
        self.active = self.active & sound

    def results(self, count: int, horizon: int, trace: LatentTrace | None = None) -> EpisodeResults:
        """Reads the outcome of the first ``count`` environments; one that never ended counts as ``time_out``.

        Args:
            count: Number of environments.
            horizon: Longest episode in control steps.
            trace: Latents of these episodes.
        """
        fired = torch.stack([self._unsound, *self._terms.values(), torch.ones_like(self.active)])[:, :count]
        names = np.array([GUARD, *self._terms, UNKNOWN])[fired.cpu().numpy().argmax(axis=0)]
        names = np.where(self.active[:count].cpu().numpy(), TIME_OUT, names)
        return EpisodeResults(
            success=names == SUCCESS,
            steps=self.steps[:count].cpu().numpy(),
            ended_by=tuple(names.tolist()),
            horizon=horizon,
            traces=() if trace is None else (trace,),
        )


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
