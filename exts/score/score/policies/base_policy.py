# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The interface that every frozen base policy has."""

# No `from __future__ import annotations` here and in the other network files: TorchScript reads the annotations.
import torch
from torch import Tensor

from score.policies.spec import Chunk, PolicySpec
from score.utils.errors import UserError


class BasePolicy(torch.nn.Module):
    """A frozen policy that turns an observation window and a latent into a chunk of actions.

    ``encode``, ``features``, ``extents`` and ``decode`` are stateless, work on batches whose rows do not touch each
    other, draw no random numbers, and go through ``torch.jit.script``. ``decode`` is differentiable with respect to
    condition and latent. The latent is N(0, I) in training, so a standard normal latent gives the policy as it was
    trained.
    :func:`score.policies.contract.contract_problems` checks all of that.
    """

    latent_shape: tuple[int, int]
    """Shape (rows, columns) of one latent. Often that of a chunk (H, A), but a policy that denoises rows of the past
    has more rows, and one that pads its actions more columns."""

    extents_dim: int
    """Numbers that :meth:`extents` returns."""

    relative: bool
    """Whether :meth:`reference` is the position that actions are counted from."""

    decode_batch: int
    """Most rows that :meth:`decode_all` decodes at once; 0 for all."""

    def __init__(
        self,
        spec: PolicySpec,
        condition_dim: int,
        latent_shape: tuple[int, int] | None = None,
        chunk: Chunk | None = None,
    ) -> None:
        """Set up.

        Args:
            spec: Observations, actions, rate and horizon of the policy.
            condition_dim: Length C of the condition vector.
            latent_shape: Rows and columns of a latent; (H, A) by default.
            chunk: The rows that are generated; by default H, the first for the coming step, and all executed.

        Raises:
            UserError: ``chunk`` leaves another number of steps than the spec's horizon.
        """
        super().__init__()
        self.spec = spec
        self.condition_dim = condition_dim
        self.latent_shape = latent_shape or (spec.horizon, len(spec.actions.names))
        self.chunk = chunk or Chunk(spec.horizon, 0, spec.horizon)
        self.extents_dim = 0
        self.relative = False
        self.decode_batch = 0
        if self.chunk.rows - self.chunk.first != spec.horizon:
            raise UserError(
                f"The chunk has {self.chunk.rows} rows from row {self.chunk.first} on, and the horizon is"
                f" {spec.horizon}: it must be rows - first."
            )

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """Turn observation windows into a condition.

        Args:
            observations: Windows by name, (B, history, *shape) with the oldest frame first, or (B, *shape) where
                the history is one frame; in the units of the spec. Names that the policy does not read are ignored.

        Returns:
            Condition, shape (B, C).
        """
        raise NotImplementedError

    @torch.jit.export
    def features(self, condition: Tensor) -> Tensor:
        """Return what the steering policy sees of a condition (B, C), shape (B, F): by default all of it."""
        return condition

    @torch.jit.export
    def extents(self, observations: dict[str, Tensor]) -> Tensor:
        """Return the sizes of what is seen, shape (B, extents_dim) [m], where the condition leaves them out.

        A policy that looks at shapes alone acts on an object of twice the size as if it were its own; whoever asks
        whether an observation is like those of training has to know better. By default nothing, (B, 0).
        """
        for window in observations.values():
            return window.flatten(1)[:, :0]
        return torch.zeros(0, 0)

    @torch.jit.export
    def reference(self, condition: Tensor) -> Tensor:
        """Newest frame of the ``relative_to`` observation, read back from a condition (B, C), shape (B, A) [its units].

        Nothing, (B, 0), where the policy's actions are plain, or its network keeps the frame to itself.
        """
        return condition[:, :0]

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """Turn a condition and a latent into actions.

        Args:
            condition: What :meth:`encode` returned, shape (B, C).
            latent: Shape (B, *latent_shape).

        Returns:
            Action chunk in the units of ``spec.actions``, shape (B, H, A), the next action first.
        """
        raise NotImplementedError

    @torch.jit.export
    def decode_all(self, condition: Tensor, latent: Tensor) -> Tensor:
        """:meth:`decode`, ``decode_batch`` rows after the other: what a large network needs is memory for so many."""
        size = self.decode_batch
        if size < 1 or condition.shape[0] <= size:
            return self.decode(condition, latent)
        chunks: list[Tensor] = []
        for start in range(0, condition.shape[0], size):
            chunks.append(self.decode(condition[start : start + size], latent[start : start + size]))
        return torch.cat(chunks)
