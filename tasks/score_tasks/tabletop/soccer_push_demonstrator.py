# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-SoccerPush-v0: three fingers hang down as a blade, stand behind the ball and push it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from score_assets.robots.franka_leap import HAND_JOINT_NAMES, RESET_JOINT_POS
from score_assets.robots.franka_leap_kinematics import pad_points
from score_tasks.kit.demonstrator import Phase
from score_tasks.kit.hand_demonstrator import HandDemonstrator, HandHabits, HandPhase
from score_tasks.tabletop.soccer_push import BALL, GOAL, RADIUS

_STRAIGHT = dict.fromkeys(("j0", "j4", "j8"), 0.0) | dict.fromkeys(("j1", "j5", "j9"), 1.35)
_BENT = dict.fromkeys(("j2", "j6", "j10"), 0.25) | dict.fromkeys(("j3", "j7", "j11"), 0.1)
BLADE = tuple(
    (_STRAIGHT | _BENT).get(name, value) for name, value in zip(HAND_JOINT_NAMES, RESET_JOINT_POS[7:], strict=True)
)
"""Hand joints with index, middle and ring finger straight down [rad]."""
LINE = -0.03
"""Where the ball is over the goal's line, relative to the goal's middle [m]."""


@dataclass(frozen=True, kw_only=True)
class Habits(HandHabits):
    """Habits of pushing."""

    beside: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How far beside the ball's middle the blade stands, of either sign."""
    push: tuple[float, float, float] = (0.02, 0.02, 0.02)
    """Path per control step while pushing: twice as fast, the ball runs away and comes back off the wall."""
    leaves: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Chance of leaving the ball to roll."""
    short: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How far before the goal's line it leaves then, at most."""


class SoccerPushDemonstrator(HandDemonstrator):
    """Flies over and behind the ball, comes down, pushes."""

    center = tuple(pad_points(torch.tensor([BLADE]))[0, :3].mean(0).tolist())
    habits = Habits(
        care_probability=(0.25, 0.35, 0.40),
        aim_bias=(0.0, 0.008),
        aim_std=0.004,
        pace=(0.6, 1.6),
        tremor_std=0.0006,
        beside=(0.022, 0.016, 0.0),
        push=(0.040, 0.026, 0.020),
        leaves=(1.0, 0.7, 0.0),
        short=(0.14, 0.09, 0.0),
    )

    def make_phases(self) -> Sequence[Phase]:
        """Over and behind the ball, down, push; rise where it leaves early."""
        rot, hand = self._facing, lambda: self.table(BLADE)
        fast, push = self.ahead, lambda: self.habits.lead * self.pace * self.by_care(self.habits.push)
        over, low = lambda: self._behind(0.12, 0.05), lambda: self._behind(0.03, 0.04)
        return (
            HandPhase("over", over, lambda: fast(0.03), self._over, "down", rot=rot, hand=hand),
            HandPhase("down", low, fast, self._low, "push", rot=rot, hand=hand),
            HandPhase("push", self._pushing, push, self._leaving, "rise", rot=rot, hand=hand),
            HandPhase("rise", lambda: self.grip + self.table((0.0, -0.02, 0.05)), fast, self.never, rot=rot, hand=hand),
        )

    def draw(self) -> None:
        """Draw which side of the ball it stands, and whether it leaves early."""
        super().draw()
        side = torch.where(self.chance(0.5), 1.0, -1.0)
        self._beside = side * self.by_care(self.habits.beside)
        self._leaves = self.uniform((0.0, 1.0)) < self.by_care(self.habits.leaves)
        self._short = self.uniform((0.3, 1.0)) * self.by_care(self.habits.short)

    def look(self) -> None:
        """Look at the ball, relative to the goal, and at the way to it."""
        super().look()
        self._goal, _ = self.see(GOAL)
        self._ball = self.see(BALL)[0] - self._goal
        straight = -self._ball[:, :2] / self._ball[:, :2].norm(dim=-1, keepdim=True).clamp(min=0.02)
        self._crossed = (self._ball[:, 1] > LINE)[:, None]
        self._way = torch.where(self._crossed, self.table((0.0, 1.0)), straight)

    def _facing(self) -> torch.Tensor:
        """Level palm whose fingers look along the way."""
        return self.turned(torch.atan2(-self._way[:, 1], -self._way[:, 0]))

    def _behind(self, height: float, gap: float) -> torch.Tensor:
        """Return a place behind the ball as it seems to be, at a height over the table."""
        place = self._seen() - self._way * (RADIUS + gap)
        return torch.cat((place, torch.full_like(place[:, :1], height)), dim=-1)

    def _seen(self) -> torch.Tensor:
        """Where the ball seems to be (N, 2), environment frame: beside where it is, across its way."""
        across = torch.stack((-self._way[:, 1], self._way[:, 0]), dim=-1)
        return (self._ball + self._goal)[:, :2] + across * (self.aim[:, 1] + self._beside)[:, None]

    def _over(self) -> torch.Tensor:
        there = self.near(self._behind(0.12, 0.05), self._facing(), 0.02)
        return (there & self.shaped(self.table(BLADE), (1, 5, 9))) | (self.steps > 50)

    def _low(self) -> torch.Tensor:
        return self.near(self._behind(0.03, 0.04), self._facing()) | (self.steps > 20)

    def _leaving(self) -> torch.Tensor:
        return self._leaves & (self._ball[:, 1] > LINE - self._short)

    def _pushing(self) -> torch.Tensor:
        """Aim beyond the blade's edge of the ball: what is off to the side is put right before it goes on."""
        ahead = torch.where(self._crossed, -RADIUS - 0.002, -RADIUS + 0.03)
        offset = self.grip[:, :2] - self._seen()
        sideways = offset - self._way * (offset * self._way).sum(-1, keepdim=True)
        place = self._seen() + self._way * ahead - 1.5 * sideways
        # the fingers stay before the goal's back wall
        y = torch.minimum(place[:, 1], self._goal[:, 1] - 0.045)
        return torch.stack((place[:, 0], y, torch.full_like(y, 0.030)), dim=-1)
