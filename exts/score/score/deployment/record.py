# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records a capsule's golden episode in the simulator and writes the capsule: the work of ``scripts/export.py``.

Runs where the simulator runs, unlike the rest of :mod:`score.deployment`; hence not imported with the package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from score.deployment.build import PAST_TARGET_KEY, TrainedSteering, head_from_policy
from score.deployment.capsule import CapsulePieces, export_capsule
from score.deployment.golden import GoldenEpisode
from score.deployment.runtime import SteeringHead
from score.policies.spec import PolicySpec, require_match
from score.rollout.arms import Arm, Decision
from score.rollout.episodes import run_batch
from score.rollout.recorder import EpisodeRecorder
from score.utils.errors import UserError

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import SteerableTask


class _ExportableTask(Protocol):
    @property
    def command_limits(self) -> tuple[torch.Tensor, torch.Tensor, float]: ...


class _Steering(TrainedSteering, Protocol):
    chunk_steps: int

    def latent(self, condition: torch.Tensor, noise: torch.Tensor, *, sample: bool) -> torch.Tensor: ...


@dataclass(frozen=True)
class ExportCfg:
    """Settings of an export."""

    task: str
    """Gym id of the task."""

    output: Path
    """Folder of the capsule."""

    sampled: bool = False
    """Draw latents from the trained distribution instead of taking the mean latent, which acts better (PLATFORM.md)."""

    seed: int = 0
    """Seed of the starts that are tried, and of the draws of a sampled capsule."""

    attempts: int = 20
    """Episodes to try until one succeeds; the last one is taken if none does."""

    overwrite: bool = False
    """Whether an existing folder is replaced."""

    recorded_in: Mapping[str, Any] = field(default_factory=dict)
    """Where the episode is recorded: domain and engine, for the manifest."""

    base_policy: Mapping[str, Any] = field(default_factory=dict)
    """Where the base policy comes from, for the manifest."""

    training_run: Mapping[str, Any] = field(default_factory=dict)
    """Where the steering policy comes from, for the manifest."""

    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """Evaluation report, for the manifest; empty if there is none."""


def export_policy(
    task: SteerableTask, base: BasePolicy, steering: _Steering, cfg: ExportCfg, report: Callable[[str], None] = print
) -> Path:
    """Record an episode of the trained policy and write its capsule.

    Args:
        task: The task, opened with one environment; also needs ``command_limits`` as
            :class:`score.simulation.SteerableEnv` has.
        base: Base policy on the task's device.
        steering: Steering policy on the task's device.
        cfg: Settings.
        report: Takes lines for the console.

    Returns:
        The capsule's folder.

    Raises:
        UserError: Base policy, task or folder do not fit.
    """
    require_match(base.spec, task.spec)
    head = head_from_policy(steering, sampled=cfg.sampled, seed=cfg.seed)
    episode, facts = record_golden(task, base, steering_arm(steering, head), steering.chunk_steps, cfg, report)
    low, high, max_offset = task.command_limits  # type: ignore[attr-defined]
    pieces = CapsulePieces(
        base=base,
        steering=head,
        spec=with_limits(base.spec, low, high),
        task=cfg.task,
        chunk_length=steering.chunk_steps,
        max_offset=float(max_offset),
        basis=steering.basis.kind,
        base_policy=cfg.base_policy,
        training_run=cfg.training_run,
        evaluation=cfg.evaluation,
        golden={**cfg.recorded_in, **facts},
    )
    return export_capsule(pieces, episode, cfg.output, overwrite=cfg.overwrite)


def with_limits(spec: PolicySpec, low: torch.Tensor, high: torch.Tensor) -> PolicySpec:
    """The base policy's specification with the limits (A,) that the task really holds its targets to."""
    actions = dataclasses.replace(spec.actions, low=tuple(low.tolist()), high=tuple(high.tolist()))
    return dataclasses.replace(spec, actions=actions)


def steering_arm(steering: _Steering, head: SteeringHead) -> Arm:
    """The steering policy as the simulator runs it, with the noise that the capsule will draw if it samples.

    The latents come from the trained policy and not from the head, so that replaying the episode compares the two.
    """

    def latent(decision: Decision) -> torch.Tensor:
        row = head.noise[decision.index % head.noise.shape[0]].to(decision.noise)
        noise = row.reshape(1, *decision.noise.shape[1:]).expand_as(decision.noise)
        return steering.latent(decision.condition, noise, sample=head.sampled)

    return Arm("steered_sampled" if head.sampled else "steered", latent)


def record_golden(
    task: SteerableTask,
    base: BasePolicy,
    arm: Arm,
    chunk_steps: int,
    cfg: ExportCfg,
    report: Callable[[str], None] = print,
) -> tuple[GoldenEpisode, dict[str, Any]]:
    """Record the first successful episode of environment 0, or the last one tried.

    The control step that ends the episode is not part of it (see :class:`score.evaluation.EpisodeRecorder`).

    Args:
        task: The task.
        base: Base policy on the task's device.
        arm: How latents are made; the same in the simulator and in the capsule.
        chunk_steps: Actions executed per decision.
        cfg: ``seed`` and ``attempts`` are read.
        report: Told if no episode succeeds.

    Returns:
        The episode, and facts for the manifest: its seed, attempt, success and steps.

    Raises:
        UserError: There is not one attempt, or the guard ended the last one.
    """
    if cfg.attempts < 1:
        raise UserError(f"--attempts must be at least 1, got {cfg.attempts}.")
    for attempt in range(cfg.attempts):
        recorder = EpisodeRecorder(base.spec.observations)
        results = run_batch(
            task, base, arm, seed=cfg.seed, batch=attempt, count=1, chunk_steps=chunk_steps, recorder=recorder
        )
        if results.success[0]:
            break
    else:
        report(
            f"No success in {cfg.attempts} episodes: the capsule carries a failed episode. It checks the same "
            "arithmetic, but evaluate the policy before a robot runs it."
        )
        if results.guard[0]:
            raise UserError(
                f"The guard ended the last of {cfg.attempts} episodes: the physics broke, or the policy gave numbers"
                " that are not finite. Such a policy is not for a robot; evaluate it, or take an earlier checkpoint."
            )
    tensors = recorder.tensors()
    prefix = "observations/"
    raw = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    raw.pop(PAST_TARGET_KEY, None)  # kept inside the capsule, never an input
    actions = tensors["commanded"]
    decisions = torch.arange(len(actions)) % chunk_steps == 0
    facts = {"seed": cfg.seed, "attempt": attempt, "success": bool(results.success[0]), "steps": len(actions)}
    return GoldenEpisode(raw, actions, decisions), facts
