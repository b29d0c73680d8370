# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-CardPick-v0: the thumb goes beneath the overhanging card, two fingers close from above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from score_tasks.grasp.grips import Grasp
from score_tasks.kit.demonstrator import Phase
from score_tasks.kit.hand_demonstrator import OPENING, HandDemonstrator, HandHabits, HandPhase, tilted_palm
from score_tasks.tabletop.card_pick import CARD, SHELF, TARGET

PINCH = Grasp(
    joint_pos=(
        0.1711, 1.4872, 0.1564, 0.3681, -0.0077, 1.3332, 0.6275, -0.0521,
        0.0, 0.0999, 0.0999, 0.0999, 1.5938, 0.0231, 0.6571, -0.4542,
    ),
    center=(-0.0324, -0.0208, -0.1341),
    yaw=0.0045,
    torque=(
        0.0015, 0.1157, 0.0638, 0.0278, 0.0003, 0.1155, 0.0637, 0.0303,
        0.0, 0.0, 0.0, 0.0, -0.001, -0.0023, 0.1614, 0.0876,
    ),
)  # fmt: skip
"""``flat --half_width 0.0008 --fingers index middle thumb --depth 0.10 0.14``"""
EDGE = 0.08
"""Edge of the shelf from its middle, along y [m]."""
SHELF_TOP = 0.1
"""Top of the shelf over its origin, which is at its bottom [m]."""
YAW = -math.pi / 2.0
"""Turn of the palm about the vertical: the fingers point back at the shelf [rad]."""


@dataclass(frozen=True, kw_only=True)
class Habits(HandHabits):
    """Habits of pinching."""

    speed: float = 0.025
    tilt: float = math.radians(60.0)
    """How far the palm is tipped."""
    beyond: tuple[float, float, float] = (0.019, 0.019, 0.019)
    """How far beyond the edge the pads close: farther out they take the card by its free end."""
    patience: tuple[float, float, float] = (15.0, 15.0, 15.0)
    """Control steps of closing before it lifts."""
    lift: tuple[float, float, float] = (0.014, 0.014, 0.014)
    """Path per control step while lifting."""
    thumb: tuple[float, float, float] = (0.03, 0.03, 0.03)
    """How far open the thumb comes in [rad]."""
    force: float = 7.0
    """Force of a finger that the closed hand aims at [N]."""
    slip: float = 0.065
    """How far from the grip the card's middle may be while lifting before it is given up for lost; taken it is at
    about 0.035."""


class CardPickDemonstrator(HandDemonstrator):
    """Flies to a place before the edge, comes in along the palm's normal, closes, lifts; without the card once more.

    Another try is made with care drawn anew.
    """

    center = PINCH.center
    habits = Habits(
        care_probability=(0.25, 0.35, 0.40),
        aim_bias=(0.004, 0.006),
        aim_std=0.004,
        pace=(0.6, 1.6),
        tremor_std=0.0006,
        beyond=(0.028, 0.025, 0.019),
        patience=(6.0, 8.0, 15.0),
        lift=(0.025, 0.020, 0.014),
        thumb=(0.35, 0.20, 0.03),
    )

    def make_phases(self) -> Sequence[Phase]:
        """Fly before the edge, come in, close, lift."""
        fast, rot = self.ahead, lambda: self._rot
        opened, shut = lambda: self._opened, lambda: self.table(PINCH.squeezed(self.habits.force))
        lift = lambda: self.habits.lead * self.pace * self.by_care(self.habits.lift)  # noqa: E731
        return (
            HandPhase(
                "fly", lambda: self.grip, fast, self._before, "enter", rot=rot, hand=opened, arm=lambda: self._fly
            ),
            HandPhase("enter", self._place, lambda: fast(0.018), self._inside, "close", rot=rot, hand=opened),
            HandPhase("close", self._place, lambda: fast(0.018), self._firm, "lift", rot=rot, hand=self._closing),
            HandPhase("lift", self._lifted, lift, self.never, rot=rot, hand=shut),
        )

    def draw(self) -> None:
        """Draw the habits of an episode, and the posture before the edge."""
        super().draw()
        yaw = torch.full((self.num_envs,), YAW, device=self.device)
        self._rot = tilted_palm(yaw, torch.full_like(yaw, self.habits.tilt), YAW + math.pi)
        self._wide = self.table(PINCH.opened({"j1": 0.40, "j5": 0.40}))
        self._sees()
        self._take_care()
        self._fly = self.rest = self.posture(self._place() + 0.09 * self._rot[:, :, 2], self._rot)

    def look(self) -> None:
        """Look at card and shelf, and whether the card was left behind."""
        super().look()
        self._sees()
        on_shelf = ((self._card - self._shelf)[:, 2] - SHELF_TOP).abs() < 0.02
        self._lost = self.doing("lift") & on_shelf & ((self._card - self.grip).norm(dim=-1) > self.habits.slip)
        self.care = torch.where(self._lost, self.choice(self.habits.care_probability), self.care)
        self._take_care()

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        """Another try where the card was left on the shelf."""
        return ((self._lost, "fly"),)

    def _sees(self) -> None:
        self._card, self._shelf = self.see(CARD)[0], self.see(SHELF)[0]

    def _take_care(self) -> None:
        self._beyond = self.by_care(self.habits.beyond)
        self._opened = self._wide.repeat(self.num_envs, 1)
        self._opened[:, 14] -= self.by_care(self.habits.thumb)

    def _place(self) -> torch.Tensor:
        """Where the pads are to close (N, 3): beyond the edge, the thumb 3 mm below the card, m."""
        y = self._shelf[:, 1] + EDGE + self._beyond + self.aim[:, 1]
        place = torch.stack((self._card[:, 0] + self.aim[:, 0], y, self._card[:, 2]), dim=-1)
        return place - 0.003 * self._rot[:, :, 0]

    def _before(self) -> torch.Tensor:
        shaped = self.shaped(self._opened, OPENING)
        return (self.at_joints(self._fly) & shaped) | (self.steps > 50)

    def _inside(self) -> torch.Tensor:
        return self.near(self._place(), self._rot, 0.004) | (self.steps > 25)

    def _closing(self) -> torch.Tensor:
        """Press the card down on the thumb, which presses back only then: before, it would throw the card up."""
        squeezed = self.table(PINCH.squeezed(self.habits.force)).expand(self.num_envs, -1)
        thumb = torch.where(self._fingers_down()[:, None], squeezed, self._opened)[:, 12:]
        return torch.cat((squeezed[:, :12], thumb), dim=-1)

    def _fingers_down(self) -> torch.Tensor:
        above = (self.joints[:, 7:] - self.table(PINCH.joint_pos))[:, [1, 5]]
        return (above > -0.08).all(-1)

    def _firm(self) -> torch.Tensor:
        return self.steps >= self.by_care(self.habits.patience)

    def _lifted(self) -> torch.Tensor:
        return self.grip + self.table(TARGET) - self._card
