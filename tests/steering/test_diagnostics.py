# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Diagnostics of the latent's support."""

from __future__ import annotations

import pytest
import torch

from score.steering.diagnostics import (
    IterationTimes,
    RolloutStatistics,
    RolloutSummary,
    iteration_scalars,
    latent_support,
)
from score.steering.run_log import iteration_line


def test_standard_normal_codes_are_typical() -> None:
    torch.manual_seed(0)
    zeros, ones = torch.zeros(20_000, 56), torch.ones(20_000, 56)
    support = latent_support(torch.randn(20_000, 56), zeros, ones, limit=3.3)
    # Chi-squared with 56 degrees of freedom: 5 % below 39.80, 95 % below 74.47 (tables).
    assert support["chi2_q05"] == pytest.approx(39.80, abs=0.01)
    assert support["chi2_q95"] == pytest.approx(74.47, abs=0.01)
    assert support["norm2_q50"] == pytest.approx(support["chi2_q50"], rel=0.01)
    assert support["inside"] == pytest.approx(0.9, abs=0.01)
    assert (support["kl"], support["std"], support["mean_rms"]) == (0.0, 1.0, 0.0)


def test_cool_and_saturated_codes_show() -> None:
    cool = latent_support(torch.zeros(10, 4), torch.zeros(10, 4), torch.full((10, 4), 0.5), limit=3.0)
    # Per number .5 (.25 - 1 - 2 ln .5) = .3181.
    assert cool["kl"] == pytest.approx(4 * 0.31815, abs=1e-3)
    assert (cool["inside"], cool["at_bound"]) == (0.0, 0.0)
    saturated = latent_support(torch.tensor([[3.0, -2.9, 0.0, 1.0]]), torch.zeros(1, 4), torch.ones(1, 4), limit=3.0)
    assert saturated["at_bound"] == 0.5


def test_the_line_of_an_iteration() -> None:
    summary = RolloutSummary(40, 30, {"success": 30, "lost": 10}, 2, 0, 0.7, 61.0, 8.0, 1.5)
    support = {"kl": 3.21, "std": 0.48}
    line = iteration_line(7, 100, summary, support, IterationTimes(10.0, 2.0), 57_344, 8192, 600.4)
    # 8192 steps in 12 s are 683 per second.
    assert line == (
        "   7/100 | success  75 % of  40 | KL   3.21 | std 0.48 |    57,344 env steps,   683/s"
        " (physics 8.0 s, base policy 1.5 s, learner 2.0 s) | 0:10:00 left | guard resets 2"
    )
    scalars = iteration_scalars(summary, support, IterationTimes(10.0, 2.0), 57_344, 7168, 8192)
    assert scalars["Steering/success"] == 0.75
    assert scalars["Ended_by/lost"] == 0.25
    assert scalars["Seconds/rest"] == pytest.approx(0.5)
    assert scalars["Latent/kl"] == 3.21


def test_nothing_ended_is_no_rate() -> None:
    summary = RolloutStatistics(2, ("success", "guard"), "cpu").drain()
    assert summary.episodes == 0
    assert summary.success_rate != summary.success_rate
    line = iteration_line(1, 2, summary, {"kl": 0.0, "std": 1.0}, IterationTimes(1.0, 1.0), 0, 0, 0.0)
    assert "success   - % of   0" in line
