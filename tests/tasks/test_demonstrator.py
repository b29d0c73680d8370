# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrators as phases: who is in which, for how long, and where the tool is to go (no simulator)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch

from score_tasks.kit.demonstrator import Phase, PhaseDemonstrator, sinking, towards


@dataclass(frozen=True)
class Habits:
    tremor_std: float = 0.0


class Walker(PhaseDemonstrator):
    """Walks to 1, waits there for two steps, walks back to 0; a scare sends it home at once."""

    def __init__(self, num_envs: int = 2) -> None:
        self.place = torch.zeros(num_envs)
        self.scared = torch.zeros(num_envs, dtype=torch.bool)
        self.drawn = 0
        task: Any = SimpleNamespace(env=None, num_envs=num_envs, device="cpu")
        super().__init__(task, seed=0, habits=Habits())

    def make_phases(self) -> Sequence[Phase]:
        def at(value: float) -> Any:
            return lambda: torch.full((self.num_envs, 3), value)

        def reach(value: float) -> Any:
            return lambda: torch.full((self.num_envs,), value)

        return (
            Phase("go", at(1.0), reach(0.5), lambda: self.place >= 1.0, "wait"),
            Phase("wait", at(1.0), reach(0.0), lambda: self.steps >= 1, "home"),
            Phase("home", at(0.0), reach(0.25), self.never),
        )

    def draw(self) -> None:
        self.drawn += 1

    def look(self) -> None:
        self.seen = self.place.clone()

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        return ((self.scared, "home"),)

    def targets(self) -> torch.Tensor:
        delta = self.goal()[:, :1] - self.seen[:, None]
        return self.seen[:, None] + towards(delta, self.reach())


def test_phases_follow_each_other_and_the_targets_follow_the_phases() -> None:
    walker = Walker(1)
    walked, names = [], []
    for _ in range(8):
        walker.place = walker.act()[:, 0]
        walked.append(walker.place.item())
        names.append(walker.phases[int(walker.phase)].name)
    # 0 -> 0.5 -> 1, which is seen in the third step: it waits that step and the next, then goes home by 0.25 a step
    assert walked == [0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    assert names == ["go", "go", "wait", "wait", "home", "home", "home", "home"]


def test_steps_count_since_a_phase_began() -> None:
    walker = Walker(1)
    counts = []
    for _ in range(6):
        walker.place = walker.act()[:, 0]
        counts.append(walker.steps.item())
    assert counts == [1.0, 2.0, 0.0, 1.0, 0.0, 1.0]


def test_an_interruption_wins_and_touches_no_other_environment() -> None:
    walker = Walker(2)
    walker.act()
    walker.scared[1] = True
    walker.act()
    assert walker.doing("home").tolist() == [False, True]
    assert walker.doing("go", "wait").tolist() == [True, False]


def test_a_reset_begins_with_the_first_phase_and_new_habits() -> None:
    walker = Walker(2)
    walker.scared[:] = True
    walker.act()
    walker.reset()
    assert walker.phase.tolist() == [0, 0]
    assert walker.steps.tolist() == [0.0, 0.0]
    assert walker.drawn == 2


def test_the_same_seed_draws_the_same_numbers() -> None:
    first, second = Walker(), Walker()
    assert torch.equal(first.normal(4), second.normal(4))
    assert torch.equal(first.uniform((2.0, 3.0)), second.uniform((2.0, 3.0)))
    assert bool(((first.uniform((2.0, 3.0)) >= 2.0) & (first.uniform((2.0, 3.0)) <= 3.0)).all())
    assert first.choice([0.0, 1.0]).tolist() == [1, 1]
    assert not bool(first.chance(0.0).any())


def test_a_step_towards_a_goal_is_no_longer_than_its_reach() -> None:
    delta = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])  # lengths 5, 0.5 and 0
    steps = towards(delta, torch.tensor([1.0, 1.0, 1.0]))
    torch.testing.assert_close(steps, torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]))


def test_a_tool_sinks_as_far_as_it_is_over_its_place() -> None:
    place = torch.tensor([0.5, 0.1, 0.2]).expand(3, 3)
    # 10, 20 and 30 mm beside it, 60 mm over it; slower from 10 mm on, not at all from 30: all, half, nothing of 60 mm
    tool = place + torch.tensor([[0.010, 0.0, 0.06], [0.0, -0.020, 0.06], [0.018, 0.024, 0.06]])
    goal = sinking(tool, place, (0.010, 0.030))
    torch.testing.assert_close(goal[:, :2], place[:, :2])
    torch.testing.assert_close(goal[:, 2], torch.tensor([0.20, 0.23, 0.26]))
