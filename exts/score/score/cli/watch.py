# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a viewer shows of a policy besides the scene: how its episodes ended, and how far from noise it steers."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from score.rollout.results import Outcome
from score.task import SUCCESS

if TYPE_CHECKING:
    from score.evaluation.support import SupportMeter

__all__ = ["Watch"]


class Watch:
    """Follows :func:`~score.rollout.episodes.run_episodes` as its recorder and its store, which keeps nothing.

    The plots are means over the environments, once a decision: ``latent norm``, the quantile of the squared norm of the
    code in that of N(0, I), 0.5 for noise; ``support``, the rank of the chunk's distance to chunks of the base policy,
    1 if it is further away than all (:func:`score.evaluation.support.support_rank`); ``unfamiliarity``, how far what it
    sees is from its training, 1 at the limit, where the checkpoint knows that.
    """

    def __init__(self, task: Any, name: str, episodes: int, meter: SupportMeter | None) -> None:
        """Open the panels.

        Args:
            task: A task of Isaac Lab, opened with viewers.
            name: Name of the arm.
            episodes: How many episodes there will be.
            meter: What watches the arm; None for the base policy, which has no plots.
        """
        self._name, self._episodes, self._meter = name, episodes, meter
        self._ended = self._successes = 0
        names = {} if meter is None else {"latent norm": 1, "support": 0, "unfamiliarity": 2}
        plots = {name: functools.partial(self._last, index) for name, index in names.items()}
        self._panels = task.open_panels(plots)
        self.addresses: list[str] = self._panels.addresses
        """Where browsers find the viewers."""

    @property
    def line(self) -> str:
        """How the episodes ended so far."""
        return f"{self._name}: {self._successes} of {self._ended} episodes succeeded ({self._episodes} in all)"

    def get(self, arm: str, episode: int) -> None:
        """Nothing is kept."""

    def put(self, arm: str, outcomes: Mapping[int, Outcome]) -> None:
        """Count episodes that have ended."""
        self._ended += len(outcomes)
        self._successes += sum(outcome.ended_by == SUCCESS for outcome in outcomes.values())

    def record_decision(self, latent: torch.Tensor) -> None:
        """Nothing to do: the meter looks at decisions."""

    def record_observations(self, windows: Mapping[str, torch.Tensor]) -> None:
        """Bring the panels up to date, once a control step."""
        self._panels.update(self.line)

    def record_actions(self, action: torch.Tensor, commanded: torch.Tensor) -> None:
        """Nothing to do."""

    def finish(self, steps: int) -> None:
        """Nothing to do."""

    def _last(self, index: int) -> float:
        value = self._meter.last()[index] if self._meter is not None else None
        return math.nan if value is None else value
