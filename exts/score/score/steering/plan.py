# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a code to a chunk of actions: the one place that training, evaluation and the capsule share.

Everything here is stateless, draws no random numbers, and goes through ``torch.jit.script``.
"""

# No `from __future__ import annotations` here: TorchScript reads the annotations.
from typing import Any

import torch
from torch import Tensor

from .familiarity import Familiarity
from .latent import LatentBasis
from .squash import Squash


class Plan(torch.nn.Module):
    """What a code does to a frozen base policy.

    A code is ``[latent part, own part]``; either may be empty. The latent part sets the base policy's latent inside a
    basis, and noise fills the rest. The own part, through a basis over the chunk, is added to what the base policy
    decodes, or, where the base policy does not act, to a chunk that does not move: the measured position in every row
    (the middle of the limits, where actions are not relative to one).

    Attributes:
        base: The base policy.
        code_dim: Length of a code, d.
        noise_shape: Shape (rows, columns) of the noise of one decision: that of the base policy's latent.
        horizon: Rows of a chunk, H.
        own_dim: Length of the own part.
        kind: Kind of the basis of codes.
        knots: Its columns.
        base_acts: Whether the base policy's actions are part of a chunk.
        keeps_noise: Whether the base policy acts on its own N(0, I) noise, as nothing steers its latent.
    """

    gain: Tensor
    centre: Tensor

    def __init__(
        self,
        base: Any,
        latent_basis: LatentBasis,
        chunk_basis: LatentBasis,
        gain: Tensor | None = None,
        centre: Tensor | None = None,
    ) -> None:
        """Set up.

        Args:
            base: A :class:`~score.policies.base_policy.BasePolicy`.
            latent_basis: Basis over the latent of the base policy.
            chunk_basis: Basis over its chunk (H, A), for the own part.
            gain: Action units of the own part per unit of its basis, shape (H, A); needed if there is an own part.
            centre: Without the base policy: what is added to, shape (A,), where its actions are not relative. None lets
                the base policy act.
        """
        super().__init__()
        self.base = base
        self.latent_basis = latent_basis
        self.chunk_basis = chunk_basis
        self.latent_dim: int = latent_basis.code_dim
        self.own_dim: int = chunk_basis.code_dim
        self.code_dim: int = self.latent_dim + self.own_dim
        self.noise_shape: tuple[int, int] = (latent_basis.horizon, latent_basis.action_dim)
        self.horizon: int = chunk_basis.horizon
        self.base_acts: bool = centre is None
        self.keeps_noise: bool = self.base_acts and self.latent_dim == 0
        shape = (self.horizon, chunk_basis.action_dim)
        self.register_buffer("gain", torch.zeros(shape) if gain is None else gain.expand(shape).clone())
        self.register_buffer("centre", torch.zeros(shape[1]) if centre is None else centre.clone())
        basis = chunk_basis if self.latent_dim == 0 else latent_basis
        self.kind: str = basis.kind
        self.knots: int = basis.knots

    def forward(self, condition: Tensor, code: Tensor, noise: Tensor) -> Tensor:
        """Turn codes into chunks.

        Args:
            condition: What :meth:`encode` returned, shape (B, C).
            code: Codes, shape (B, d).
            noise: N(0, I) noise, shape (B, *noise_shape).

        Returns:
            Chunk in action units, shape (B, H, A).
        """
        return self.decide(condition, code, noise)[1]

    @torch.jit.export
    def decide(self, condition: Tensor, code: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Like :meth:`forward`, but return the latent (B, *noise_shape) as well: (latent, chunk)."""
        latent = self.latent_basis.expand(code[:, : self.latent_dim], noise)
        chunk = self.base.decode_all(condition, latent) if self.base_acts else self.rest(condition)
        if self.own_dim > 0:
            chunk = chunk + self.motion(code)
        return latent, chunk

    @torch.jit.export
    def rest(self, condition: Tensor) -> Tensor:
        """Return the chunk that does not move (B, H, A), see the class."""
        start = self.base.reference(condition) if self.base.relative else self.centre.expand(condition.shape[0], -1)
        return start.unsqueeze(1).expand(-1, self.horizon, -1)

    @torch.jit.export
    def motion(self, code: Tensor) -> Tensor:
        """Return what the own part of codes (B, d) adds to a chunk, shape (B, H, A)."""
        return self.gain * self.chunk_basis.expand(code[:, self.latent_dim :])

    @torch.jit.export
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """Turn observation windows into the condition (B, C) of the base policy."""
        return self.base.encode(observations)

    @torch.jit.export
    def extents(self, observations: dict[str, Tensor]) -> Tensor:
        """Return the sizes (B, extents_dim) of what is seen in observation windows, see the base policy."""
        return self.base.extents(observations)

    @torch.jit.export
    def features(self, condition: Tensor) -> Tensor:
        """Return what a network that chooses codes sees of a condition (B, C), shape (B, F)."""
        return self.base.features(condition)

    @torch.jit.export
    def code_noise(self, noise: Tensor, own: Tensor) -> Tensor:
        """Return the N(0, I) numbers (B, d) that move a sampled code.

        For the latent part they are what the noise itself has inside the basis, so that an untrained code of unit
        variance gives the base policy the very latent that it would have drawn.

        Args:
            noise: N(0, I) noise, shape (B, *noise_shape).
            own: N(0, I) numbers for the own part, shape (B, own_dim).
        """
        return torch.cat([self.latent_basis.project(noise), own], dim=1)


class SteeringHead(torch.nn.Module):
    """A trained steering policy: condition and noise in, latent and chunk out.

    Attributes:
        plan: What its codes do.
        method: Name of its method.
        chunk_steps: Control steps per decision that it was trained with.
        iteration: Iterations that it was trained for.
        own_dim: Numbers that it needs beside the noise of the base policy when its code is sampled.
        familiarity: What it met in training; None if that is not known.
    """

    std: Tensor

    def __init__(
        self,
        plan: Plan,
        network: torch.nn.Module,
        squash: Squash,
        std: Tensor,
        *,
        chunk_steps: int,
        method: str = "score",
        iteration: int = 0,
        familiarity: Familiarity | None = None,
    ) -> None:
        """Set up.

        Args:
            plan: What the codes do.
            network: Features (B, F) of the condition to the unbounded mean (B, d), observation normaliser included.
            squash: Bound of the code.
            std: Standard deviation of the unbounded code, shape (d,).
            chunk_steps: Control steps per decision.
            method: Name of the method.
            iteration: Iterations of training.
            familiarity: What it met in training, if that is known.

        Raises:
            ValueError: The standard deviation does not fit the plan.
        """
        super().__init__()
        if std.shape != (plan.code_dim,) or not bool((torch.isfinite(std) & (std >= 0.0)).all()):
            raise ValueError(
                f"The standard deviation must be {plan.code_dim} finite, non-negative numbers, got {std.tolist()}."
            )
        self.plan = plan
        self.network = network
        self.squash = squash
        self.register_buffer("std", std.detach().clone())
        self.method = method
        self.chunk_steps = chunk_steps
        self.iteration = iteration
        self.own_dim: int = plan.own_dim
        self.familiarity = familiarity

    @torch.jit.export
    def unfamiliarity(self, condition: Tensor, extents: Tensor) -> Tensor:
        """How far observations are from those of training, shape (B,): 1 is the limit, 0 if it is not known.

        Args:
            condition: Their conditions, shape (B, C).
            extents: The sizes of what they show, :meth:`Plan.extents`, shape (B, extents_dim).
        """
        if self.familiarity is None:
            return torch.zeros(condition.shape[0], device=condition.device)
        return self.familiarity(self.plan.features(condition), extents)

    def forward(self, condition: Tensor, noise: Tensor, own: Tensor, sample: bool) -> tuple[Tensor, Tensor]:
        """Make one decision.

        Args:
            condition: Condition of the base policy, shape (B, C).
            noise: N(0, I) noise, shape (B, *plan.noise_shape).
            own: More N(0, I) numbers, shape (B, own_dim). Noise and these are the only source of randomness.
            sample: Whether the code is sampled. If not, it is the code of the mean, and where the latent is steered
                the complement of its basis stays 0: equal observations give equal actions.

        Returns:
            Latent (B, *plan.noise_shape), and chunk (B, H, A) in action units.
        """
        u = self.network(self.plan.features(condition))
        if sample:
            u = u + self.std * self.plan.code_noise(noise, own)
        elif not self.plan.keeps_noise:
            noise = torch.zeros_like(noise)
        return self.plan.decide(condition, self.squash(u), noise)
