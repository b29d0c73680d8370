# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from score.policies.integrators import Integrator, make_schedule
from score.utils.errors import UserError


class LinearField(torch.nn.Module):
    """dx/dt = c x + t, with c the condition."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def prepare(self, condition: torch.Tensor) -> torch.Tensor:
        return condition.view(-1, 1, 1)

    def velocity(self, point: torch.Tensor, time: float, prepared: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return prepared * point + time


def _solve(method: str, steps: int, start: float, slope: float) -> float:
    integrator = Integrator(LinearField(), method, steps)
    return integrator(
        torch.tensor([[slope]], dtype=torch.float64), torch.tensor([[[start]]], dtype=torch.float64)
    ).item()


def test_midpoint_step_by_hand() -> None:
    # dx/dt = 2 x + t, x(0) = 1, two steps of h = 0.5.
    # Step 1: k1 = 2*1 + 0 = 2; midpoint x = 1 + 0.25*2 = 1.5; k2 = 2*1.5 + 0.25 = 3.25; x = 1 + 0.5*3.25 = 2.625.
    # Step 2: k1 = 2*2.625 + 0.5 = 5.75; midpoint x = 2.625 + 0.25*5.75 = 4.0625; k2 = 2*4.0625 + 0.75 = 8.875;
    #         x = 2.625 + 0.5*8.875 = 7.0625.
    assert _solve("midpoint", 2, 1.0, 2.0) == pytest.approx(7.0625, abs=1e-12)


def test_euler_step_by_hand() -> None:
    # Two steps of 0.5: x = 1 + 0.5*(2*1 + 0) = 2; x = 2 + 0.5*(2*2 + 0.5) = 4.25.
    assert _solve("euler", 2, 1.0, 2.0) == pytest.approx(4.25, abs=1e-12)


def test_default_is_ten_network_passes() -> None:
    field = LinearField()
    Integrator(field)(torch.ones(1, 1), torch.ones(1, 1, 1))
    assert field.calls == 10


@settings(deadline=None)
@given(start=st.floats(-2, 2), slope=st.floats(0.1, 1.5))
def test_midpoint_is_of_second_order(start: float, slope: float) -> None:
    # Exact: x' = c x + t has x(1) = (x0 + 1/c^2) e^c - 1/c - 1/c^2.
    exact = (start + 1 / slope**2) * math.exp(slope) - 1 / slope - 1 / slope**2
    coarse, fine = (abs(_solve("midpoint", steps, start, slope) - exact) for steps in (10, 20))
    assert fine <= 0.3 * coarse + 1e-9  # a quarter, but for higher orders
    assert coarse < 0.1


@settings(deadline=None)
@given(method=st.sampled_from(["midpoint", "euler"]), steps=st.integers(1, 50))
def test_committed_steps_cover_the_unit_interval(method: str, steps: int) -> None:
    schedule = make_schedule(method, steps)
    assert sum(g for g, c in zip(schedule.gains, schedule.commits, strict=True) if c) == pytest.approx(1.0)
    assert schedule.times == sorted(schedule.times)
    assert min(schedule.times) >= 0
    assert max(schedule.times) < 1


def test_bad_settings_are_refused() -> None:
    with pytest.raises(UserError, match=r"'midpiont' is unknown. Did you mean 'midpoint'"):
        make_schedule("midpiont", 5)
    with pytest.raises(UserError, match=r"steps 0 is invalid"):
        make_schedule("euler", 0)
