# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records a capsule's golden episode in the simulator and writes the capsule: the work of ``scripts/export.py``.

Runs where the simulator runs, unlike the rest of :mod:`score.deployment`; hence not imported with the package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from score.deployment.capsule import CapsulePieces, export_capsule
from score.deployment.golden import GoldenEpisode
from score.deployment.noise_table import NoiseTable
from score.policies.spec import PolicySpec, require_match
from score.rollout.arms import Arm, Decision
from score.rollout.episodes import run_episodes
from score.rollout.recorder import EpisodeRecorder
from score.task import RobotTask, Task
from score.utils.errors import UserError

if TYPE_CHECKING:
    from score.steering.plan import SteeringHead


@dataclass(frozen=True)
class ExportCfg:
    """Settings of an export."""

    task: str
    """Gym id of the task."""

    output: Path
    """Folder of the capsule."""

    sampled: bool = False
    """Draw codes from the trained distribution instead of taking their mean, which acts better."""

    seed: int = 0
    """Seed of the starts that are tried, and of the draws of a sampled capsule."""

    late_steps: int = 0
    """Control steps from a decision's observation to the first action of its chunk."""

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


def export_policy(task: Task, head: SteeringHead, cfg: ExportCfg, report: Callable[[str], None] = print) -> Path:
    """Record an episode of the trained policy and write its capsule.

    Args:
        task: The task, opened with one environment. A robot's limits are those that it clamps targets to; any other
            task's are the bounds of its actions.
        head: Steering policy on the task's device, the base policy inside.
        cfg: Settings.
        report: Takes lines for the console.

    Returns:
        The capsule's folder.

    Raises:
        UserError: Base policy, task or folder do not fit.
    """
    spec: PolicySpec = head.plan.base.spec
    require_match(spec, task.spec)
    low, high = torch.tensor(task.spec.actions.low), torch.tensor(task.spec.actions.high)
    max_offset: float | tuple[float, ...] | None = None
    if isinstance(task, RobotTask):
        low, high, offset = task.command_limits
        max_offset = plain_offset(offset)
    pieces = CapsulePieces(
        head=head,
        spec=with_limits(spec, low, high),
        task=cfg.task,
        max_offset=max_offset,
        sampled=cfg.sampled,
        seed=cfg.seed,
        late_steps=cfg.late_steps,
        base_policy=cfg.base_policy,
        training_run=cfg.training_run,
        evaluation=cfg.evaluation,
    )
    episode, facts = record_golden(task, pieces, cfg, report)
    pieces = dataclasses.replace(pieces, golden={**cfg.recorded_in, **facts})
    return export_capsule(pieces, episode, cfg.output, overwrite=cfg.overwrite)


def with_limits(spec: PolicySpec, low: torch.Tensor, high: torch.Tensor) -> PolicySpec:
    """Return the base policy's specification with the limits (A,) that the task really holds its targets to."""
    actions = dataclasses.replace(spec.actions, low=tuple(low.tolist()), high=tuple(high.tolist()))
    return dataclasses.replace(spec, actions=actions)


def golden_arm(head: SteeringHead, *, sampled: bool, seed: int) -> Arm:
    """Return the steering policy as the simulator runs it, with the noise that its capsule will use."""
    table = NoiseTable(head, sampled, seed)

    def act(decision: Decision) -> tuple[torch.Tensor, torch.Tensor]:
        rows = (
            torch.cat(parts).to(decision.noise) for parts in zip(*map(table, decision.indices.tolist()), strict=True)
        )
        return head(decision.condition, *rows, sampled)

    return Arm("golden", act)


def record_golden(
    task: Task, pieces: CapsulePieces, cfg: ExportCfg, report: Callable[[str], None] = print
) -> tuple[GoldenEpisode, dict[str, Any]]:
    """Record the first successful episode, or the last one tried.

    The control step that ends the episode is not part of it (see :class:`score.rollout.recorder.EpisodeRecorder`).

    Args:
        task: The task.
        pieces: What the capsule will be made of.
        cfg: ``seed`` and ``attempts`` are read.
        report: Told if no episode succeeds.

    Returns:
        The episode, and facts for the manifest: its seed, attempt, success and steps.

    Raises:
        UserError: There is not one attempt, or the guard ended the last one.
    """
    if cfg.attempts < 1:
        raise UserError(f"--attempts must be at least 1, got {cfg.attempts}.")
    head = pieces.head
    arm = golden_arm(head, sampled=pieces.sampled, seed=pieces.seed)
    for attempt in range(cfg.attempts):
        recorder = EpisodeRecorder(pieces.inputs)
        results = run_episodes(
            task,
            head.plan.base,
            arm,
            episodes=[attempt],
            seed=cfg.seed,
            chunk_steps=head.chunk_steps,
            late_steps=pieces.late_steps,
            recorder=recorder,
        )
        if results.success[0] and results.steps[0] > 1:
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
        if results.steps[0] < 2:
            raise UserError(
                f"The last of {cfg.attempts} episodes ended in its first control step, which is not recorded: give"
                " another --seed, or let the task start further from its end."
            )
    tensors = recorder.tensors()
    prefix = "observations/"
    raw = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    actions = tensors["commanded"]
    decisions = torch.arange(len(actions)) % head.chunk_steps == 0
    facts = {"seed": cfg.seed, "attempt": attempt, "success": bool(results.success[0]), "steps": len(actions)}
    return GoldenEpisode(raw, actions, decisions), facts


def plain_offset(offset: float | torch.Tensor) -> float | tuple[float, ...]:
    """Return the largest offset of a task as a manifest holds it: one number, or one for each action."""
    if isinstance(offset, torch.Tensor) and offset.dim() > 0:
        return tuple(round(value, 6) for value in offset.tolist())  # as it was set, not as float32 keeps it
    return float(offset)
