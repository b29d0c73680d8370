# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Vector environments without a simulator: one that plays a script, and one that can be learned in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from score.policies.base_policy import BasePolicy
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec

TERMS = ("success", "guard", "lost", "time_out")
SETTINGS: dict[str, Any] = {"method": "score", "basis": "full", "knots": 2, "bound": 3.0}
SETTINGS |= {"residual_limit": 0.03, "action_reach": 0.1}
"""Settings of a plan; tests change what they are about."""

HOLD = -7.0
LEAK = 1000.0

Step = tuple[float, str]
"""Reward, and the name of the term that ends the episode ("" for none)."""


def make_spec(horizon: int, size: int = 1) -> PolicySpec:
    """Observation ``state`` of ``size`` numbers, one action, 10 Hz."""
    return PolicySpec(
        observations={"state": ObservationSpec(shape=(size,), history=1, units="m")},
        actions=ActionSpec(names=("x",), units="m", low=(-10.0,), high=(10.0,), relative_to=None),
        control_rate_hz=10.0,
        horizon=horizon,
    )


class IdentityPolicy(BasePolicy):
    """Condition = state, action chunk = latent."""

    def __init__(self, horizon: int) -> None:
        super().__init__(make_spec(horizon), condition_dim=1)
        self.encoded = 0

    def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        self.encoded += 1
        return observations["state"]

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return latent


class TableTask:
    """Plays a script: for each environment a list of episodes, for each episode a list of steps.

    The critic's state is 1000 * environment + 100 * episode + steps done in it, written in place as a simulator does.
    An environment that holds still stays at the start of its episode and pays :data:`LEAK` per step, which must not
    reach anybody. The last episode of an environment repeats for ever.
    """

    def __init__(self, script: Sequence[Sequence[Sequence[Step]]]) -> None:
        self.script = script
        self.num_envs = len(script)
        self.device = "cpu"
        self.step_dt = 0.1
        self.max_episode_length = 100
        self.spec = make_spec(1)
        self.episode_length_buf = torch.zeros(self.num_envs, dtype=torch.long)
        self.actions: list[list[float]] = []
        self.lengths: list[list[int]] = []
        self.reset_again: dict[int, str] = {}
        """Environment -> term that ends its episode when it holds still."""
        self.poison: set[int] = set()
        """Environments whose observations and rewards are not numbers."""
        self.poison_observations = self.poison_rewards = True
        self._at = [[0, 0] for _ in script]
        self._critic = torch.zeros(self.num_envs, 1)
        self._terms = {name: torch.zeros(self.num_envs, dtype=torch.bool) for name in TERMS}

    def _state(self, env: int) -> float:
        episode, step = self._at[env]
        return (
            float("nan") if env in self.poison and self.poison_observations else 1000.0 * env + 100.0 * episode + step
        )

    def _observations(self) -> dict[str, Any]:
        for env in range(self.num_envs):
            self._critic[env, 0] = self._state(env)
        return {"policy": {"state": self._critic}, "critic": self._critic}

    def seed_episodes(self, seeds: torch.Tensor, restart: torch.Tensor) -> None:
        raise NotImplementedError

    def reset(self, seed: int | None = None) -> dict[str, Any]:
        self._at = [[0, 0] for _ in self.script]
        self.episode_length_buf.zero_()
        return self._observations()

    def after_waiting(self, waited: torch.Tensor, observations: dict[str, Any]) -> dict[str, Any]:
        return observations

    def step(self, action: torch.Tensor) -> tuple[Any, ...]:
        self.actions.append(action[:, 0].tolist())
        self.episode_length_buf += 1
        reward = torch.zeros(self.num_envs)
        final = torch.zeros(self.num_envs, 1)
        for fired in self._terms.values():
            fired.zero_()
        for env, episodes in enumerate(self.script):
            if action[env, 0] == HOLD:
                reward[env], term = LEAK, self.reset_again.get(env, "")
                ended = bool(term)
            else:
                episode, step = self._at[env]
                steps = episodes[min(episode, len(episodes) - 1)]
                reward[env], term = steps[step]
                ended = bool(term)
                self._at[env][1] += 1
            if env in self.poison and self.poison_rewards:
                reward[env] = float("nan")
            if ended:
                self._terms[term][env] = True
                final[env, 0] = self._state(env)
                self._at[env] = [self._at[env][0] + 1, 0]
                self.episode_length_buf[env] = 0
        truncated = self._terms["time_out"].clone()
        terminated = self._terms["success"] | self._terms["guard"] | self._terms["lost"]
        self.lengths.append(self.episode_length_buf.tolist())
        final_obs = {"policy": {"state": final}, "critic": final}
        return self._observations(), reward, terminated, truncated, {"final_obs": final_obs}

    @property
    def command_limits(self) -> tuple[torch.Tensor, torch.Tensor, float]:
        return torch.tensor([-10.0]), torch.tensor([10.0]), 10.0

    def hold_action(self) -> torch.Tensor:
        return torch.full((self.num_envs, 1), HOLD)

    def commanded(self) -> torch.Tensor:
        return torch.tensor(self.actions[-1]).unsqueeze(-1)

    def ended_by(self) -> dict[str, torch.Tensor]:
        return self._terms


class PointTask:
    """A point on a line has to reach the mark at +1 or -1, of which the base policy knows nothing.

    Sparse reward 1 at success. Random numbers come from torch's global generator, which ``reset`` seeds, as Isaac Lab
    does.
    """

    def __init__(self, num_envs: int = 32) -> None:
        self.num_envs = num_envs
        self.device = "cpu"
        self.step_dt = 0.1
        self.max_episode_length = 30
        self.spec = make_spec(1, size=2)
        self.settings: dict[str, Any] = {"name": "point"}
        self.files: dict[str, str] = {}
        self.episode_length_buf = torch.zeros(num_envs, dtype=torch.long)
        self.interrupt_at = -1
        """Call of :meth:`step` that Ctrl-C hits."""
        self.calls = 0
        self.resets: list[tuple[int | None, list[float]]] = []
        """Seed and starts of every reset of all environments."""
        self._held = torch.zeros(num_envs, dtype=torch.long)
        self._x = torch.zeros(num_envs)
        self._goal = torch.zeros(num_envs)
        self._terms = {name: torch.zeros(num_envs, dtype=torch.bool) for name in TERMS}
        self._seeds = torch.full((num_envs,), -1)
        self._asked = torch.zeros(num_envs, dtype=torch.bool)

    def seed_episodes(self, seeds: torch.Tensor, restart: torch.Tensor) -> None:
        self._seeds, self._asked = seeds, restart

    def _restart(self, mask: torch.Tensor) -> None:
        self._x = torch.where(mask, 0.2 * torch.rand(self.num_envs) - 0.1, self._x)
        self._goal = torch.where(mask, 2.0 * torch.randint(0, 2, (self.num_envs,)).float() - 1.0, self._goal)
        for env in (mask & (self._seeds >= 0)).nonzero().squeeze(-1).tolist():
            generator = torch.Generator().manual_seed(int(self._seeds[env]))
            self._x[env] = 0.2 * torch.rand(1, generator=generator).item() - 0.1
            self._goal[env] = 2.0 * torch.randint(0, 2, (1,), generator=generator).item() - 1.0
        self._seeds, self._asked = torch.full((self.num_envs,), -1), torch.zeros_like(mask)
        self.episode_length_buf.masked_fill_(mask, 0)
        self._held[mask] = 0

    def _observations(self) -> dict[str, Any]:
        state = torch.stack([self._x, self._goal], dim=1)
        return {"policy": {"state": state}, "critic": state.clone()}

    def reset(self, seed: int | None = None) -> dict[str, Any]:
        if seed is not None:
            torch.manual_seed(seed)
        self._restart(torch.ones(self.num_envs, dtype=torch.bool))
        self.resets.append((seed, self._x.tolist()))
        return self._observations()

    def after_waiting(self, waited: torch.Tensor, observations: dict[str, Any]) -> dict[str, Any]:
        return observations

    def step(self, action: torch.Tensor) -> tuple[Any, ...]:
        self.calls += 1
        if self.calls == self.interrupt_at:
            raise KeyboardInterrupt
        self.episode_length_buf += 1
        self._x = self._x + 0.1 * action[:, 0].clamp(-1, 1)
        # Made anew in a step and written in place by a reset, as terms of Isaac Lab do: it is what is counted on below.
        self._held = torch.where((self._x - self._goal).abs() < 0.15, self._held + 1, 0)
        self._terms["success"] = self._held >= 1
        self._terms["lost"] = (self._x + self._goal).abs() < 0.05
        terminated = self._terms["success"] | self._terms["lost"]
        truncated = self.episode_length_buf >= self.max_episode_length
        self._terms["time_out"] = truncated
        final = self._observations()
        self._restart(terminated | truncated | self._asked)
        return self._observations(), self._terms["success"].float(), terminated, truncated, {"final_obs": final}

    @property
    def command_limits(self) -> tuple[torch.Tensor, torch.Tensor, float]:
        return torch.tensor([-10.0]), torch.tensor([10.0]), 10.0

    def hold_action(self) -> torch.Tensor:
        return torch.zeros(self.num_envs, 1)

    def commanded(self) -> torch.Tensor:
        return torch.zeros(self.num_envs, 1)

    def ended_by(self) -> dict[str, torch.Tensor]:
        return dict(self._terms)


class TwoWayPolicy(BasePolicy):
    """Goes left or right as its noise says, and mostly goes on the way it has begun: it succeeds half of the time."""

    def __init__(self, horizon: int = 4) -> None:
        super().__init__(make_spec(horizon, size=2), condition_dim=2)
        self.gain = torch.nn.Parameter(torch.tensor([2.0, 4.0]))

    def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return observations["state"]

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        way = self.gain[0] * latent.mean(dim=1) + self.gain[1] * condition[:, :1]
        return torch.tanh(way).unsqueeze(1).expand(-1, latent.shape[1], 1)
