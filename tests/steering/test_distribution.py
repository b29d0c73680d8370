# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The bounded Gaussian against numerical integration and sampling."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rsl_rl.modules import MLP
from torch.distributions import Normal, kl_divergence

from score.steering.distribution import BoundedGaussianDistribution, kl_from_prior
from score.steering.squash import Squash, unit_variance_scale


def make(mean: float, std: float, bound: float = 3.0) -> BoundedGaussianDistribution:
    """One-dimensional distribution with its mean set."""
    distribution = BoundedGaussianDistribution(1, init_std=std, bound=bound)
    with torch.no_grad():
        distribution.update(torch.tensor([[mean]]))
    return distribution


@settings(max_examples=40, deadline=None)
@given(mean=st.floats(-2.5, 2.5), std=st.floats(0.1, 1.5), bound=st.floats(1.0, 6.0))
def test_density_integrates_to_one(mean: float, std: float, bound: float) -> None:
    distribution = make(mean, std, bound).double()
    # Substituted z = squash(u), so that the nodes crowd at the bound: integral of p(z(u)) |dz/du| du.
    u = torch.linspace(mean - 9 * std, mean + 9 * std, 4001, dtype=torch.float64).unsqueeze(1)
    u = u[u.abs().flatten() < 8 * bound]  # beyond, tanh rounds to 1
    distribution.update(torch.full_like(u, mean))
    z = distribution.squash(u)
    slope = (1 - torch.tanh(u / bound) ** 2) / distribution.squash.scale
    # float64 codes are not rounded to the float32 bound below |u| = 8.6 b.
    with torch.no_grad():
        total = torch.trapezoid(distribution.log_prob(z).exp() * slope.flatten(), u.flatten())
    assert total.item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("bound", [1.0, 2.0, 3.0, 10.0])
def test_unit_variance(bound: float) -> None:
    distribution = BoundedGaussianDistribution(1, init_std=1.0, bound=bound)
    torch.manual_seed(0)
    distribution.update(torch.zeros(1_000_000, 1))
    # The standard error of the variance of 1e6 samples is below .0015.
    assert distribution.sample().var().item() == pytest.approx(1.0, abs=0.006)


def test_scale_of_the_default_bound() -> None:
    # 3 tanh(u / 3) of a unit Gaussian has a standard deviation of .91 (platform notes; .9098 of 4e6 samples).
    assert unit_variance_scale(3.0) == pytest.approx(0.9100, abs=5e-4)
    assert unit_variance_scale(1e4) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("u", [0.0, 1.0, -4.0, 9.0, -20.0, 40.0, 1e4])
def test_log_probability_is_finite_at_saturation(u: float) -> None:
    distribution = make(0.0, 0.5)
    z = distribution.squash(torch.tensor([[u]]))
    assert z.dtype == torch.float32
    assert z.abs().item() <= distribution.squash.limit * (1 + 1e-6)
    assert bool(torch.isfinite(distribution.log_prob(z)).all())
    if abs(u) < 5:
        assert distribution.squash.inverse(z).item() == pytest.approx(u, abs=1e-4)


def test_gradients_at_saturation_are_finite() -> None:
    distribution = BoundedGaussianDistribution(2, init_std=0.5)
    mean = torch.full((1, 2), 30.0, requires_grad=True)
    distribution.update(mean)
    (distribution.log_prob(torch.full((1, 2), distribution.squash.limit)).sum() + distribution.entropy.sum()).backward()
    assert mean.grad is not None
    assert bool(torch.isfinite(mean.grad).all())


@settings(max_examples=30, deadline=None)
@given(mean=st.floats(-2, 2), std=st.floats(0.1, 1.5))
def test_entropy_against_integration(mean: float, std: float) -> None:
    distribution = make(mean, std)
    u = torch.linspace(mean - 8 * std, mean + 8 * std, 8001, dtype=torch.float64).unsqueeze(1)
    density = Normal(mean, std).log_prob(u).exp().flatten()
    stretch = torch.log((1 - torch.tanh(u / 3) ** 2).clamp_min(1e-300) / distribution.squash.scale).flatten()
    expected = Normal(mean, std).entropy().item() + torch.trapezoid(density * stretch, u.flatten()).item()
    assert distribution.entropy.item() == pytest.approx(expected, abs=2e-4)


def test_entropy_is_the_mean_of_minus_log_probability() -> None:
    distribution = make(0.8, 1.3)
    torch.manual_seed(1)
    distribution.update(torch.full((200_000, 1), 0.8))
    with torch.no_grad():
        sampled = -distribution.log_prob(distribution.sample()).mean().item()
        assert distribution.entropy[0].item() == pytest.approx(sampled, abs=0.01)


def test_divergences_are_those_of_u() -> None:
    mean, std = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.5, 2.0]])
    prior = Normal(torch.zeros(2), torch.ones(2))
    assert kl_from_prior(mean, std).item() == pytest.approx(kl_divergence(Normal(mean, std), prior).sum().item())
    # By hand: .5 (.25 + .25 - 1 - 2 ln .5) + .5 (1 + 4 - 1 - 2 ln 2) = .4431 + 1.3069.
    assert kl_from_prior(mean, std).item() == pytest.approx(1.75, abs=1e-3)
    distribution = BoundedGaussianDistribution(2)
    same = distribution.kl_divergence((mean, std), (mean, std))
    assert same.item() == 0.0


def test_rollouts_store_the_parameters_of_u() -> None:
    distribution = make(1.0, 0.5)
    mean, std = distribution.params
    assert (mean.item(), std.item()) == pytest.approx((1.0, 0.5))
    assert distribution.mean.item() == pytest.approx(distribution.squash.limit * torch.tanh(torch.tensor(1 / 3)).item())


def test_the_head_starts_at_zero_and_the_std_as_set() -> None:
    distribution = BoundedGaussianDistribution(3, init_std=0.5)
    network = MLP(4, distribution.input_dim, [8], "elu")
    distribution.init_mlp_weights(network)
    output = network(torch.randn(5, 4))
    assert output.abs().max().item() == 0.0
    distribution.update(output)
    assert distribution.std.flatten().tolist() == pytest.approx([0.5] * 15)
    assert distribution.mean.abs().max().item() == 0.0


def test_the_exported_output_is_the_deterministic_one() -> None:
    distribution = BoundedGaussianDistribution(2)
    module = torch.jit.script(distribution.as_deterministic_output_module())
    u = torch.tensor([[0.3, -7.0]])
    assert torch.equal(module(u), distribution.deterministic_output(u))


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_bounds_are_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="bound of a code must be a positive number"):
        Squash(bound)


def test_the_standard_deviation_can_be_held() -> None:
    assert not BoundedGaussianDistribution(2, learn_std=False).log_std_param.requires_grad
