# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-DishrackPlace-v0: takes the rim with the thumb inside, tips the bowl, lowers it, lets go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from score_tasks.grasp.grips import Grasp
from score_tasks.kit.demonstrator import Phase, sinking
from score_tasks.kit.hand_demonstrator import OPENING, HandDemonstrator, HandHabits, HandPhase, tilted_palm
from score_tasks.tabletop.dishrack_place import BOWL, HALF_HEIGHT, OUTER, RACK, RIM

PINCH = Grasp(
    joint_pos=(
        0.1718, 1.4581, 0.1405, 0.3932, -0.0075, 1.2993, 0.6155, -0.0178,
        0.0, 0.0999, 0.0999, 0.0999, 1.5936, 0.0244, 0.6479, -0.4531,
    ),
    center=(-0.031, -0.0208, -0.1345),
    yaw=0.0031,
    torque=(
        0.0017, 0.1161, 0.0644, 0.0283, 0.0002, 0.1159, 0.0646, 0.0306,
        0.0, 0.0, 0.0, 0.0, -0.0007, -0.0022, 0.1622, 0.0879,
    ),
)  # fmt: skip
"""``flat --half_width 0.003 --fingers index middle thumb --depth 0.10 0.14``"""
YAW = math.pi / 2.0
"""Turn of the palm about the vertical: the fingers point away from the robot's right, over the bowl's rim [rad]."""
HOVER = 0.06
"""Height over the contacts that it comes down from [m]."""
OPEN = {"j1": 0.30, "j5": 0.30, "j14": 0.30}
"""How far the hand stands open on the way to the rim [rad]."""
WIDE = {"j1": 0.40, "j5": 0.40, "j14": 0.25}
"""How far it opens to let go [rad]."""


@dataclass(frozen=True, kw_only=True)
class Habits(HandHabits):
    """Habits of placing."""

    tilt: float = math.radians(80.0)
    """How far the bowl is tipped."""
    release: tuple[float, float, float] = (0.004, 0.004, 0.004)
    """Height over the slot's floor at which it is let go of."""
    patience: float = 9.0
    """Control steps of closing before it lifts."""
    rises_at_once: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Chance of rising before the thumb is out of the bowl, which takes the bowl along."""
    force: float = 7.0
    """Force of a finger that the closed hand aims at [N]."""
    misses: float = 0.0
    """Chance of closing the hand too high, above the rim, in a try."""
    too_high: float = 0.035
    """How far too high [m]."""
    left: float = 0.04
    """How far the grip rises over the rim of a bowl on the table before it is given up for lost."""


class DishrackPlaceDemonstrator(HandDemonstrator):
    """Takes the rim, lifts, carries and tips, lowers, opens, goes straight back, then up.

    A bowl that is left on the table is taken once more.
    """

    center = PINCH.center
    habits = Habits(
        care_probability=(0.25, 0.35, 0.40),
        aim_bias=(0.0, 0.006),
        aim_std=0.004,
        aim_far_std=0.015,
        aim_change=0.15,
        pace=(0.7, 1.6),
        tremor_std=0.0006,
        release=(0.09, 0.06, 0.004),  # from 0.03 on it fails in sim, and from 0.06 on in real
        rises_at_once=(1.0, 1.0, 0.0),
        misses=0.25,
    )

    def make_phases(self) -> Sequence[Phase]:
        """Over the rim, down, close, lift, carry, lower, open, back, up."""
        fast = self.ahead
        level, tipped, still = lambda: self._level, lambda: self._tipped, lambda: self.palm[1]
        opened, wide = lambda: self.table(PINCH.opened(OPEN)), lambda: self.table(PINCH.opened(WIDE))
        shut = lambda: self.table(PINCH.squeezed(self.habits.force))  # noqa: E731
        return (
            HandPhase("over", lambda: self._rim(HOVER), fast, self._above, "down", rot=level, hand=opened),
            HandPhase("down", self._sinking, lambda: fast(0.015), self._low, "close", rot=level, hand=opened),
            HandPhase("close", self._rim, fast, self._firm, "lift", rot=level, hand=shut),
            HandPhase("lift", self._raised, fast, self._high, "carry", rot=level, hand=shut),
            HandPhase("carry", lambda: self._stood(0.09), fast, self._carried, "lower", rot=tipped, hand=shut),
            HandPhase("lower", self._set, lambda: fast(0.012), self._down, "open", rot=tipped, hand=shut),
            HandPhase("open", lambda: self.grip, fast, lambda: self.steps >= 7, "back", rot=still, hand=wide),
            HandPhase("back", self._out, lambda: fast(0.015), self._clear, "up", rot=still, hand=wide),
            HandPhase("up", self._away, fast, self.never, rot=still, hand=opened),
        )

    def draw(self) -> None:
        """Draw where it lets go, and whether it waits until the thumb is out."""
        super().draw()
        h = self.habits
        yaw = torch.full((self.num_envs,), YAW, device=self.device)
        self._level = self.turned(YAW)
        self._tipped = tilted_palm(yaw, torch.full_like(yaw, h.tilt), YAW + math.pi)
        self._release = self.by_care(h.release)
        self._stood_at = self.see(BOWL)[0][:, 2]
        self._misses = self.chance(h.misses)
        self._hurries = self.uniform((0.0, 1.0)) < self.by_care(h.rises_at_once)

    def look(self) -> None:
        """Look at bowl and rack."""
        super().look()
        self._bowl, rot = self.see(BOWL)
        self._rack = self.see(RACK)[0]
        standing = (self._bowl[:, 2] < self._stood_at + 0.02) & (rot[:, 2, 2] > 0.95)
        left = self.grip[:, 2] - self._bowl[:, 2] > HALF_HEIGHT + self.habits.too_high + self.habits.left
        self._lost = self.doing("lift", "carry", "lower") & standing & left
        self._misses = torch.where(self._lost, self.chance(self.habits.misses), self._misses)

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        """Another try where the bowl was left on the table."""
        return ((self._lost, "over"),)

    def _rim(self, hover: float = 0.0) -> torch.Tensor:
        """Return the far side of the rim as it seems to be, 13 mm under its edge, m."""
        place = self._bowl + self.table((0.0, RIM, HALF_HEIGHT - 0.013 + hover))
        place[:, :2] += self.aim
        place[:, 2] += self.habits.too_high * self._misses
        place[:, :2] += self.far_aim((self.grip[:, 2] - place[:, 2] + hover) / HOVER)
        return place

    def _sinking(self) -> torch.Tensor:
        """Return where the grip is to be on the way down, m."""
        return sinking(self.grip, self._rim(), self.habits.astray)

    def _stood(self, height: float | torch.Tensor) -> torch.Tensor:
        """Where the grip is when the bowl, tipped as it is held, stands this high over the floor of the slot, m."""
        in_palm = self.palm[1].mT @ (self._bowl - self.grip)[..., None]
        place = self._rack - (self._tipped @ in_palm)[..., 0]
        place[:, 2] += OUTER + height
        return place

    def _set(self) -> torch.Tensor:
        return self._stood(self._release)

    def _above(self) -> torch.Tensor:
        opened = self.table(PINCH.opened(OPEN))
        return (self.near(self._rim(HOVER), self._level, 0.012, 0.1) & self.shaped(opened, OPENING)) | (self.steps > 60)

    def _low(self) -> torch.Tensor:
        return self.near(self._rim(), self._level, 0.006) | (self.steps > 30)

    def _firm(self) -> torch.Tensor:
        return self.steps >= self.habits.patience

    def _raised(self) -> torch.Tensor:
        return torch.cat((self.grip[:, :2], torch.full_like(self.grip[:, :1], 0.24)), dim=-1)

    def _high(self) -> torch.Tensor:
        return (self.grip[:, 2] > 0.21) | (self.steps > 25)

    def _carried(self) -> torch.Tensor:
        return self.near(self._stood(0.09), self._tipped, 0.012, 0.1) | (self.steps > 45)

    def _down(self) -> torch.Tensor:
        return self.near(self._set(), self._tipped, 0.008, 0.15) | (self.steps > 25)

    def _out(self) -> torch.Tensor:
        """Straight out of the bowl, for the thumb is inside; a hurry goes up as well, m."""
        back = torch.stack((self.grip[:, 0], self._rack[:, 1] - 0.17, self.grip[:, 2]), dim=-1)
        return torch.where(self._hurries[:, None], self._away(), back)

    def _clear(self) -> torch.Tensor:
        return ((self.grip[:, 1] - (self._rack[:, 1] - 0.17)).abs() < 0.02) | (self.steps > 20)

    def _away(self) -> torch.Tensor:
        return self._rack + self.table((0.0, -0.22, 0.25))
