# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scripted demonstrators with privileged state that behave like a person who teleoperates: phases and habits.

Their flaws have to be *systematic*: a wrong aim that is the same in all episodes, one of several kinds of care.
Independent noise alone would average out of a cloned policy: its zero latent would solve the task, and steering would
have nothing to choose. All they do follows from what they see at the moment, but for the phase they are in: a habit
that lasts and that no observation shows does not survive cloning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from score.simulation import SteerableEnv


@dataclass(frozen=True)
class Phase:
    """Something that a demonstrator does until something else is due."""

    name: str
    """Name of the phase."""
    goal: Callable[[], torch.Tensor]
    """Where the tool is to be (N, 3), m; asked for all environments in every control step."""
    reach: Callable[[], torch.Tensor]
    """How far ahead of the measured tool its target may run (N,), m."""
    until: Callable[[], torch.Tensor]
    """Where the phase is over, (N,) bool; counts in environments that are in it."""
    then: str = ""
    """Name of the phase that follows; empty for one that only an interruption ends."""


class PhaseDemonstrator:
    """Acts on all environments of a task at once.

    A task derives it: :meth:`make_phases` lists the phases, the first is where episodes begin; :meth:`draw` draws the
    habits of an episode; :meth:`look` takes in the state of a control step, and draws what changes from moment to
    moment; :meth:`interruptions` sends environments to other phases; :meth:`targets` makes joint targets.

    Attributes:
        phase: Index of the phase of every environment, (N,).
        steps: Control steps it has been in it, (N,).
        tremor: Slow tremor of the hand (first-order noise, 5 steps), (N, :attr:`tremor_axes`), m.
    """

    tremor_axes = 3
    """Axes of the tremor."""

    def __init__(self, task: SteerableEnv, seed: int, habits: Any) -> None:
        """Set up.

        Args:
            task: The opened task.
            seed: Seed of habits and tremor.
            habits: Ranges of the habits; with at least ``tremor_std``.
        """
        self.env = task.env
        self.habits = habits
        self.num_envs, self.device = task.num_envs, task.device
        self._generator = torch.Generator(device=self.device).manual_seed(seed)
        self.phases: Sequence[Phase] = self.make_phases()
        self._index = {phase.name: index for index, phase in enumerate(self.phases)}
        self._next = [self._index[phase.then or phase.name] for phase in self.phases]
        self.reset()

    def make_phases(self) -> Sequence[Phase]:
        """Return the phases, the first of which begins an episode."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the habits of an episode for every environment."""
        raise NotImplementedError

    def look(self) -> None:
        """Take in the state of a control step."""
        raise NotImplementedError

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        """Where (N,) bool something is due whatever the phase, and the phase for it; the last one wins."""
        return ()

    def targets(self) -> torch.Tensor:
        """Joint position targets (N, A) of this control step, rad."""
        raise NotImplementedError

    def reset(self) -> None:
        """Start a new episode in every environment; call it after the environments were reset."""
        self.phase = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        self.steps = torch.zeros(self.num_envs, device=self.device)
        self.tremor = torch.zeros(self.num_envs, self.tremor_axes, device=self.device)
        self.draw()

    def act(self) -> torch.Tensor:
        """Joint position targets (N, A) of this control step, rad."""
        self.look()
        before = self.phase
        following = torch.tensor(self._next, device=self.device)[before]
        over = self.of_phase([phase.until() for phase in self.phases])
        self.phase = torch.where(over, following, before)
        for due, name in self.interruptions():
            self.phase = torch.where(due, self._index[name], self.phase)
        self.steps = torch.where(self.phase == before, self.steps + 1, 0.0)
        self.tremor = 0.8 * self.tremor + 0.6 * self.habits.tremor_std * self.normal(self.tremor_axes)
        return self.targets()

    def doing(self, *names: str) -> torch.Tensor:
        """Where one of these phases is on, (N,) bool."""
        return torch.stack([self.phase == self._index[name] for name in names]).any(0)

    def of_phase(self, values: Sequence[torch.Tensor]) -> torch.Tensor:
        """Of one value (N, ...) per phase, that of each environment's phase."""
        return torch.stack(tuple(values), dim=1)[torch.arange(self.num_envs, device=self.device), self.phase]

    def goal(self) -> torch.Tensor:
        """Where the tool is to be in the present phase (N, 3), m."""
        return self.of_phase([phase.goal() for phase in self.phases])

    def reach(self) -> torch.Tensor:
        """How far ahead of the measured tool its target may run in the present phase (N,), m."""
        return self.of_phase([phase.reach() for phase in self.phases])

    def table(self, values: object) -> torch.Tensor:
        """Values as a tensor on the task's device."""
        return torch.tensor(values, device=self.device)

    def choice(self, weights: object) -> torch.Tensor:
        """Draw indices (N,) in proportion to weights."""
        return torch.multinomial(self.table(weights), self.num_envs, replacement=True, generator=self._generator)

    def uniform(self, bounds: tuple[float, float]) -> torch.Tensor:
        """Numbers (N,) drawn evenly between bounds."""
        sample = torch.rand(self.num_envs, generator=self._generator, device=self.device)
        return bounds[0] + (bounds[1] - bounds[0]) * sample

    def chance(self, probability: float) -> torch.Tensor:
        """Where something of this probability happens, (N,) bool."""
        return self.uniform((0.0, 1.0)) < probability

    def normal(self, columns: int) -> torch.Tensor:
        """Draw standard normal numbers (N, columns)."""
        return torch.randn(self.num_envs, columns, generator=self._generator, device=self.device)

    def never(self) -> torch.Tensor:
        """Nowhere, (N,) bool."""
        return torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)


def towards(delta: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """Vectors (N, k) cut to lengths (N,): a step towards a goal ``delta`` away."""
    return delta * (reach / delta.norm(dim=-1).clamp(min=1e-9)).clamp(max=1.0)[:, None]


def in_place(away: torch.Tensor, astray: tuple[float, float]) -> torch.Tensor:
    """Share (N,) of a pace that distances (N,) allow: 1 up to the first of ``astray``, 0 from the second on, m."""
    near, far = astray
    return ((far - away) / (far - near)).clamp(0.0, 1.0)


def sinking(tool: torch.Tensor, place: torch.Tensor, astray: tuple[float, float]) -> torch.Tensor:
    """Where a tool (N, 3) is to be on its way down to a place (N, 3), m: it sinks as far as it is over its place."""
    share = in_place((tool - place)[:, :2].norm(dim=-1), astray)
    height = tool[:, 2] + share * (place[:, 2] - tool[:, 2])
    return torch.cat((place[:, :2], height[:, None]), dim=-1)
