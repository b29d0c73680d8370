# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Runs episodes of one arm, as a queue over the task's environments; every arm meets the same starts and noise.

An episode is what its index and the seed say, wherever and beside whatever it runs:

* Start: the task resets its environment from a seed derived from ``(seed, episode)``. What the task draws inside an
  episode has to come from that seed too (:func:`score.utils.random.counter_normal`).
* Latent noise: a counter-based function of ``(seed, episode, decision)``.
* Networks get at least :data:`_ROWS` rows: below, matrix products add in another order, and the last bit differs.
* An environment whose episode ends takes the next one when the environments' common chunk is over, and holds still
  until then: at most ``chunk_steps - 1`` steps. Decisions of all environments are so made together, in one pass through
  the networks a chunk; a pass for a few rows in every step takes longer than is waited.
* Of several processes (:mod:`score.utils.ranks`) each runs its share of the episodes, and gets the outcomes of all.
* Where an observation, a latent or an action is not finite, the guard ends the episode, as in training.

What an engine itself keeps of an environment's past over a reset is not the task's to undo, and may still make episodes
differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import torch

from score.task import contact_force, finite_observations, finite_rows, sent_action, waiting_action
from score.utils import ranks
from score.utils.errors import UserError
from score.utils.random import preserved_random_state

from .arms import Arm, Decision
from .paths import PathRecorder
from .queue import NOBODY, EpisodeQueue
from .recorder import Recorder
from .results import EpisodeResults, Outcome, RunningEpisodes
from .seeds import latent_noise, start_seeds

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task, TaskObservations

_ROWS = 8
"""Fewest rows of a decision; from 5 on, the shipped base policies gave the same bits on a CPU for any number."""

Progress = Callable[[int, int], None]
"""Called once a decision with the number of episodes that have ended, and of all."""


class ResultStore(Protocol):
    """Keeps the results of finished episodes, so that interrupted work continues."""

    def get(self, arm: str, episode: int) -> Outcome | None:
        """Return how an episode ended, None if it has not been run."""
        ...

    def put(self, arm: str, outcomes: Mapping[int, Outcome]) -> None:
        """Keep how episodes ended, by their indices."""
        ...


def run_episodes(
    task: Task,
    base_policy: BasePolicy,
    arm: Arm,
    *,
    episodes: Sequence[int],
    seed: int,
    chunk_steps: int,
    late_steps: int = 0,
    start_seed: Callable[[int], int] | None = None,
    progress: Progress | None = None,
    store: ResultStore | None = None,
    trace: bool = False,
    recorder: Recorder | None = None,
    paths: PathRecorder | None = None,
) -> EpisodeResults:
    """Run episodes of one arm; as soon as one has ended, its environment takes the next.

    Args:
        task: The task; results do not depend on its number of environments.
        base_policy: The frozen base policy, on the task's device.
        arm: How decisions are made.
        episodes: Indices of the episodes, at least one, each once; with the seed they determine starts and noise.
        seed: Seed of the evaluation (see :class:`~score.rollout.seeds.SeedSpace`).
        chunk_steps: Control steps executed of every decoded chunk, 1 to the policy's horizon.
        late_steps: Control steps that a decision takes, fewer than ``chunk_steps``: meanwhile the last chunk goes on,
            or its last row holds, and then the new one from the row of that step. An episode waits for its first
            decision.
        start_seed: Index of an episode -> seed of its start, where several are to share one; by default each has its
            own, derived from the seed.
        progress: Told once a decision how many episodes have ended.
        store: Episodes found here are not run again; the others are kept here. Traces are not stored.
        trace: Whether to keep the latents of every decision; only without a store.
        recorder: Records the first episode.
        paths: Records the paths of all episodes that are run.

    Returns:
        The outcome of each episode, in the order of ``episodes``.

    Raises:
        UserError: The task has no ``success`` or ``guard`` termination, or ``chunk_steps`` is not from 1 to the base
            policy's horizon.
        ValueError: ``episodes`` or ``late_steps`` is out of range.
    """
    require_chunk_steps(chunk_steps, base_policy)
    if not 0 <= late_steps < chunk_steps:
        raise ValueError(f"late_steps must be from 0 to {chunk_steps - 1}, got {late_steps}.")
    if not episodes or len(set(episodes)) < len(episodes) or min(episodes) < 0:
        raise ValueError(f"episodes must be different indices from 0 on, at least 1, got {list(episodes)}.")
    if store is not None and trace:
        raise ValueError("Traces are not stored: give no store.")
    own = ranks.share(episodes)
    kept = {} if store is None else {episode: store.get(arm.name, episode) for episode in own}
    done = {episode: outcome for episode, outcome in kept.items() if outcome is not None}
    queue = EpisodeQueue(
        [episode for episode in own if episode not in done], task.num_envs, start_seed or start_seeds(seed)
    )
    run = _Run(task, base_policy, arm, seed, chunk_steps, late_steps, trace, recorder, paths)
    # Training runs in inference mode: buffers that a task makes there can be written in no other.
    with torch.inference_mode(), preserved_random_state(task.device):
        for ended in run.outcomes(queue):
            done |= ended
            if store is not None and ended:
                store.put(arm.name, ended)
            if progress is not None:  # the others are about as far
                progress(min(len(done) * ranks.count(), len(episodes)), len(episodes))
            if recorder is not None and episodes[0] in ended:
                recorder.finish(ended[episodes[0]].steps)
    found = {episode: (outcome, run.trace_of(episode) if trace else None) for episode, outcome in done.items()}
    of_all = {episode: result for part in ranks.gather(found) for episode, result in part.items()}
    outcomes, traces = zip(*(of_all[episode] for episode in episodes), strict=True)
    return EpisodeResults.of(outcomes, task.max_episode_length, traces if trace else ())


def require_chunk_steps(chunk_steps: int, base_policy: BasePolicy) -> None:
    """Refuse to execute no step of a chunk, or more than it has.

    Raises:
        UserError: ``chunk_steps`` is not from 1 to the base policy's horizon.
    """
    horizon = base_policy.spec.horizon
    if not 1 <= chunk_steps <= horizon:
        raise UserError(
            f"{chunk_steps} steps of every chunk cannot be executed: the base policy's horizon is {horizon}. Set"
            f" agent.steering.chunk_steps, from 1 to {horizon}."
        )


class _Run:
    """The episodes of one arm that are under way."""

    def __init__(
        self,
        task: Task,
        base_policy: BasePolicy,
        arm: Arm,
        seed: int,
        chunk_steps: int,
        late_steps: int,
        trace: bool,
        recorder: Recorder | None,
        paths: PathRecorder | None,
    ) -> None:
        self.task, self.base_policy, self.arm = task, base_policy, arm
        self.seed, self.chunk_steps, self.recorder, self.paths = seed, chunk_steps, recorder, paths
        self.late_steps, self._last_chunk = late_steps, torch.empty(0)
        self.running = RunningEpisodes(task.num_envs, task.max_episode_length, task.device)
        self._latents: dict[int, list[torch.Tensor]] | None = {} if trace else None

    def outcomes(self, queue: EpisodeQueue) -> Iterator[dict[int, Outcome]]:
        """Run all episodes; yield those that have ended, once a decision."""
        if queue.idle:
            return
        everyone = torch.ones(self.task.num_envs, dtype=torch.bool)
        self.task.seed_episodes(queue.offer(everyone), everyone)
        observations = self.task.reset()
        self.running.begin(queue.begin(everyone).to(self.task.device))
        self.running.require(finite_observations(observations))
        while not queue.idle:
            chunk = self._decide(observations, queue)
            observations, ended = self._run_chunk(observations, chunk, queue)
            yield ended

    def trace_of(self, episode: int) -> torch.Tensor:
        """Latents (D, H, A) of an episode's decisions, on the CPU."""
        latents = (self._latents or {}).get(episode, [])
        return torch.stack(latents) if latents else torch.empty(0, *self.base_policy.latent_shape)

    def _decide(self, observations: TaskObservations, queue: EpisodeQueue) -> torch.Tensor:
        """Make the chunks (N, H, A) of all environments; what free ones get nobody looks at."""
        windows, count = observations["policy"], self.task.num_envs
        rows = torch.arange(max(count, _ROWS)) % count
        if count < _ROWS:
            windows = {key: window[rows.to(window.device)] for key, window in windows.items()}
        condition = self.base_policy.encode(windows)
        episodes, indices = queue.episodes[rows], queue.decisions[rows]
        episodes[count:] = NOBODY  # whoever watches an arm sees every decision once
        noise = latent_noise(self.base_policy.latent_shape, self.seed, episodes, indices, condition.device)
        latent, chunk = self.arm.act(Decision(condition, noise, episodes, indices, self.seed, windows))
        if chunk is None:
            chunk = self.base_policy.decode_all(condition, latent)
        latent, chunk = latent[:count], chunk[:count]
        self.running.require(finite_rows(condition[:count], latent, chunk))
        chunk = self._late(chunk, queue.decisions > 0) if self.late_steps else chunk
        queue.decisions += 1
        if self._latents is not None:
            for env in self.running.active.nonzero().flatten().tolist():
                self._latents.setdefault(int(queue.episodes[env]), []).append(latent[env].cpu())
        if self.recorder is not None:
            self.recorder.record_decision(latent)
        return chunk

    def _late(self, chunk: torch.Tensor, goes_on: torch.Tensor) -> torch.Tensor:
        """Chunks (N, H, A) whose first rows are the next ones of the last chunks, where an episode goes on."""
        last, self._last_chunk = self._last_chunk, chunk
        if not bool(goes_on.any()):
            return chunk
        rows = (self.chunk_steps + torch.arange(self.late_steps)).clamp(max=last.shape[1] - 1).to(chunk.device)
        begun = torch.where(goes_on.to(chunk.device)[:, None, None], last[:, rows], chunk[:, : self.late_steps])
        return torch.cat([begun, chunk[:, self.late_steps :]], dim=1)

    def _run_chunk(
        self, observations: TaskObservations, chunk: torch.Tensor, queue: EpisodeQueue
    ) -> tuple[TaskObservations, dict[int, Outcome]]:
        """Run a chunk, and in its last step begin the next episodes; return observations and what has ended."""
        task, running = self.task, self.running
        for offset in range(self.chunk_steps):
            active = running.active.cpu()  # this waits for the device
            last = offset + 1 == self.chunk_steps or not bool(active.any())
            if not bool(active.any()) and not queue.waiting:
                break
            seeds = queue.offer(~active) if last else None
            if seeds is not None:
                task.seed_episodes(seeds, ~active & (seeds != NOBODY))
            action = waiting_action(task, ~running.active, chunk[:, offset])
            if self.recorder is not None:
                self.recorder.record_observations(observations["policy"])
            before = None if self.paths is None else self.paths.newest(observations["policy"])
            observations, _, terminated, truncated, extras = task.step(action)
            if self.recorder is not None:
                self.recorder.record_actions(action, sent_action(task, action))
            done = terminated | truncated
            if self.paths is not None and before is not None:
                keep = active & ~done.cpu()
                self.paths.record(before, sent_action(task, action), queue.episodes, keep, contact_force(task))
            if "final_obs" in extras:
                running.require(~done | finite_rows(extras["final_obs"]["critic"]))
            running.update(done, task.ended_by())
            if last:
                ended = queue.collect(running.active.cpu(), running.outcomes())
                running.begin(queue.begin(done.cpu() | ~active).to(task.device))
                running.require(finite_observations(observations))
                return observations, ended
            running.require(finite_observations(observations))
        return observations, queue.collect(running.active.cpu(), running.outcomes())
