# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Arms of an evaluation: how the latent of each decision is made.

All arms run the same frozen base policy and get the same noise; only the latent differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

BASE = "base"
STEERED = "steered"
FREE_ARMS = ("base_t0", "base_t05", "constant")
"""Arms that cost no training: what steering must beat to have learned something."""
ARM_NAMES = (BASE, STEERED, "steered_sampled", *FREE_ARMS)
"""All arms, in the order of reports."""


@dataclass(frozen=True)
class Decision:
    """What an arm may look at when it makes the latents of one decision of all environments."""

    condition: torch.Tensor
    """Condition of the base policy, (N, C)."""
    noise: torch.Tensor
    """N(0, I) noise of this decision, the same for every arm, (N, H, A)."""
    batch: int
    """Index of the batch of episodes."""
    index: int
    """Index of the decision in its episodes."""


class SteeringActor(Protocol):
    """What evaluation needs of a trained steering policy."""

    def latent(self, condition: torch.Tensor, noise: torch.Tensor, *, sample: bool) -> torch.Tensor:
        """Makes the latents of one decision.

        Args:
            condition: Condition of the base policy, (N, C).
            noise: N(0, I) noise, (N, H, A); the only source of randomness (sampled code, complement of a reduced
                basis).
            sample: Whether the code is sampled; its mean otherwise.

        Returns:
            Latents, (N, H, A).
        """
        ...


@dataclass(frozen=True)
class Arm:
    """One way to make latents."""

    name: str
    """Name in reports and files."""
    latent: Callable[[Decision], torch.Tensor]
    """Makes the latents (N, H, A) of a decision. It must draw no random numbers of its own."""


def base_arm(temperature: float = 1.0) -> Arm:
    """The base policy with its noise scaled: 1 is the policy as cloned, 0 the latent zero.

    Args:
        temperature: Standard deviation of the noise, at least 0.

    Returns:
        The arm ``base``, or ``base_t05`` for 0.5, ``base_t0`` for 0, and so on.
    """
    name = BASE if temperature == 1.0 else f"{BASE}_t{temperature:g}".replace(".", "")
    return Arm(name, lambda decision: temperature * decision.noise)


def constant_arm(latent: torch.Tensor, name: str = "constant") -> Arm:
    """One fixed latent (H, A) in every decision of every environment."""
    if latent.dim() != 2:
        raise ValueError(f"A constant latent has shape (H, A), not {tuple(latent.shape)}.")
    return Arm(name, lambda decision: latent.to(decision.noise).expand_as(decision.noise))


def grid_arm(candidates: torch.Tensor, name: str, first_batch: int) -> Arm:
    """Different constant latents in different environments of a batch.

    Episode ``e`` (counted over batches from ``first_batch`` on) holds candidate ``e % C``.

    Args:
        candidates: Latents, (C, H, A).
        name: Name of the arm.
        first_batch: Index of the batch that starts with candidate 0.
    """

    def latent(decision: Decision) -> torch.Tensor:
        count = decision.noise.shape[0]
        episode = torch.arange(count, device=decision.noise.device) + (decision.batch - first_batch) * count
        return candidates.to(decision.noise)[episode % candidates.shape[0]]

    return Arm(name, latent)


def steered_arm(actor: SteeringActor, *, sample: bool = False) -> Arm:
    """The steered policy with its mean latent (``steered``) or a sampled one (``steered_sampled``)."""
    name = "steered_sampled" if sample else STEERED
    return Arm(name, lambda decision: actor.latent(decision.condition, decision.noise, sample=sample))
