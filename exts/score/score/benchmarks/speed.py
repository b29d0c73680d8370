# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The speed suite: environment steps per second of the bare engine, of the task, and of the task under steering.

Every number of environments gets a process of its own, one after the other, so that no engine state is shared and the
peak memory is its own. Within it the three are measured in turns and the medians are taken, because other work on a
machine slows one minute and not the next.
"""

from __future__ import annotations

import functools
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich import box
from rich.table import Table

from score.steering.checkpoint import save_json
from score.task import Task, waiting_action
from score.utils.errors import UserError

from .workers import run_worker

if TYPE_CHECKING:
    from score.steering.chunked_env import ChunkedVecEnv

SPEED_ENVS = (1, 16, 64, 256)
"""Numbers of environments of the suite."""


@dataclass(frozen=True)
class SpeedCfg:
    """Settings of the speed suite."""

    envs: tuple[int, ...] = SPEED_ENVS
    """Numbers of environments, each at least 1."""
    rounds: int = 3
    """Turns of engine, task and steering, at least 1; medians are reported."""
    seconds: float = 5.0
    """Least time of one measurement in seconds."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: One is out of range.
        """
        if not self.envs or min(self.envs) < 1:
            raise UserError(f"--num_envs must be at least 1, got {' '.join(map(str, self.envs)) or 'nothing'}.")
        if self.rounds < 1 or not self.seconds > 0:
            raise UserError(f"--rounds must be at least 1 and --seconds above 0, got {self.rounds} and {self.seconds}.")

    @property
    def least_minutes(self) -> float:
        """Least time of the suite in minutes."""
        return len(self.envs) * (3 * self.rounds * self.seconds + 15) / 60


@dataclass(frozen=True)
class SpeedRow:
    """Speeds with one number of environments, in environment steps (control steps times environments) per second."""

    num_envs: int
    """Number of environments."""
    engine: float
    """Bare physics: substeps of a control step and reading the result; no actions, rewards, observations or resets."""
    task: float
    """The task's own steps, holding still."""
    steering: float
    """The task under steering with random codes: encoding, decoding, chunks, accounting."""
    steering_over_task: float
    """Median over the rounds of steering / task."""
    task_share: float
    """Fraction of the time under steering that is spent in the task's own steps: steering's cost at equal motion."""
    peak_memory_mb: float
    """Peak resident memory of the process in MB."""


def measure_rate(
    step: Callable[[], int], seconds: float, synchronize: Callable[[], None] = lambda: None
) -> tuple[float, int]:
    """Measure how fast something steps.

    Args:
        step: Does some steps and returns their number.
        seconds: Least time to measure; a started step is finished.
        synchronize: Waits for the device.

    Returns:
        Steps per second, and the number of steps.
    """
    synchronize()
    started, done, elapsed = time.perf_counter(), 0, 0.0
    while elapsed < seconds:
        done += step()
        synchronize()
        elapsed = time.perf_counter() - started
    return done / elapsed, done


def engine_stepper(env: Any) -> Callable[[], int]:
    """Step the physics of a managed Isaac Lab environment for one control step, and nothing else.

    Args:
        env: The unwrapped ``ManagerBasedRLEnv``.

    Returns:
        A function that does so and returns the number of environment steps.
    """
    # Some engines fold all substeps of a control step into one call.
    folded = env.sim.physics_manager.handles_decimation()
    calls, per_call = (1, env.cfg.decimation) if folded else (env.cfg.decimation, 1)

    def step() -> int:
        for _ in range(calls):
            env.scene.write_data_to_sim()
            env.sim.step(render=False)
            env.scene.update(dt=env.physics_dt * per_call)
        return int(env.num_envs)

    return step


def task_stepper(task: Task) -> Callable[[], int]:
    """Step a task whose environments all wait: a robot holds still."""
    everyone = torch.ones(task.num_envs, dtype=torch.bool, device=task.device)
    nothing = torch.zeros(task.num_envs, len(task.spec.actions.names), device=task.device)

    def step() -> int:
        task.step(waiting_action(task, everyone, nothing))
        return task.num_envs

    return step


def steering_stepper(env: ChunkedVecEnv, seed: int = 0) -> Callable[[], int]:
    """Step a chunked environment by one decision with N(0, I) codes."""
    generator = torch.Generator(device=env.device).manual_seed(seed)

    def step() -> int:
        before = env.env_steps
        env.step(torch.randn(env.num_envs, env.num_actions, generator=generator, device=env.device))
        return env.env_steps - before

    return step


@torch.inference_mode()
def measure_speed(env: ChunkedVecEnv, engine: Callable[[], int], cfg: SpeedCfg, seed: int = 0) -> SpeedRow:
    """Measure engine, task and steering in turns.

    Args:
        env: The chunked environment around the task.
        engine: Steps the bare engine, see :func:`engine_stepper`.
        cfg: Settings.
        seed: Seed of starts and codes.

    Returns:
        Medians over the rounds.
    """
    cuda = str(env.device).startswith("cuda")
    synchronize = torch.cuda.synchronize if cuda else (lambda: None)
    steppers = {"engine": engine, "task": task_stepper(env.task), "steering": steering_stepper(env, seed)}
    rates: dict[str, list[float]] = {name: [] for name in steppers}
    shares: list[float] = []
    for index in range(cfg.rounds + 1):
        for name, step in steppers.items():
            env.reset(seed=seed + index)
            env.statistics.drain()
            # Round 0 warms up: kernels are compiled and caches filled at the first steps.
            rate, _ = measure_rate(step, cfg.seconds if index else 0.1, synchronize)
            if index:
                rates[name].append(rate)
        if index:
            spent = env.statistics.drain()
            shares.append(spent.physics_seconds / (spent.physics_seconds + spent.policy_seconds))
    ratios = [steering / task for steering, task in zip(rates["steering"], rates["task"], strict=True)]
    return SpeedRow(
        num_envs=env.num_envs,
        **{name: statistics.median(values) for name, values in rates.items()},
        steering_over_task=statistics.median(ratios),
        task_share=statistics.median(shares),
        peak_memory_mb=peak_memory_mb(),
    )


def peak_memory_mb() -> float:
    """Peak resident memory of this process in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def run_workers(
    command: Callable[[int, Path], Sequence[str]], cfg: SpeedCfg, progress: Callable[[str], None] = lambda text: None
) -> list[dict[str, Any]]:
    """Measure each number of environments in a process of its own.

    Args:
        command: Makes the command of a worker from the number of environments and the file that it is to write.
        cfg: Settings.
        progress: Told what is being measured.

    Returns:
        Rows of :class:`SpeedRow` as dictionaries; a row of a worker that failed holds ``num_envs`` and ``error``.
    """
    rows = []
    for num_envs in cfg.envs:
        progress(f"{num_envs} environments")
        row = run_worker(functools.partial(command, num_envs))
        rows.append({"num_envs": num_envs} | row)
    return rows


def write_row(row: SpeedRow, path: Path, **facts: Any) -> None:
    """Write a worker's row, with facts that only it knows, such as the physics engine."""
    save_json(asdict(row) | facts, path)


def speed_report(
    rows: Sequence[Mapping[str, Any]], cfg: SpeedCfg, *, task: str, domain: str, commit: str, command: str
) -> dict[str, Any]:
    """Build the report of the suite.

    Args:
        rows: What :func:`run_workers` returned.
        cfg: Settings.
        task: Gym id.
        domain: ``sim`` or ``real``.
        commit: Commit of the source.
        command: Command of this process.

    Returns:
        Plain JSON values.
    """
    machine = {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "load": list(os.getloadavg())}
    return {
        "suite": "speed",
        "task": task,
        "domain": domain,
        "settings": asdict(cfg),
        "rows": [dict(row) for row in rows],
        "machine": machine,
        "commit": commit,
        "command": command,
    }


def speed_table(report: Mapping[str, Any]) -> Table:
    """Render the report of the suite for the console."""
    first: Mapping[str, Any] = next((row for row in report["rows"] if "error" not in row), {})
    table = Table(
        title=f"{report['task']}  domain {report['domain']}  physics {first.get('physics', '?')}  device"
        f" {first.get('device', '?')}  [environment steps / s]",
        box=box.SIMPLE,
        title_justify="left",
    )
    for heading in ("environments", "engine", "task", "steering", "steering / task", "time in task", "peak memory"):
        table.add_column(heading, justify="right")
    for row in report["rows"]:
        if "error" in row:
            table.add_row(str(row["num_envs"]), "failed", *[""] * 5)
            continue
        speeds = [f"{row[name]:.0f}" for name in ("engine", "task", "steering")]
        shares = [f"{row['steering_over_task']:.2f}", f"{100 * row['task_share']:.0f} %"]
        table.add_row(str(row["num_envs"]), *speeds, *shares, f"{row['peak_memory_mb']:.0f} MB")
    return table
