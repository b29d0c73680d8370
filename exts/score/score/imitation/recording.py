# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records demonstrations into Isaac Lab's HDF5 episode layout.

One episode is a group ``data/demo_<i>`` with ``obs/<key>`` (T, ...) as observed before each control step, ``actions``
(T, A) as really sent (after clamping), ``rewards`` (T,) and attributes ``success``, ``seed`` and ``num_samples``. The
attribute ``env_args`` of ``data`` says what the numbers are: names, units, rate, domain, engine.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import h5py
import torch

from isaaclab.utils.datasets import EpisodeData, HDF5DatasetFileHandler

from score.utils import ranks
from score.utils.errors import UserError
from score.utils.files import atomic_file
from score.utils.targets import clamp_target


class Demonstrator(Protocol):
    """Acts with privileged state on all environments of a task."""

    def reset(self) -> None:
        """Draw the habits of a new batch of episodes; called after the environments were reset."""

    def act(self) -> torch.Tensor:
        """Raw actions (N, A) of this control step."""


def newest_frames(observations: dict[str, torch.Tensor], histories: dict[str, int]) -> dict[str, torch.Tensor]:
    """Newest frame of every observation window: (N, *shape) each."""
    return {key: value[:, -1] if histories[key] > 1 else value for key, value in observations.items()}


def describe_recording(task: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return what the numbers of a recording are: the ``env_args`` that ``score.imitation.dataset`` reads."""
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
    """Record the first episode of every environment, batch after batch, failures kept.

    Several processes share the episodes; the file holds those of the first, then those of the second, and so on.

    Args:
        task: Opened task (``score.simulation.SteerableEnv``).
        demonstrator: The task's demonstrator.
        episodes: Number of episodes to keep, of all processes.
        path: HDF5 file to write; it appears when it is complete.
        seed: Seed of the first batch; batch b is reset with ``seed + b``. Each process has every so many-th batch.
        progress: Called with (episodes done, episodes in all).
        keys: Observations to store.

    Returns:
        Counts and means: episodes, success_rate, mean_steps, success_steps, guard_resets.

    Raises:
        UserError: There are fewer ``episodes`` than processes, or the file name does not end with .hdf5.
    """
    if episodes < ranks.count():
        raise UserError(f"--episodes must be at least {ranks.count()}, one for each process, got {episodes}.")
    if path.suffix != ".hdf5":
        raise UserError(f"--output must end with .hdf5, got '{path}'.")
    own = len(ranks.share(range(episodes)))
    told = None if progress is None else functools.partial(_tell, progress, episodes)
    with _own_file(path) as file:
        tally = _record_share(task, demonstrator, own, file, seed, told, keys)
        others = ranks.gather(file)[1:]
        if ranks.index() == 0:
            append_episodes(file, others)
        tallies = ranks.gather(tally)  # the others keep their files until they are copied
    lengths = [length for part in tallies for length in part.lengths]
    solved = [length for part in tallies for length in part.solved]
    return {
        "episodes": len(lengths),
        "success_rate": len(solved) / len(lengths),
        "mean_steps": sum(lengths) / len(lengths),
        "success_steps": sum(solved) / max(1, len(solved)),
        "guard_resets": sum(part.guards for part in tallies),
    }


def append_episodes(path: Path, sources: Sequence[Path]) -> None:
    """Copy the episodes of recordings to the end of another one, in their order, and count on.

    Args:
        path: The recording that grows.
        sources: Recordings of the same task.
    """
    with h5py.File(path, "r+") as file:
        data = file["data"]
        for source in sources:
            with h5py.File(source, "r") as other:
                for number in range(len(other["data"])):
                    other.copy(f"data/demo_{number}", data, f"demo_{len(data)}")
                data.attrs["total"] += other["data"].attrs["total"]


@contextlib.contextmanager
def _own_file(path: Path) -> Iterator[Path]:
    """Where this process records: the first one to what becomes ``path``, the others to files beside it."""
    if ranks.index() == 0:
        with atomic_file(path) as file:
            yield file
        return
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.resolve().parent) as folder:
        yield Path(folder, path.name).resolve()


def _tell(progress: Callable[[int, int], None], episodes: int, done: int) -> None:
    """Take this process' progress for that of all."""
    progress(min(done * ranks.count(), episodes), episodes)


@dataclass
class _Tally:
    """What one process recorded."""

    lengths: list[int] = field(default_factory=list)
    """Control steps of each episode."""
    solved: list[int] = field(default_factory=list)
    """Of these, of the successful ones."""
    guards: int = 0
    """Episodes that the guard ended; they are not kept."""


def _record_share(
    task: Any,
    demonstrator: Demonstrator,
    episodes: int,
    file: Path,
    seed: int,
    progress: Callable[[int], None] | None,
    keys: tuple[str, ...],
) -> _Tally:
    """Record the episodes of this process, in batches whose seeds no other process uses."""
    histories = {key: spec.history for key, spec in task.spec.observations.items()}
    tally = _Tally()
    handler = HDF5DatasetFileHandler()
    handler.create(str(file), env_name=task.task)  # the temporary name keeps the suffix that it insists on
    try:
        handler.add_env_args(describe_recording(task, keys))
        for batch in itertools.count(ranks.index(), ranks.count()):
            steps, success, guard, frames = _record_batch(task, demonstrator, seed + batch, keys, histories)
            if bool(guard.all()):
                raise UserError(
                    f"The guard ended every episode of batch {batch} (unsound physics or full contact buffers):"
                    " nothing to record. Check the engine's settings."
                )
            tally.guards += int(guard.sum())
            for env in (~guard).nonzero()[: episodes - len(tally.lengths), 0].tolist():
                _write_episode(handler, frames, env, int(steps[env]), bool(success[env]), seed + batch)
                tally.lengths.append(int(steps[env]))
                if success[env]:
                    tally.solved.append(int(steps[env]))
                if progress is not None:
                    progress(len(tally.lengths))
            if len(tally.lengths) == episodes:
                return tally
        raise AssertionError("batches never end")
    finally:
        handler.close()


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
    """Return the targets that the action term will send for ``action`` from ``measured``."""
    low, high, max_offset = task.command_limits
    return clamp_target(action, low, high, measured, torch.as_tensor(max_offset, device=action.device))


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
