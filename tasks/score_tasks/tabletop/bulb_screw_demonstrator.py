# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrator of SCORE-BulbScrew-v0: takes the bulb from above, twists the wrist, lets go, turns back, twists on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from isaaclab.managers import SceneEntityCfg

from score_tasks.grasp.grips import Grasp
from score_tasks.kit.demonstrator import Phase
from score_tasks.kit.hand_demonstrator import HandDemonstrator, HandHabits, HandPhase

AROUND = Grasp(
    joint_pos=(
        0.4701, 1.256, -0.176, 0.2461, 0.0104, 0.9229, 0.295, 0.458,
        -0.4677, 1.0558, 0.2205, 0.0926, 1.7533, 0.273, 0.6815, -0.5491,
    ),
    center=(-0.008, -0.039, -0.13),
    yaw=0.1621,
    torque=(
        0.0326, 0.1069, 0.0656, 0.034, 0.0028, 0.1113, 0.0685, 0.0346,
        -0.0343, 0.1081, 0.0654, 0.0331, 0.0552, -0.0141, 0.2382, 0.133,
    ),
)  # fmt: skip
"""``round --radius 0.030 --depth 0.105 0.140``"""
ROOT = SceneEntityCfg("lamp")
"""The lamp's root has its origin in the bulb's."""
START, STROKE = 6.14, 4.60
"""Turn of the palm at which a stroke begins, and how far the wrist turns from there in its range [rad]."""
_MIDDLE = START - 0.5 * STROKE
GRIP = -0.005
"""Height of the contacts over the bulb's middle [m]: 12 mm over it hands that err slip (first strokes of 3.1 rad)."""
OPEN = {"j1": 0.35, "j5": 0.35, "j9": 0.35, "j14": 0.25}
"""How far the hand stands open around the bulb [rad]."""


@dataclass(frozen=True, kw_only=True)
class Habits(HandHabits):
    """Habits of screwing."""

    spin: float = 0.2
    stroke: tuple[float, float, float] = (STROKE, STROKE, STROKE)
    """How far it twists before it lets go: with short strokes time runs out."""
    force: tuple[float, float, float] = (5.0, 5.0, 5.0)
    """Force of a finger that the closed hand aims at [N]."""
    rise: tuple[float, float] = (0.01, 0.01)
    """How far it rises while it turns back."""
    leaves: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Chance of leaving after a stroke."""


class BulbScrewDemonstrator(HandDemonstrator):
    """Over the bulb, down, close, twist, open, back, and again."""

    center = AROUND.center
    habits = Habits(
        care_probability=(0.25, 0.30, 0.45),
        aim_bias=(0.005, 0.0),
        aim_std=0.002,
        spin=0.15,
        rise=(0.005, 0.06),
        pace=(0.7, 1.3),
        tremor_std=0.0015,
        stroke=(1.8, 2.6, STROKE),
        force=(2.0, 4.0, 5.0),
        leaves=(0.7, 0.3, 0.0),
    )

    def make_phases(self) -> Sequence[Phase]:
        """Over the bulb, down, close, twist, open, turn back over it and down again; or leave."""
        fast, risen = self.ahead, lambda: self._at(self._rise)
        opened, shut = lambda: self.table(AROUND.opened(OPEN)), lambda: self._squeezed
        first, last = lambda: self._turn_to(self._first), lambda: self._turn_to(self._last)
        return (
            HandPhase("over", lambda: self._at(0.07), fast, self._above, "down", rot=first, hand=opened),
            HandPhase("down", self._at, lambda: fast(0.015), self._low, "close", rot=first, hand=opened),
            HandPhase("close", self._at, fast, lambda: self.steps >= 7, "twist", rot=first, hand=shut),
            HandPhase("twist", self._at, fast, lambda: self._there(self._last), "open", rot=last, hand=shut),
            HandPhase("open", self._at, fast, lambda: self.steps >= 6, "back", rot=last, hand=opened),
            HandPhase("back", risen, fast, lambda: self._there(self._first), "down", rot=first, hand=opened),
            HandPhase("leave", lambda: self._at(0.15), fast, self.never, rot=last, hand=opened),
        )

    def draw(self) -> None:
        """Draw strokes, force, and whether it leaves after one."""
        super().draw()
        h = self.habits
        self._first = torch.full((self.num_envs,), START, device=self.device)
        self._last = self._first - self.by_care(h.stroke)
        per_newton = self.table(AROUND.squeezed(1.0)) - self.table(AROUND.joint_pos)
        self._squeezed = self.table(AROUND.joint_pos) + self.by_care(h.force)[:, None] * per_newton
        self._rise = self.uniform(h.rise)
        self._leaves = self.uniform((0.0, 1.0)) < self.by_care(h.leaves)

    def look(self) -> None:
        """Look at the bulb, and at how far the palm is turned."""
        super().look()
        self._bulb, _ = self.see(ROOT)
        yaw = torch.atan2(self.palm[1][:, 1, 0], self.palm[1][:, 0, 0])
        # unwrapped about the middle of the wrist's range
        self._turn = torch.remainder(yaw - _MIDDLE + math.pi, 2.0 * math.pi) - math.pi + _MIDDLE

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        """Leave after a stroke, where it does."""
        return ((self.doing("back") & self._leaves, "leave"),)

    def _at(self, height: float | torch.Tensor = 0.0) -> torch.Tensor:
        """Where the grip is: at the bulb as it seems to be, or over it, m."""
        place = self._bulb.clone()
        place[:, :2] += self.aim
        place[:, 2] += GRIP + height
        return place

    def _turn_to(self, yaw: torch.Tensor) -> torch.Tensor:
        """Return a level palm on its way to a turn, the way that the wrist can go."""
        return self.turned(self._turn + (yaw - self._turn).clamp(-0.4, 0.4))

    def _there(self, yaw: torch.Tensor) -> torch.Tensor:
        return ((self._turn - yaw).abs() < 0.12) | (self.steps > 70)

    def _above(self) -> torch.Tensor:
        over = (self.grip[:, :2] - self._at()[:, :2]).norm(dim=-1) < 0.015
        opened = self.shaped(self.table(AROUND.opened(OPEN)))
        return (over & opened & ((self._turn - self._first).abs() < 0.12)) | (self.steps > 70)

    def _low(self) -> torch.Tensor:
        return self.near(self._at(), self._turn_to(self._first), 0.006, 0.3) | (self.steps > 20)
