# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The noise of a capsule's decisions. Compiled by TorchScript, hence no postponed annotations."""

from typing import Any

import torch
from torch import Tensor, nn

SAMPLED_DECISIONS = 1024
"""Decisions after which the noise table of a capsule repeats itself."""


class NoiseTable(nn.Module):
    """The noise of each decision after a reset, made from a seed, so that an episode can be repeated.

    A policy that uses no noise (the mean code of a method that steers the latent) has a table of one row of zeros.

    Attributes:
        seed: Seed of the table, None if it is zero.
    """

    noise: Tensor
    own: Tensor

    def __init__(self, head: Any, sampled: bool, seed: int) -> None:
        """Draw the table.

        Args:
            head: A ``score.steering.plan.SteeringHead``.
            sampled: Whether codes are sampled.
            seed: Seed of the draws.
        """
        super().__init__()
        shape: tuple[int, int] = head.plan.noise_shape
        noisy = sampled or head.plan.keeps_noise
        self.seed = seed if noisy else None
        noise, own = torch.zeros(1, *shape), torch.zeros(1, head.own_dim)
        if noisy:
            generator = torch.Generator().manual_seed(seed)
            noise = torch.randn(SAMPLED_DECISIONS, *shape, generator=generator)
            own = torch.randn(SAMPLED_DECISIONS, head.own_dim, generator=generator)
        self.register_buffer("noise", noise)
        self.register_buffer("own", own)

    def forward(self, decision: int) -> tuple[Tensor, Tensor]:
        """Return the noise (1, *noise_shape) and the own numbers (1, own_dim) of a decision, counted from a reset."""
        row = decision % self.noise.shape[0]
        return self.noise[row : row + 1], self.own[row : row + 1]
