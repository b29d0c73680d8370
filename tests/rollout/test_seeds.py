# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Seed spaces and streams."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch

from score.rollout.seeds import SeedSpace, Stream, derive_seed, latent_noise, seed_of
from score.utils.errors import UserError
from score.utils.random import preserved_random_state


def test_blocks_of_all_uses_are_disjoint() -> None:
    blocks = sorted(space.value for space in SeedSpace)
    assert blocks[0][0] == 0
    assert all(end <= following for (_, end), (following, _) in itertools.pairwise(blocks))


@pytest.mark.parametrize("space", SeedSpace)
def test_a_number_stands_for_a_seed_of_its_use(space: SeedSpace) -> None:
    first, end = space.value
    assert seed_of(space, 0) == first
    assert seed_of(space, 999_999) == end - 1
    for number in (-1, 1_000_000):
        with pytest.raises(UserError, match=f"Seed {number} is out of range \\({space.name.lower()}\\).*0 to 999999"):
            seed_of(space, number)


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
