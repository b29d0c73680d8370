# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Trains a steering policy: the function behind scripts/train.py."""

from __future__ import annotations

import datetime
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from isaaclab.utils.io import dump_yaml
from isaaclab_rl.entrypoints.common import RUN_MANIFEST_FILENAME, dump_train_configs, write_run_manifest

from score.policies.base_policy import BasePolicy
from score.policies.spec import require_match
from score.task import SteerableTask
from score.utils.errors import UserError
from score.utils.files import require_writable
from score.utils.provenance import package_versions, source_commit

from .checkpoint import BEST_NAME, LIBRARY, iteration_of, load_checkpoint, weights_sha256
from .chunked_env import ChunkedVecEnv
from .config import SteeringRunnerCfg, validate_runner_cfg
from .methods import METHODS, make_plan
from .run_log import EvaluationScore
from .runner import SteeringRunner


@dataclass(frozen=True)
class TrainSummary:
    """What a training run left."""

    log_dir: Path
    """Folder of the run."""

    iterations: int
    """Iterations done, those before a resume included."""

    env_steps: int
    """Control steps done, summed over environments."""

    decisions: int
    """Decisions made, summed over environments."""

    best: EvaluationScore | None
    """Best evaluation on fixed starts; its checkpoint is model_best.pt."""

    last: EvaluationScore | None
    """Latest evaluation."""

    seconds: float
    """Wall time of this process' part."""


def train(
    task: SteerableTask,
    base_policy: BasePolicy,
    cfg: SteeringRunnerCfg,
    log_dir: Path | str,
    resume: Path | str | None = None,
    *,
    task_name: str,
    metadata: dict[str, str] | None = None,
    report: Callable[[str], None] = print,
) -> TrainSummary:
    """Train a steering policy for the frozen base policy, up to ``cfg.max_iterations`` iterations.

    Args:
        task: The task, in its ``sim`` domain.
        base_policy: The base policy; frozen, and moved to the task's device.
        cfg: Settings.
        log_dir: Folder of the run: a new one, or that of ``resume`` to go on in it; see :func:`run_directory`.
        resume: Checkpoint to go on from.
        task_name: Gym id of the task.
        metadata: What else run.json should say, such as ``physics`` and ``base_policy``.
        report: Takes the lines for the console.

    Returns:
        What was done.

    Raises:
        UserError: A setting, the base policy, the checkpoint or the folder does not fit.
        KeyboardInterrupt: Ctrl-C, after a checkpoint was saved; the message names it.
        RuntimeError: The base policy's weights have changed.
    """
    started = time.perf_counter()
    log_dir = Path(log_dir)
    require_match(base_policy.spec, task.spec)
    validate_runner_cfg(cfg, task.num_envs, base_policy.spec.horizon)
    if resume is not None:
        load_checkpoint(resume)  # refuse a wrong file before anything is written
    _require_free(log_dir, resume)
    base_policy.to(task.device).eval().requires_grad_(False)
    weights = weights_sha256(base_policy)

    random.seed(cfg.seed)
    np.random.seed(cfg.seed % 2**32)
    torch.manual_seed(cfg.seed)
    steering = cfg.steering
    plan = make_plan(base_policy, vars(steering)).to(task.device)
    env = ChunkedVecEnv(task, plan, chunk_steps=steering.chunk_steps, gamma=steering.gamma, seed=cfg.seed)
    runner = SteeringRunner(env, cfg, log_dir, weights, report)
    if resume is not None:
        runner.load(str(resume))
    if runner.gpu_global_rank == 0:
        _write_run(log_dir, task, cfg, task_name, weights, runner.completed, metadata or {})
        _announce(report, log_dir, runner, cfg, resume)

    left = cfg.max_iterations - runner.completed
    if left > 0:
        runner.learn(left)
    else:
        report(f"Nothing to do: {resume} has {runner.completed} of {cfg.max_iterations} iterations (--max_iterations).")
    if weights_sha256(base_policy) != weights:
        raise RuntimeError(
            "The base policy's weights changed during training. This is a defect: it has to stay frozen."
        )
    summary = TrainSummary(
        log_dir, runner.completed, env.env_steps, env.decisions, runner.best, runner.last, time.perf_counter() - started
    )
    _conclude(report, summary)
    return summary


def run_directory(root: Path | str, run_name: str = "", resume: Path | str | None = None) -> Path:
    """Choose the folder of a run: that of the checkpoint to resume if it is the last one there, or else a new one.

    Going on from an earlier checkpoint is another run, which must not mix with what came after in the old one.

    Args:
        root: Folder of the experiment, ``logs/rsl_rl/<experiment>``.
        run_name: Appended to the time that names a new folder.
        resume: Checkpoint to go on from.
    """
    if resume is not None:
        folder = Path(resume).resolve().parent
        if (folder / RUN_MANIFEST_FILENAME).exists() and not _later_checkpoints(Path(resume)):
            return folder
    name = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return Path(root) / (f"{name}_{run_name}" if run_name else name)


def _later_checkpoints(checkpoint: Path) -> list[str]:
    """Return the checkpoints beside one that were written after it."""
    iteration = load_checkpoint(checkpoint)["iter"]
    return sorted(file.name for file in checkpoint.parent.glob("model_*.pt") if iteration_of(file) > iteration)


def _require_free(log_dir: Path, resume: Path | str | None) -> None:
    """Refuse a folder that cannot be written, or that holds another run."""
    require_writable(log_dir)
    if resume is not None and Path(resume).resolve().parent == log_dir.resolve():
        later = _later_checkpoints(Path(resume))
        if later:
            raise UserError(
                f"{resume} is not the last checkpoint of {log_dir}: {', '.join(later)} came after it."
                " Resume the latest one, or go on in a new folder."
            )
    elif (log_dir / RUN_MANIFEST_FILENAME).exists():
        raise UserError(f"{log_dir} already holds a run. Choose another folder, or go on with --checkpoint latest.")


def _write_run(
    log_dir: Path,
    task: SteerableTask,
    cfg: SteeringRunnerCfg,
    task_name: str,
    weights: str,
    completed: int,
    metadata: dict[str, str],
) -> None:
    """Write params/ and run.json; a resumed run keeps those of its start, and adds the settings it goes on with."""
    env_cfg = getattr(task, "env_cfg", {})
    if (log_dir / RUN_MANIFEST_FILENAME).exists():
        dump_yaml(str(log_dir / "params" / f"agent_from_{completed}.yaml"), cfg)
        dump_yaml(str(log_dir / "params" / f"env_from_{completed}.yaml"), env_cfg)
        return
    dump_train_configs(str(log_dir), env_cfg, cfg)
    values = {
        "command": " ".join(sys.argv),
        "git_commit": source_commit(),
        "versions": ", ".join(f"{name} {version}" for name, version in package_versions().items()),
        "seed": str(cfg.seed),
        "num_envs": str(task.num_envs),
        "device": str(task.device),
        "base_policy_sha256": weights,
        "files": getattr(task, "files", {}),
        "method": cfg.steering.method,
    }
    write_run_manifest(str(log_dir), library=LIBRARY, task=task_name, metadata={**values, **metadata})


def _announce(
    report: Callable[[str], None],
    log_dir: Path,
    runner: SteeringRunner,
    cfg: SteeringRunnerCfg,
    resume: Path | str | None,
) -> None:
    env = runner.env
    steps = cfg.num_steps_per_env * cfg.steering.chunk_steps * env.num_envs
    report(
        f"Writes to {log_dir}: params/, git/, run.json, TensorBoard events, {BEST_NAME}, and model_<i>.pt every"
        f" {cfg.save_interval} iterations."
    )
    report(
        f"Method {cfg.steering.method} ({METHODS[cfg.steering.method].acts_on}), basis {cfg.steering.basis}: PPO sets"
        f" {env.num_actions} numbers every {env.chunk_steps} control steps, in {env.num_envs} environments; up to"
        f" {steps:,} control steps an iteration."
    )
    if resume is not None:
        report(f"Resumes {resume} after iteration {runner.completed}.")


def _conclude(report: Callable[[str], None], summary: TrainSummary) -> None:
    if summary.best is not None:
        report(
            f"Best evaluation: success {100 * summary.best.rate:.0f} % of {summary.best.episodes} after iteration"
            f" {summary.best.iteration}: {summary.log_dir / BEST_NAME}"
        )
    report(
        f"Done: {summary.iterations} iterations, {summary.env_steps:,} control steps, this part in"
        f" {datetime.timedelta(seconds=round(summary.seconds))}."
    )
