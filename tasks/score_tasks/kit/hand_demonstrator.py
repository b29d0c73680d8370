# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrators of the hand whose phases say where the grip is to be, how the palm is turned, and what fingers do.

:mod:`score_tasks.kit.demonstrator` says why their flaws are as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from isaaclab.managers import SceneEntityCfg

from score.simulation import SteerableEnv
from score_assets.robots.franka_kinematics import rotation_error, rotation_z
from score_assets.robots.franka_leap import COMMAND_LIMITS, REST_ARM_POS
from score_assets.robots.franka_leap_kinematics import palm_inverse_kinematics
from score_tasks.kit.cloud import rotation
from score_tasks.kit.demonstrator import Phase, PhaseDemonstrator, towards
from score_tasks.kit.frames import Pose, body_pose_e
from score_tasks.kit.hand import joint_pos, palm_pose_e

OPENING = (1, 5, 9, 12, 14)
"""Columns of the hand's joints that open it and turn the thumb opposite of the fingers."""
_POSTURE_SPREAD = (0.5, 0.4, 0.5, 0.4, 0.9, 0.6, 1.2)
"""Spread of the starts of :meth:`HandDemonstrator.posture` [rad]."""


@dataclass(frozen=True, kw_only=True)
class HandHabits:
    """Ranges from which habits are drawn; lengths in m, angles in rad, times in control steps.

    Tuples of three are for the three kinds of care: hasty, usual, careful. A task derives it for what is its own; a
    demonstrator without flaws has the defaults of all, which a task's own habits replace.
    """

    care_probability: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Chances of a hasty, a usual and a careful episode."""
    aim_bias: tuple[float, float] = (0.0, 0.0)
    """Where what it takes seems to be, relative to where it is, along and across its way: the same in all episodes."""
    aim_std: float = 0.0
    """Spread of that place."""
    aim_far_std: float = 0.0
    """What is added to that spread from above, and shrinks with the height to nothing at the place."""
    aim_change: float = 0.10
    """Chance per control step to aim at a new place."""
    astray: tuple[float, float] = (0.010, 0.030)
    """Distance beside its place from which on it goes on more slowly, and at which it does not."""
    speed: float = 0.025
    """Path per control step."""
    spin: float = 0.12
    """Turn of the palm per control step."""
    lead: float = 1.7
    """How far the target runs ahead of the measured palm, in control steps of the intended speed: the arm lags."""
    pace: tuple[float, float] = (1.0, 1.0)
    """Pace of an episode, whatever its care: a factor on speeds."""
    tremor_std: float = 0.0
    """Slow tremor of the palm (first-order noise, 5 steps)."""


def without_flaws[AnyHabits: HandHabits](habits: AnyHabits) -> AnyHabits:
    """Return the same demonstrator with a good eye and a steady hand: it should nearly always succeed."""
    return type(habits)()


@dataclass(frozen=True, kw_only=True)
class HandPhase(Phase):
    """A phase whose tool is the grip: the point of the palm's frame that :attr:`HandDemonstrator.center` names."""

    rot: Callable[[], torch.Tensor]
    """How the palm is to be turned (N, 3, 3)."""
    hand: Callable[[], torch.Tensor]
    """Targets of the hand's joints (N, 16) or (16,), rad."""
    arm: Callable[[], torch.Tensor] | None = None
    """Joints (N, 7) that the arm goes to on the shortest way, rad; then goal and ``rot`` say nothing."""


class HandDemonstrator(PhaseDemonstrator):
    """Moves the grip to poses. A task derives it and sets :attr:`center` and :attr:`habits`.

    Args:
        task: The opened task.
        seed: Seed of habits and tremor.
        habits: Habits; the task's own if None.
    """

    center: tuple[float, float, float]
    """Middle of the contacts in the palm's frame [m]."""
    habits: HandHabits = HandHabits()
    """How it behaves."""

    def __init__(self, task: SteerableEnv, seed: int = 0, habits: HandHabits | None = None) -> None:
        self.device = task.device
        self._center = self.table(self.center)
        self.rest: torch.Tensor | None = None
        super().__init__(task, seed, habits or self.habits)

    def draw(self) -> None:
        """Draw care, pace and aim of an episode."""
        h = self.habits
        self.care = self.choice(h.care_probability)
        self.pace = self.uniform(h.pace)
        self._aim_error = self.normal(2)

    def look(self) -> None:
        """Take in joints and palm; a task adds what it sees beside."""
        self.joints = torch.nan_to_num(joint_pos(self.env))
        palm = palm_pose_e(self.env)
        self.palm: Pose = (torch.nan_to_num(palm.pos), torch.nan_to_num(palm.rot))
        self.grip = self.palm[0] + self.palm[1] @ self._center
        change = self.chance(self.habits.aim_change)[:, None]
        self._aim_error = torch.where(change, self.normal(2), self._aim_error)

    @property
    def aim(self) -> torch.Tensor:
        """How far beside it aims (N, 2), m."""
        return self.table(self.habits.aim_bias) + self.habits.aim_std * self._aim_error

    def far_aim(self, height: torch.Tensor) -> torch.Tensor:
        """How far beside it aims because it looks from above, (N, 2), m.

        Args:
            height: Height of the grip over its place (N,), as a share of that from which it comes down.
        """
        return self.habits.aim_far_std * height.clamp(0.0, 1.0)[:, None] * self._aim_error

    def targets(self) -> torch.Tensor:
        """Joint position targets (N, 23) of this control step, rad; the action clamps how far ahead they run."""
        h = self.habits
        turn = self._of_phase("rot", 3, 3)
        step = towards(self.goal() - self.grip, self.reach())
        spin = towards(rotation_error(turn, self.palm[1]), h.lead * h.spin * self.pace)
        rot = rotation(spin) @ self.palm[1]
        pos = self.grip + step + self.tremor - rot @ self._center
        arm = self.joints[:, :7]
        # always ahead of the measured palm, never of the last command, which no observation would show
        found = palm_inverse_kinematics(pos, rot, arm, iterations=6, rest_joint_pos=self.rest)
        ways = [getattr(phase, "arm", None) for phase in self.phases]
        by_joints = [way() if way is not None else found.joint_pos for way in ways]
        return torch.cat((self.of_phase(by_joints), self._of_phase("hand", 16)), dim=-1)

    def _of_phase(self, name: str, *shape: int) -> torch.Tensor:
        """Of what every phase wants, that of each environment's phase, (N, *shape)."""
        return self.of_phase([getattr(phase, name)().expand(self.num_envs, *shape) for phase in self.phases])

    def ahead(self, speed: float | None = None) -> torch.Tensor:
        """How far ahead of the measured grip its target runs (N,), m, for a path per control step."""
        h = self.habits
        return h.lead * (h.speed if speed is None else speed) * self.pace

    def near(
        self, goal: torch.Tensor, rot: torch.Tensor, tolerance: float = 0.012, turn_tolerance: float = 0.12
    ) -> torch.Tensor:
        """Where the grip is at a pose, (N,) bool."""
        there = (goal - self.grip).norm(dim=-1) < tolerance
        return there & (rotation_error(rot, self.palm[1]).norm(dim=-1) < turn_tolerance)

    def at_joints(self, arm: torch.Tensor, tolerance: float = 0.08) -> torch.Tensor:
        """Where the arm's joints are within a tolerance of targets (N, 7), rad, (N,) bool."""
        return (self.joints[:, :7] - arm).abs().amax(-1) < tolerance

    def shaped(self, hand: torch.Tensor, columns: tuple[int, ...] = (12,)) -> torch.Tensor:
        """Where joints of the hand are within 0.15 rad of targets (N, 16) or (16,); by default the thumb's swing."""
        return (self.joints[:, 7:] - hand)[:, list(columns)].abs().amax(-1) < 0.15

    def see(self, entity: SceneEntityCfg) -> Pose:
        """Pose of a body, environment frame."""
        pos, rot = body_pose_e(self.env, entity)
        return torch.nan_to_num(pos), torch.nan_to_num(rot)

    def turned(self, yaw: float | torch.Tensor) -> torch.Tensor:
        """Rotations (N, 3, 3) of a level palm that is turned about the vertical."""
        return rotation_z(torch.as_tensor(yaw, device=self.device).expand(self.num_envs))

    def posture(self, goal: torch.Tensor, rot: torch.Tensor, starts: int = 12) -> torch.Tensor:
        """Arm joints (N, 7) that bring the grip to a pose, of many solutions the one nearest to the usual posture.

        Where none is found, the usual posture: a solution made to be :attr:`rest` keeps the arm from limits on its way.
        """
        usual, limits = self.table(REST_ARM_POS), self.table(COMMAND_LIMITS)
        noise = torch.randn(self.num_envs, starts, 7, generator=self._generator, device=self.device)
        guess = torch.clamp(usual + noise * self.table(_POSTURE_SPREAD), limits[:, 0], limits[:, 1])
        wanted = (goal - rot @ self._center).repeat_interleave(starts, 0), rot.repeat_interleave(starts, 0)
        found = palm_inverse_kinematics(*wanted, guess.flatten(0, 1), iterations=80)
        sound = (found.position_error < 3e-3) & (found.rotation_error < 3e-2)
        away = (found.joint_pos - usual).norm(dim=-1) + torch.where(sound, 0.0, math.inf)
        best = away.view(self.num_envs, starts).min(dim=1)
        joints = found.joint_pos.view(self.num_envs, starts, 7)[torch.arange(self.num_envs), best.indices]
        return torch.where(torch.isfinite(best.values)[:, None], joints, usual)

    def by_care(self, values: tuple[Any, Any, Any]) -> torch.Tensor:
        """Of a value for the hasty, the usual and the careful, that of each environment, (N,) or (N, k)."""
        return self.table(values)[self.care]


def tilted_palm(yaw: torch.Tensor, tilt: torch.Tensor, axis_yaw: torch.Tensor | float) -> torch.Tensor:
    """Rotations (N, 3, 3) of a palm that is turned by ``yaw`` and then tipped by ``tilt`` towards a direction.

    Args:
        yaw: Turn of the level palm about the vertical (N,), rad.
        tilt: How far its up axis leans over (N,), rad.
        axis_yaw: Direction that it leans to, about the vertical, (N,) or one, rad.
    """
    lean = torch.as_tensor(axis_yaw, device=yaw.device).expand_as(yaw)
    axis = torch.stack((-lean.sin(), lean.cos(), torch.zeros_like(lean)), dim=-1)
    return rotation(axis * tilt[:, None]) @ rotation_z(yaw)
