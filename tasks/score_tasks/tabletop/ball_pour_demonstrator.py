# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-BallPour-v0: takes the cup from above, carries it, tips it between ring finger and thumb."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from score_tasks.cup_grasp.demonstrator import AROUND
from score_tasks.kit.demonstrator import Phase, in_place, sinking
from score_tasks.kit.hand_demonstrator import OPENING, HandDemonstrator, HandHabits, HandPhase, tilted_palm
from score_tasks.tabletop.ball_pour import BIN, CUP

GRIP = -0.001
"""Height of the contacts over the cup's middle [m]. Higher or lower by 10 mm, and the cup turns in a hand on
MuJoCo-Warp whose fingers err by 0.02 rad, as those of a cloned policy do."""
YAW = math.radians(230.0)
"""Turn of the palm about the vertical: the tipped pose is in reach over all places of the big cup [rad]."""
MOUTH = YAW + math.radians(248.0)
"""Direction that the cup is tipped to: in the palm's frame the gap between ring finger and thumb [rad]."""
HOVER = 0.07
"""Height over the contacts that it comes down from [m]."""
CARRY = 0.26
"""Height of the grip while carrying [m]."""
CLEAR = 0.12
"""Height of the grip from which on it also goes sideways [m]."""
LEAN = 1.0
"""How far the cup leans over already while it is carried: the ball stays in it [rad]."""
OPEN = {"j1": 0.35, "j5": 0.35, "j9": 0.35, "j14": 0.25}
"""How far the hand stands open on the way to the cup [rad]."""


@dataclass(frozen=True, kw_only=True)
class Habits(HandHabits):
    """Habits of pouring."""

    speed: float = 0.03
    spin: float = 0.2
    shallow: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Height over the planned contacts at which it closes the hand: above the rim there is nothing to hold."""
    before: float = 0.034
    """How far before the middle of the big cup the grip stands: the ball falls beside the hand."""
    tip: float = math.radians(110.0)
    """How far the cup is tipped."""
    tip_rate: float = 0.07
    """Turn per control step while tipping: at 0.10 a smooth and heavy cup turns in the hand."""
    lift: float = 0.011
    """Path per control step while lifting: at 0.025 a smooth and heavy cup slips by 12 mm, and falls when tipped."""
    carry: float = 0.022
    """Path per control step while carrying."""
    rough_std: float = 0.0
    """Spread of the place that it carries to; it goes to the right one while it tips, so that corrections are seen."""
    settle: float = 0.010
    """Path per control step while tipping."""
    near_enough: float = 0.02
    """Distance from the place at which it begins to tip."""
    patience: float = 7.0
    """Control steps of closing before it lifts."""
    force: float = 7.0
    """Force of a finger that the closed hand aims at [N]: with 16 and more, a hand that errs loses the cup."""
    left: float = 0.04
    """How far the grip rises over a cup that stands before it is given up for lost."""


class BallPourDemonstrator(HandDemonstrator):
    """Takes the cup from above, lifts, carries, tips as it comes to the right place, waits.

    A cup that is left standing is taken once more, with more care.
    """

    center = AROUND.center
    habits = Habits(
        care_probability=(0.2, 0.35, 0.45),
        aim_bias=(0.006, 0.0),
        aim_std=0.004,
        pace=(1.05, 1.2),
        tremor_std=0.0006,
        shallow=(0.069, 0.061, 0.0),
        rough_std=0.035,
        aim_far_std=0.02,
        aim_change=0.15,
    )

    def make_phases(self) -> Sequence[Phase]:
        """Over the cup, down, close, lift, carry, tip, wait."""
        fast, settle = self.ahead, lambda: self.ahead(self.habits.settle)
        level, leaning = lambda: self._level, lambda: self._tipping(LEAN)
        lift, carry = lambda: fast(self.habits.lift), lambda: fast(self.habits.carry)
        opened, shut = lambda: self.table(AROUND.opened(OPEN)), lambda: self.table(AROUND.squeezed(self.habits.force))
        return (
            HandPhase("over", lambda: self._take(HOVER), fast, self._above, "down", rot=level, hand=opened),
            HandPhase("down", self._sinking, lambda: fast(0.015), self._low, "close", rot=level, hand=opened),
            HandPhase("close", self._take, fast, self._firm, "lift", rot=level, hand=shut),
            HandPhase("lift", self._raised, lift, self._high, "carry", rot=level, hand=shut),
            HandPhase("carry", self._rough_place, carry, self._carried, "tip", rot=leaning, hand=shut),
            HandPhase("tip", self._pouring_place, settle, self._tipped, "wait", rot=self._pouring, hand=shut),
            HandPhase("wait", self._pouring_place, fast, self.never, rot=self._pouring, hand=shut),
        )

    def draw(self) -> None:
        """Draw how high it closes the hand; find the posture for the tipped cup."""
        super().draw()
        self._level, self._shallow = self.turned(YAW), self.by_care(self.habits.shallow)
        self._rough = self.habits.rough_std * self.normal(3)
        self._sees()
        self._stood = self._cup[:, 2]
        tipped = self._leaning(torch.full_like(self.pace, self.habits.tip))
        self.rest = self.posture(self._pouring_place(), tipped, starts=32)

    def look(self) -> None:
        """Look at both cups, and at how far the palm leans."""
        super().look()
        self._sees()
        self._lean = torch.acos(self.palm[1][:, 2, 2].clamp(-1.0, 1.0))
        standing = (self._cup[:, 2] < self._stood + 0.02) & (self._cup_up > 0.9)
        left = self.grip[:, 2] - self._take()[:, 2] > self.habits.left
        self._lost = self.doing("lift", "carry", "tip") & standing & left
        self.care = torch.where(self._lost, (self.care + 1).clamp(max=2), self.care)
        self._shallow = self.by_care(self.habits.shallow)

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        """Another try where the cup was left standing."""
        return ((self._lost, "over"),)

    def _sees(self) -> None:
        self._cup, cup_rot = self.see(CUP)
        self._cup_up = cup_rot[:, 2, 2]
        self._bin = self.see(BIN)[0]

    def _leaning(self, tilt: torch.Tensor) -> torch.Tensor:
        """Return the palm tipped towards the cup's mouth (N, 3, 3)."""
        return tilted_palm(torch.full_like(tilt, YAW), tilt, MOUTH)

    def _tipping(self, most: float, share: torch.Tensor | float = 1.0) -> torch.Tensor:
        """Return the palm on its way to be tipped, at most so far, at a share (N,) of its rate."""
        rate = share * self.habits.lead * self.habits.tip_rate * self.pace
        return self._leaning((self._lean + rate).clamp(max=most))

    def _pouring(self) -> torch.Tensor:
        """Return the palm on its way to be tipped, slower or not at all where the grip is astray."""
        away = (self._pouring_place() - self.grip).norm(dim=-1)
        return self._tipping(self.habits.tip, in_place(away, self.habits.astray))

    def _take(self, hover: float = 0.0) -> torch.Tensor:
        """Where the pads close on the cup, m."""
        place = self._cup + (GRIP + hover + self._shallow)[:, None] * self.table((0.0, 0.0, 1.0))
        place[:, :2] += self.far_aim((self.grip[:, 2] - place[:, 2] + hover) / HOVER)
        return place

    def _sinking(self) -> torch.Tensor:
        """Where the pads are to be on the way down, m."""
        return sinking(self.grip, self._take(), self.habits.astray)

    def _pouring_place(self) -> torch.Tensor:
        """Where the grip stands to pour: before the middle of the big cup as it seems to be, m."""
        mouth = self.table((math.cos(MOUTH), math.sin(MOUTH)))
        place = self._bin[:, :2] + self.aim - self.habits.before * mouth
        return torch.cat((place, torch.full_like(place[:, :1], CARRY)), dim=-1)

    def _rough_place(self) -> torch.Tensor:
        """Where it carries the cup to, m."""
        return self._pouring_place() + self._rough

    def _above(self) -> torch.Tensor:
        opened = self.table(AROUND.opened(OPEN))
        there = self.near(self._take(HOVER), self._level, 0.015, 0.15)
        return (there & self.shaped(opened, OPENING)) | (self.steps > 50)

    def _low(self) -> torch.Tensor:
        return self.near(self._take(), self._level, 0.006) | (self.steps > 30)

    def _firm(self) -> torch.Tensor:
        return self.steps >= self.habits.patience

    def _raised(self) -> torch.Tensor:
        return torch.cat((self.grip[:, :2], torch.full_like(self.grip[:, :1], CARRY)), dim=-1)

    def _high(self) -> torch.Tensor:
        return (self.grip[:, 2] > CLEAR) | (self.steps > 15)

    def _carried(self) -> torch.Tensor:
        away = (self._rough_place() - self.grip).norm(dim=-1)
        return (away < self.habits.near_enough) | (self.steps > 40)

    def _tipped(self) -> torch.Tensor:
        return (self._lean > self.habits.tip - 0.1) | (self.steps > 40)
