# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The scale suite: control steps per second from 1 to 16,384 environments, on every device and engine, by part.

Every cell (environments, engine, device) gets a process of its own. A time budget ends the suite with what it has; the
same command with ``--resume`` goes on. What is written stands in :mod:`.scale_report`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from score.steering.checkpoint import save_json
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringRunnerCfg
from score.utils.errors import UserError, near_names

from .scale_parts import (
    count_synchronizations,
    device_memory,
    make_runner,
    measure_parts,
    measure_training,
)
from .speed import SpeedCfg, measure_speed, peak_memory_mb

SCALE_ENVS = (1, 16, 64, 256, 1024, 4096, 16384)
"""Numbers of environments of the suite."""
SCALE_ENGINES = ("ovphysx", "newton_mjwarp")
"""Presets of physics of the suite."""
KNOWN_ENGINES = (*SCALE_ENGINES, "isaacsim_physx")
"""All presets of physics that tasks have."""
LEAST_SECONDS = 30.0
"""A cell is not started with less than this left of the budget: a simulator starts in 10 to 20 seconds."""

RATES = ("engine", "task", "steering", "training")
"""What is measured, in control steps (times environments) per second: bare physics; the task, holding still; the task
under steering with random codes; an iteration of training, updates included."""
OUT_OF_TIME = "not run: the time budget is used up"


@dataclass(frozen=True)
class Cell:
    """What one process measures."""

    num_envs: int
    """Number of environments."""
    physics: str
    """Preset of physics."""
    device: str
    """Torch device."""


@dataclass(frozen=True)
class ScaleCfg:
    """Settings of the scale suite."""

    envs: tuple[int, ...] = SCALE_ENVS
    """Numbers of environments, each at least 1."""
    physics: tuple[str, ...] = SCALE_ENGINES
    """Presets of physics."""
    devices: tuple[str, ...] = ("cpu",)
    """Torch devices."""
    rounds: int = 1
    """Turns of engine, task and steering, at least 1; medians are reported."""
    seconds: float = 2.0
    """Least time of one measurement in seconds."""
    decisions: int | None = None
    """Decisions of each environment per iteration of the training; None for those of the task."""
    budget: float | None = None
    """Seconds that the suite may take; None for as long as it takes."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: One is out of range.
        """
        SpeedCfg(self.envs, self.rounds, self.seconds)
        for name in self.physics:
            if name not in KNOWN_ENGINES:
                near = near_names(name, KNOWN_ENGINES)
                raise UserError(f"--physics: there is no engine '{name}'.{near} There are: {', '.join(KNOWN_ENGINES)}.")
        if self.decisions is not None and self.decisions < 2:
            raise UserError(f"--decisions must be at least 2, got {self.decisions}.")
        if self.budget is not None and self.budget < LEAST_SECONDS:
            raise UserError(
                f"--budget must be at least {LEAST_SECONDS:.0f} s, got {self.budget:g}: a simulator starts in 10 to 20."
            )

    def cells(self) -> Iterator[Cell]:
        """All cells, the small ones first, so that a budget that ends is used for all engines and devices alike."""
        return itertools.starmap(Cell, itertools.product(sorted(self.envs), self.physics, self.devices))


def measure_scale(
    env: ChunkedVecEnv,
    engine: Callable[[], int],
    agent: SteeringRunnerCfg,
    cfg: ScaleCfg,
    keep: Callable[[dict[str, Any]], None],
    seed: int = 0,
) -> dict[str, Any]:
    """Measure one cell.

    Args:
        env: The chunked environment around the task.
        engine: Steps the bare engine, see :func:`.speed.engine_stepper`.
        agent: Settings of the training.
        cfg: Settings of the suite.
        keep: Given the row after each stage, so that a process that is ended leaves what it has.
        seed: Seed of starts and codes.

    Returns:
        ``engine``, ``task``, ``steering`` and ``training`` in control steps per second; ``parts``, shares of
        :data:`.scale_parts.PARTS`; ``synchronizations`` per control step and ``device_memory`` in MB, None on a CPU;
        ``peak_memory_mb`` of the host; ``decisions`` and ``mini_batches`` of an iteration.
    """
    speeds = measure_speed(env, engine, SpeedCfg((env.num_envs,), cfg.rounds, cfg.seconds), seed)
    row: dict[str, Any] = {name: getattr(speeds, name) for name in ("engine", "task", "steering")}
    row["synchronizations"] = count_synchronizations(env)
    keep(row)
    runner = make_runner(env, agent, cfg.decisions)
    row |= {"decisions": agent.num_steps_per_env, "mini_batches": agent.algorithm.num_mini_batches}
    row["training"] = measure_training(env, runner)
    keep(row)
    row["parts"] = measure_parts(env, runner)
    memory = device_memory(env.device)
    row |= {"peak_memory_mb": peak_memory_mb(), "device_memory": asdict(memory) if memory else None}
    keep(row)
    return row


def run_cells(
    cfg: ScaleCfg,
    work: Callable[[Cell, float | None], dict[str, Any]],
    report: dict[str, Any],
    path: Path,
    progress: Callable[[str], None] = lambda text: None,
) -> None:
    """Measure all cells that the report does not have, and write it after each.

    Args:
        cfg: Settings.
        work: Measures a cell within so many seconds (None: as long as it takes), as :func:`.speed.run_worker` does.
        report: The report, to which rows are added.
        path: Its file.
        progress: Told what is being measured.
    """
    started = time.monotonic()
    done = {_key(row): row for row in report["rows"] if "error" not in row}
    report["rows"] = []
    for cell in cfg.cells():
        key = _key(asdict(cell))
        if key not in done:
            left = None if cfg.budget is None else cfg.budget - (time.monotonic() - started)
            if left is not None and left < LEAST_SECONDS:
                done[key] = asdict(cell) | {"error": OUT_OF_TIME}
            else:
                progress(f"{cell.num_envs} environments, {cell.physics} on {cell.device}")
                done[key] = asdict(cell) | work(cell, left)
        report["rows"].append(done[key])
        save_json(report, path)


def _key(row: Mapping[str, Any]) -> tuple[int, str, str]:
    return row["num_envs"], row["physics"], row["device"]
