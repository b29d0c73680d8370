# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Seed spaces and streams."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from score.rollout.seeds import SeedSpace, Stream, derive_seed, latent_noise, require_seed
from score.utils.errors import UserError
from score.utils.random import preserved_random_state


@pytest.mark.parametrize(
    ("seed", "space"),
    [
        (0, SeedSpace.REPORTED),
        (999_999, SeedSpace.REPORTED),
        (1_000_000, SeedSpace.TRAINING),
        (2_000_000, SeedSpace.CONSTANT_SEARCH),
    ],
)
def test_seeds_inside_their_space_pass(seed: int, space: SeedSpace) -> None:
    assert require_seed(seed, space) == seed


@pytest.mark.parametrize(
    ("seed", "space", "limits"),
    [
        (1_000_000, SeedSpace.REPORTED, "reported.*from 0 to 999999"),
        (-1, SeedSpace.REPORTED, "reported.*from 0 to 999999"),
        (7, SeedSpace.TRAINING, "training.*from 1000000 to 1999999"),
        (7, SeedSpace.CONSTANT_SEARCH, "constant_search.*from 2000000 to 2999999"),
    ],
)
def test_seeds_of_another_space_are_refused(seed: int, space: SeedSpace, limits: str) -> None:
    with pytest.raises(UserError, match=f"Seed {seed} is not for this use \\({limits}.*never counted in a report"):
        require_seed(seed, space)


def test_streams_differ_and_repeat() -> None:
    seeds = {
        derive_seed(seed, batch, stream, index)
        for seed in range(4)
        for batch in range(4)
        for stream in Stream
        for index in range(4)
    }
    assert len(seeds) == 4 * 4 * len(Stream) * 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(1, 2, Stream.STEP, 3) == derive_seed(1, 2, Stream.STEP, 3)


def test_latent_noise_does_not_depend_on_the_global_generator() -> None:
    torch.manual_seed(0)
    first = latent_noise((3, 4, 2), seed=5, batch=1, decision=2, device="cpu")
    torch.rand(100)
    assert torch.equal(first, latent_noise((3, 4, 2), seed=5, batch=1, decision=2, device="cpu"))
    assert not torch.equal(first, latent_noise((3, 4, 2), seed=5, batch=1, decision=3, device="cpu"))


def test_random_state_is_restored_after_an_error_too() -> None:
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = (torch.rand(1).item(), np.random.rand(), random.random())
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    with pytest.raises(RuntimeError), preserved_random_state():
        torch.manual_seed(9), np.random.seed(9), random.seed(9)
        raise RuntimeError
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected
