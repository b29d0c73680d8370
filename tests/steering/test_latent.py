# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Bases: orthonormal columns, and N(0, I) codes that give N(0, I) latents."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from score.steering.latent import BASIS_KINDS, NO_BASIS, LatentBasis, basis_columns
from score.utils.errors import UserError


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(BASIS_KINDS), horizon=st.integers(2, 32), data=st.data())
def test_columns_are_orthonormal(kind: str, horizon: int, data: st.DataObject) -> None:
    columns = basis_columns(kind, horizon, data.draw(st.integers(2, horizon)))
    identity = torch.eye(columns.shape[1], dtype=torch.float64)
    assert torch.allclose(columns.T @ columns, identity, atol=1e-9)


@pytest.mark.parametrize("kind", BASIS_KINDS)
def test_a_standard_normal_code_gives_a_standard_normal_latent(kind: str) -> None:
    basis = LatentBasis(kind, horizon=6, action_dim=2, knots=3)
    generator = torch.Generator().manual_seed(0)
    count = 100_000
    code = torch.randn(count, basis.code_dim, generator=generator)
    latent = basis.expand(code, torch.randn(count, 6, 2, generator=generator)).flatten(1)
    # Standard error of a covariance of 1e5 samples is .003; 6 of them for the largest of 144.
    assert latent.mean(0).abs().max() < 0.02
    assert (torch.cov(latent.T) - torch.eye(12)).abs().max() < 0.02


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from((*BASIS_KINDS, NO_BASIS)),
    horizon=st.integers(2, 16),
    actions=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_project_is_the_inverse_of_expand(kind: str, horizon: int, actions: int, seed: int) -> None:
    basis = LatentBasis(kind, horizon, actions, knots=2)
    generator = torch.Generator().manual_seed(seed)
    code = torch.randn(3, basis.code_dim, generator=generator)
    latent, noise = (torch.randn(3, horizon, actions, generator=generator) for _ in range(2))
    assert torch.allclose(basis.project(basis.expand(code)), code, atol=1e-5)
    assert torch.allclose(basis.project(basis.expand(code, noise)), code, atol=1e-5)
    complement = latent - basis.expand(basis.project(latent))
    assert torch.allclose(basis.expand(basis.project(latent)) + complement, latent, atol=1e-5)
    # Expanding fills up with exactly that complement, so a latent's own code and noise give the latent.
    assert torch.allclose(basis.expand(basis.project(latent), latent), latent, atol=1e-5)
    assert torch.allclose(basis.expand(code, latent) - basis.expand(code), complement, atol=1e-5)


def test_known_columns() -> None:
    # Constant column over 4 rows: 1/2 each. Second cosine over 2 rows: cos(pi/4), cos(3 pi/4), of norm 1.
    assert basis_columns("repeat", 4, 0).flatten().tolist() == [0.5] * 4
    assert basis_columns("dct", 2, 2)[:, 1].tolist() == pytest.approx([0.5**0.5, -(0.5**0.5)])
    # With as many knots as rows, the hats are the identity.
    assert torch.allclose(basis_columns("interp", 5, 5), torch.eye(5, dtype=torch.float64), atol=1e-12)


def test_full_basis_is_a_reshape_and_no_basis_is_the_noise_itself() -> None:
    code, noise = torch.arange(6.0)[None], torch.randn(1, 3, 2)
    assert LatentBasis("full", 3, 2).expand(code, noise).tolist() == [[[0, 1], [2, 3], [4, 5]]]
    assert torch.equal(LatentBasis(NO_BASIS, 3, 2).expand(code[:, :0], noise), noise)


def test_mistakes_are_named() -> None:
    with pytest.raises(
        UserError, match=r"unknown basis 'inter'; choose one of full, repeat, interp, dct. Did you mean"
    ):
        basis_columns("inter", 8, 2)
    with pytest.raises(UserError, match=r"basis 'interp' needs 2 to 8 knots \(the base policy's horizon\), got 1"):
        basis_columns("interp", 8, 1)
    with pytest.raises(UserError, match=r"basis 'dct' needs 1 to 8 knots"):
        basis_columns("dct", 8, 9)
