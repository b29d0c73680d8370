# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Normalisation of observations and actions, with its statistics inside the policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from score.utils.errors import UserError

MIN_SCALE = 1e-6
"""Least scale [the data's units] that counts as a range. Float32 rounding of a constant near 1 looks like 1e-7."""


@dataclass(frozen=True)
class Statistic:
    """Offset and scale of some data, one pair per dimension: ``normalised = (data - offset) / scale``."""

    offset: Tensor
    """What is subtracted [the data's units]."""
    scale: Tensor
    """What is divided by [the data's units], same shape, positive."""


def mean_std_statistic(samples: Tensor, name: str, labels: Sequence[str] = ()) -> Statistic:
    """Statistic of mean and standard deviation along the first axis.

    The published policy maps the range to [-1, 1]. Mean and deviation are used here instead: demonstrations move fast
    on the way and by a millimetre at the goal, so a range is set by a few outliers and squeezes the part that decides
    into a sliver, where the network's error is as large as the motion.

    Args:
        samples: Data, shape (N, ...), N at least 2.
        name: What the data are, for the message.
        labels: Names along the last axis, for the message.

    Raises:
        UserError: Too few samples, a number that is not finite, or a dimension that does not vary.
    """
    if samples.shape[0] < 2:
        raise UserError(f"Statistics of {name} need at least 2 samples and got {samples.shape[0]}.")
    deviation, mean = torch.std_mean(samples.double(), dim=0)
    return checked_statistic(mean.float(), deviation.float(), name, mean.shape, labels)


def checked_statistic(
    offset: Tensor, scale: Tensor, name: str, shape: Sequence[int], labels: Sequence[str] = ()
) -> Statistic:
    """Make a statistic, or say why it cannot be used. Nothing is passed through un-normalised.

    Args:
        offset: What is subtracted.
        scale: What is divided by.
        name: What the data are, for the message.
        shape: Shape that both must have.
        labels: Names along the last axis, for the message.

    Raises:
        UserError: Wrong shape, a number that is not finite, or a scale below :data:`MIN_SCALE`.
    """
    for part, tensor in (("offset", offset), ("scale", scale)):
        if tuple(tensor.shape) != tuple(shape):
            raise UserError(
                f"Statistic of {name}: {part} has shape {tuple(tensor.shape)}, and {tuple(shape)} is needed."
            )
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"Statistic of {name}: {part} is not finite. Look for NaN or huge numbers in the data.")
    flat = (scale.reshape(-1) < MIN_SCALE).nonzero().reshape(-1)
    if flat.numel():
        index = int(flat[0])
        where = f"index {tuple(int(i) for i in torch.unravel_index(torch.tensor(index), tuple(shape)))}"
        if labels:
            where += f" ('{labels[index % len(labels)]}')"
        raise UserError(
            f"Statistic of {name}: {where} has zero range (scale {float(scale.reshape(-1)[index]):g}), so it cannot be"
            " normalised. Record data in which it varies, or leave it out of the observations or actions."
        )
    return Statistic(offset, scale)


def checked_axes(axes: Tensor, dimension: int, name: str) -> Tensor:
    """Return ``axes``, orthonormal directions as columns of a (dimension, dimension) matrix, or say what is wrong.

    Args:
        axes: The matrix.
        dimension: Length of a direction.
        name: Where it comes from, for the message.

    Raises:
        UserError: Wrong shape, or not orthonormal to 1e-4.
    """
    if tuple(axes.shape) != (dimension, dimension):
        raise UserError(f"{name} has shape {tuple(axes.shape)}, and {(dimension, dimension)} is needed.")
    error = float((axes.mT @ axes - torch.eye(dimension, device=axes.device)).abs().max())
    if not error < 1e-4:
        raise UserError(f"{name} is not orthonormal (off by {error:.3g}): write the base policy anew.")
    return axes


class Normalizer(torch.nn.Module):
    """Affine normalisation with its statistic as buffers, so that it travels with the weights."""

    offset: Tensor
    """What is subtracted."""
    scale: Tensor
    """What is divided by."""

    def __init__(self, statistic: Statistic) -> None:
        """Set up.

        Args:
            statistic: A checked statistic; it is copied.
        """
        super().__init__()
        self.register_buffer("offset", statistic.offset.detach().clone().float())
        self.register_buffer("scale", statistic.scale.detach().clone().float())

    def forward(self, data: Tensor) -> Tensor:
        """Normalise ``data``, shape (..., *statistic)."""
        return (data - self.offset) / self.scale

    def inverse(self, normalised: Tensor) -> Tensor:
        """Undo :meth:`forward`."""
        return normalised * self.scale + self.offset
