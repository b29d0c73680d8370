# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Runs episodes of one arm so that every arm meets the same starts and the same noise.

* Starts: a batch resets all environments with a seed derived from ``(seed, batch)``. So starts depend on the seed and
  on the number of environments, never on the arm.
* Latent noise: a generator of its own for each ``(seed, batch, decision)``.
* Sensor noise: torch's global generator is seeded from ``(seed, batch, step)`` before every control step. It is then
  the same for all arms, except in a step in which some environment ends: its reset draws numbers before the others'
  noise is drawn.
* The first episode of each environment counts, once. A robot that has ended holds still until the batch is over.
* Where an observation, a latent or an action is not finite, the guard ends the episode, as in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch

from score.task import finite_observations, finite_rows, sent_action, waiting_action
from score.utils.random import preserved_random_state, seed_global_generators

from .arms import Arm, Decision
from .recorder import EpisodeRecorder
from .results import EpisodeResults, FirstEpisodes, LatentTrace
from .seeds import Stream, derive_seed, latent_noise

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task

Progress = Callable[[int, int], None]
"""Called once a decision with the number of episodes that have ended, and of all."""


class ResultStore(Protocol):
    """Keeps the results of finished batches, so that interrupted work continues."""

    def get(self, arm: str, batch: int) -> EpisodeResults | None:
        """Returns the results of a batch, None if it has not been run."""
        ...

    def put(self, arm: str, batch: int, results: EpisodeResults) -> None:
        """Keeps the results of a batch."""
        ...


def run_episodes(
    task: Task,
    base_policy: BasePolicy,
    arm: Arm,
    *,
    episodes: int,
    seed: int,
    chunk_steps: int,
    first_batch: int = 0,
    progress: Progress | None = None,
    store: ResultStore | None = None,
    trace: bool = False,
    recorder: EpisodeRecorder | None = None,
) -> EpisodeResults:
    """Runs episodes of one arm, in batches of ``task.num_envs``.

    Args:
        task: The task, with one environment for each episode of a batch.
        base_policy: The frozen base policy, on the task's device.
        arm: How decisions are made.
        episodes: Number of episodes, at least 1. Of a last batch that is not full, the first environments count.
        seed: Seed of the evaluation (see :class:`~score.rollout.seeds.SeedSpace`).
        chunk_steps: Control steps executed of every decoded chunk, 1 to the policy's horizon.
        first_batch: Index of the first batch; other indices are other starts.
        progress: Told once a decision how many episodes have ended.
        store: Batches found here are not run again; the others are kept here. Traces are not stored.
        trace: Whether to keep the latents of every decision.
        recorder: Records one environment of the first batch.

    Returns:
        The outcome of each episode, in the order of batches and environments.

    Raises:
        UserError: The task has no ``success`` or ``guard`` termination.
        ValueError: ``episodes`` or ``chunk_steps`` is out of range.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}.")
    parts: list[EpisodeResults] = []
    for index in range(math.ceil(episodes / task.num_envs)):
        batch, finished = first_batch + index, index * task.num_envs
        count = min(task.num_envs, episodes - finished)
        results = store.get(arm.name, batch) if store is not None else None
        if results is None:
            results = run_batch(
                task,
                base_policy,
                arm,
                seed=seed,
                batch=batch,
                count=count,
                chunk_steps=chunk_steps,
                progress=_after(finished, episodes, progress),
                trace=trace,
                recorder=recorder if index == 0 else None,
            )
            if store is not None:
                store.put(arm.name, batch, results)
        if progress is not None:
            progress(finished + count, episodes)
        parts.append(results)
    return EpisodeResults.concatenate(parts)


def run_batch(
    task: Task,
    base_policy: BasePolicy,
    arm: Arm,
    *,
    seed: int,
    batch: int,
    count: int,
    chunk_steps: int,
    progress: Progress | None = None,
    trace: bool = False,
    recorder: EpisodeRecorder | None = None,
) -> EpisodeResults:
    """Runs one episode in each environment; see :func:`run_episodes` for what the arguments mean.

    Args:
        task: The task.
        base_policy: The frozen base policy.
        arm: How decisions are made.
        seed: Seed of the evaluation.
        batch: Index of the batch.
        count: Number of environments that count, the first ones; the batch is over when they have ended.
        chunk_steps: Control steps executed of every chunk.
        progress: Told once a decision how many of ``count`` have ended.
        trace: Whether to keep latents.
        recorder: Records one environment.

    Returns:
        Results of the first ``count`` environments.
    """
    horizon = base_policy.spec.horizon
    if not 1 <= chunk_steps <= horizon:
        raise ValueError(f"chunk_steps must be from 1 to the policy's horizon {horizon}, got {chunk_steps}.")
    limit = task.max_episode_length
    latents: list[torch.Tensor] = []
    alive: list[torch.Tensor] = []
    # Training runs in inference mode: buffers that a task makes there can be written in no other.
    with torch.inference_mode(), preserved_random_state(task.device):
        observations = task.reset(seed=derive_seed(seed, batch, Stream.START))
        first = FirstEpisodes(task.num_envs, task.device)
        first.require(finite_observations(observations))
        for decision in range(math.ceil(limit / chunk_steps)):
            noise = latent_noise((task.num_envs, *base_policy.latent_shape), seed, batch, decision, task.device)
            condition = base_policy.encode(observations["policy"])
            latent, chunk = arm.act(Decision(condition, noise, batch, decision, seed))
            if chunk is None:
                chunk = base_policy.decode(condition, latent)
            first.require(finite_rows(condition, latent, chunk))
            if trace:
                latents.append(latent[:count].cpu())
                alive.append(first.active[:count].cpu())
            if recorder is not None:
                recorder.record_decision(latent)
            for offset in range(min(chunk_steps, limit - decision * chunk_steps)):
                seed_global_generators(
                    derive_seed(seed, batch, Stream.STEP, decision * chunk_steps + offset), task.device
                )
                action = waiting_action(task, ~first.active, chunk[:, offset])
                if recorder is not None:
                    recorder.record_observations(observations["policy"])
                observations, _, terminated, truncated, extras = task.step(action)
                if recorder is not None:
                    recorder.record_actions(action, sent_action(task, action))
                done = terminated | truncated
                if "final_obs" in extras:
                    first.require(~done | finite_rows(extras["final_obs"]["critic"]))
                first.update(done, task.ended_by())
                first.require(finite_observations(observations))
            # This waits for the device: once a decision, outside of the simulation steps.
            ended = count - int(torch.count_nonzero(first.active[:count]))
            if progress is not None:
                progress(ended, count)
            if ended == count:
                break
    if recorder is not None:
        recorder.finish(int(first.steps[recorder.env]), not bool(first.active[recorder.env]))
    kept = LatentTrace(torch.stack(latents, dim=1), torch.stack(alive, dim=1)) if trace else None
    return first.results(count, limit, kept)


def _after(finished: int, total: int, progress: Progress | None) -> Progress | None:
    """Shifts a batch's progress by the episodes of the batches before it."""
    if progress is None:
        return None
    return lambda ended, _: progress(finished + ended, total)
