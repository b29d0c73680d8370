# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""rsl_rl's PPO with what chunks need, a discount per sample and true bootstrapping of time-outs, and further losses.

Of several processes, each learns from mini-batches of its own decisions; rsl_rl averages their gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from rsl_rl.algorithms import PPO
from tensordict import TensorDict

from score.task import GUARD
from score.utils import ranks

from .penalties import Penalties


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

    A subclass only where rsl_rl cannot be set: its one ``gamma`` per decision, its bootstrapping of time-outs with the
    value of the observation *before* the step, its lack of further loss terms, and of a warm-up.

    Attributes:
        penalties: Further loss terms; None for none.
        warm_up_epochs: Above 0, an update trains the critic and the penalties alone, for so many epochs.
        skipped: Mini-batches of the latest update whose gradient was not finite, and which taught nothing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what :class:`rsl_rl.algorithms.PPO` takes; ``gamma`` is not used, the environment sends discounts."""
        super().__init__(*args, **kwargs)
        # Allocated here, as rollouts run in inference mode: a tensor made there cannot be written elsewhere.
        self.discounts = torch.ones_like(self.storage.rewards)
        self.penalties: Penalties | None = None
        self.warm_up_epochs = 0
        self.skipped = 0
        self.optimizer.register_step_pre_hook(self._skip_unsound)

    def set_penalties(self, penalties: Penalties) -> None:
        """Add loss terms, if there are any."""
        self.penalties = self.symmetry = penalties if penalties.active else None

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
        # An end by the guard, for which the environment never pays, is worth no more than what was hoped for before:
        # where running rewards are negative, stopping at 0 would pay more than going on, and PPO would break physics.
        guard = extras["ended_by"][GUARD].to(self.device)
        worst = torch.minimum(rewards, self.transition.values.squeeze(-1))
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
            storage.advantages = self._normalized(advantages)

    def update(self) -> dict[str, float]:
        """Learn from the stored decisions.

        Returns:
            Losses by name, means over all mini-batches, and over the processes where there are several.
        """
        self.skipped = 0
        losses = self._warm_up() if self.warm_up_epochs > 0 else super().update()
        losses["skipped"] = float(self.skipped)
        return ranks.mean(losses if self.penalties is None else losses | self.penalties.drain())

    def _warm_up(self) -> dict[str, float]:
        """Learn the value and what the penalties want; the policy gradient waits for a critic that knows something."""
        total = 0.0
        for batch in self.storage.mini_batch_generator(self.num_mini_batches, self.warm_up_epochs):
            value_loss = (self.critic(batch.observations) - batch.returns).square().mean()
            loss = self.value_loss_coef * value_loss
            if self.penalties is not None:
                self.actor(batch.observations, stochastic_output=True)
                loss = loss + self.penalties.compute_loss(self.actor, batch, len(batch.returns))
            self.optimizer.zero_grad()
            loss.backward()
            if self.is_multi_gpu:
                self.reduce_parameters()
            for network in (self.actor, self.critic):
                torch.nn.utils.clip_grad_norm_(network.parameters(), self.max_grad_norm)
            self.optimizer.step()
            total += value_loss.item()
        observations = self.storage.observations.flatten(0, 1)
        self.actor.update_normalization(observations)
        self.critic.update_normalization(observations)
        self.storage.clear()
        return {"value": total / (self.num_mini_batches * self.warm_up_epochs)}

    def _skip_unsound(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Leave the networks as they are where a gradient is not finite: one such step would end the training."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not bool(torch.stack([torch.isfinite(gradient).all() for gradient in gradients]).all()):
            self.skipped += 1
            optimizer.zero_grad(set_to_none=True)

    def _normalized(self, advantages: torch.Tensor) -> torch.Tensor:
        """Advantages with mean 0 and variance 1 over the decisions of all processes."""
        if not self.is_multi_gpu:
            return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        sums = torch.stack([advantages.sum(), torch.ones_like(advantages).sum()]).double()
        torch.distributed.all_reduce(sums)
        mean, number = (sums[0] / sums[1]).to(advantages.dtype), sums[1]
        squares = (advantages - mean).square().sum().double()
        torch.distributed.all_reduce(squares)
        return (advantages - mean) / ((squares / (number - 1)).sqrt().to(advantages.dtype) + 1e-8)
