# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A scripted vector task and base policy: points on a line, no simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from score.policies import BasePolicy
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.task import TaskObservations
from score.utils.random import counter_keys, counter_normal

HORIZON = 4


def make_spec() -> PolicySpec:
    return PolicySpec(
        observations={
            "position": ObservationSpec(shape=(1,), history=2, units="m"),
            "goal": ObservationSpec(shape=(1,), history=1, units="m"),
        },
        actions=ActionSpec(names=("velocity",), units="m", low=(-9.0,), high=(9.0,), relative_to=None),
        control_rate_hz=10.0,
        horizon=HORIZON,
    )


class LinePolicy(BasePolicy):
    """Moves by 0.1 m times the latent: mean latents of 1 always succeed, of -1 always fail."""

    def __init__(self, relative_to: str | None = None) -> None:
        spec = make_spec()
        super().__init__(replace(spec, actions=replace(spec.actions, relative_to=relative_to)), condition_dim=1)

    def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return observations["position"][:, -1]

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return 0.1 * latent


@dataclass
class Call:
    """One call of ``step``: what the task got and what it showed before."""

    action: torch.Tensor
    noise: torch.Tensor


class LineTask:
    """N points that start in [-0.1, 0.1] m.

    Starts are drawn from an episode's seed, or from torch's global generator; sensor noise from a seed drawn with them.
    Success beyond +1, ``lost`` below -1, guard where an action exceeds ``guard_above`` (with the success term also
    on, as a flying peg may cross the goal), time-out after ``limit`` steps.
    """

    def __init__(self, num_envs: int = 6, limit: int = 20, guard_above: float = 1e9) -> None:
        self.num_envs = num_envs
        self.device: torch.device | str = "cpu"
        self.step_dt = 0.1
        self.max_episode_length = limit
        self.spec = make_spec()
        self.files: dict[str, str] = {}
        self.guard_above = guard_above
        self.episode_length_buf = torch.zeros(num_envs, dtype=torch.long)
        self.resets: list[tuple[int | None, torch.Tensor]] = []
        self.begun: list[tuple[int, int, float]] = []
        """Of each episode with a seed: control steps done before it, environment, start."""
        self.calls: list[Call] = []
        self._seeds = torch.full((num_envs,), -1)
        self._restart = torch.zeros(num_envs, dtype=torch.bool)
        self._noise_seeds = torch.zeros(num_envs, dtype=torch.long)
        self._position = torch.zeros(num_envs, 1)
        self._before = torch.zeros(num_envs, 1)
        self._commanded = torch.zeros(num_envs, 1)
        never = torch.zeros(num_envs, dtype=torch.bool)
        self._terms = dict.fromkeys(("time_out", "success", "lost", "guard"), never)

    def reset(self, seed: int | None = None) -> TaskObservations:
        if seed is not None:
            torch.manual_seed(seed)
        self._begin(range(self.num_envs))
        self.resets.append((seed, self._position.clone()))
        return self._observe()[0]

    def seed_episodes(self, seeds: torch.Tensor, restart: torch.Tensor) -> None:
        self._seeds, self._restart = seeds, restart

    def _begin(self, envs: Sequence[int]) -> None:
        for env in envs:
            seed = int(self._seeds[env])
            generator = torch.Generator().manual_seed(seed) if seed >= 0 else None
            self._position[env] = 0.2 * torch.rand(1, generator=generator) - 0.1
            self._noise_seeds[env] = torch.randint(2**62, (1,), generator=generator)
            if seed >= 0:
                self.begun.append((len(self.calls), env, float(self._position[env])))
        self._before[envs] = self._position[envs]
        self.episode_length_buf[envs] = 0
        self._seeds = torch.full((self.num_envs,), -1)
        self._restart = torch.zeros(self.num_envs, dtype=torch.bool)

    def step(
        self, action: torch.Tensor
    ) -> tuple[TaskObservations, torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        self._before[:] = self._position
        self._position += action
        self._commanded = action.clone()
        self.episode_length_buf += 1
        position = self._position.squeeze(-1)
        guard = action.squeeze(-1).abs() > self.guard_above
        self._terms = {
            "time_out": self.episode_length_buf >= self.max_episode_length,
            "success": (position > 1.0) | guard,
            "lost": position < -1.0,
            "guard": guard,
        }
        terminated = self._terms["success"] | self._terms["lost"] | guard
        truncated = self._terms["time_out"] & ~terminated
        extras = {"final_obs": {"policy": {}, "critic": self._position.clone()}}
        self._begin((terminated | truncated | self._restart).nonzero().squeeze(-1).tolist())
        observations, noise = self._observe()
        self.calls.append(Call(action.clone(), noise))
        return observations, torch.zeros(self.num_envs), terminated, truncated, extras

    @property
    def command_limits(self) -> tuple[torch.Tensor, torch.Tensor, float]:
        return torch.tensor([-9.0]), torch.tensor([9.0]), 9.0

    def after_waiting(self, waited: torch.Tensor, observations: TaskObservations) -> TaskObservations:
        return observations

    def hold_action(self) -> torch.Tensor:
        return torch.zeros(self.num_envs, 1)

    def commanded(self) -> torch.Tensor:
        return self._commanded

    def ended_by(self) -> dict[str, torch.Tensor]:
        return self._terms

    def _observe(self) -> tuple[TaskObservations, torch.Tensor]:
        noise = 0.001 * counter_normal(counter_keys(self._noise_seeds, self.episode_length_buf), 1)
        window = torch.stack((self._before, self._position + noise), dim=1)
        goal = torch.ones(self.num_envs, 1)
        return {"policy": {"position": window, "goal": goal}, "critic": self._position.clone()}, noise


class PushActor:
    """Steering whose latent is ``push``; sampled, it adds half of the noise."""

    own_dim = 0

    def __init__(self, push: float = 1.0) -> None:
        self.push = push

    def __call__(
        self, condition: torch.Tensor, noise: torch.Tensor, own: torch.Tensor, sample: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        latent = self.push + (0.5 * noise if sample else torch.zeros_like(noise))
        return latent, LinePolicy().decode(condition, latent)
