# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scripted demonstrator of insertion (:mod:`score_tasks.kit.demonstrator` says why its flaws are as they are).

It sees the hole 2 mm beside where it is (parallax, the same in all episodes) and feels for it about there, pushing
hard, carefully or hastily; it misses, lifts and tries again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from isaaclab.utils.math import (
    euler_xyz_from_quat,
    matrix_from_quat,
    quat_apply,
    quat_conjugate,
    quat_from_euler_xyz,
    quat_mul,
    wrap_to_pi,
)

from score.simulation import SteerableEnv
from score_assets.robots.franka_kinematics import inverse_kinematics
from score_tasks.insert.frames import GEOMETRY, in_frame, peg_in_socket, peg_pose_e, socket_pose_e, tcp_pose_e
from score_tasks.kit.demonstrator import Phase, PhaseDemonstrator, towards


@dataclass(frozen=True)
class Habits:
    """Ranges from which the habits of one episode are drawn; lengths in m, angles in rad, times in control steps."""

    aim_bias: tuple[float, float] = (0.0015, -0.0011)
    """Where the hole seems to be, relative to where it is, in the environment frame: the same in all episodes."""
    yaw_bias_std: float = 0.012
    """Spread of the wrong yaw."""
    tilt_bias_std: float = 0.006
    """Spread of the wrong tilt about two axes."""
    care_probability: tuple[float, float, float] = (0.3, 0.4, 0.3)
    """Chances of an episode of pushing hard, of a careful and of a hasty one."""
    aim_std: tuple[float, float, float] = (0.0006, 0.0009, 0.0014)
    """Spread of the place aimed at, about where the hole seems to be, for the three: feeling for the hole."""
    aim_change: float = 0.15
    """Chance per control step to aim at a new place."""
    press_depth: tuple[float, float, float] = (0.0035, 0.0022, 0.0030)
    """How far below the measured tip the target is while pressing, for the three."""
    patience: tuple[float, float, float] = (6.0, 14.0, 9.0)
    """Mean control steps on the rim before lifting, for the three."""
    approach_height: tuple[float, float] = (0.006, 0.030)
    """Height of the tip over the rim at the end of the approach."""
    miss_std: float = 0.012
    """Spread of the gross miss with which an approach first ends; it is corrected, mostly before coming down."""
    miss_left: tuple[float, float] = (0.0, 0.35)
    """Share of a gross miss that is left after a correction."""
    blind_descent_probability: float = 0.25
    """Chance to come down in spite of a gross miss, notice on the rim, lift and correct."""
    distraction_probability: float = 0.003
    """Chance per control step to drift off to some point over the socket and to come back."""
    approach_speed: tuple[float, float] = (0.006, 0.012)
    """Path per control step while approaching."""
    descend_speed: tuple[float, float] = (0.0020, 0.0045)
    """Path per control step while coming down."""
    over_the_top_probability: float = 0.4
    """Chance of an approach that first goes level and then down, instead of straight."""
    hesitation_probability: float = 0.35
    """Chance of a pause before coming down."""
    hesitation: tuple[float, float] = (3.0, 12.0)
    """Length of the pause."""
    lift_height: tuple[float, float] = (0.003, 0.008)
    """Height over the rim to which it lifts between tries."""
    lead: float = 1.6
    """How far the target runs ahead of the measured tip, in control steps of the intended speed: the arm lags."""
    correction: float = 0.004
    """Most that the target corrects sideways at a time near the hole; friction on the rim holds against less."""
    tremor_std: float = 0.00015
    """Slow tremor of the hand (first-order noise, 5 steps)."""


class InsertDemonstrator(PhaseDemonstrator):
    """Flies over the hole, comes down to the rim, presses and searches, goes in; or lifts for another try."""

    tremor_axes = 2
    habits: Habits

    def __init__(self, task: SteerableEnv, seed: int = 0, habits: Habits | None = None) -> None:
        super().__init__(task, seed, habits or Habits())

    def make_phases(self) -> Sequence[Phase]:
        """Approach, descend, press, insert, lift."""
        near = self._near_reach
        return (
            Phase("approach", self._above, lambda: self.habits.lead * self._speed, lambda: self._down, "descend"),
            Phase("descend", lambda: self._aimed(self._rim - 0.004), near, lambda: self._touched, "press"),
            Phase("press", lambda: self._aimed(self._tip[:, 2] - self._press), near, lambda: self._impatient, "lift"),
            Phase("insert", self._deeper, near, self.never),  # inside, the hole leads
            Phase("lift", lambda: self._aimed(self._rim + self._lift), near, lambda: self._lifted, "descend"),
        )

    def draw(self) -> None:
        """Draw care, errors, speeds and pauses of an episode."""
        h = self.habits
        self._care = self.choice(h.care_probability)
        self._patience = self.table(h.patience)[self._care] * self.uniform((0.7, 1.3))
        self._pause = (self.uniform(h.hesitation) * self.chance(h.hesitation_probability)).round()
        self._aim_error = self._fresh_aim_error()
        self._miss = h.miss_std * self.normal(2)
        self._yaw_bias = h.yaw_bias_std * self.normal(1)[:, 0]
        self._tilt_bias = h.tilt_bias_std * self.normal(2)
        self._height = self.uniform(h.approach_height)
        self._speed = self.uniform(h.approach_speed)
        self._descend_speed = self.uniform(h.descend_speed)
        self._level_first = self.chance(h.over_the_top_probability)
        self._lift = self.uniform(h.lift_height)
        self._press = self.table(h.press_depth)[self._care]

    def look(self) -> None:
        """Look at tip and hole, and decide what is over."""
        h, phase = self.habits, self.doing
        self._tip = self._tip_e()
        self._socket_pos, self._socket_quat = socket_pose_e(self.env)
        tip, depth = self._tip, peg_in_socket(self.env).tip_depth
        self._rim = self._socket_pos[:, 2] + GEOMETRY.rim_height
        self._aim_error = torch.where(self.chance(h.aim_change)[:, None], self._fresh_aim_error(), self._aim_error)
        gross = self._miss.norm(dim=-1) > 0.0025
        over = (tip[:, :2] - self._aim()).norm(dim=-1) < 0.0025
        arrived = phase("approach") & over & ((tip[:, 2] - self._rim - self._height).abs() < 0.006)
        correct = arrived & gross & ~self.chance(h.blind_descent_probability)
        self._pause = torch.where(arrived & ~correct, self._pause - 1, self._pause)
        self._down = arrived & ~correct & (self._pause <= 0)
        self._touched = depth > -0.0015
        self._inside = phase("press", "descend") & (depth > 0.003) & ~gross
        patience = torch.where(gross, torch.full_like(self._patience, 4.0), self._patience)
        self._impatient = ~self._inside & (self.steps + 1 > patience)
        self._lifted = tip[:, 2] > self._rim + 0.7 * self._lift
        lifted = phase("lift") & self._lifted
        distracted = ~phase("insert") & self.chance(h.distraction_probability)
        left = self._miss * self.uniform(h.miss_left)[:, None]
        self._miss = torch.where((correct | lifted)[:, None], left, self._miss)
        self._miss = torch.where(distracted[:, None], h.miss_std * self.normal(2), self._miss)
        self._astray = (lifted & gross) | distracted

    def interruptions(self) -> Sequence[tuple[torch.Tensor, str]]:
        """In as soon as the peg is in the hole; over it again after a gross miss or a distraction."""
        return (self._inside, "insert"), (self._astray, "approach")

    def targets(self) -> torch.Tensor:
        """Joint position targets (N, 7) of this control step, rad."""
        return self._joint_targets(self._next_tip())

    def _next_tip(self) -> torch.Tensor:
        """Next target (N, 3) of the peg's tip in the environment frame, m."""
        h, tip = self.habits, self._tip
        goal = self.goal()
        goal[:, 2] = torch.maximum(goal[:, 2], self._socket_pos[:, 2] + 0.008)
        down = torch.full_like(self._speed, 0.006)
        fall = self.of_phase((h.lead * self._speed, h.lead * self._descend_speed, self._press, down, down))
        # Always ahead of the measured tip, never of the last command: what a person does depends on what they see, and
        # a command that runs ahead on its own would be a hidden state that no observation shows.
        delta = goal - tip
        sideways = towards(delta[:, :2], self.reach())
        return tip + torch.cat((sideways, delta[:, 2].clamp(-fall, fall)[:, None]), dim=-1)

    def _joint_targets(self, tip_goal: torch.Tensor) -> torch.Tensor:
        """Arm joint targets (N, 7) that bring the peg's tip to (N, 3), upright and turned with the socket."""
        peg_pos, peg_quat = peg_pose_e(self.env)
        in_hand_pos, in_hand_quat = in_frame(peg_pos, peg_quat, *tcp_pose_e(self.env))
        socket_yaw = euler_xyz_from_quat(self._socket_quat)[2]
        peg_yaw = _heading(peg_quat)
        # the square peg fits in four ways: the nearest one
        error = wrap_to_pi(4.0 * (socket_yaw - peg_yaw)) / 4.0
        bias = torch.where(error.abs() < 0.05, self._yaw_bias, torch.zeros_like(error))
        yaw = peg_yaw + error.clamp(-0.05, 0.05) + bias
        level = quat_from_euler_xyz(math.pi + self._tilt_bias[:, 0], self._tilt_bias[:, 1], torch.zeros_like(yaw))
        turn = quat_from_euler_xyz(torch.zeros_like(yaw), torch.zeros_like(yaw), yaw)
        peg_goal_quat = quat_mul(turn, level)
        tcp_goal_quat = quat_mul(peg_goal_quat, quat_conjugate(in_hand_quat))
        centre = tip_goal - 0.5 * GEOMETRY.peg_length * matrix_from_quat(peg_goal_quat)[..., 2]
        tcp_goal_pos = centre - quat_apply(tcp_goal_quat, in_hand_pos)
        arm = self.env.action_manager.get_term("arm")
        seed = self.env.scene["robot"].data.joint_pos.torch[:, arm._joint_ids]
        return inverse_kinematics(tcp_goal_pos, tcp_goal_quat, seed, iterations=5).joint_pos

    def _above(self) -> torch.Tensor:
        """Over the hole (N, 3), m; an approach that goes level first stays at its height until it is near."""
        hover = self._rim + self._height
        far = (self._tip[:, :2] - self._aim() - self.tremor).norm(dim=-1) > 0.010
        return self._aimed(torch.where(self._level_first & far, torch.maximum(self._tip[:, 2], hover), hover))

    def _aimed(self, height: torch.Tensor) -> torch.Tensor:
        """Where the hole seems to be, with the hand's tremor, at a height (N,), m."""
        return torch.cat((self._aim() + self.tremor, height[:, None]), dim=-1)

    def _deeper(self) -> torch.Tensor:
        """Straight down from here (N, 3), m."""
        return self._tip - torch.tensor((0.0, 0.0, 0.006), device=self.device)

    def _near_reach(self) -> torch.Tensor:
        return torch.full_like(self._speed, self.habits.correction)

    def _aim(self) -> torch.Tensor:
        """Place (N, 2) over the table that is aimed at now, environment frame, m."""
        return self._socket_pos[:, :2] + self.table(self.habits.aim_bias) + self._aim_error + self._miss

    def _fresh_aim_error(self) -> torch.Tensor:
        """Draw a fresh error (N, 2) of the aim, m."""
        return self.table(self.habits.aim_std)[self._care][:, None] * self.normal(2)

    def _tip_e(self) -> torch.Tensor:
        """Centre of the peg's tip face (N, 3) in the environment frame, m."""
        pos, quat = peg_pose_e(self.env)
        return torch.nan_to_num(pos + 0.5 * GEOMETRY.peg_length * matrix_from_quat(quat)[..., 2])


def _heading(quat: torch.Tensor) -> torch.Tensor:
    """Yaw (N,) of the frame's x axis about the vertical, rad, for a frame whose z axis points down."""
    axis = matrix_from_quat(quat)[..., 0]
    return torch.atan2(axis[:, 1], axis[:, 0])
