# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Explicit integration of a velocity field from t = 0 (noise) to t = 1 (action) in uniform steps."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from score.utils.errors import UserError, near_names

METHODS = ("midpoint", "euler")
"""Known methods. ``midpoint`` evaluates the field twice in a step, ``euler`` once."""


class Schedule(NamedTuple):
    """An explicit method as a list of field evaluations.

    Evaluation i moves from the start of its step: ``point = base + gains[i] * velocity(point, times[i])``, and where
    ``commits[i]`` the point becomes the next base. Midpoint and Euler are such lists, so one loop serves both.
    """

    times: list[float]
    """Time of each evaluation."""
    gains: list[float]
    """How far each evaluation moves the point from the base."""
    commits: list[bool]
    """Whether the evaluation ends a step."""


def make_schedule(method: str, steps: int) -> Schedule:
    """List the field evaluations of an explicit method.

    Args:
        method: ``midpoint`` (explicit midpoint, second order) or ``euler``.
        steps: Number of uniform steps over [0, 1], at least 1.

    Raises:
        UserError: The method is unknown or there is no step.
    """
    if method not in METHODS:
        near = near_names(method, METHODS) or f" Known are {', '.join(map(repr, METHODS))}."
        raise UserError(f"Integrator method '{method}' is unknown.{near}")
    if steps < 1:
        raise UserError(f"Integrator steps {steps} is invalid: give at least 1.")
    schedule = Schedule([], [], [])
    width = 1.0 / steps
    for step in range(steps):
        rows = [(step * width, width, True)]
        if method == "midpoint":
            rows = [(step * width, 0.5 * width, False), ((step + 0.5) * width, width, True)]
        for time, gain, commit in rows:
            schedule.times.append(time)
            schedule.gains.append(gain)
            schedule.commits.append(commit)
    return schedule


class Integrator(torch.nn.Module):
    """Carries a start point along a velocity field to t = 1.

    The field is a module with two methods: ``prepare(condition) -> Tensor``, called once, and
    ``velocity(point, time, prepared) -> Tensor`` with a float time, called once per evaluation. All that depends on
    the condition alone belongs into ``prepare``; that is what keeps ten network passes cheap.
    """

    def __init__(self, field: torch.nn.Module, method: str = "midpoint", steps: int = 5) -> None:
        """Set up.

        Args:
            field: The velocity field, see above.
            method: See :func:`make_schedule`. Published: midpoint.
            steps: Uniform steps. Published: 5, that is 10 network passes.
        """
        super().__init__()
        self.field: Any = field  # TorchScript knows no protocol for its two methods
        schedule = make_schedule(method, steps)
        self.times: list[float] = schedule.times
        self.gains: list[float] = schedule.gains
        self.commits: list[bool] = schedule.commits

    def forward(self, condition: Tensor, start: Tensor) -> Tensor:
        """Integrate.

        Args:
            condition: Shape (B, C).
            start: Point at t = 0, shape (B, H, A).

        Returns:
            Point at t = 1, shape (B, H, A).
        """
        prepared = self.field.prepare(condition)
        base = start
        point = start
        for i in range(len(self.times)):
            point = base + self.gains[i] * self.field.velocity(point, self.times[i], prepared)
            if self.commits[i]:
                base = point
        return point
