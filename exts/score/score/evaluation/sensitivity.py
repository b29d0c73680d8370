# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What of the latent a frozen decoder answers to, by finite differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from score.steering.latent import LatentBasis

if TYPE_CHECKING:
    from score.policies import BasePolicy

_STEP = 0.05
"""Step of the differences, in standard deviations of the latent."""

_BATCH = 4096
"""Rows that are decoded at once."""


@dataclass(frozen=True)
class Sensitivity:
    """Mean answer of the executed actions to the latent, over conditions and noise."""

    gram: torch.Tensor
    """Mean of J^T J over conditions, (L, L) with L numbers of a latent [action units squared]."""
    by_action: torch.Tensor
    """Root mean square answer of each action to one standard deviation of all numbers, (A,) [action units]."""
    shape: tuple[int, int]
    """Rows and columns of a latent."""

    def by_row(self) -> torch.Tensor:
        """Share of the answer that is due to each row of the latent, (rows,)."""
        return self._shares().sum(dim=1)

    def by_column(self) -> torch.Tensor:
        """Share of the answer that is due to each column of the latent, (columns,)."""
        return self._shares().sum(dim=0)

    def share_of(self, basis: LatentBasis) -> float:
        """Share of the answer that the codes of a basis can bring about: trace(P G) / trace(G)."""
        units = torch.eye(basis.code_dim, dtype=torch.float32)
        columns = basis.expand(units).flatten(1).double()
        return float((columns @ self.gram * columns).sum() / self.gram.trace())

    def directions_for(self, share: float) -> int:
        """Fewest directions of the latent that bring about a share of the answer, were they free to choose."""
        energies = torch.linalg.eigvalsh(self.gram).flip(0).clamp_min(0).cumsum(0)
        return int((energies < share * energies[-1]).sum()) + 1

    def _shares(self) -> torch.Tensor:
        return (self.gram.diagonal() / self.gram.trace()).reshape(self.shape)


@torch.no_grad()
def measure_sensitivity(
    base_policy: BasePolicy, condition: torch.Tensor, chunk_steps: int, generator: torch.Generator
) -> Sensitivity:
    """Move every number of the latent by itself, and look at the executed actions.

    Args:
        base_policy: The frozen base policy.
        condition: Conditions at which to measure, (B, C).
        chunk_steps: Control steps executed of every chunk.
        generator: Where the latents come from around which is measured, one for each condition.

    Returns:
        The sensitivity; zero for a decoder that does not listen to its latent.
    """
    rows, columns = base_policy.latent_shape
    count, numbers = len(condition), rows * columns
    latent = torch.randn((count, rows, columns), generator=generator).to(condition)
    moved = latent.flatten(1).unsqueeze(1) + _STEP * torch.eye(numbers).to(latent)
    moved = torch.cat([latent.flatten(1).unsqueeze(1), moved], dim=1).reshape(-1, rows, columns)
    conditions = condition.repeat_interleave(numbers + 1, dim=0)
    chunks = [
        base_policy.decode(*part)[:, :chunk_steps]
        for part in zip(conditions.split(_BATCH), moved.split(_BATCH), strict=True)
    ]
    actions = torch.cat(chunks).reshape(count, numbers + 1, chunk_steps, -1).double().cpu()
    jacobian = (actions[:, 1:] - actions[:, :1]) / _STEP
    flat = jacobian.flatten(2)
    gram = (flat @ flat.mT).mean(dim=0)
    return Sensitivity(gram, jacobian.square().sum(dim=1).mean(dim=(0, 1)).sqrt(), (rows, columns))
