# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Random state: kept, restored, left alone."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from score.utils.random import (
    counter_keys,
    counter_normal,
    counter_uniform,
    preserved_random_state,
    random_state,
    seed_global_generators,
    set_random_state,
)


def draw(generator: torch.Generator) -> list[float]:
    """A number of each source."""
    latent = torch.rand(1, generator=generator).item()
    return [latent, torch.rand(1).item(), float(np.random.rand()), random.random()]


def test_every_source_goes_on_where_it_was() -> None:
    generator = torch.Generator().manual_seed(4)
    draw(generator)
    state = random_state(generator)
    expected = draw(generator)
    other = torch.Generator().manual_seed(5)
    draw(other)
    set_random_state(state, other)
    assert draw(other) == expected


def test_a_block_leaves_the_global_state_as_it_was() -> None:
    generator = torch.Generator().manual_seed(0)
    state = random_state(generator)
    expected = draw(generator)
    set_random_state(state, generator)
    with preserved_random_state("cpu"):
        seed_global_generators(7, "cpu")
        np.random.seed(7)
        random.seed(7)
        torch.rand(3)
    assert draw(generator) == expected


@pytest.mark.parametrize("varied", ["seed", "step", "stream", "index"])
def test_counted_numbers_are_normal_and_independent(varied: str) -> None:
    many, one = torch.arange(4000), torch.full((4000,), 5)
    seed, step, stream = {
        "seed": (many, one, one),
        "step": (one, many, one),
        "stream": (one, one, many),
        "index": (one[:4], one[:4], one[:4]),
    }[varied]
    numbers = counter_normal(counter_keys(seed, step, stream), 16 if varied != "index" else 16_000).double()
    assert numbers.dtype == torch.float64
    flat = numbers.flatten().numpy()
    # 64,000 numbers: standard errors 0.004 of the mean, sqrt(2 / 64,000) = 0.0056 of the variance.
    if varied == "index":
        flat = numbers[0].numpy()  # four equal rows
        assert torch.equal(numbers[0], numbers[3])
    assert abs(flat.mean()) < 4 * flat.size**-0.5
    assert abs(flat.var() - 1.0) < 4 * (2 / flat.size) ** 0.5
    assert kstest(flat, "norm").pvalue > 0.01
    # Neighbours along and across: standard error 1 / sqrt(n).
    pairs = [(flat[:-1], flat[1:])] + ([] if varied == "index" else [(numbers[:-1].flatten(), numbers[1:].flatten())])
    for first, second in pairs:
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 * len(first) ** -0.5


def test_counted_numbers_are_uniform_and_those_of_their_own_key() -> None:
    keys = counter_keys(torch.arange(1000), 7)
    numbers = counter_uniform(keys, 9)
    assert (float(numbers.min()) >= 0.0, float(numbers.max()) < 1.0) == (True, True)
    assert kstest(numbers.flatten().numpy(), "uniform").pvalue > 0.01
    assert torch.equal(counter_uniform(keys[[5, 3]], 9), numbers[[5, 3]])
    # Fewer numbers are the first of more; another order of the same counters is another key.
    assert torch.equal(counter_uniform(keys, 4), numbers[:, :4])
    assert len(torch.cat([keys, counter_keys(7, torch.arange(1000))]).unique()) == 1999


def test_keys_are_splitmix64() -> None:
    """The first outputs of the reference generator with the seed 1234567, as unsigned numbers."""
    state, golden = 1234567, 0x9E3779B97F4A7C15
    states = torch.tensor([(state + index * golden + 2**63) % 2**64 - 2**63 for index in range(3)])
    assert [key % 2**64 for key in counter_keys(states).tolist()] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
