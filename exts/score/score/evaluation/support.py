# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Support meter: whether a policy does what the base policy would do there, and whether it has seen the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from score.rollout.arms import Arm, Decision
from score.rollout.queue import NOBODY
from score.rollout.seeds import Stream, derive_seed
from score.steering.diagnostics import kolmogorov_smirnov, norm_quantile
from score.utils.ranks import gather

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.steering.plan import SteeringHead

DRAWS = 16
"""Chunks of the base policy that a chunk is compared with."""

ROWS = 8
"""Decisions that are looked at of those that are made together: drawing takes as long as deciding ``DRAWS`` times."""

MOST_OUTSIDE = 0.5
"""Limit: above this share of decisions outside, a policy has left the support of its base policy."""


class SupportMeter:
    """Watches an arm, and keeps how far its decisions are from what the base policy would do.

    * A chunk is *outside* if it is further from its nearest neighbour among draws of the base policy for the same
      condition than each of the draws is from its own nearest. A draw of the base policy is so once in ``DRAWS``.
    * Of a steered latent: quantile of the squared norm of its code in that of N(0, I), and the largest Kolmogorov-
      Smirnov distance of a number of the code from N(0, 1).
    * An observation is *unfamiliar* if it is further from those of training than 99 % of held-out ones
      (:class:`~score.steering.familiarity.Familiarity`).

    Episodes that were done before an interruption are not watched again; ``decisions`` says how many were seen.
    """

    def __init__(self, base_policy: BasePolicy, head: SteeringHead) -> None:
        """Set up.

        Args:
            base_policy: The base policy.
            head: The steering policy that is watched.
        """
        self._base, self._head = base_policy, head
        self._ranks: list[torch.Tensor] = []
        self._codes: list[torch.Tensor] = []
        self._distances: list[torch.Tensor] = []

    def watch(self, arm: Arm) -> Arm:
        """Return the same arm, watched."""

        def act(decision: Decision) -> tuple[torch.Tensor, torch.Tensor | None]:
            latent, chunk = arm.act(decision)
            rows = (decision.episodes != NOBODY).nonzero().flatten().to(latent.device)
            if chunk is not None and len(rows):
                self._look(decision, rows[:ROWS], latent, chunk)
                if self._head.familiarity is not None:
                    assert decision.windows is not None
                    extents = self._head.plan.extents(decision.windows)
                    distances = self._head.unfamiliarity(decision.condition[rows], extents[rows])
                    self._distances.append(distances.cpu())
            return latent, chunk

        return Arm(arm.name, act)

    def last(self) -> tuple[float | None, float | None, float | None]:
        """Say how far the decisions made last are from the base policy's.

        Returns:
            The mean rank of their chunks (:func:`support_rank`), the mean quantile of their codes' squared norm in
            that of N(0, I), and the mean distance of what they saw from training. None for what was not seen, is not
            steered or not known.
        """
        if not self._ranks:
            return None, None, None
        codes = self._codes[-1]
        norm = norm_quantile(codes).mean().item() if codes.shape[1] else None
        return self._ranks[-1].mean().item(), norm, self._distances[-1].mean().item() if self._distances else None

    def summary(self) -> dict[str, Any] | None:
        """Return what was seen, by all processes; None for nothing. All processes have to call it.

        Returns:
            ``decisions``, ``outside`` (their share), ``expected`` (that of the base policy itself), ``left`` (whether
            ``outside`` is above :data:`MOST_OUTSIDE`), ``norm_quantile`` (median) and ``ks``, both None where the
            latent is not steered, and ``unfamiliar``, the share of observations beyond the limit, None where a
            checkpoint does not know what it met in training.
        """
        seen = gather((self._ranks, self._codes, self._distances))
        ranks, codes_of, distances = ([part for process in seen for part in process[kind]] for kind in range(3))
        if not ranks:
            return None
        outside = float((torch.cat(ranks) >= 1.0).float().mean())
        codes = torch.cat(codes_of)
        steered = codes.shape[1] > 0
        return {
            "decisions": len(codes),
            "outside": outside,
            "expected": 1.0 / DRAWS,
            "left": outside > MOST_OUTSIDE,
            "norm_quantile": norm_quantile(codes).median().item() if steered else None,
            "ks": kolmogorov_smirnov(codes).max().item() if steered else None,
            "unfamiliar": float((torch.cat(distances) > 1.0).float().mean()) if distances else None,
        }

    def _look(self, decision: Decision, rows: torch.Tensor, latent: torch.Tensor, chunk: torch.Tensor) -> None:
        generator = torch.Generator().manual_seed(derive_seed(decision.seed, len(self._ranks), Stream.OWN))
        shape = (len(rows), DRAWS, *self._base.latent_shape)
        noise = torch.randn(shape, generator=generator).to(chunk)
        condition = decision.condition[rows].repeat_interleave(DRAWS, dim=0)
        steps = self._head.chunk_steps
        draws = self._base.decode_all(condition, noise.flatten(0, 1))[:, :steps].reshape(len(rows), DRAWS, -1)
        self._ranks.append(support_rank(chunk[rows, :steps].flatten(1), draws).cpu())
        self._codes.append(self._head.plan.latent_basis.project(latent[rows]).cpu())


def support_rank(chunk: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Rank of a chunk's distance to the draws of the base policy among those that the draws have to each other.

    Each action counts in units of the draws' own spread, so that an action that hardly varies is not drowned.

    Args:
        chunk: Chunks, flat, (B, n).
        draws: Draws of the base policy for the same conditions, (B, K, n).

    Returns:
        Share of the draws (but the last) whose nearest other draw is nearer than the chunk's nearest, (B,): uniform if
        the chunk is a draw too, 1 if it is further away than all of them.
    """
    spread = draws.std(dim=1, keepdim=True)
    spread = spread.clamp_min(1e-3 * spread.amax(dim=2, keepdim=True)).clamp_min(1e-12)
    points = torch.cat([chunk.unsqueeze(1), draws[:, :-1]], dim=1) / spread
    distances = torch.cdist(points, points) + torch.diag(points.new_full((points.shape[1],), torch.inf))
    nearest = distances[:, 1:, 1:].amin(dim=2)
    return (nearest < distances[:, 0, 1:].amin(dim=1, keepdim=True)).float().mean(dim=1)
