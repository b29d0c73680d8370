# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Moving average of weights on the published schedule."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel


def ema_decay(count: int, power: float, maximum: float) -> float:
    """Weight of the average against the newest model: ``min(maximum, 1 - (1 + count)^-power)``.

    It grows from 0, so the random initial weights are forgotten at once and the average lengthens with training
    (schedule of Diffusion Policy, inverse gamma 1).

    Args:
        count: Models averaged so far.
        power: Published: 0.75.
        maximum: Published: 0.9999.
    """
    return min(maximum, 1.0 - (1.0 + count) ** -power)


def averaged_model(model: torch.nn.Module, power: float, maximum: float) -> AveragedModel:
    """Torch's averaged copy of a model, on the schedule of :func:`ema_decay`."""
    return AveragedModel(model, multi_avg_fn=_average(power, maximum))


def _average(power: float, maximum: float) -> Callable[..., None]:
    @torch.no_grad()
    def update(averages: list[Tensor], newest: list[Tensor], count: Tensor | int) -> None:
        torch._foreach_lerp_(averages, newest, 1.0 - ema_decay(int(count), power, maximum))

    return update
