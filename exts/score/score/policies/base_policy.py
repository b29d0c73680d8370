# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The interface that every frozen base policy has."""

# No `from __future__ import annotations` here and in the other network files: TorchScript reads the annotations.
import torch
from torch import Tensor

from score.policies.spec import PolicySpec


class BasePolicy(torch.nn.Module):
    """A frozen policy that turns an observation window and a latent into a chunk of actions.

    ``encode`` and ``decode`` are stateless, work on batches whose rows do not touch each other, draw no random
    numbers, and go through ``torch.jit.script``. ``decode`` is differentiable with respect to condition and latent.
    The latent is N(0, I) in training, so a standard normal latent gives the policy as it was trained.
    """

    __jit_unused_properties__ = ["latent_shape"]  # noqa: RUF012 - a list for TorchScript

    def __init__(self, spec: PolicySpec, condition_dim: int) -> None:
        """Set up.

        Args:
            spec: Observations, actions, rate and horizon of the policy.
            condition_dim: Length C of the condition vector.
        """
        super().__init__()
        self.spec = spec
        self.condition_dim = condition_dim

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Shape (H, A) of one latent, which is also that of one action chunk."""
        return self.spec.horizon, len(self.spec.actions.names)

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """Turn observation windows into a condition.

        Args:
            observations: Windows by name, (B, history, *shape) with the oldest frame first, or (B, *shape) where
                the history is one frame; in the units of the spec. Names that the policy does not read are ignored.

        Returns:
            Condition, shape (B, C).
        """
        raise NotImplementedError

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """Turn a condition and a latent into actions.

        Args:
            condition: What :meth:`encode` returned, shape (B, C).
            latent: Shape (B, H, A).

        Returns:
            Action chunk in the units of ``spec.actions``, shape (B, H, A), the next action first.
        """
        raise NotImplementedError
