# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""rsl_rl's PPO with the two things that chunks need: a discount per sample, and true bootstrapping of time-outs.

Of several processes, each learns from mini-batches of its own decisions; rsl_rl averages their gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from rsl_rl.algorithms import PPO
from tensordict import TensorDict

from score.task import GUARD
from score.utils import ranks


def semi_markov_advantages(
    rewards: torch.Tensor,
    values: torch.Tensor,
    last_values: torch.Tensor,
    dones: torch.Tensor,
    discounts: torch.Tensor,
    lam: float,
) -> torch.Tensor:
    """Generalised advantage estimation over decisions of different lengths.

    delta_t = r_t + D_t V_{t+1} - V_t and A_t = delta_t + D_t lam A_{t+1}, where D_t is the discount of decision t,
    and 0 where the episode ended in it.

    Args:
        rewards: Discounted reward inside each decision, bootstrapped where it timed out, shape (T, ...).
        values: Values before each decision, shape (T, ...).
        last_values: Values after the last decision, shape (...).
        dones: Whether the episode ended in the decision, shape (T, ...).
        discounts: gamma^(steps taken), shape (T, ...).
        lam: Lambda, applied once per decision.

    Returns:
        Advantages, shape (T, ...).
    """
    factors = discounts * (1.0 - dones.to(rewards.dtype))
    advantages = torch.empty_like(rewards)
    advantage, next_values = torch.zeros_like(last_values), last_values
    for step in reversed(range(len(rewards))):
        delta = rewards[step] + factors[step] * next_values - values[step]
        advantage = delta + factors[step] * lam * advantage
        advantages[step] = advantage
        next_values = values[step]
    return advantages


class SemiMarkovPPO(PPO):
    """PPO for :class:`~score.steering.chunked_env.ChunkedVecEnv`.

    A subclass only where rsl_rl cannot be set: its one ``gamma`` per decision, and its bootstrapping of time-outs
    with the value of the observation *before* the step.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what :class:`rsl_rl.algorithms.PPO` takes; ``gamma`` is not used, the environment sends discounts."""
        super().__init__(*args, **kwargs)
        # Allocated here, as rollouts run in inference mode: a tensor made there cannot be written elsewhere.
        self.discounts = torch.ones_like(self.storage.rewards)

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, Any]
    ) -> None:
        """Store one decision.

        Args:
            obs: Observations after it.
            rewards: Discounted reward inside it, shape (N,).
            dones: Whether the episode ended in it, shape (N,).
            extras: ``discount``, ``time_outs``, ``final_critic`` and ``ended_by`` of :meth:`ChunkedVecEnv.step`.
        """
        discount = extras["discount"].to(self.device)
        self.discounts[self.storage.step] = discount.unsqueeze(-1)
        final = TensorDict({"critic": extras["final_critic"]}, batch_size=rewards.shape).to(self.device)
        final_values = self.critic(final).detach().squeeze(-1)
        bootstrap = discount * extras["time_outs"].to(self.device) * final_values
        # An end by the guard is worth no more than what was hoped for before, and not more than nothing: where running
        # rewards are negative, stopping at 0 would pay more than going on, and PPO would learn to break the physics.
        guard = extras["ended_by"][GUARD].to(self.device)
        worst = torch.minimum(rewards, self.transition.values.squeeze(-1)).clamp(max=0.0)
        rewards = torch.where(guard, worst, rewards + bootstrap)
        # Without "time_outs", the parent adds no bootstrap of its own.
        super().process_env_step(obs, rewards, dones, {})

    def compute_returns(self, obs: TensorDict) -> None:
        """Compute returns and advantages of the stored decisions.

        Args:
            obs: Observations after the last decision.
        """
        storage = self.storage
        last_values = self.critic(obs).detach()
        advantages = semi_markov_advantages(
            storage.rewards, storage.values, last_values, storage.dones, self.discounts, self.lam
        )
        storage.returns = advantages + storage.values
        storage.advantages = advantages
        if not self.normalize_advantage_per_mini_batch:
            storage.advantages = self._normalised(advantages)

    def update(self) -> dict[str, float]:
        """Learn from the stored decisions.

        Returns:
            Losses by name, means over all mini-batches, and over the processes where there are several.
        """
        return ranks.mean(super().update())

    def _normalised(self, advantages: torch.Tensor) -> torch.Tensor:
        """Advantages with mean 0 and variance 1 over the decisions of all processes."""
        if not self.is_multi_gpu:
            return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        sums = torch.stack([advantages.sum(), torch.ones_like(advantages).sum()]).double()
        torch.distributed.all_reduce(sums)
        mean, number = (sums[0] / sums[1]).to(advantages.dtype), sums[1]
        squares = (advantages - mean).square().sum().double()
        torch.distributed.all_reduce(squares)
        return (advantages - mean) / ((squares / (number - 1)).sqrt().to(advantages.dtype) + 1e-8)
