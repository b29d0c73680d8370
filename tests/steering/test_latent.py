# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Bases: orthonormal columns, and N(0, I) codes that give N(0, I) latents."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from score.steering.latent import BASIS_KINDS, LatentBasis, basis_columns
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
    latent = basis.expand(code, basis.sample_noise(count, generator)).flatten(1)
    # Standard error of a covariance of 1e5 samples is .003; 6 of them for the largest of 144.
    assert latent.mean(0).abs().max() < 0.02
    assert (torch.cov(latent.T) - torch.eye(12)).abs().max() < 0.02


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(BASIS_KINDS), horizon=st.integers(2, 16), actions=st.integers(1, 4), seed=st.integers(0, 99)
)
def test_codes_can_be_read_back_whatever_the_noise(kind: str, horizon: int, actions: int, seed: int) -> None:
    basis = LatentBasis(kind, horizon, actions, knots=2)
    generator = torch.Generator().manual_seed(seed)
    code = torch.randn(3, basis.code_dim, generator=generator)
    latent = basis.expand(code, basis.sample_noise(3, generator))
    read = torch.einsum("hk,bha->bka", basis.columns, latent).reshape(3, -1)
    assert torch.allclose(read, code, atol=1e-5)


def test_known_columns() -> None:
    # Constant column over 4 rows: 1/2 each. Second cosine over 2 rows: cos(pi/4), cos(3 pi/4), of norm 1.
    assert basis_columns("repeat", 4, 0).flatten().tolist() == [0.5] * 4
    assert basis_columns("dct", 2, 2)[:, 1].tolist() == pytest.approx([0.5**0.5, -(0.5**0.5)])
    # With as many knots as rows, the hats are the identity.
    assert torch.allclose(basis_columns("interp", 5, 5), torch.eye(5, dtype=torch.float64), atol=1e-12)


def test_full_basis_is_a_reshape_and_draws_no_noise() -> None:
    basis = LatentBasis("full", 3, 2)
    assert basis.sample_noise(1) is None
    assert basis.expand(torch.arange(6.0)[None]).tolist() == [[[0, 1], [2, 3], [4, 5]]]


def test_mistakes_are_named() -> None:
    with pytest.raises(
        UserError, match=r"unknown basis 'inter'; choose one of full, repeat, interp, dct. Did you mean"
    ):
        basis_columns("inter", 8, 2)
    with pytest.raises(UserError, match=r"basis 'interp' needs 2 to 8 knots \(the base policy's horizon\), got 1"):
        basis_columns("interp", 8, 1)
    with pytest.raises(UserError, match=r"basis 'dct' needs 1 to 8 knots"):
        basis_columns("dct", 8, 9)
