# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Replays demonstrations open loop in a task, and says where the two mean different things by the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from score.imitation.channels import Finding, compare_clouds, compare_vectors
from score.imitation.dataset import DemonstrationSet, Episode
from score.policies.spec import PolicySpec
from score.task import RobotTask, Task
from score.utils.errors import near_names

_APPROACH = 30
"""Control steps that a robot gets to reach where a demonstration begins."""
_BEYOND, _OFTEN = 0.1, 0.05
"""Actions this share of the range beyond the task's limits, in this share of the steps, were not meant for it."""
_FAR = 5.0
"""Actions this many times beyond are in other units."""


def check_contract(
    task: Task,
    data: DemonstrationSet,
    *,
    episodes: int = 16,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Compare demonstrations with a task.

    A robot is first driven to where a demonstration begins. Other tasks begin where they do, and the change since the
    first step is compared.

    Args:
        task: The task.
        data: Demonstrations, with observations of the task's names.
        episodes: Most episodes to replay.
        seed: Seed of the task's starts.
        progress: Told how many episodes have been replayed, and of how many.

    Returns:
        What does not fit, the gravest first; empty if nothing was found.
    """
    chosen = data.episodes[:episodes]
    findings = static_findings(data, task.spec)
    if any(finding.red and finding.channel == "actions" for finding in findings):
        return findings  # a replay of such actions says nothing
    seen: dict[str, list[Tensor]] = {key: [] for key in chosen[0].observations}
    for start in range(0, len(chosen), task.num_envs):
        batch = chosen[start : start + task.num_envs]
        for key, parts in replay(task, batch, seed + start).items():
            seen[key] += parts
        if progress is not None:
            progress(start + len(batch), len(chosen))
    for key, parts in seen.items():
        demonstrated = [episode.observations[key] for episode in chosen]
        if demonstrated[0].ndim == 3:
            segments = [segment.points for segment in task.spec.observations[key].segments]
            findings += compare_clouds(key, torch.cat(demonstrated), torch.cat(parts), segments)
        else:
            if not isinstance(task, RobotTask):
                demonstrated, parts = ([part - part[:1] for part in side] for side in (demonstrated, parts))
            entry = task.spec.observations[key]
            findings += compare_vectors(key, entry.names, entry.units, demonstrated, parts)
    return sorted(findings, key=lambda finding: not finding.red)


def static_findings(data: DemonstrationSet, task: PolicySpec) -> list[Finding]:
    """Find what can be seen without a replay: names, units, rate, and actions far beyond the task's limits."""
    actions, findings = task.actions, []
    if data.action_names != actions.names:
        theirs = ", ".join(f"'{name}'{near_names(name, actions.names)}" for name in data.action_names[:8])
        same = sorted(data.action_names) == sorted(actions.names)
        text = "are in another order than the task's" if same else f"are {theirs}, and the task's others"
        findings.append(Finding("actions", True, f"{text}: {', '.join(actions.names[:8])}"))
    for key, units in data.units.items():
        wanted = actions.units if key == "actions" else task.observations[key].units
        if units != wanted:
            findings.append(Finding(key, True, f"is in '{units}' and the task's in '{wanted}'"))
    for key, frame in data.frames.items():
        wanted = task.observations[key].frame if key in task.observations else frame
        if wanted not in ("", frame):
            findings.append(Finding(key, True, f"is in the frame '{frame}' and the task's in '{wanted}'"))
    if abs(data.control_rate_hz - task.control_rate_hz) > 1e-3 * task.control_rate_hz:
        text = f"are {data.control_rate_hz:g} a second and the task's {task.control_rate_hz:g}"
        findings.append(Finding("actions", True, text))
    if len(data.action_names) == len(actions.names):
        findings += _beyond_limits(torch.cat([episode.actions for episode in data.episodes]), task)
    return findings


def _beyond_limits(values: Tensor, task: PolicySpec) -> list[Finding]:
    findings, actions = [], task.actions
    for column, (name, low, high) in enumerate(zip(actions.names, actions.low, actions.high, strict=True)):
        margin = _BEYOND * (high - low)
        outside = (values[:, column] < low - margin) | (values[:, column] > high + margin)
        share, largest = float(outside.float().mean()), float(values[:, column].abs().max())
        if share > _OFTEN:
            guess = {"rad": " degrees", "m": " millimetres"}.get(actions.units, " other units")
            why = f": are these{guess}?" if largest > _FAR * max(abs(low), abs(high)) else ": another robot or zero?"
            text = f"leaves the task's limits {low:.3g} to {high:.3g} in {share:.0%} of the steps, up to {largest:.3g}"
            findings.append(Finding(f"action '{name}'", True, text + why))
    return findings


@torch.inference_mode()
def replay(task: Task, episodes: Sequence[Episode], seed: int) -> dict[str, list[Tensor]]:
    """Send the actions of demonstrations, whatever comes back.

    Args:
        task: The task.
        episodes: At most one for each environment.
        seed: Seed of the starts.

    Returns:
        Of each observation and episode the newest frames before each step, (T, ...), until the task ended the episode.
    """
    observed = {key: task.spec.observations[key] for key in episodes[0].observations}
    rows = torch.arange(task.num_envs) % len(episodes)
    longest = max(len(episode) for episode in episodes)
    steps = torch.arange(longest)
    commands = torch.stack([episode.actions[steps.clamp(max=len(episode) - 1)] for episode in episodes])[rows]
    commands = commands.to(task.device)
    observations = task.reset(seed=seed)["policy"]
    running = torch.ones(task.num_envs, dtype=torch.bool, device=task.device)
    if isinstance(task, RobotTask):
        for _ in range(_APPROACH):
            observations, running = _step(task, commands[:, 0], running)
            task.episode_length_buf.zero_()
    kept: dict[str, list[Tensor]] = {key: [] for key in observed}
    alive = []
    for step in range(longest):
        for key, spec in observed.items():
            kept[key].append(spec.newest(observations[key]).cpu().clone())
        alive.append(running.cpu().clone())
        observations, running = _step(task, commands[:, step], running)
    lengths = torch.stack(alive).sum(dim=0).tolist()
    stacked = {key: torch.stack(frames, dim=1) for key, frames in kept.items()}
    return {
        key: [frames[env, : min(lengths[env], len(episode))] for env, episode in enumerate(episodes)]
        for key, frames in stacked.items()
    }


def _step(task: Task, action: Tensor, running: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    observations, _, terminated, truncated, _ = task.step(action)
    return observations["policy"], running & ~(terminated | truncated)
