# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Accounting of one decision: which of the control steps belong to it, and what they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from score.task import GUARD, SUCCESS, TaskObservations, finite_rows


@dataclass(frozen=True)
class ChunkResult:
    """What a decision hands to PPO. All tensors have N rows, and are finite."""

    reward: torch.Tensor
    """sum_j gamma^j r_j over the steps taken, shape (N,); at most 0 where the guard ended the episode."""

    discount: torch.Tensor
    """gamma^(steps taken), shape (N,)."""

    steps: torch.Tensor
    """Steps taken, shape (N,), int64."""

    time_outs: torch.Tensor
    """Ended by the time limit and by nothing else, shape (N,), bool."""

    final_critic: torch.Tensor
    """True last state where the episode ended, the present state elsewhere, shape (N, Dc)."""

    success: torch.Tensor
    """Ended by success and not by the guard, shape (N,), bool."""

    ended_by: dict[str, torch.Tensor]
    """Termination term -> (N,) bool."""

    def extras(self) -> dict[str, Any]:
        """Return everything but the reward, as the extras of a vectorised environment."""
        return {name: value for name, value in vars(self).items() if name != "reward"}


class Chunk:
    """Adds up the control steps of one decision of N environments, without a host sync.

    An environment takes part until its first end. Later steps of it are another episode's and are not looked at, but
    for the guard, whose resets are all counted. A number that is not finite ends it by the guard, whatever the task's
    own guard sees.

    Attributes:
        ended: Environments whose episode ended within this decision, shape (N,), bool.
        renewed: Of these, those that the task itself ended and reset, shape (N,), bool.
        steps: Steps that belong to the decision, shape (N,), int64.
        reward: Discounted reward so far, shape (N,).
        reward_sum: Plain sum of rewards so far, shape (N,), for statistics.
        guard_while_holding: Guard resets of environments that had ended already, shape (N,), int64.
        nonfinite: Environments of which an observation, an action or a reward was not finite, shape (N,), bool.
    """

    def __init__(
        self, num_envs: int, critic: torch.Tensor, terms: tuple[str, ...], gamma: float, sound: torch.Tensor
    ) -> None:
        """Start a decision.

        Args:
            num_envs: Number of environments, N.
            critic: State of the critic, shape (N, Dc); gives shape, type and device.
            terms: Names of the task's termination terms.
            gamma: Discount of one control step.
            sound: Environments whose observations and actions are finite, shape (N,), bool. The others have ended.
        """
        device = critic.device
        self.ended = ~sound
        self.renewed = torch.zeros_like(self.ended)
        self.steps = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.reward = torch.zeros(num_envs, device=device)
        self.reward_sum = torch.zeros(num_envs, device=device)
        self.ended_by = {name: torch.zeros_like(self.ended) for name in terms}
        self.guard_while_holding = torch.zeros_like(self.steps)
        self.nonfinite = ~sound
        self._time_outs = torch.zeros_like(self.ended)
        self._final_critic = torch.zeros_like(critic)
        self._final_seen = False
        self._gamma = gamma
        self._power = 1.0

    def add_step(
        self,
        reward: torch.Tensor,
        terminated: torch.Tensor,
        truncated: torch.Tensor,
        ended_by: Mapping[str, torch.Tensor],
        final: TaskObservations | None,
    ) -> None:
        """Add one control step.

        Args:
            reward: Shape (N,).
            terminated: Shape (N,), bool.
            truncated: Shape (N,), bool.
            ended_by: Termination term -> (N,) bool.
            final: Observations before the reset, valid in the rows that ended in this step; None if none has ended yet.
        """
        taking_part = ~self.ended
        done = terminated | truncated
        finite = torch.isfinite(reward)
        self.nonfinite |= taking_part & ~finite
        ending = taking_part & (done | ~finite)
        counted = torch.where(taking_part & finite, reward, 0.0)
        self.reward += self._power * counted
        self.reward_sum += counted
        self.steps += taking_part
        self._time_outs |= ending & truncated & ~terminated
        for name, fired in self.ended_by.items():
            fired |= ending & ended_by[name]
        self.guard_while_holding += self.renewed & ended_by[GUARD]
        if final is not None:
            self._final_seen = True
            self._final_critic = torch.where(ending.unsqueeze(-1), final["critic"], self._final_critic)
        self.ended |= ending
        self.renewed |= done
        self._power *= self._gamma

    def finish(self, critic: torch.Tensor, sound: torch.Tensor) -> ChunkResult:
        """Close the decision.

        Args:
            critic: State of the critic after the last step, shape (N, Dc).
            sound: Environments whose observations after the last step are finite, shape (N,), bool.

        Returns:
            What PPO learns from.

        Raises:
            RuntimeError: An episode ended, and the task gave no observation of its end.
        """
        if not self._final_seen and bool(self.renewed.any()):
            raise RuntimeError(
                "An episode ended and the task's extras hold no 'final_obs': set compute_final_obs=True in its"
                " configuration."
            )
        final = torch.where(self.ended.unsqueeze(-1), self._final_critic, critic)
        # Observations of a new episode say nothing about the one that ended.
        self.nonfinite |= torch.where(self.ended, ~finite_rows(final), ~sound)
        self.ended |= self.nonfinite
        self.ended_by[GUARD] |= self.nonfinite
        guarded = self.ended_by[GUARD]
        # What happened before an environment broke is as little to be trusted as the break itself: gains are not
        # paid. Costs stay, or broken physics would be a way out of them; SemiMarkovPPO sees to those still to come.
        self.reward_sum = torch.where(guarded, self.reward_sum.clamp(max=0.0), self.reward_sum)
        return ChunkResult(
            reward=torch.where(guarded, self.reward.clamp(max=0.0), self.reward),
            discount=self._gamma**self.steps,
            steps=self.steps,
            time_outs=self._time_outs & ~guarded,
            final_critic=torch.nan_to_num(final, nan=0.0, posinf=0.0, neginf=0.0),
            success=self.ended_by[SUCCESS] & ~guarded,
            ended_by=self.ended_by,
        )
