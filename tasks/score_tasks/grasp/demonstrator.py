# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scripted demonstrator of grasping (:mod:`score_tasks.kit.demonstrator` says why its flaws are as they are).

It reaches over the object with a pre-shaped hand, comes down, closes, lifts, and carries to the target; when the object
slips it opens, rises and tries again. It aims beside the object (parallax, the same in all episodes), closes too high
above it, lifts before the grip is firm; how much differs from moment to moment with one of three kinds of care, how
fast with the pace of the episode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat, wrap_to_pi

from score.simulation import SteerableEnv
from score_assets.robots.franka_kinematics import rotation_z
from score_assets.robots.franka_leap_kinematics import palm_inverse_kinematics
from score_tasks.grasp.grips import Grip, read_grasp_file
from score_tasks.kit.demonstrator import Phase, PhaseDemonstrator, sinking, towards
from score_tasks.kit.frames import body_state_e, points_in
from score_tasks.kit.hand import joint_pos, palm_pose_e
from score_tasks.kit.hand_demonstrator import OPENING


@dataclass(frozen=True)
class Habits:
    """Ranges from which habits are drawn; lengths in m, angles in rad, times in control steps.

    Tuples of three are for the three kinds of care: hasty, usual, careful.
    """

    symmetry: int = 0
    """In how many turns about the vertical the object looks the same; 0: in all."""
    heading: float = 0.0
    """Turn from the object's x axis to the grasp's."""
    aim_bias: tuple[float, float] = (0.0, 0.0)
    """Where the object seems to be, relative to where it is, in the environment frame: the same in all episodes."""
    care_probability: tuple[float, float, float] = (0.3, 0.4, 0.3)
    """Chances of a hasty, a usual and a careful episode."""
    aim_std: tuple[float, float, float] = (0.010, 0.007, 0.004)
    """Spread of the place aimed at."""
    aim_far_std: float = 0.0
    """What is added to that spread over the object, and shrinks with the height to nothing at the contact."""
    astray: tuple[float, float] = (0.012, 0.030)
    """Distance beside its place from which on it comes down more slowly, and at which it does not."""
    aim_change: float = 0.10
    """Chance per control step to aim at a new place."""
    shallow: tuple[float, float, float] = (0.040, 0.030, 0.0)
    """Mean height over the planned contacts at which it closes the hand."""
    shallow_std: float = 0.004
    """Spread of that height, drawn anew with the aim."""
    force: tuple[float, float, float] = (6.0, 7.0, 8.0)
    """Force of a finger that the closed hand aims at [N]."""
    patience: tuple[float, float, float] = (7.0, 9.0, 11.0)
    """Mean control steps of closing before it lifts."""
    speed: tuple[float, float, float] = (0.028, 0.022, 0.017)
    """Path per control step while reaching and carrying."""
    descend_speed: tuple[float, float, float] = (0.016, 0.012, 0.009)
    """Path per control step while coming down."""
    closing: tuple[float, float, float] = (0.09, 0.075, 0.06)
    """How far the targets of the fingers run ahead of their angles while closing."""
    opening: tuple[float, float, float] = (0.20, 0.17, 0.14)
    """The same while it takes the pre-shape. The thumb has 1.7 rad to go: where a task lets its target run 0.1 rad
    ahead, it is equally quick at any pace."""
    pace: tuple[float, float] = (0.6, 2.4)
    """Pace of an episode, whatever its care: a factor on the speeds above and on how soon it lifts."""
    hover: tuple[float, float] = (0.05, 0.09)
    """Height of the contacts over their place before it comes down."""
    hesitation_probability: float = 0.3
    """Chance of a pause before it comes down."""
    hesitation: tuple[float, float] = (2.0, 8.0)
    """Length of the pause."""
    distraction_probability: float = 0.004
    """Chance per control step of coming down or reaching to rise and start again."""
    lead: float = 1.7
    """How far the target runs ahead of the measured palm, in control steps of the intended speed: the arm lags."""
    tremor_std: float = 0.0006
    """Slow tremor of the palm (first-order noise, 5 steps)."""
    slip: float = 0.035
    """How far the object may move in the hand before it is given up for lost."""


def without_flaws(habits: Habits) -> Habits:
    """Return the same demonstrator with a good eye and a steady hand: it should nearly always succeed."""
    return replace(
        habits,
        aim_bias=(0.0, 0.0),
        aim_std=(0.0, 0.0, 0.0),
        aim_far_std=0.0,
        shallow=(0.0, 0.0, 0.0),
        shallow_std=0.0,
        patience=(11.0, 11.0, 11.0),
        opening=Habits.opening,
        pace=(1.0, 1.0),
        hesitation_probability=0.0,
        distraction_probability=0.0,
        tremor_std=0.0,
    )


class GraspDemonstrator(PhaseDemonstrator):
    """Takes an object and carries it to the target.

    A task derives it and sets :attr:`grips` and :attr:`habits`; ``env.grasp_file=`` puts another grasp in their place.

    Args:
        task: The opened task.
        seed: Seed of habits and tremor.
        habits: Habits; the task's own if None.
    """

    grips: tuple[Grip, ...]
    """Ways to take the object."""
    habits: Habits = Habits()
    """How it behaves."""
    waits_for: tuple[int, ...] = OPENING
    """Columns of the hand's joints that stand open before it comes down."""
    palm_yaw: float = math.pi
    """Turn of the palm about the vertical that leaves the wrist in the middle of its range [rad]."""
    entity = SceneEntityCfg("object")
    """What it takes."""

    def __init__(self, task: SteerableEnv, seed: int = 0, habits: Habits | None = None) -> None:
        own_habits = habits or self.habits
        if task.env_cfg.grasp_file:
            own = read_grasp_file(Path(task.env_cfg.grasp_file))
            self.grips = (own.grip,)
            hover = (own.hover, own.hover + 0.04)
            own_habits = replace(own_habits, symmetry=own.symmetry, heading=own.heading, hover=hover)
            # given habits win: the ones without flaws are right for any object
            if own.shallow is not None and habits is None:
                own_habits = replace(own_habits, shallow=own.shallow)
        self.device = task.device
        self._target = self.table(task.env_cfg.target_pos)
        self._center = self.table([grip.grasp.center for grip in self.grips])
        self._yaw = self.table([grip.grasp.yaw for grip in self.grips])
        self._height = self.table([grip.height for grip in self.grips])
        self._opened = self.table([grip.grasp.opened() for grip in self.grips])
        self._touching = self.table([grip.grasp.joint_pos for grip in self.grips])
        self._per_newton = self.table([grip.grasp.squeezed(1.0) for grip in self.grips]) - self._touching
        super().__init__(task, seed, own_habits)

    def make_phases(self) -> Sequence[Phase]:
        """Fly over the object, come down around it, close the hand, carry; open and rise for another try."""
        return (
            Phase("reach", self._above, lambda: self._fast, lambda: self._down, "descend"),
            Phase("descend", self._below, lambda: self._slow, lambda: self._reached, "close"),
            Phase("close", lambda: self._contact, lambda: self._slow, lambda: self._gripped, "carry"),
            Phase("carry", lambda: self._palm.pos + self._target - self._position, lambda: self._fast, self.never),
            Phase("release", self._above, lambda: self._fast, lambda: self._ready, "reach"),
        )

    def draw(self) -> None:
        """Draw care, pace, errors and pauses of an episode."""
        h = self.habits
        self._care = self.choice(h.care_probability)
        self._pace = self.uniform(h.pace)
        self._pause = (self.uniform(h.hesitation) * self.chance(h.hesitation_probability)).round()
        self._grip = self.choice([grip.share for grip in self.grips])
        self._aim_error = self.normal(2)
        self._shallow = self._fresh_shallow()
        self._hover = self.uniform(h.hover)
        self._patience = self.table(h.patience)[self._care] * self.uniform((0.7, 1.3)) / self._pace
        self._taken_at = torch.zeros(self.num_envs, 3, device=self.device)
        self._fast = h.lead * self._pace * self.table(h.speed)[self._care]
        self._slow = h.lead * self._pace * self.table(h.descend_speed)[self._care]

    def look(self) -> None:
        """Look at hand and object, and decide what is over."""
        self._joints = joint_pos(self.env)
        self._palm = palm_pose_e(self.env)
        position, quat = body_state_e(self.env, self.entity)
        self._position = torch.nan_to_num(position)
        self._palm_turn = self._wanted_turn(quat)
        self._contact = self._contact_pose()
        in_palm = points_in((self._palm.pos, self._palm.rot), self._position[:, None])[:, 0]
        self._decide(self._palm.pos - self._contact, self._joints[:, 7:], in_palm)

    def _decide(self, error: torch.Tensor, hand: torch.Tensor, in_palm: torch.Tensor) -> None:
        """Tell what is over, from palm minus contact (N, 3), hand joints (N, 16) and the object in the palm (N, 3)."""
        h, phase = self.habits, self.doing
        free = phase("reach", "descend")
        change = free & self.chance(h.aim_change)
        self._aim_error = torch.where(change[:, None], self.normal(2), self._aim_error)
        self._shallow = torch.where(change, self._fresh_shallow(), self._shallow)
        opened = (hand - self._opened[self._grip])[:, self.waits_for].abs().amax(-1) < 0.15
        over = (error[:, :2].norm(dim=-1) < 0.012) & ((error[:, 2] - self._hover).abs() < 0.02)
        arrived = phase("reach") & over & opened
        self._pause = torch.where(arrived, self._pause - 1, self._pause)
        self._down = arrived & (self._pause <= 0)
        stuck = self.steps > 25
        self._reached = ((error[:, 2] < 0.005) & (error[:, :2].norm(dim=-1) < h.astray[0])) | stuck
        self._gripped = self.steps > self._patience
        taken = phase("close") & self._gripped
        self._taken_at = torch.where(taken[:, None], in_palm, self._taken_at)
        self._lost = phase("carry") & ((in_palm - self._taken_at).norm(dim=-1) > h.slip)
        self._distracted = free & self.chance(h.distraction_probability)
        self._ready = (opened & (error[:, 2] > 0.5 * self._hover)) | stuck

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        """Another try when the object is lost from the hand, and now and then without a reason."""
        return ((self._lost | self._distracted, "release"),)

    def targets(self) -> torch.Tensor:
        """Joint position targets (N, 23) of this control step, rad."""
        return torch.cat((self._arm_targets(self._joints[:, :7]), self._hand_targets(self._joints[:, 7:])), dim=-1)

    def _contact_pose(self) -> torch.Tensor:
        """Palm position (N, 3) at which it would close the hand, as it sees the object, m."""
        h = self.habits
        turned = rotation_z(self._palm_turn) @ self._center[self._grip][..., None]
        contact = self._position - turned.squeeze(-1)
        contact[:, 2] += self._height[self._grip] + self._shallow
        # what is seen from above is seen less well
        far = ((self._palm.pos[:, 2] - contact[:, 2]) / self._hover).clamp(0.0, 1.0)
        spread = self.table(h.aim_std)[self._care] + h.aim_far_std * far
        contact[:, :2] += self.table(h.aim_bias) + spread[:, None] * self._aim_error
        return contact

    def _below(self) -> torch.Tensor:
        """Palm position (N, 3) on the way down, m."""
        return sinking(self._palm.pos, self._contact, self.habits.astray)

    def _above(self) -> torch.Tensor:
        """Palm position (N, 3) over the contacts, m: far away level at hovering height or higher."""
        above, height = self._contact.clone(), self._palm.pos[:, 2]
        above[:, 2] += self._hover
        # it sinks on the last centimetres only
        far = (self._palm.pos[:, :2] - above[:, :2]).norm(dim=-1) > 0.06
        above[:, 2] = torch.where(far, torch.maximum(above[:, 2], height - 0.01), above[:, 2])
        return above

    def _arm_targets(self, arm: torch.Tensor) -> torch.Tensor:
        """Arm joint targets (N, 7)."""
        palm = self._palm
        # always ahead of the measured palm, never of the last command, which no observation would show
        step = towards(self.goal() - palm.pos, self.reach())
        now = torch.atan2(palm.rot[:, 1, 0], palm.rot[:, 0, 0])
        turn = now + wrap_to_pi(self._palm_turn - now).clamp(-0.12, 0.12)
        goal = palm.pos + step + self.tremor
        return palm_inverse_kinematics(goal, rotation_z(turn), arm, iterations=5).joint_pos

    def _hand_targets(self, hand: torch.Tensor) -> torch.Tensor:
        """Hand joint targets (N, 16)."""
        h = self.habits
        force = self.table(h.force)[self._care]
        squeezed = self._touching[self._grip] + force[:, None] * self._per_newton[self._grip]
        holding = self.doing("close", "carry")
        goal = torch.where(holding[:, None], squeezed, self._opened[self._grip])
        # once it lifts, nothing holds the squeeze back
        closing = torch.where(self.doing("carry"), math.inf, self.table(h.closing)[self._care])
        ahead = (self._pace * torch.where(holding, closing, self.table(h.opening)[self._care]))[:, None]
        return torch.clamp(goal, hand - ahead, hand + ahead)

    def _wanted_turn(self, quat: torch.Tensor) -> torch.Tensor:
        """Turn (N,) of the palm for the grip, of the equal ones that nearest to :attr:`palm_yaw`, rad."""
        wanted = torch.full((self.num_envs,), self.palm_yaw, device=self.device)
        if self.habits.symmetry == 0:
            return wanted
        axis = torch.nan_to_num(matrix_from_quat(quat)[..., 0])
        yaw = torch.atan2(axis[:, 1], axis[:, 0]) + self.habits.heading - self._yaw[self._grip]
        period = 2.0 * math.pi / self.habits.symmetry
        return wanted + torch.remainder(yaw - wanted + 0.5 * period, period) - 0.5 * period

    def _fresh_shallow(self) -> torch.Tensor:
        """Draw a fresh height (N,) over the planned contacts, m."""
        return self.table(self.habits.shallow)[self._care] + self.habits.shallow_std * self.normal(1)[:, 0]
