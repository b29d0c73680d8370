# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scripted demonstrator of grasping with privileged state, behaving like a person who teleoperates the hand.

It reaches over the object with a pre-shaped hand, comes down, closes, lifts, and carries to the target; when the object
slips it opens, rises and tries again. Its flaws are *systematic*: it aims beside the object (parallax, the same in all
episodes), closes too high above it, lifts before the grip is firm; how much differs from moment to moment with one of
three kinds of care, how fast with the pace of the episode. Independent noise alone would average out of a cloned
policy.

All it does follows from what it sees at the moment, but for the phase it is in (:mod:`score_tasks.insert.demonstrator`
says why).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from isaaclab.utils.math import matrix_from_quat, wrap_to_pi

from score.simulation import SteerableEnv
from score_assets.robots.franka_kinematics import rotation_z
from score_assets.robots.franka_leap_kinematics import PalmPose, palm_inverse_kinematics
from score_tasks.grasp.frames import joint_pos, object_pose_e, palm_pose_e, to_palm
from score_tasks.grasp.grips import Grip, read_grasp_file

REACH, DESCEND, CLOSE, CARRY, RELEASE = range(5)
"""Phases: fly over the object, come down around it, close the hand, carry, open and rise for another try."""


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
    """The same while it takes the pre-shape. The thumb has 1.7 rad to go and the task lets a target run 0.1 rad ahead:
    with more than that it is equally quick at any pace."""
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
    """The same demonstrator with a good eye and a steady hand: it should nearly always succeed."""
    return replace(
        habits,
        aim_bias=(0.0, 0.0),
        aim_std=(0.0, 0.0, 0.0),
        shallow=(0.0, 0.0, 0.0),
        shallow_std=0.0,
        patience=(11.0, 11.0, 11.0),
        opening=Habits.opening,
        pace=(1.0, 1.0),
        hesitation_probability=0.0,
        distraction_probability=0.0,
        tremor_std=0.0,
    )


@dataclass
class _Episode:
    """Drawn habits and progress of every environment; tensors (N,) or (N, k)."""

    phase: torch.Tensor
    steps: torch.Tensor
    grip: torch.Tensor
    care: torch.Tensor
    pace: torch.Tensor
    aim_error: torch.Tensor
    shallow: torch.Tensor
    hover: torch.Tensor
    pause: torch.Tensor
    patience: torch.Tensor
    taken_at: torch.Tensor
    tremor: torch.Tensor


class GraspDemonstrator:
    """Acts on all environments of a task at once.

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
    palm_yaw: float = math.pi
    """Turn of the palm about the vertical that leaves the wrist in the middle of its range [rad]."""

    def __init__(self, task: SteerableEnv, seed: int = 0, habits: Habits | None = None) -> None:
        self.env = task.env
        self.habits = habits or self.habits
        if task.env_cfg.grasp_file:
            own = read_grasp_file(Path(task.env_cfg.grasp_file))
            self.grips = (own.grip,)
            hover = (own.hover, own.hover + 0.04)
            self.habits = replace(self.habits, symmetry=own.symmetry, heading=own.heading, hover=hover)
            # given habits win: the ones without flaws are right for any object
            if own.shallow is not None and habits is None:
                self.habits = replace(self.habits, shallow=own.shallow)
        self.num_envs, self.device = task.num_envs, task.device
        self._target = torch.tensor(task.env_cfg.target_pos, device=self.device)
        self._generator = torch.Generator(device=self.device).manual_seed(seed)
        self._center = self._table([grip.grasp.center for grip in self.grips])
        self._yaw = self._table([grip.grasp.yaw for grip in self.grips])
        self._height = self._table([grip.height for grip in self.grips])
        self._opened = self._table([grip.grasp.opened() for grip in self.grips])
        self._touching = self._table([grip.grasp.joint_pos for grip in self.grips])
        self._per_newton = self._table([grip.grasp.squeezed(1.0) for grip in self.grips]) - self._touching
        self.reset()

    def reset(self) -> None:
        """Draws new habits for every environment; call it after the environments were reset."""
        h, n = self.habits, self.num_envs
        shares = self._table([grip.share for grip in self.grips])
        care = self._choice(self._table(h.care_probability))
        pace = self._uniform(h.pace)
        pause = self._uniform(h.hesitation) * (self._uniform((0.0, 1.0)) < h.hesitation_probability)
        self._episode = _Episode(
            phase=torch.full((n,), REACH, device=self.device),
            steps=torch.zeros(n, device=self.device),
            grip=self._choice(shares),
            care=care,
            pace=pace,
            aim_error=self._aim_error(care),
            shallow=self._shallow(care),
            hover=self._uniform(h.hover),
            pause=pause.round(),
            patience=self._table(h.patience)[care] * self._uniform((0.7, 1.3)) / pace,
            taken_at=torch.zeros(n, 3, device=self.device),
            tremor=torch.zeros(n, 3, device=self.device),
        )

    @property
    def phase(self) -> torch.Tensor:
        """What every environment is at (N,): :data:`REACH` to :data:`RELEASE`."""
        return self._episode.phase

    def act(self) -> torch.Tensor:
        """Joint position targets (N, 23) of this control step, rad."""
        joints = joint_pos(self.env)
        palm = palm_pose_e(self.env)
        position, quat = object_pose_e(self.env)
        position = torch.nan_to_num(position)
        yaw = self._palm_yaw(quat)
        contact = self._contact(position, yaw)
        self._advance(palm, contact, joints[:, 7:], to_palm(position[:, None], palm)[:, 0])
        arm = self._arm_targets(palm, contact, position, yaw, joints[:, :7])
        return torch.cat((arm, self._hand_targets(joints[:, 7:])), dim=-1)

    def _contact(self, position: torch.Tensor, yaw: torch.Tensor) -> torch.Tensor:
        """Palm position (N, 3) at which it would close the hand, as it sees the object, m."""
        e = self._episode
        place = position.clone()
        place[:, :2] += torch.tensor(self.habits.aim_bias, device=self.device) + e.aim_error
        place[:, 2] += self._height[e.grip] + e.shallow
        return place - _turn(yaw, self._center[e.grip])

    def _advance(self, palm: PalmPose, contact: torch.Tensor, hand: torch.Tensor, object_pos_p: torch.Tensor) -> None:
        """Moves every environment to its next phase where it is due."""
        e, h = self._episode, self.habits
        free = (e.phase == REACH) | (e.phase == DESCEND)
        change = free & (self._uniform((0.0, 1.0)) < h.aim_change)
        e.aim_error = torch.where(change[:, None], self._aim_error(e.care), e.aim_error)
        e.shallow = torch.where(change, self._shallow(e.care), e.shallow)
        error = palm.pos - contact
        opened = (hand - self._opened[e.grip])[:, _SHAPE].abs().amax(-1) < 0.15
        over = (error[:, :2].norm(dim=-1) < 0.012) & ((error[:, 2] - e.hover).abs() < 0.02)
        arrived = (e.phase == REACH) & over & opened
        e.pause = torch.where(arrived, e.pause - 1, e.pause)
        down = arrived & (e.pause <= 0)
        stuck = e.steps > 25
        reached = (e.phase == DESCEND) & ((error[:, 2] < 0.005) | stuck)
        gripped = (e.phase == CLOSE) & (e.steps > e.patience)
        e.taken_at = torch.where(gripped[:, None], object_pos_p, e.taken_at)
        lost = (e.phase == CARRY) & ((object_pos_p - e.taken_at).norm(dim=-1) > h.slip)
        distracted = free & (self._uniform((0.0, 1.0)) < h.distraction_probability)
        ready = (e.phase == RELEASE) & ((opened & (error[:, 2] > 0.5 * e.hover)) | stuck)
        before = e.phase
        for condition, phase in (
            (down, DESCEND),
            (reached, CLOSE),
            (gripped, CARRY),
            (lost | distracted, RELEASE),
            (ready, REACH),
        ):
            e.phase = torch.where(condition, phase, e.phase)
        e.steps = torch.where(e.phase == before, e.steps + 1, 0.0)

    def _arm_targets(
        self, palm: PalmPose, contact: torch.Tensor, position: torch.Tensor, yaw: torch.Tensor, arm: torch.Tensor
    ) -> torch.Tensor:
        """Arm joint targets (N, 7)."""
        e, h = self._episode, self.habits
        e.tremor = 0.8 * e.tremor + 0.6 * h.tremor_std * self._normal(3)
        above = contact.clone()
        above[:, 2] += e.hover
        # far away it flies level at hovering height or higher, and sinks on the last centimetres only
        far = (palm.pos[:, :2] - above[:, :2]).norm(dim=-1) > 0.06
        above[:, 2] = torch.where(far, torch.maximum(above[:, 2], palm.pos[:, 2] - 0.01), above[:, 2])
        carried = palm.pos + self._target - position
        goals = torch.stack((above, contact, contact, carried, above), dim=1)
        goal = goals.gather(1, e.phase[:, None, None].expand(-1, 1, 3))[:, 0]
        speed, slow = self._table(h.speed)[e.care], self._table(h.descend_speed)[e.care]
        reach = h.lead * e.pace * torch.where((e.phase == DESCEND) | (e.phase == CLOSE), slow, speed)
        # always ahead of the measured palm, never of the last command, which no observation would show
        delta = goal - palm.pos
        step = delta * (reach / delta.norm(dim=-1).clamp(min=1e-9)).clamp(max=1.0)[:, None]
        now = torch.atan2(palm.rot[:, 1, 0], palm.rot[:, 0, 0])
        turn = now + wrap_to_pi(yaw - now).clamp(-0.12, 0.12)
        return palm_inverse_kinematics(palm.pos + step + e.tremor, rotation_z(turn), arm, iterations=5).joint_pos

    def _hand_targets(self, hand: torch.Tensor) -> torch.Tensor:
        """Hand joint targets (N, 16)."""
        e, h = self._episode, self.habits
        force = self._table(h.force)[e.care]
        squeezed = self._touching[e.grip] + force[:, None] * self._per_newton[e.grip]
        holding = (e.phase == CLOSE) | (e.phase == CARRY)
        goal = torch.where(holding[:, None], squeezed, self._opened[e.grip])
        # once it lifts, nothing holds the squeeze back
        closing = torch.where(e.phase == CARRY, math.inf, self._table(h.closing)[e.care])
        ahead = (e.pace * torch.where(holding, closing, self._table(h.opening)[e.care]))[:, None]
        return torch.clamp(goal, hand - ahead, hand + ahead)

    def _palm_yaw(self, quat: torch.Tensor) -> torch.Tensor:
        """Turn (N,) of the palm for the grip, of the equal ones that nearest to :attr:`palm_yaw`, rad."""
        wanted = torch.full((self.num_envs,), self.palm_yaw, device=self.device)
        if self.habits.symmetry == 0:
            return wanted
        axis = torch.nan_to_num(matrix_from_quat(quat)[..., 0])
        yaw = torch.atan2(axis[:, 1], axis[:, 0]) + self.habits.heading - self._yaw[self._episode.grip]
        period = 2.0 * math.pi / self.habits.symmetry
        return wanted + torch.remainder(yaw - wanted + 0.5 * period, period) - 0.5 * period

    def _aim_error(self, care: torch.Tensor) -> torch.Tensor:
        """A fresh error (N, 2) of the aim, m."""
        return self._table(self.habits.aim_std)[care][:, None] * self._normal(2)

    def _shallow(self, care: torch.Tensor) -> torch.Tensor:
        """A fresh height (N,) over the planned contacts, m."""
        return self._table(self.habits.shallow)[care] + self.habits.shallow_std * self._normal(1)[:, 0]

    def _table(self, values: object) -> torch.Tensor:
        return torch.tensor(values, device=self.device)

    def _choice(self, weights: torch.Tensor) -> torch.Tensor:
        return torch.multinomial(weights, self.num_envs, replacement=True, generator=self._generator)

    def _uniform(self, bounds: tuple[float, float]) -> torch.Tensor:
        sample = torch.rand(self.num_envs, generator=self._generator, device=self.device)
        return bounds[0] + (bounds[1] - bounds[0]) * sample

    def _normal(self, columns: int) -> torch.Tensor:
        return torch.randn(self.num_envs, columns, generator=self._generator, device=self.device)


_SHAPE = (1, 5, 9, 12, 14)
"""Columns of the joints that open the hand and turn the thumb opposite of the fingers."""


def _turn(angle: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Vectors (N, 3) turned about the vertical by angles (N,), rad."""
    return (rotation_z(angle) @ vector[..., None]).squeeze(-1)
