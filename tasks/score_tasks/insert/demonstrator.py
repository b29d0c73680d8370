# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scripted demonstrator with privileged state that behaves like a person teleoperating.

Its flaws are *systematic*: it sees the hole 2 mm beside where it is (parallax, the same in all episodes) and feels
for it about there, pushing hard, carefully or hastily; it misses, lifts and tries again. Independent noise alone would
average out of a cloned policy: its zero latent would solve the task and steering would have nothing to choose.

All it does follows from what it sees at the moment, but for the phase it is in. A habit that lasts, such as an error of
the aim drawn once per episode, does not survive cloning: whoever copies it finds that wherever the peg is must have
been the aim, and drifts.
"""

from __future__ import annotations

import math
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

APPROACH, DESCEND, PRESS, INSERT, LIFT = range(5)
"""Phases: fly over the hole, come down to the rim, press (and search), go in, lift for another try."""


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


@dataclass
class _Episode:
    """Drawn habits and progress of every environment; tensors (N,) or (N, k)."""

    phase: torch.Tensor
    aim_error: torch.Tensor
    miss: torch.Tensor
    yaw_bias: torch.Tensor
    tilt_bias: torch.Tensor
    care: torch.Tensor
    height: torch.Tensor
    speed: torch.Tensor
    descend_speed: torch.Tensor
    level_first: torch.Tensor
    pause: torch.Tensor
    patience: torch.Tensor
    lift: torch.Tensor
    steps_on_rim: torch.Tensor
    tremor: torch.Tensor


class InsertDemonstrator:
    """Acts on all environments of a task at once.

    Args:
        task: The opened task.
        seed: Seed of habits and tremor.
        habits: Ranges of the habits.
    """

    def __init__(self, task: SteerableEnv, seed: int = 0, habits: Habits | None = None) -> None:
        self.env = task.env
        self.habits = habits or Habits()
        self.num_envs, self.device = task.num_envs, task.device
        self._generator = torch.Generator(device=self.device).manual_seed(seed)
        self.reset()

    def reset(self) -> None:
        """Draws new habits for every environment; call it after the environments were reset."""
        h, n = self.habits, self.num_envs
        care = torch.multinomial(
            torch.tensor(h.care_probability, device=self.device), n, replacement=True, generator=self._generator
        )
        patience = torch.tensor(h.patience, device=self.device)[care] * self._uniform((0.7, 1.3))
        pause = self._uniform(h.hesitation) * (self._uniform((0.0, 1.0)) < h.hesitation_probability)
        self._episode = _Episode(
            phase=torch.full((n,), APPROACH, device=self.device),
            aim_error=self._aim_error(care),
            miss=h.miss_std * self._normal(2),
            yaw_bias=h.yaw_bias_std * self._normal(1)[:, 0],
            tilt_bias=h.tilt_bias_std * self._normal(2),
            care=care,
            height=self._uniform(h.approach_height),
            speed=self._uniform(h.approach_speed),
            descend_speed=self._uniform(h.descend_speed),
            level_first=self._uniform((0.0, 1.0)) < h.over_the_top_probability,
            pause=pause.round(),
            patience=patience,
            lift=self._uniform(h.lift_height),
            steps_on_rim=torch.zeros(n, device=self.device),
            tremor=torch.zeros(n, 2, device=self.device),
        )

    def act(self) -> torch.Tensor:
        """Joint position targets (N, 7) of this control step, rad."""
        tip = self._tip_e()
        socket_pos, socket_quat = socket_pose_e(self.env)
        self._advance(tip, socket_pos)
        return self._joint_targets(self._next_tip(tip, socket_pos), socket_quat)

    def _advance(self, tip: torch.Tensor, socket_pos: torch.Tensor) -> None:
        """Moves every environment to its next phase where it is due."""
        e, h = self._episode, self.habits
        depth = peg_in_socket(self.env).tip_depth
        rim = socket_pos[:, 2] + GEOMETRY.rim_height
        change = self._uniform((0.0, 1.0)) < h.aim_change
        e.aim_error = torch.where(change[:, None], self._aim_error(e.care), e.aim_error)
        aim = self._aim(socket_pos)
        gross = e.miss.norm(dim=-1) > 0.0025
        over = ((tip[:, :2] - aim).norm(dim=-1) < 0.0025) & ((tip[:, 2] - rim - e.height).abs() < 0.006)
        arrived = (e.phase == APPROACH) & over
        blind = self._uniform((0.0, 1.0)) < h.blind_descent_probability
        correct = arrived & gross & ~blind
        e.pause = torch.where(arrived & ~correct, e.pause - 1, e.pause)
        down = arrived & ~correct & (e.pause <= 0)
        touched = (e.phase == DESCEND) & (depth > -0.0015)
        inside = ((e.phase == PRESS) | (e.phase == DESCEND)) & (depth > 0.003) & ~gross
        e.steps_on_rim = torch.where(e.phase == PRESS, e.steps_on_rim + 1, 0.0)
        patience = torch.where(gross, torch.full_like(e.patience, 4.0), e.patience)
        impatient = (e.phase == PRESS) & ~inside & (e.steps_on_rim > patience)
        lifted = (e.phase == LIFT) & (tip[:, 2] > rim + 0.7 * e.lift)
        distracted = (e.phase != INSERT) & (self._uniform((0.0, 1.0)) < h.distraction_probability)
        e.miss = torch.where((correct | lifted)[:, None], e.miss * self._uniform(h.miss_left)[:, None], e.miss)
        e.miss = torch.where(distracted[:, None], h.miss_std * self._normal(2), e.miss)
        far_lift = lifted & gross
        for condition, phase in (
            (down | lifted, DESCEND),
            (touched, PRESS),
            (inside, INSERT),
            (impatient, LIFT),
            (far_lift | distracted, APPROACH),
        ):
            e.phase = torch.where(condition, phase, e.phase)

    def _next_tip(self, tip: torch.Tensor, socket_pos: torch.Tensor) -> torch.Tensor:
        """Next target (N, 3) of the peg's tip in the environment frame, m."""
        e, h = self._episode, self.habits
        e.tremor = 0.8 * e.tremor + 0.6 * h.tremor_std * self._normal(2)
        rim = socket_pos[:, 2] + GEOMETRY.rim_height
        aim = self._aim(socket_pos) + e.tremor
        press = torch.tensor(h.press_depth, device=self.device)[e.care]
        far = (tip[:, :2] - aim).norm(dim=-1) > 0.010
        level = torch.where(e.level_first & far, torch.maximum(tip[:, 2], rim + e.height), rim + e.height)

        goal_xy = torch.where((e.phase == INSERT)[:, None], tip[:, :2], aim)  # inside, the hole leads
        goal_z = torch.stack((level, rim - 0.004, tip[:, 2] - press, tip[:, 2] - 0.006, rim + e.lift), dim=-1).gather(
            1, e.phase[:, None]
        )[:, 0]
        goal = torch.cat((goal_xy, torch.maximum(goal_z, socket_pos[:, 2] + 0.008)[:, None]), dim=-1)
        down = torch.full_like(e.speed, 0.006)
        fall = torch.stack((h.lead * e.speed, h.lead * e.descend_speed, press, down, down), dim=-1)
        fall = fall.gather(1, e.phase[:, None])[:, 0]
        reach = torch.where(e.phase == APPROACH, h.lead * e.speed, torch.full_like(e.speed, h.correction))
        # Always ahead of the measured tip, never of the last command: what a person does depends on what they see, and
        # a command that runs ahead on its own would be a hidden state that no observation shows.
        delta = goal - tip
        sideways = delta[:, :2] * (reach / delta[:, :2].norm(dim=-1).clamp(min=1e-9)).clamp(max=1.0)[:, None]
        return tip + torch.cat((sideways, delta[:, 2].clamp(-fall, fall)[:, None]), dim=-1)

    def _joint_targets(self, tip_goal: torch.Tensor, socket_quat: torch.Tensor) -> torch.Tensor:
        """Arm joint targets (N, 7) that bring the peg's tip to (N, 3), upright and turned with the socket."""
        e = self._episode
        peg_pos, peg_quat = peg_pose_e(self.env)
        in_hand_pos, in_hand_quat = in_frame(peg_pos, peg_quat, *tcp_pose_e(self.env))
        socket_yaw = euler_xyz_from_quat(socket_quat)[2]
        peg_yaw = _heading(peg_quat)
        # the square peg fits in four ways: the nearest one
        error = wrap_to_pi(4.0 * (socket_yaw - peg_yaw)) / 4.0
        yaw = peg_yaw + error.clamp(-0.05, 0.05) + torch.where(error.abs() < 0.05, e.yaw_bias, torch.zeros_like(error))
        level = quat_from_euler_xyz(math.pi + e.tilt_bias[:, 0], e.tilt_bias[:, 1], torch.zeros_like(yaw))
        turn = quat_from_euler_xyz(torch.zeros_like(yaw), torch.zeros_like(yaw), yaw)
        peg_goal_quat = quat_mul(turn, level)
        tcp_goal_quat = quat_mul(peg_goal_quat, quat_conjugate(in_hand_quat))
        centre = tip_goal - 0.5 * GEOMETRY.peg_length * matrix_from_quat(peg_goal_quat)[..., 2]
        tcp_goal_pos = centre - quat_apply(tcp_goal_quat, in_hand_pos)
        arm = self.env.action_manager.get_term("arm")
        seed = self.env.scene["robot"].data.joint_pos.torch[:, arm._joint_ids]
        return inverse_kinematics(tcp_goal_pos, tcp_goal_quat, seed, iterations=5).joint_pos

    def _aim(self, socket_pos: torch.Tensor) -> torch.Tensor:
        """Place (N, 2) over the table that is aimed at now, environment frame, m."""
        e = self._episode
        return socket_pos[:, :2] + torch.tensor(self.habits.aim_bias, device=self.device) + e.aim_error + e.miss

    def _aim_error(self, care: torch.Tensor) -> torch.Tensor:
        """A fresh error (N, 2) of the aim, m."""
        return torch.tensor(self.habits.aim_std, device=self.device)[care][:, None] * self._normal(2)

    def _tip_e(self) -> torch.Tensor:
        """Centre of the peg's tip face (N, 3) in the environment frame, m."""
        pos, quat = peg_pose_e(self.env)
        return torch.nan_to_num(pos + 0.5 * GEOMETRY.peg_length * matrix_from_quat(quat)[..., 2])

    def _uniform(self, bounds: tuple[float, float]) -> torch.Tensor:
        sample = torch.rand(self.num_envs, generator=self._generator, device=self.device)
        return bounds[0] + (bounds[1] - bounds[0]) * sample

    def _normal(self, columns: int) -> torch.Tensor:
        return torch.randn(self.num_envs, columns, generator=self._generator, device=self.device)


def _heading(quat: torch.Tensor) -> torch.Tensor:
    """Yaw (N,) of the frame's x axis about the vertical, rad, for a frame whose z axis points down."""
    axis = matrix_from_quat(quat)[..., 0]
    return torch.atan2(axis[:, 1], axis[:, 0])
