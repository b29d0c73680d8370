# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a task must offer to be steered: :class:`Task`, and :class:`RobotTask` for what only robots have.

The method depends on tasks by these protocols alone, so that it runs the same on Isaac Lab
(:class:`score.simulation.SteerableEnv`), on Gymnasium (:class:`score.gym_task.GymTask`) and on scripts of the tests.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch

from score.policies.spec import PolicySpec

GUARD = "guard"
"""Name of the termination term that ends an environment with non-finite state or an overflowing contact buffer.

Where a number is not finite and the term does not see it, training and evaluation end the environment in its name.
"""

SUCCESS = "success"
"""Name of the termination term that is the task's success."""


TaskObservations = dict[str, Any]
"""One set of observations of all N environments.

* ``policy``: the base policy's windows, a dict of name -> (N, history, *shape), or (N, *shape) for a single frame.
* ``critic``: the true state, (N, Dc), which is never available on a robot.
"""


def finite_rows(*values: torch.Tensor) -> torch.Tensor:
    """Environments (N,) for which every number of every tensor (N, ...) is finite, bool."""
    return torch.stack([torch.isfinite(value).flatten(1).all(dim=1) for value in values]).all(dim=0)


def finite_observations(observations: TaskObservations) -> torch.Tensor:
    """Environments (N,) whose observations are finite, bool."""
    return finite_rows(observations["critic"], *observations["policy"].values())


@runtime_checkable
class Task(Protocol):
    """A vectorised task with N environments that reset themselves when their episode ends.

    It may have ``files``, name -> SHA-256 of what it is made from: kept with every run and evaluation; and a method
    ``contact_force``, see :func:`contact_force`.
    """

    @property
    def num_envs(self) -> int:
        """Number of environments, N."""
        ...

    @property
    def device(self) -> torch.device | str:
        """Device of every tensor."""
        ...

    @property
    def step_dt(self) -> float:
        """Seconds of one control step."""
        ...

    @property
    def max_episode_length(self) -> int:
        """Control steps after which an episode is truncated."""
        ...

    @property
    def spec(self) -> PolicySpec:
        """Observations and actions that the task offers."""
        ...

    def reset(self, seed: int | None = None) -> TaskObservations:
        """Start a new episode in every environment; with a seed, always the same episodes on one machine and engine."""
        ...

    def seed_episodes(self, seeds: torch.Tensor, restart: torch.Tensor) -> None:
        """Set, for the next :meth:`reset` or :meth:`step` alone, what the episodes are that begin in it.

        An episode that begins from a seed is the same in whatever environment, beside whatever others and whenever:
        its start, and all that is drawn in its course. Training sets none.

        Args:
            seeds: For each environment the seed of the episode that begins if one does, (N,), int64, on the CPU; -1
                leaves it to the global random generators.
            restart: Environments in which :meth:`step` begins an episode even if none ends, (N,), bool, on the CPU.
        """
        ...

    def after_waiting(self, waited: torch.Tensor, observations: TaskObservations) -> TaskObservations:
        """Put environments that waited for others at the start of their episode.

        Args:
            waited: Environments whose episode ended while others went on, (N,), bool.
            observations: Those of the last step.

        Returns:
            Observations of all. A robot has held still at the start, and returns what it is given; any other task was
            stepped on, and resets those that waited.
        """
        ...

    def step(
        self, action: torch.Tensor
    ) -> tuple[TaskObservations, torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Do one control step.

        Args:
            action: Actions in the units of ``spec.actions``, shape (N, A).

        Returns:
            Observations, reward (N,), terminated (N,) bool, truncated (N,) bool, extras. Where an episode ended, the
            observations are the first of the next episode, and ``extras["final_obs"]`` (same structure, N rows, valid
            in the rows that ended) holds the last of the one that ended.
        """
        ...

    def ended_by(self) -> dict[str, torch.Tensor]:
        """Return, for each termination term, which environments it ended in the last step: name -> (N,) bool."""
        ...


@runtime_checkable
class RobotTask(Task, Protocol):
    """A task whose actions are targets that a robot follows, and which can hold still."""

    @property
    def episode_length_buf(self) -> torch.Tensor:
        """Control steps done in the present episode, (N,), int64; written in place while an environment holds still."""
        ...

    @property
    def command_limits(self) -> tuple[torch.Tensor, torch.Tensor, float | torch.Tensor]:
        """Lowest and highest target, (A,) each, and the largest offset of a target from what is measured."""
        ...

    def hold_action(self) -> torch.Tensor:
        """Return the action (N, A) that keeps each robot still."""
        ...

    def commanded(self) -> torch.Tensor:
        """Return the target (N, A) that was sent last, after clamping."""
        ...


def waiting_action(task: Task, waiting: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Replace the actions of environments whose episode is over while others go on.

    Args:
        task: The task.
        waiting: Environments that wait, (N,), bool.
        action: Actions (N, A).

    Returns:
        Actions (N, A): a robot that waits holds still. Any other task goes on, and nobody looks at what it does.
    """
    if isinstance(task, RobotTask):
        return torch.where(waiting.unsqueeze(-1), task.hold_action(), action)
    return action


def contact_force(task: Task) -> torch.Tensor | None:
    """Return the largest contact force on any body that a task senses at the end of the last step, (N,), N.

    None where nothing is sensed. An environment whose episode ended has been reset, and so has its sensor.
    """
    sensed = getattr(task, "contact_force", None)
    return None if sensed is None else sensed()


def sent_action(task: Task, action: torch.Tensor) -> torch.Tensor:
    """Return what the last step really did (N, A): the target sent to a robot, or the action within its bounds."""
    if isinstance(task, RobotTask):
        return task.commanded()
    low, high = (action.new_tensor(bound) for bound in (task.spec.actions.low, task.spec.actions.high))
    return action.clamp(low, high)
