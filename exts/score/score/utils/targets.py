# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The clamp that every target passes before a robot gets it: in the simulator, in recordings and in the capsule."""

# No `from __future__ import annotations` here: TorchScript reads the annotations.
import torch
from torch import Tensor


def clamp_target(
    target: Tensor, low: Tensor, high: Tensor, measured: Tensor | None = None, max_offset: Tensor | None = None
) -> Tensor:
    """Hold targets near the measured positions first, and then within their limits.

    Args:
        target: Wanted targets, shape (..., A).
        low: Lowest targets, shape (A,).
        high: Highest targets, shape (A,).
        measured: Measured positions, shape (..., A); None where nothing is measured, and the limits alone hold.
        max_offset: Largest distance from a measured position, in the same units, one or shape (A,).

    Returns:
        Targets, shape (..., A).
    """
    if measured is not None and max_offset is not None:
        target = torch.clamp(target, measured - max_offset, measured + max_offset)
    return torch.clamp(target, low, high)
