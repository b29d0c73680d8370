# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records where robots were and where they were sent, step by step, in all episodes of an arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from score.utils import ranks

if TYPE_CHECKING:
    from score.policies.spec import PolicySpec


@dataclass(frozen=True)
class Path:
    """One episode of T steps, but for the step that ended it."""

    measured: torch.Tensor
    """What was observed before each step, (T, D) [units of the observation]."""
    targets: torch.Tensor
    """What was sent in it, (T, A) [action units]."""
    forces: torch.Tensor | None = None
    """Largest contact force at its end, (T,) [N]; None where the task senses none."""


class PathRecorder:
    """Keeps the paths of all episodes of :func:`~.episodes.run_episodes`, on the CPU.

    The step that ends an episode is left out: its environment has been reset by the time its target could be read.
    """

    def __init__(self, spec: PolicySpec, relative_to: str | None = None) -> None:
        """Prepare a recording.

        Args:
            spec: Interface of the task.
            relative_to: What the base policy's actions are relative to; a task does not know.
        """
        self.key = path_key(spec, relative_to)
        """Observation that is kept."""
        self._observation = spec.observations[self.key]
        self._steps: list[tuple[torch.Tensor, ...]] = []

    def newest(self, windows: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Where robots are by observation windows, (N, D), on the CPU: a copy, as a step may write over it."""
        return self._observation.newest(windows[self.key]).flatten(1).to("cpu", copy=True)

    def record(
        self,
        measured: torch.Tensor,
        targets: torch.Tensor,
        episodes: torch.Tensor,
        keep: torch.Tensor,
        forces: torch.Tensor | None = None,
    ) -> None:
        """Keep a control step.

        Args:
            measured: :meth:`newest` before it, (N, D).
            targets: What was sent, (N, A).
            episodes: Index of each environment's episode, (N,), on the CPU.
            keep: Environments whose step counts, (N,), bool, on the CPU.
            forces: :func:`score.task.contact_force` after it, (N,); of all steps or of none.
        """
        sensed = () if forces is None else (forces.cpu()[keep],)
        self._steps.append((episodes[keep], measured[keep], targets.cpu()[keep], *sensed))

    def paths(self) -> dict[int, Path]:
        """Episode -> path, of all processes, by episode; those without a step that counts are missing."""
        found: dict[int, Path] = {}
        if self._steps:
            episodes, *kept = (torch.cat(parts) for parts in zip(*self._steps, strict=True))
            order = torch.argsort(episodes, stable=True)
            indices, counts = episodes[order].unique_consecutive(return_counts=True)
            parts = (values[order].split(counts.tolist()) for values in kept)
            found = {int(index): Path(*steps) for index, steps in zip(indices, zip(*parts, strict=True), strict=True)}
        return dict(sorted((index, path) for part in ranks.gather(found) for index, path in part.items()))


def path_key(spec: PolicySpec, relative_to: str | None) -> str:
    """Observation that tells where a robot is: what actions are relative to, or else the first one, best a vector."""
    vectors = [name for name, facts in spec.observations.items() if len(facts.shape) == 1]
    return relative_to or [*vectors, *spec.observations][0]
