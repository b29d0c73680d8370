# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Random state: kept, restored, left alone."""

from __future__ import annotations

import random

import numpy as np
import torch

from score.utils.random import preserved_random_state, random_state, seed_global_generators, set_random_state


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
