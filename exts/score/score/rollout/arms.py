# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Arms of an evaluation: how the latent, and so the chunk, of each decision is made.

All arms run the same frozen base policy and get the same noise; what they make of it differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from .seeds import Stream, derive_seed, latent_noise

BASE = "base"
STEERED = "steered"
CONSTANT = "constant"
"""Constant latents that were searched: ``constant_<strategy>_<space>``."""
CONSTANT_ARMS = tuple(
    f"{CONSTANT}_{strategy}_{space}" for strategy in ("cem_zero", "cem_normal", "racing") for space in ("full", "basis")
)
RANDOM_MAP = "random_map"
FREE_ARMS = ("base_t0", "base_t05", RANDOM_MAP, *CONSTANT_ARMS)
"""Arms that cost no training: what steering must beat to have learned something."""
ARM_NAMES = (BASE, STEERED, "steered_sampled", *FREE_ARMS)
"""All arms, in the order of reports."""


_HIDDEN, _TANH_VARIANCE = 64, 0.394
"""Hidden units of the random map, and the variance of tanh of N(0, 1)."""


@dataclass(frozen=True)
class Decision:
    """What an arm may look at when it makes one decision for each of N episodes, which are at different places."""

    condition: torch.Tensor
    """Condition of the base policy, (N, C)."""
    noise: torch.Tensor
    """N(0, I) noise of each decision, the same for every arm, (N, *latent_shape)."""
    episodes: torch.Tensor
    """Index of each row's episode, (N,), int64, on the CPU; -1 where there is none, and nobody looks at the row."""
    indices: torch.Tensor
    """Index of each row's decision in its episode, (N,), int64, on the CPU."""
    seed: int = 0
    """Seed of the evaluation."""
    windows: dict[str, torch.Tensor] | None = None
    """The observation windows that the condition was made of, by name, N rows each; for those who watch an arm."""

    def own_noise(self, size: int) -> torch.Tensor:
        """Draw N(0, 1) numbers (N, size) that an arm needs beside the noise, from a stream of their own."""
        return latent_noise((size,), self.seed, self.episodes, self.indices, self.noise.device, Stream.OWN)


class SteeringActor(Protocol):
    """A trained steering policy; ``score.steering.plan.SteeringHead`` is one."""

    own_dim: int
    """Numbers that a sampled decision needs beside the noise."""

    def __call__(
        self, condition: torch.Tensor, noise: torch.Tensor, own: torch.Tensor, sample: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Make one decision.

        Args:
            condition: Condition of the base policy, (N, C).
            noise: N(0, I) noise, (N, *latent_shape); with ``own`` the only source of randomness.
            own: More N(0, I) numbers, (N, own_dim).
            sample: Whether the code is sampled; its mean otherwise.

        Returns:
            Latents (N, *latent_shape), and chunks (N, H, A) in action units.
        """
        ...


@dataclass(frozen=True)
class Arm:
    """One way to decide."""

    name: str
    """Name in reports and files."""
    act: Callable[[Decision], tuple[torch.Tensor, torch.Tensor | None]]
    """Makes the latents (N, *latent_shape) of a decision, and its chunks (N, H, A); None lets the base policy decode
    the latents. It must draw no random numbers but those of the decision,
    and no row may depend on another."""


def latent_arm(name: str, latent: Callable[[Decision], torch.Tensor]) -> Arm:
    """Make an arm whose latents the base policy decodes."""
    return Arm(name, lambda decision: (latent(decision), None))


def base_arm(temperature: float = 1.0) -> Arm:
    """Make the arm of the base policy with its noise scaled: 1 is the policy as cloned, 0 the latent zero.

    Args:
        temperature: Standard deviation of the noise, at least 0.

    Returns:
        The arm ``base``, or ``base_t05`` for 0.5, ``base_t0`` for 0, and so on.
    """
    name = BASE if temperature == 1.0 else f"{BASE}_t{temperature:g}".replace(".", "")
    return latent_arm(name, lambda decision: temperature * decision.noise)


def random_map_arm(features: Callable[[torch.Tensor], torch.Tensor], seed: int) -> Arm:
    """Make a steering policy that nobody trained: a random network from the features to latents of about unit variance.

    Args:
        features: Condition (N, C) -> features (N, F).
        seed: Seed of its weights, and of nothing else.
    """

    def latent(decision: Decision) -> torch.Tensor:
        seen = features(decision.condition)
        seen = torch.nn.functional.layer_norm(seen, seen.shape[1:])
        generator = torch.Generator().manual_seed(derive_seed(seed, 0, Stream.CANDIDATES))
        count = decision.noise[0].numel()
        first = torch.randn((seen.shape[1], _HIDDEN), generator=generator) / seen.shape[1] ** 0.5
        second = torch.randn((_HIDDEN, count), generator=generator) / (_HIDDEN * _TANH_VARIANCE) ** 0.5
        hidden = torch.tanh(seen @ first.to(seen))
        return (hidden @ second.to(seen)).reshape(decision.noise.shape)

    return latent_arm(RANDOM_MAP, latent)


def constant_arm(latent: torch.Tensor, name: str = CONSTANT) -> Arm:
    """One fixed latent (H, A) in every decision of every environment."""
    if latent.dim() != 2:
        raise ValueError(f"A constant latent has shape (H, A), not {tuple(latent.shape)}.")
    return latent_arm(name, lambda decision: latent.to(decision.noise).expand_as(decision.noise))


def grid_arm(candidates: torch.Tensor, name: str, first: int) -> Arm:
    """Different constant latents in different episodes: episode ``first + e`` holds candidate ``e % C``.

    Args:
        candidates: Latents, (C, H, A).
        name: Name of the arm.
        first: Index of the episode that holds candidate 0.
    """

    def latent(decision: Decision) -> torch.Tensor:
        held = (decision.episodes - first) % candidates.shape[0]
        return candidates.to(decision.noise)[held.to(decision.noise.device)]

    return latent_arm(name, latent)


def steered_arm(actor: SteeringActor, *, sample: bool = False) -> Arm:
    """Make the arm of the steered policy with its mean code (``steered``) or a sampled one (``steered_sampled``)."""

    def act(decision: Decision) -> tuple[torch.Tensor, torch.Tensor]:
        return actor(decision.condition, decision.noise, decision.own_noise(actor.own_dim), sample)

    return Arm("steered_sampled" if sample else STEERED, act)
