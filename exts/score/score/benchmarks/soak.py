# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The soak suite: many environment steps of random latents and of random actions, to see whether physics stays sound.

What counts is what reaches the learner: a diverged environment must be ended by the guard, and no number that is not
finite may be in a reward, a condition or a state. The guard's resets are counted, not hidden. Both run in inference
mode, like training's rollouts: Isaac Lab's history buffers, once made in that mode, cannot be written outside of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from score.steering.chunked_env import ChunkedVecEnv


@dataclass
class SoakReport:
    """What a soak saw; counts over all environments."""

    mode: str
    """``latents`` or ``actions``."""
    env_steps: int = 0
    """Control steps, summed over environments."""
    episodes: int = 0
    """Episodes that ended."""
    guard_resets: int = 0
    """Environments that the guard ended."""
    nonfinite_caught: int = 0
    """Rows in which the engine or the task gave a number that is not finite, before sanitising."""
    nonfinite_reached: int = 0
    """Numbers that are not finite in what the learner gets: must be 0."""
    seconds: float = 0.0
    """Wall time."""

    def summary(self) -> str:
        """Return the report as one line."""
        return (
            f"{self.mode}: {self.env_steps} environment steps, {self.episodes} episodes, guard resets"
            f" {self.guard_resets}, not finite: caught {self.nonfinite_caught}, reached the learner"
            f" {self.nonfinite_reached}, {self.env_steps / self.seconds:.0f} steps/s"
        )


@torch.inference_mode()
def soak_latents(
    env: ChunkedVecEnv, steps: int, seed: int, progress: Callable[[SoakReport], None] | None = None
) -> SoakReport:
    """Steer with N(0, I) codes.

    Args:
        env: The chunked environment.
        steps: Environment steps to do, at least.
        seed: Seed of starts and codes.
        progress: Called after every decision.

    Returns:
        Counts.
    """
    report = SoakReport("latents")
    generator = torch.Generator(device=env.device).manual_seed(seed)
    env.reset(seed=seed)
    env.statistics.drain()
    first, began = env.env_steps, time.perf_counter()
    reached = torch.zeros((), dtype=torch.long, device=env.device)
    while report.env_steps < steps:
        code = torch.randn(env.num_envs, env.num_actions, generator=generator, device=env.device)
        observations, reward, _, extras = env.step(code)
        for values in (
            reward,
            extras["discount"],
            extras["final_critic"],
            observations["policy"],
            observations["critic"],
        ):
            reached += (~torch.isfinite(values)).sum()
        report.env_steps = env.env_steps - first
        report.seconds = time.perf_counter() - began
        if progress is not None:
            progress(report)
    summary = env.statistics.drain()
    report.episodes, report.guard_resets = summary.episodes, summary.guard_resets
    report.nonfinite_caught, report.nonfinite_reached = summary.nonfinite, int(reached)
    return report


@torch.inference_mode()
def soak_actions(
    task: Any, steps: int, seed: int, progress: Callable[[SoakReport], None] | None = None, std: float = 0.05
) -> SoakReport:
    """Send a random walk of joint targets, as far from the measured angles as the action term allows.

    Args:
        task: The opened task.
        steps: Environment steps to do, at least.
        seed: Seed of starts and actions.
        progress: Called after every step.
        std: Standard deviation of a target's change per control step, action units.

    Returns:
        Counts; "reached" counts rewards of environments that the guard did not end, and observations after resets.
    """
    report = SoakReport("actions")
    generator = torch.Generator(device=task.device).manual_seed(seed)
    task.reset(seed=seed)
    counts = torch.zeros(4, dtype=torch.long, device=task.device)
    began = time.perf_counter()
    while report.env_steps < steps:
        hold = task.hold_action()
        observations, reward, terminated, truncated, _ = task.step(
            hold + std * torch.randn(hold.shape, generator=generator, device=hold.device)
        )
        guard = task.ended_by()["guard"]
        bad_reward = ~torch.isfinite(reward)
        bad = sum(
            (~torch.isfinite(values)).sum() for values in (*observations["policy"].values(), observations["critic"])
        )
        counts += torch.stack(
            [(terminated | truncated).sum(), guard.sum(), bad_reward.sum(), (bad_reward & ~guard).sum() + bad]
        )
        report.env_steps += task.num_envs
        report.seconds = time.perf_counter() - began
        if progress is not None:
            progress(report)
    report.episodes, report.guard_resets, report.nonfinite_caught, report.nonfinite_reached = counts.tolist()
    return report
