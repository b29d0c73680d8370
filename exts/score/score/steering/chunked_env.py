# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The environment that PPO sees: one decision is one code, decoded to a chunk of up to k control steps.

What makes it a semi-Markov decision process, and where implementations go wrong:

* The reward of a decision is sum_j gamma^j r_j over the steps really taken, and what follows is discounted by
  gamma^(steps taken).
* Environments end inside their chunk, and wait until the others have finished theirs; nothing of the next episode
  reaches the transition that ended, and the next episode starts at its full length. A robot holds still while it
  waits: up to k - 1 control steps that precede its first decision, in training but not in an evaluation, whose starts
  are those of a reset. Any other task is stepped on, and reset again before its first decision.
* A time-out is not the end of the task: the value of the *true* last observation is handed on for bootstrapping.
* The scene is encoded once per decision; the steering policy and the base policy share the condition.
* A number that is not finite ends its environment by the guard. Where the task does not reset it, it holds still until
  the task does, one ended decision after the other, all counted; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from score.task import (
    GUARD,
    SUCCESS,
    RobotTask,
    Task,
    TaskObservations,
    finite_observations,
    finite_rows,
    waiting_action,
)
from score.utils.errors import UserError
from score.utils.random import preserved_random_state

from .chunk import Chunk
from .diagnostics import RolloutStatistics
from .penalties import CLONED, base_motion
from .plan import Plan


class _Settings(dict[str, Any]):
    """Settings of the environment, of which params/ in the run's folder has the record: rsl_rl asks to have some."""

    def to_dict(self) -> dict[str, Any]:
        """As rsl_rl's writers for Weights & Biases and Neptune want them."""
        return dict(self)


class ChunkedVecEnv(VecEnv):
    """A steerable task and a plan with its frozen base policy as a vectorised environment of rsl_rl.

    Observations are the groups ``policy`` (what the base policy says of its condition, (N, F)), ``critic`` (the true
    state, (N, Dc)), and for a method that clones ``cloned`` (:func:`.penalties.base_motion` of the rows that are
    executed, (N, k, A)). Windows and point clouds stay out, because rsl_rl stores every group that it is given.

    Attributes:
        env_steps: Control steps simulated so far, summed over environments, holding included.
        decisions: Decisions so far, summed over environments.
        encode: The plan's ``encode``, maybe compiled.
        decode: The plan's ``forward``, maybe compiled.
        statistics: Outcomes since they were last drained.
    """

    def __init__(
        self,
        task: Task,
        plan: Plan,
        *,
        chunk_steps: int,
        gamma: float,
        seed: int = 0,
        compile_mode: str | None = None,
        clones: bool = False,
    ) -> None:
        """Wrap a task. The environment has to be :meth:`reset` before use.

        Args:
            task: The task, with N environments.
            plan: What a code does, with the frozen base policy, on the task's device.
            chunk_steps: Control steps executed of each chunk, k, from 1 to the policy's horizon.
            gamma: Discount of one control step.
            seed: Seed of the noise that the plan gets.
            compile_mode: Mode of :func:`torch.compile` for encoding and decoding, e.g. ``reduce-overhead``, which
                replays them as CUDA graphs; None compiles nothing.
            clones: Whether observations hold what the base policy would do, for a method that clones it.

        Raises:
            UserError: The chunk is longer than the horizon, or the task lacks a termination term the method needs.
        """
        if not 1 <= chunk_steps <= plan.horizon:
            raise UserError(
                f"agent.steering.chunk_steps is {chunk_steps}: it must be from 1 to {plan.horizon},"
                " the base policy's horizon."
            )
        missing = [name for name in (SUCCESS, GUARD) if name not in task.ended_by()]
        if missing:
            raise UserError(
                f"The task has no termination term {' and '.join(map(repr, missing))} (it"
                f" has {', '.join(task.ended_by())}): training counts successes by the one, and never credits what the"
                " other ended. Add it to the task."
            )
        self.task = task
        self.plan = plan
        self.encode: Callable[[dict[str, torch.Tensor]], torch.Tensor] = plan.encode
        self.decode: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor] = plan.forward
        if compile_mode is not None:
            self.encode = torch.compile(plan.encode, mode=compile_mode)
            self.decode = torch.compile(plan.forward, mode=compile_mode)
        self.chunk_steps = chunk_steps
        self.clones = clones
        self.gamma = gamma
        self.num_envs = task.num_envs
        self.num_actions = plan.code_dim
        self.device = task.device
        self.max_episode_length = task.max_episode_length
        self.cfg = _Settings()
        self.generator = torch.Generator(device=self.device).manual_seed(seed)
        self.env_steps = 0
        self.decisions = 0
        # Asking a GPU whether all have ended would wait for it in every control step, and hardly ever spare one.
        self._stops_early = torch.device(self.device).type == "cpu"
        self.statistics = RolloutStatistics(self.num_envs, tuple(task.ended_by()), self.device)
        self._observations = TensorDict({}, batch_size=[self.num_envs])
        self._condition = torch.empty(0)
        self._sound = torch.ones(self.num_envs, dtype=torch.bool, device=self.device)

    def get_observations(self) -> TensorDict:
        """Return the observations of the last reset or step; nothing is computed again, noise included."""
        return self._observations

    @torch.inference_mode()
    def reset(self, seed: int | None = None) -> TensorDict:
        """Start a new episode in every environment, and leave the global random state as it was.

        Args:
            seed: Seed of the starts.

        Returns:
            Observations, see the class.
        """
        with preserved_random_state(self.device):
            observations = self.task.reset(seed=seed)
        self.statistics.start_episodes()
        return self._observe(observations)

    @torch.inference_mode()
    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Make one decision: decode the codes and run the chunks.

        Args:
            actions: Codes, shape (N, d).

        Returns:
            Observations after the chunk; discounted reward (N,); whether the episode ended (N,), int64; and extras:

            * ``discount`` (N,): gamma^(steps taken), the factor of the next value.
            * ``steps`` (N,), int64: control steps that belong to the decision.
            * ``time_outs`` (N,), bool: ended by the time limit alone.
            * ``final_critic`` (N, Dc): true last state in the rows that ended, the present state in the others.
            * ``success`` (N,), bool: ended by success, and not by the guard.
            * ``ended_by``: termination term -> (N,) bool.
        """
        clock = self.statistics.clock
        started = clock.now()
        actions_chunk = self.decode(self._condition, actions, self._noise())
        sound = self._sound & finite_rows(actions_chunk)
        chunk = Chunk(self.num_envs, self._observations["critic"], tuple(self.task.ended_by()), self.gamma, sound)
        decoded = clock.now()

        for index in range(self.chunk_steps):
            action = waiting_action(self.task, chunk.ended, actions_chunk[:, index])
            observations, reward, terminated, truncated, extras = self.task.step(action)
            chunk.add_step(reward, terminated, truncated, self.task.ended_by(), extras.get("final_obs"))
            if isinstance(self.task, RobotTask):
                # A new episode that only holds still must not use up its time.
                self.task.episode_length_buf.masked_fill_(chunk.renewed, 0)
            if self._stops_early and bool(chunk.ended.all()):
                break
        observations = self.task.after_waiting(chunk.ended, observations)
        simulated = clock.now()

        self.env_steps += self.num_envs * (index + 1)
        self.decisions += self.num_envs
        self._observe(observations)
        result = chunk.finish(observations["critic"], self._sound)
        self.statistics.add_decision(chunk)
        self.statistics.add_moments(started, decoded, simulated, clock.now())
        return self._observations, result.reward, chunk.ended.long(), result.extras()

    def _observe(self, observations: TaskObservations) -> TensorDict:
        """Encode once, and keep what the next decision needs; what is not finite becomes zero and ends its episode."""
        condition = self.encode(observations["policy"])
        critic = observations["critic"]
        self._sound = finite_observations(observations) & finite_rows(condition)
        # nan_to_num copies, which rsl_rl needs: it stores observations after the step that may overwrite them.
        self._condition = _finite(condition)
        groups = {"policy": self.plan.features(self._condition), "critic": _finite(critic)}
        if self.clones:
            motion = base_motion(self.plan, self._condition, self._noise())
            groups[CLONED] = _finite(motion[:, : self.chunk_steps])
        self._observations = TensorDict(groups, batch_size=[self.num_envs], device=self.device)
        return self._observations

    def _noise(self) -> torch.Tensor:
        return torch.randn(self.num_envs, *self.plan.noise_shape, generator=self.generator, device=self.device)


def _finite(values: torch.Tensor) -> torch.Tensor:
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
