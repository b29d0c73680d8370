# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Loss terms beside those of PPO: cloning the base policy, and staying near its own noise, there and on real data."""

from __future__ import annotations

from typing import Any

import torch

from score.utils.errors import UserError

from .distribution import kl_from_prior
from .plan import Plan

POLICY = "policy"
"""Group of observations that the actor reads."""

CLONED = "cloned"
"""Group of observations that holds what the base policy would do instead, see :class:`Penalties`."""

ANCHOR_ROWS = 256
"""Demonstrated observations that each mini-batch meets."""


class Penalties:
    """The further loss terms of a run, weighted and summed.

    It stands where :class:`rsl_rl.algorithms.PPO` has its mirror loss, the one place in which its update takes another
    term; hence the names of what it reads.

    * Cloning: mean squared difference between the chunk of the mean code and that of the base policy, which draws its
      own noise, over the rows that are executed. Both are counted from the chunk at rest.
    * Prior: KL(N(mean, std) || N(0, I)) of the latent part, mean over decisions.
    * Anchor: the same at observations of demonstrations, other ones in each mini-batch: where the robot's own data are,
      steering should have a reason to leave the base policy's noise.
    """

    use_mirror_loss = True
    mirror_loss_coeff = 1.0

    def __init__(
        self,
        plan: Plan,
        cloning_weight: float,
        prior_weight: float,
        anchor_weight: float = 0.0,
        anchor: torch.Tensor | None = None,
    ) -> None:
        """Set up.

        Args:
            plan: What codes do.
            cloning_weight: Weight of the cloning term [per action unit squared]; above 0, observations need the group
                :data:`CLONED`, shape (B, k, A).
            prior_weight: Weight of the prior term [per nat].
            anchor_weight: Weight of the anchor term [per nat].
            anchor: What the actor sees at demonstrated observations, features (M, F); needed with that weight.

        Raises:
            UserError: There is an ``anchor_weight``, and no ``anchor``.
        """
        if anchor_weight > 0 and (anchor is None or not len(anchor)):
            raise UserError(
                f"agent.steering.anchor_weight is {anchor_weight:g}: name the demonstrations,"
                " agent.steering.anchor_data=FILE."
            )
        self._plan = plan
        self._anchor = anchor
        self._weights = {"cloning": cloning_weight, "prior": prior_weight, "anchor": anchor_weight}
        self._sums = dict.fromkeys(self._weights, 0.0)
        self._count = 0

    @property
    def active(self) -> bool:
        """Whether there is any term."""
        return any(weight > 0 for weight in self._weights.values())

    @property
    def clones(self) -> bool:
        """Whether the base policy is cloned."""
        return self._weights["cloning"] > 0

    def augment_batch(self, batch: Any, original_batch_size: int) -> None:
        """Add nothing to a mini-batch."""

    def compute_loss(self, actor: Any, batch: Any, original_batch_size: int) -> torch.Tensor:
        """Return the weighted sum of the terms for the mini-batch that the actor has just seen.

        Args:
            actor: The actor, whose distribution is that of the mini-batch.
            batch: The mini-batch.
            original_batch_size: Its size.
        """
        mean, std = actor.output_distribution_params
        terms = {}
        if self.clones:
            terms["cloning"] = cloning_error(self._plan, actor.distribution.squash(mean), batch.observations[CLONED])
        if self._weights["prior"] > 0:
            latent = slice(0, self._plan.latent_dim)
            terms["prior"] = kl_from_prior(mean[:, latent], std[:, latent]).mean()
        if self._anchor is not None and self._weights["anchor"] > 0:
            terms["anchor"] = self._anchor_term(actor, self._anchor, std[0])
        for name, term in terms.items():
            self._sums[name] += term.item()
        self._count += 1
        return torch.stack([self._weights[name] * term for name, term in terms.items()]).sum()

    def _anchor_term(self, actor: Any, anchor: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        rows = torch.randint(len(anchor), (min(ANCHOR_ROWS, len(anchor)),), device=anchor.device)
        # Past the distribution, which keeps what the mini-batch made of it.
        mean = actor.mlp(actor.get_latent({POLICY: anchor[rows]}))[:, : self._plan.latent_dim]
        return kl_from_prior(mean, std[: self._plan.latent_dim].expand_as(mean)).mean()

    def drain(self) -> dict[str, float]:
        """Return the means of the terms, without their weights, since the last call."""
        means = {name: self._sums[name] / max(1, self._count) for name, weight in self._weights.items() if weight > 0}
        self._sums, self._count = dict.fromkeys(self._weights, 0.0), 0
        return means


def base_motion(plan: Plan, condition: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return what the base policy makes of its own noise, less the chunk at rest: (B, H, A), for conditions (B, C)."""
    return plan.base.decode_all(condition, noise) - plan.rest(condition)


def cloning_error(plan: Plan, code: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
    """Mean squared difference between the motions of codes (B, d) and first rows of others (B, k, A)."""
    return (plan.motion(code)[:, : motion.shape[1]] - motion).square().mean()
