# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The bound of a code: the one map between the Gaussian variable u of the steering policy and the code z."""

# No `from __future__ import annotations` here: TorchScript reads the annotations.
import math

import torch
from torch import Tensor

_MAX_ABS_Y = 1.0 - 2.0**-24
"""Largest float32 below 1: a code that was rounded to the bound is read as this, which keeps its density finite."""


def unit_variance_scale(bound: float) -> float:
    """Return the standard deviation of ``bound * tanh(u / bound)`` for u ~ N(0, 1).

    The trapezoidal rule converges exponentially for this integrand; 4001 nodes on [-12, 12] reach double precision.

    Args:
        bound: Bound b > 0, in standard deviations of u.
    """
    u = torch.linspace(-12.0, 12.0, 4001, dtype=torch.float64)
    density = torch.exp(-0.5 * u**2) / math.sqrt(2 * math.pi)
    return math.sqrt(torch.trapezoid((bound * torch.tanh(u / bound)) ** 2 * density, u).item())


class Squash(torch.nn.Module):
    """z = b tanh(u / b) / s, with s such that u ~ N(0, 1) gives z unit variance. Goes through ``torch.jit.script``.

    Attributes:
        bound: b.
        scale: s.
        limit: Largest absolute value of z, b / s.
    """

    def __init__(self, bound: float) -> None:
        """Set up.

        Raises:
            ValueError: The bound is not a positive number.
        """
        super().__init__()
        if not 0.0 < bound < math.inf:
            raise ValueError(f"The bound of a code must be a positive number, got {bound}.")
        self.bound = float(bound)
        self.scale = unit_variance_scale(self.bound)
        self.limit = self.bound / self.scale

    def forward(self, u: Tensor) -> Tensor:
        """Map u to the code z, both of any shape."""
        return torch.tanh(u / self.bound) * self.limit

    def inverse(self, z: Tensor) -> Tensor:
        """Map a code z to u; codes at the bound map to the largest finite u."""
        return torch.atanh((z / self.limit).clamp(-_MAX_ABS_Y, _MAX_ABS_Y)) * self.bound
