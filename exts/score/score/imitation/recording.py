# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records demonstrations into Isaac Lab's HDF5 episode layout.

One episode is a group ``data/demo_<i>`` with ``obs/<key>`` (T, ...) as observed before each control step, ``actions``
(T, A) as really sent (after clamping), ``rewards`` (T,) and attributes ``success``, ``seed`` and ``num_samples``. The
attribute ``env_args`` of ``data`` says what the numbers are: names, units, rate, domain, engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch

from isaaclab.utils.datasets import EpisodeData, HDF5DatasetFileHandler

from score.utils.errors import UserError
from score.utils.files import atomic_file
from score.utils.targets import clamp_target


class Demonstrator(Protocol):
    """Acts with privileged state on all environments of a task."""

    def reset(self) -> None:
        """Draws the habits of a new batch of episodes; called after the environments were reset."""

    def act(self) -> torch.Tensor:
        """Raw actions (N, A) of this control step."""


def newest_frames(observations: dict[str, torch.Tensor], histories: dict[str, int]) -> dict[str, torch.Tensor]:
    """Newest frame of every observation window: (N, *shape) each."""
    return {key: value[:, -1] if histories[key] > 1 else value for key, value in observations.items()}


def describe_recording(task: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """What the numbers of a recording are: the ``env_args`` that ``score.imitation.dataset`` reads."""
    spec = task.spec
    return {
        "domain": task.domain,
        "engine": task.engine,
        "control_rate_hz": spec.control_rate_hz,
        "action_names": list(spec.actions.names),
        "action_low": list(spec.actions.low),
        "action_high": list(spec.actions.high),
        "units": {"actions": spec.actions.units, **{key: spec.observations[key].units for key in keys}},
        "frames": {key: spec.observations[key].frame for key in keys if spec.observations[key].frame},
        "segments": {
            key: [asdict(segment) for segment in spec.observations[key].segments]
            for key in keys
            if spec.observations[key].segments
        },
    }


def record_demonstrations(
    task: Any,
    demonstrator: Demonstrator,
    episodes: int,
    path: Path,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    keys: tuple[str, ...] = ("joint_pos", "point_cloud"),
) -> dict[str, float]:
    """Records the first episode of every environment, batch after batch, failures kept.

    Args:
        task: Opened task (``score.simulation.SteerableEnv``).
        demonstrator: The task's demonstrator.
        episodes: Number of episodes to keep.
        path: HDF5 file to write; it appears when it is complete.
        seed: Seed of the first batch; batch b is reset with ``seed + b``.
        progress: Called with (episodes done, episodes in all).
        keys: Observations to store.

    Returns:
        Counts and means: episodes, success_rate, mean_steps, success_steps, guard_resets.

    Raises:
        UserError: ``episodes`` is not positive, or the file name does not end with .hdf5.
    """
    if episodes < 1:
        raise UserError(f"--episodes must be at least 1, got {episodes}.")
    if path.suffix != ".hdf5":
        raise UserError(f"--output must end with .hdf5, got '{path}'.")
    histories = {key: spec.history for key, spec in task.spec.observations.items()}
    done_count, batch = 0, 0
    lengths: list[int] = []
    successes: list[bool] = []
    guards = 0
    with atomic_file(path) as temporary:
        handler = HDF5DatasetFileHandler()
        handler.create(str(temporary), env_name=task.task)  # the temporary name keeps the suffix that it insists on
        try:
            handler.add_env_args(describe_recording(task, keys))
            while done_count < episodes:
                steps, success, guard, frames = _record_batch(task, demonstrator, seed + batch, keys, histories)
                if bool(guard.all()):
                    raise UserError(
                        f"The guard ended every episode of batch {batch} (unsound physics or full contact buffers):"
                        " nothing to record. Check the engine's settings."
                    )
                for env in (~guard).nonzero()[: episodes - done_count, 0].tolist():
                    _write_episode(handler, frames, env, int(steps[env]), bool(success[env]), seed + batch)
                    lengths.append(int(steps[env]))
                    successes.append(bool(success[env]))
                    done_count += 1
                    if progress is not None:
                        progress(done_count, episodes)
                guards += int(guard.sum())
                batch += 1
        finally:
            handler.close()
    solved = [length for length, success in zip(lengths, successes, strict=True) if success]
    return {
        "episodes": done_count,
        "success_rate": sum(successes) / done_count,
        "mean_steps": sum(lengths) / done_count,
        "success_steps": sum(solved) / max(1, len(solved)),
        "guard_resets": guards,
    }


@torch.inference_mode()
def _record_batch(
    task: Any, demonstrator: Demonstrator, seed: int, keys: tuple[str, ...], histories: dict[str, int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """First episode of every environment: steps (N,), success (N,), guard (N,), frames key -> (N, T, ...)."""
    observations = task.reset(seed=seed)["policy"]
    demonstrator.reset()
    count = task.num_envs
    running = torch.ones(count, dtype=torch.bool, device=task.device)
    steps = torch.zeros(count, dtype=torch.long, device=task.device)
    success, guard = torch.zeros_like(running), torch.zeros_like(running)
    stored: dict[str, list[torch.Tensor]] = {key: [] for key in (*keys, "actions", "rewards")}
    for _ in range(task.max_episode_length):
        frames = newest_frames(observations, histories)
        action = torch.where(running[:, None], demonstrator.act(), task.hold_action())
        # after a reset inside step() commanded() is that of the next episode: clamp beforehand as the action term does
        sent = _clamped(task, action, frames["joint_pos"])
        observations, reward, terminated, truncated, _ = task.step(action)
        observations = observations["policy"]
        for key in keys:
            stored[key].append(frames[key].cpu())
        stored["actions"].append(sent.cpu())
        stored["rewards"].append(reward.cpu())
        steps += running
        ended = task.ended_by()
        guard |= running & ended["guard"]
        success |= running & ended["success"] & ~ended["guard"]
        running &= ~(terminated | truncated)
        if not bool(running.any()):
            break
    return steps.cpu(), success.cpu(), guard.cpu(), {key: torch.stack(value, dim=1) for key, value in stored.items()}


def _clamped(task: Any, action: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """The targets that the action term will send for ``action`` from ``measured``."""
    low, high, max_offset = task.command_limits
    return clamp_target(action, low, high, measured, max_offset)


def _write_episode(
    handler: HDF5DatasetFileHandler, frames: dict[str, torch.Tensor], env: int, steps: int, success: bool, seed: int
) -> None:
    episode = EpisodeData()
    episode.seed, episode.success = seed, success
    episode.data = {
        "obs": {key: value[env, :steps] for key, value in frames.items() if key not in ("actions", "rewards")},
        "actions": frames["actions"][env, :steps],
        "rewards": frames["rewards"][env, :steps],
    }
    handler.write_episode(episode)
