# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Methods: what their plans do to the base policy, and that checkpoints remember them."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.steering.scripted_task import SETTINGS, IdentityPolicy, PointTask, TwoWayPolicy

from score.rollout.arms import steered_arm
from score.rollout.episodes import run_episodes
from score.steering.checkpoint import load_checkpoint, save_checkpoint
from score.steering.config import SteeringRunnerCfg
from score.steering.latent import BASIS_KINDS
from score.steering.methods import METHODS, find_method, make_plan, plan_identity
from score.steering.plan import Plan, SteeringHead
from score.steering.policy import load_steering_policy
from score.steering.squash import Squash
from score.steering.train import train
from score.utils.errors import UserError

NAME = "SCORE-Point-v0"


class PaddedPolicy(IdentityPolicy):
    """A policy that denoises two rows of the past and one column more than it has actions: chunk = the rest."""

    def __init__(self, horizon: int) -> None:
        super().__init__(horizon)
        self.latent_shape = (6, 2)

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return latent[:, 2:, :1]


class WatchedPolicy(IdentityPolicy):
    """Notes how many rows it decodes at once."""

    def __init__(self, horizon: int) -> None:
        super().__init__(horizon)
        self.sizes: list[int] = []

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(latent))
        return super().decode(condition, latent)


def plan_of(method: str, policy: IdentityPolicy | None = None, **changes: Any) -> Plan:
    return make_plan(policy or IdentityPolicy(4), SETTINGS | {"method": method, **changes})


def test_unknown_methods_are_refused_with_near_names() -> None:
    with pytest.raises(UserError, match=r"Unknown method 'score_residul'. Did you mean 'score_residual'"):
        find_method("score_residul")


@pytest.mark.parametrize("method", ["score", "residual", "score_residual"])
def test_a_large_base_policy_decodes_batch_after_batch(method: str) -> None:
    policy = WatchedPolicy(4)
    plan = plan_of(method, policy)
    condition, code, noise = torch.zeros(5, 1), torch.randn(5, plan.code_dim), torch.randn(5, *plan.noise_shape)
    undivided = plan.decide(condition, code, noise)
    policy.decode_batch = 2
    assert all(map(torch.equal, plan.decide(condition, code, noise), undivided))
    assert policy.sizes == [5, 2, 2, 1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("policy", [IdentityPolicy(4), PaddedPolicy(4)])
def test_standard_normal_code_and_noise_leave_the_latent_standard_normal(method: str, policy: IdentityPolicy) -> None:
    plan, count = plan_of(method, policy, basis="dct"), 100_000
    generator = torch.Generator().manual_seed(0)
    code = torch.randn(count, plan.code_dim, generator=generator)
    noise = torch.randn(count, *plan.noise_shape, generator=generator)
    latent, chunk = plan.decide(torch.zeros(count, 1), code, noise)
    assert chunk.shape == (count, 4, 1)
    # Standard error of a covariance of 1e5 samples is .003.
    covariance = torch.cov(latent.flatten(1).T)
    assert (covariance - torch.eye(len(covariance))).abs().max() < 0.02
    # And so does the code that is drawn from the noise: by an untrained head of unit variance it is the very latent.
    again, _ = plan.decide(torch.zeros(count, 1), plan.code_noise(noise, code[:, : plan.own_dim]), noise)
    torch.testing.assert_close(again, noise, atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("method", ["score", "score_residual"])
def test_an_untrained_head_of_unit_variance_acts_as_the_base_policy_would_on_the_same_noise(method: str) -> None:
    plan = plan_of(method, basis="dct")
    untrained = torch.nn.Linear(1, plan.code_dim)
    for parameter in untrained.parameters():
        torch.nn.init.zeros_(parameter)
    head = SteeringHead(plan, untrained, Squash(1e3), torch.ones(plan.code_dim), chunk_steps=4, method=method)
    noise = torch.randn(7, *plan.noise_shape, generator=torch.Generator().manual_seed(0))
    latent, _ = head(torch.zeros(7, 1), noise, torch.zeros(7, plan.own_dim), True)
    torch.testing.assert_close(latent, noise, atol=1e-4, rtol=0.0)


@settings(max_examples=40, deadline=None)
@given(
    method=st.sampled_from(["residual", "score_residual"]), basis=st.sampled_from(BASIS_KINDS),
    horizon=st.integers(2, 9), bound=st.floats(1.0, 5.0), limit=st.floats(0.001, 2.0), seed=st.integers(0, 99),
)  # fmt: skip
def test_residuals_stay_within_their_limit_and_can_reach_it(
    method: str, basis: str, horizon: int, bound: float, limit: float, seed: int
) -> None:
    plan = plan_of(method, IdentityPolicy(horizon), basis=basis, bound=bound, residual_limit=limit)
    generator = torch.Generator().manual_seed(seed)
    code = Squash(bound)(50.0 * torch.randn(20, plan.code_dim, generator=generator))
    widest = plan.chunk_basis.columns.abs().sum(1).argmax()
    code[0, plan.latent_dim :] = Squash(bound).limit * plan.chunk_basis.columns[widest].sign()
    latent, chunk = plan.decide(torch.zeros(20, 1), code, torch.zeros(20, horizon, 1))
    largest = (chunk - latent).abs().amax(dim=(1, 2))
    assert bool((largest <= limit * (1 + 1e-4)).all())
    assert largest[0].item() == pytest.approx(limit, rel=1e-3)


def test_residual_keeps_the_noise_of_the_base_policy_and_adds_to_its_chunk() -> None:
    plan = plan_of("residual", basis="repeat", residual_limit=0.1)
    noise = torch.randn(3, 4, 1)
    # One column of 1/2: codes of L make rows of L / 2, which is the limit; half a code half of it.
    code = torch.tensor([[1.0], [-0.5], [0.0]]) * Squash(3.0).limit
    expected = noise + torch.tensor([0.1, -0.05, 0.0])[:, None, None]
    torch.testing.assert_close(plan(torch.zeros(3, 1), code, noise), expected)


class FarPolicy(IdentityPolicy):
    """Relative actions, and no mind of its own."""

    def __init__(self, horizon: int) -> None:
        super().__init__(horizon)
        self.relative = True

    def reference(self, condition: torch.Tensor) -> torch.Tensor:
        return condition

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the base policy acts")


@pytest.mark.parametrize("method", ["ppo", "bc_ppo"])
def test_without_the_base_policy_actions_start_from_what_was_measured(method: str) -> None:
    plan = plan_of(method, FarPolicy(4), basis="repeat", action_reach=0.1)
    # One column of 1/2: a code of L is the whole reach of 0.1 a step, so 0.1, 0.2, 0.3, 0.4 from where it was; half a
    # code half of it.
    code = torch.tensor([[1.0], [-0.5]]) * Squash(3.0).limit
    chunk = plan(torch.tensor([[5.0], [2.0]]), code, torch.randn(2, 4, 1))
    expected = torch.tensor([[5.1, 5.2, 5.3, 5.4], [1.95, 1.9, 1.85, 1.8]])
    torch.testing.assert_close(chunk.squeeze(-1), expected)


def test_without_the_base_policy_plain_actions_span_their_limits() -> None:
    policy = IdentityPolicy(4)
    policy.spec = replace(policy.spec, actions=replace(policy.spec.actions, low=(-10.0,), high=(2.0,)))
    # Middle -4, half range 6, the same for every row.
    chunk = plan_of("ppo", policy, basis="full")(torch.zeros(1, 1), torch.eye(4)[:1] * Squash(3.0).limit, None)
    torch.testing.assert_close(chunk[0, :, 0], torch.tensor([2.0, -4.0, -4.0, -4.0]))


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_code_leaves_the_complement_at_zero_where_the_latent_is_steered(method: str) -> None:
    plan = plan_of(method, PaddedPolicy(4), basis="repeat")
    network = torch.nn.Linear(1, plan.code_dim)
    head = SteeringHead(plan, network, Squash(3.0), torch.ones(plan.code_dim), chunk_steps=4)
    condition, noise, own = torch.randn(5, 1), torch.randn(5, 6, 2), torch.randn(5, plan.own_dim)
    latent, chunk = head(condition, noise, own, False)
    if method == "residual":
        assert torch.equal(latent, noise)
    else:
        # One column over the six rows: all rows alike, whatever the noise.
        torch.testing.assert_close(latent, latent[:, :1].expand(-1, 6, -1))
        assert torch.equal(latent, head(condition, 2.0 * noise, own, False)[0])
    assert torch.equal(chunk, head(condition, noise, 2.0 * own, False)[1])
    # Sampled, all of it matters.
    assert not torch.equal(chunk, head(condition, noise, own, True)[1])


def run(cfg: SteeringRunnerCfg, folder: Path, resume: Path | None = None) -> list[str]:
    lines: list[str] = []
    train(PointTask(8), TwoWayPolicy(), cfg, folder, resume, task_name=NAME, report=lines.append)
    return lines


@pytest.mark.parametrize("method", METHODS)
def test_a_method_survives_its_checkpoint(small_cfg: SteeringRunnerCfg, tmp_path: Path, method: str) -> None:
    cfg = small_cfg
    cfg.max_iterations, cfg.steering.method, cfg.steering.basis, cfg.steering.residual_limit = 1, method, "dct", 0.2
    lines = run(cfg, tmp_path / "run")
    assert lines[1].startswith(f"Method {method} (")
    assert f'"method": "{method}"' in (tmp_path / "run" / "run.json").read_text()
    path, policy = tmp_path / "run" / "model_1.pt", TwoWayPolicy()
    head = load_steering_policy(path, policy)
    expected = make_plan(policy, vars(cfg.steering))
    assert (head.method, head.iteration, head.plan.base_acts) == (method, 1, expected.base_acts)
    assert torch.equal(head.plan.gain, expected.gain)
    assert plan_identity(vars(cfg.steering), head.plan) == plan_identity(vars(cfg.steering), expected)
    assert (head.plan.latent_dim, head.plan.own_dim) == (expected.latent_dim, expected.own_dim)
    # It can be evaluated, and goes on under its own method alone.
    run_episodes(PointTask(8), policy, steered_arm(head, sample=True), episodes=range(8), seed=5, chunk_steps=4)
    other = copy.deepcopy(cfg)
    other.steering.method = "residual" if method == "score" else "score"
    with pytest.raises(UserError, match=rf"was trained with method {method}, and now it is {other.steering.method}"):
        run(other, tmp_path / "other", path)


def test_checkpoints_without_a_method_are_of_score(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations = 1
    run(small_cfg, tmp_path / "run")
    state = load_checkpoint(tmp_path / "run" / "model_1.pt")
    del state["score"]["identity"]["method"]
    save_checkpoint(state, tmp_path / "run" / "model_1.pt")
    assert load_steering_policy(tmp_path / "run" / "model_1.pt", TwoWayPolicy()).method == "score"
    small_cfg.max_iterations = 2
    assert run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_1.pt")[-1].startswith("Done: 2 iterations")
