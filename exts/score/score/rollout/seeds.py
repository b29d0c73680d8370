# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Seeds of evaluations: three spaces that never meet, and streams that depend on nothing but their own names.

A start that chose a checkpoint or a constant latent must not be a start that a report counts. So each use owns a range
of seeds. Every random stream (starts, latent noise, sensor noise) is derived from ``(seed, batch, stream, index)``
by NumPy's ``SeedSequence``: streams of different seeds, batches or uses are independent, and none depends on
how many numbers another has drawn.
"""

from __future__ import annotations

import enum

import numpy as np
import torch

from score.utils.errors import UserError


class SeedSpace(enum.Enum):
    """The range of seeds that one use of an evaluation owns; the value is ``(first, end)``, end excluded."""

    REPORTED = (0, 1_000_000)
    """Evaluations whose numbers are reported."""

    TRAINING = (1_000_000, 2_000_000)
    """The periodic evaluation during training, which marks the best checkpoint."""

    CONSTANT_SEARCH = (2_000_000, 3_000_000)
    """The search for the best constant latent."""


class Stream(enum.IntEnum):
    """What a derived seed is for."""

    START = 0
    LATENT = 1
    STEP = 2
    CANDIDATES = 3
    BOOTSTRAP = 4
    OWN = 5


def require_seed(seed: int, space: SeedSpace) -> int:
    """Checks that a seed belongs to a use.

    Args:
        seed: The seed.
        space: The use.

    Returns:
        The seed.

    Raises:
        UserError: The seed lies outside the range of that use.
    """
    first, end = space.value
    if first <= seed < end:
        return seed
    raise UserError(
        f"Seed {seed} is not for this use ({space.name.lower()}): choose one from {first} to {end - 1}. The spaces"
        " are kept apart so that starts which chose a checkpoint or a constant latent are never counted in a report."
    )


def derive_seed(seed: int, batch: int, stream: Stream, index: int = 0) -> int:
    """Derives the seed of one random stream.

    Args:
        seed: Seed of the evaluation, at least 0.
        batch: Index of the batch of episodes.
        stream: What the numbers are for.
        index: Index inside the stream: a decision or a control step.

    Returns:
        A seed in [0, 2^31), which torch, NumPy and Warp all accept.
    """
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(batch, int(stream), index))
    return int(sequence.generate_state(1)[0]) & 0x7FFF_FFFF


def latent_noise(
    shape: tuple[int, ...],
    seed: int,
    batch: int,
    decision: int,
    device: torch.device | str,
    stream: Stream = Stream.LATENT,
) -> torch.Tensor:
    """Draws the N(0, I) noise of one decision from a generator of its own.

    Args:
        shape: Shape of the noise, usually (N, *latent_shape).
        seed: Seed of the evaluation.
        batch: Index of the batch.
        decision: Index of the decision in its episodes.
        device: Where the noise is wanted. It is drawn on the CPU, so that all devices see the same numbers.
        stream: ``LATENT`` is what every arm shares, ``OWN`` what an arm needs beside it.

    Returns:
        The noise, of ``shape``, float32.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, batch, stream, decision))
    return torch.randn(shape, generator=generator).to(device)
