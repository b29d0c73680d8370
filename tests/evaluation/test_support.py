# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The support meter: silent about the base policy itself and about its noise, loud about other actions."""

from __future__ import annotations

from typing import Any

import pytest
import scipy.stats
import torch
from tests.rollout.scripted import LinePolicy, LineTask
from tests.steering.scripted_task import SETTINGS

from score.evaluation import EvaluationCfg, evaluate_paired
from score.evaluation.report import support_sentence
from score.evaluation.support import support_rank
from score.steering.diagnostics import kolmogorov_smirnov, norm_quantile
from score.steering.familiarity import Distance, Familiarity
from score.steering.methods import make_plan
from score.steering.plan import SteeringHead
from score.steering.squash import Squash


def test_norms_and_distributions_agree_with_scipy() -> None:
    codes = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.3, 2.0])
    expected = scipy.stats.chi2.cdf(codes.square().sum(1).numpy(), df=3)
    assert norm_quantile(codes).tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    statistics = [scipy.stats.kstest(column.numpy(), "norm").statistic for column in codes.T]
    assert kolmogorov_smirnov(codes).tolist() == pytest.approx(statistics, abs=1e-5)


def test_ranks_by_hand() -> None:
    # Draws at 0, 1, 3 and one more that only makes the spread; nearest others of 0, 1, 3 are at 1, 1, 2.
    draws = torch.tensor([[[0.0], [1.0], [3.0], [0.0]]]).expand(3, -1, -1)
    # 1.5 is at 0.5 from its nearest: nearer than all. 4.5 at 1.5: further than two of three. -9 at 9: than all.
    assert support_rank(torch.tensor([[1.5], [4.5], [-9.0]]), draws).tolist() == pytest.approx([0.0, 2 / 3, 1.0])


def test_a_draw_is_outside_once_in_as_many_as_there_are() -> None:
    points = torch.randn(4000, 17, 5, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 9.0, 0.1, 1, 1])
    outside = (support_rank(points[:, 0], points[:, 1:]) >= 1.0).float().mean().item()
    # One of 16: 6.25 %, with a standard error of 0.4 %.
    assert outside == pytest.approx(1 / 16, abs=0.015)


def head_of(method: str, mean: float, **settings: Any) -> SteeringHead:
    plan = make_plan(LinePolicy(), SETTINGS | {"method": method, "basis": "full", **settings})

    class Constant(torch.nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return torch.full((len(features), plan.code_dim), mean)

    return SteeringHead(plan, Constant(), Squash(3.0), 0.1 * torch.ones(plan.code_dim), chunk_steps=4)


@pytest.mark.parametrize(
    ("method", "mean", "settings", "left"),
    [
        # The latent 0.5 in all four rows is well inside of N(0, I).
        ("score", 0.5, {}, False),
        # 3 is the bound: |z|^2 of 35 with four degrees of freedom, which N(0, I) never has.
        ("score", 9.0, {}, True),
        # Chunks of the base policy are 0.1 wide: a residual of 0.03 stays beside them, one of 1 does not.
        ("residual", 9.0, {"residual_limit": 0.03}, False),
        ("residual", 9.0, {"residual_limit": 1.0}, True),
        # Actions from -9 to 9.
        ("ppo", 1.0, {}, True),
    ],
)
def test_the_meter_tells_who_leaves_the_support(method: str, mean: float, settings: Any, left: bool) -> None:
    cfg = EvaluationCfg(task="Line-v0", episodes=12)
    report = evaluate_paired(LineTask(), LinePolicy(), head_of(method, mean, **settings), cfg).report
    support = report["support"]
    assert support["left"] is left, support
    assert support["decisions"] >= 12
    assert (support["norm_quantile"] is None) == (method == "ppo" or method == "residual")
    assert ("has left the support" in support_sentence(support)) is left
    if method == "score":
        assert (support["norm_quantile"] > 0.99) is left


@pytest.mark.parametrize("num_envs", [1, 3])
def test_every_decision_counts_once_however_few_environments_there_are(num_envs: int) -> None:
    cfg = EvaluationCfg(task="Line-v0", episodes=7)
    reports = [
        evaluate_paired(LineTask(number), LinePolicy(), head_of("score", 0.5), cfg).report for number in (num_envs, 8)
    ]
    support, wanted = (report["support"] for report in reports)
    assert support["decisions"] == wanted["decisions"]
    assert support["norm_quantile"] == pytest.approx(wanted["norm_quantile"])


def test_observations_unlike_the_training_are_told_of() -> None:
    """The point goes from about 0 to beyond 1, by 0.05 a step, 4 steps a decision; 0.5 is the limit.

    Decisions are made at 0, 0.2, 0.4, 0.6, 0.8 and maybe 1, give or take the start: about half of them beyond it.
    """
    head = head_of("score", 0.5)
    cfg = EvaluationCfg(task="Line-v0", episodes=12)
    support = evaluate_paired(LineTask(), LinePolicy(), head, cfg).report["support"]
    assert support["unfamiliar"] is None
    assert "unlike" not in support_sentence(support)
    one, nothing = torch.ones(1), torch.zeros(1)
    head.familiarity = Familiarity(Distance(nothing, one, one[:, None], one, torch.tensor(1.0), torch.tensor(0.5)))
    support = evaluate_paired(LineTask(), LinePolicy(), head, cfg).report["support"]
    assert 0.3 < support["unfamiliar"] < 0.7
    assert f"{100 * support['unfamiliar']:.1f} % of what it saw is unlike its training" in support_sentence(support)
