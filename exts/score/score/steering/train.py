# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Trains a steering policy: the function behind scripts/train.py."""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from score.policies.base_policy import BasePolicy
from score.policies.spec import require_match
from score.task import Task
from score.utils import ranks

from .checkpoint import BEST_NAME, weights_sha256
from .chunked_env import ChunkedVecEnv
from .config import SteeringRunnerCfg
from .config_checks import validate_runner_cfg
from .methods import METHODS, make_plan
from .plan import Plan
from .run_folder import require_free, write_run
from .run_log import EvaluationScore, sampled_line
from .runner import SteeringRunner

_WORTH_SAYING = 10.0
"""Seconds of decoding in an iteration that are said before it begins."""


@dataclass(frozen=True)
class TrainSummary:
    """What a training run left."""

    log_dir: Path
    """Folder of the run."""

    iterations: int
    """Iterations done, those before a resume included."""

    env_steps: int
    """Control steps done, summed over environments and processes."""

    decisions: int
    """Decisions made, summed over environments and processes."""

    best: EvaluationScore | None
    """Best evaluation on fixed starts; its checkpoint is model_best.pt."""

    last: EvaluationScore | None
    """Latest evaluation."""

    seconds: float
    """Wall time of this process' part."""


def train(
    task: Task,
    base_policy: BasePolicy,
    cfg: SteeringRunnerCfg,
    log_dir: Path | str,
    resume: Path | str | None = None,
    *,
    task_name: str,
    metadata: dict[str, str] | None = None,
    report: Callable[[str], None] = print,
    anchor: torch.Tensor | None = None,
) -> TrainSummary:
    """Train a steering policy for the frozen base policy, up to ``cfg.max_iterations`` iterations.

    Args:
        task: The task, in its ``sim`` domain.
        base_policy: The base policy; frozen, and moved to the task's device.
        cfg: Settings.
        log_dir: Folder of the run: a new one, or that of ``resume`` to go on in it; see :mod:`.run_folder`. Of several
            processes, the first one's counts.
        resume: Checkpoint to go on from.
        task_name: Gym id of the task.
        metadata: What else run.json should say, such as ``physics`` and ``base_policy``.
        report: Takes the lines for the console.
        anchor: Conditions of the base policy at demonstrated observations, (M, C), for ``steering.anchor_weight``.

    Returns:
        What was done.

    Raises:
        UserError: A setting, the base policy, the checkpoint or the folder does not fit.
        KeyboardInterrupt: Ctrl-C, after a checkpoint was saved; the message names it.
        ProcessLost: Another process has ended, after a checkpoint was saved; the message names it.
        RuntimeError: The base policy's weights have changed.
    """
    started = time.perf_counter()
    log_dir = ranks.gather(Path(log_dir))[0]
    require_match(base_policy.spec, task.spec)
    validate_runner_cfg(cfg, task.num_envs, base_policy.spec.horizon)
    base_policy.to(task.device).eval().requires_grad_(False)
    weights = weights_sha256(base_policy)

    random.seed(cfg.seed)
    np.random.seed(cfg.seed % 2**32)
    torch.manual_seed(cfg.seed)
    steering = cfg.steering
    base_policy.decode_batch = steering.decode_batch
    plan = make_plan(base_policy, vars(steering)).to(task.device)
    env = ChunkedVecEnv(
        task,
        plan,
        chunk_steps=steering.chunk_steps,
        gamma=steering.gamma,
        seed=ranks.own_seed(cfg.seed),
        compile_mode=steering.compile,
        clones=steering.cloning_weight > 0,
    )
    features = None if anchor is None else plan.features(anchor.to(task.device)).detach()
    runner = SteeringRunner(env, cfg, log_dir, weights, report, features)
    if resume is not None:
        runner.load(str(resume))  # refuses a wrong file before anything is written
    if ranks.index() == 0:
        require_free(log_dir, resume)
        facts = {"num_envs": str(task.num_envs * ranks.count()), "processes": str(ranks.count())}
        facts |= {"device": str(task.device), "base_policy_sha256": weights}
        told = {**facts, "method": steering.method, "files": getattr(task, "files", {}), **(metadata or {})}
        write_run(log_dir, task_name, cfg, getattr(task, "settings", {}), runner.completed, told)
        _announce(report, log_dir, runner, cfg, resume)

    left = cfg.max_iterations - runner.completed
    if left > 0 or not runner.evaluated:
        runner.learn(max(left, 0))
    else:
        report(f"Nothing to do: {resume} has {runner.completed} of {cfg.max_iterations} iterations (--max_iterations).")
    if weights_sha256(base_policy) != weights:
        raise RuntimeError(
            "The base policy's weights changed during training. This is a defect: it has to stay frozen."
        )
    summary = TrainSummary(
        log_dir, runner.completed, env.env_steps, env.decisions, runner.best, runner.last, time.perf_counter() - started
    )
    _conclude(report, summary, runner.sampled)
    return summary


def _announce(
    report: Callable[[str], None],
    log_dir: Path,
    runner: SteeringRunner,
    cfg: SteeringRunnerCfg,
    resume: Path | str | None,
) -> None:
    env, number = runner.env, ranks.count()
    num_envs, several = env.num_envs * number, f" ({number} processes of {env.num_envs})" if number > 1 else ""
    steps = cfg.num_steps_per_env * cfg.steering.chunk_steps * num_envs
    report(
        f"Writes to {log_dir}: params/, git/, run.json, TensorBoard events, {BEST_NAME}, and model_<i>.pt every"
        f" {cfg.save_interval} iterations."
    )
    report(
        f"Method {cfg.steering.method} ({METHODS[cfg.steering.method].acts_on}), basis {cfg.steering.basis}: PPO sets"
        f" {env.num_actions} numbers every {env.chunk_steps} control steps, in {num_envs} environments{several}; up to"
        f" {steps:,} control steps an iteration."
    )
    if cfg.steering.warm_up_iterations > 0:
        report(
            f"The first {cfg.steering.warm_up_iterations} iterations warm up the critic"
            + (f", and clone the base policy (weight {cfg.steering.cloning_weight:g})." if env.clones else ".")
        )
    if resume is not None:
        report(f"Resumes {resume} after iteration {runner.completed}.")
    decoding = cfg.num_steps_per_env * decision_seconds(env.plan, env.num_envs, env.device)
    if decoding > _WORTH_SAYING:
        report(
            f"Decoding alone takes about {datetime.timedelta(seconds=round(decoding))} an iteration"
            f" ({cfg.num_steps_per_env} decisions of {env.num_envs} environments): fewer environments, a smaller"
            " network or fewer passes of its sampler take less, and a GPU much less."
        )


@torch.inference_mode()
def decision_seconds(plan: Plan, count: int, device: torch.device | str) -> float:
    """Time that a plan takes to decode one decision of ``count`` environments, not compiled [s]."""
    shapes = ((plan.base.condition_dim,), (plan.code_dim,), plan.noise_shape)
    inputs = [torch.zeros(count, *shape, device=device) for shape in shapes]
    began = time.perf_counter()
    plan(*inputs).sum().item()
    return time.perf_counter() - began


def _conclude(report: Callable[[str], None], summary: TrainSummary, sampled: tuple[int, int]) -> None:
    if summary.best is not None:
        report(
            f"Best evaluation: success {100 * summary.best.rate:.0f} % of {summary.best.episodes} after iteration"
            f" {summary.best.iteration}: {summary.log_dir / BEST_NAME}"
        )
    if summary.last is not None and (line := sampled_line(summary.last, *sampled)):
        report(line)
    report(
        f"Done: {summary.iterations} iterations, {summary.env_steps:,} control steps, this part in"
        f" {datetime.timedelta(seconds=round(summary.seconds))}."
    )
