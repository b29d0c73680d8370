# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Where the time of a training goes: parts of an iteration, host synchronisations, memory.

Kernels of a GPU run behind the host: the device is synchronised at both ends of every part. That costs time itself, so
rates are measured without it.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringRunnerCfg
from score.steering.runner import SteeringRunner

from .speed import measure_rate, steering_stepper

PARTS = ("physics", "observations", "managers", "encoder", "decode", "learner", "rest")
"""Parts of an iteration: physics with what is written to it and read from it; observation terms; what else the task's
step does (rewards, terminations, events, resets); condition from observations; chunk from condition and code; updates
of the networks; and the rest (accounting, forward passes of actor and critic, storage)."""


def synchronizer(device: torch.device | str) -> Callable[[], None]:
    """Return what waits for a device; nothing on a CPU."""
    return torch.cuda.synchronize if torch.device(device).type == "cuda" else (lambda: None)


class PartClock:
    """Wall time of calls by part, the device synchronised around each; a part within a part counts for itself."""

    def __init__(self, synchronize: Callable[[], None]) -> None:
        """Start with nothing."""
        self.seconds: dict[str, float] = {}
        self._synchronize = synchronize
        self._inner = [0.0]

    @contextlib.contextmanager
    def watch(self, owner: Any, method: str, part: str) -> Iterator[None]:
        """Count the calls of a method of one object while the context lasts."""
        original = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.timed(part):
                return original(*args, **kwargs)

        own = vars(owner).get(method)
        setattr(owner, method, timed)
        try:
            yield
        finally:
            if own is None:
                delattr(owner, method)
            else:
                setattr(owner, method, own)

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count what is done while the context lasts."""
        self._synchronize()
        started = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            self._synchronize()
            spent = time.perf_counter() - started
            inner = self._inner.pop()
            self._inner[-1] += spent
            self.seconds[part] = self.seconds.get(part, 0.0) + spent - inner


def watched_methods(env: ChunkedVecEnv, runner: SteeringRunner) -> list[tuple[Any, str, str]]:
    """Object, method and part of everything that is watched; a task that is no Isaac Lab task is one part."""
    watched = [(env.task, "step", "managers"), (env, "encode", "encoder"), (env, "decode", "decode")]
    watched.append((runner.alg, "update", "learner"))
    managed = getattr(env.task, "env", None)
    if managed is not None and hasattr(managed, "observation_manager"):
        watched.append((managed.observation_manager, "compute", "observations"))
        watched += [(managed.scene, name, "physics") for name in ("write_data_to_sim", "update")]
        watched.append((managed.sim, "step", "physics"))
    return watched


def make_runner(env: ChunkedVecEnv, cfg: SteeringRunnerCfg, decisions: int | None) -> SteeringRunner:
    """Make a runner that writes nothing and does not evaluate.

    Args:
        env: The environment.
        cfg: Settings of the task.
        decisions: Decisions of each environment per iteration; those of the settings if None.
    """
    if decisions is not None:
        cfg.num_steps_per_env = decisions
    # as many mini-batches as the settings say, where there are decisions for them: a mini-batch needs two
    most = env.num_envs * cfg.num_steps_per_env // 2
    cfg.algorithm.num_mini_batches = max(1, min(cfg.algorithm.num_mini_batches, most))
    return SteeringRunner(env, cfg, None, "", report=lambda line: None)


def measure_training(env: ChunkedVecEnv, runner: SteeringRunner) -> float:
    """Control steps per second of one iteration of training, after one that warms up."""
    runner.learn(1)

    def iteration() -> int:
        before = env.env_steps
        runner.learn(1)
        return env.env_steps - before

    return measure_rate(iteration, 1e-9, synchronizer(env.device))[0]


def measure_parts(env: ChunkedVecEnv, runner: SteeringRunner) -> dict[str, float]:
    """Share of each of :data:`PARTS` in the time of one iteration of training."""
    clock = PartClock(synchronizer(env.device))
    with contextlib.ExitStack() as stack:
        for owner, method, part in watched_methods(env, runner):
            stack.enter_context(clock.watch(owner, method, part))
        with clock.timed("rest"):
            runner.learn(1)
    total = sum(clock.seconds.values())
    return {part: clock.seconds.get(part, 0.0) / total for part in PARTS}


def count_synchronizations(env: ChunkedVecEnv) -> float | None:
    """Count how often in a control step torch makes the host wait for the GPU; None on a CPU, where nothing waits.

    What the engine waits for by itself is not seen.
    """
    if torch.device(env.device).type != "cuda":
        return None
    step = steering_stepper(env)
    step()
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught, torch.inference_mode():
            warnings.simplefilter("always")
            taken = step() / env.num_envs
    finally:
        torch.cuda.set_sync_debug_mode(before)
    return sum("synchronizing CUDA operation" in str(warning.message) for warning in caught) / taken


@dataclass(frozen=True)
class DeviceMemory:
    """Memory of a GPU, MB (10^6 bytes)."""

    torch_peak: float
    """Most that torch reserved."""
    used: float
    """In use at the end, by all processes: torch, the engine, and whatever else runs there."""


def device_memory(device: torch.device | str) -> DeviceMemory | None:
    """Memory of the device; None on a CPU."""
    if torch.device(device).type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return DeviceMemory(torch.cuda.max_memory_reserved(device) / 1e6, (total - free) / 1e6)
