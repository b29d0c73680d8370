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
    assert derive_seed(1, 2, Stream.OWN, 3) == derive_seed(1, 2, Stream.OWN, 3)


def test_latent_noise_is_that_of_its_episode_and_decision_in_whatever_row() -> None:
    def draw(episodes: list[int], decisions: list[int], stream: Stream = Stream.LATENT) -> torch.Tensor:
        return latent_noise((4, 2), 5, torch.tensor(episodes), torch.tensor(decisions), "cpu", stream)

    rows = draw([1, 1, 2], [2, 3, 2])
    assert rows.shape == (3, 4, 2)
    assert torch.equal(draw([2, 7, 1], [2, 0, 2])[[2, 0]], rows[[0, 2]])
    others = torch.cat(
        [rows, draw([1], [2], Stream.OWN), latent_noise((4, 2), 6, torch.tensor([1]), torch.tensor([2]), "cpu")]
    )
    # Another episode, decision, stream or seed: no number is the same.
    assert len(others.flatten().unique()) == 5 * 8


def test_random_state_is_restored_after_an_error_too() -> None:
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = (torch.rand(1).item(), np.random.rand(), random.random())
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    with pytest.raises(RuntimeError), preserved_random_state():
        torch.manual_seed(9), np.random.seed(9), random.seed(9)
        raise RuntimeError
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected
