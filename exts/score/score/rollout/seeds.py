# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Seeds: blocks that never meet, one per use, and streams that depend on nothing but their own names.

A start that chose a checkpoint or a constant latent must not be a start that a report counts. So each use owns a range
of seeds. Every random stream (starts, latent noise, sensor noise) is derived from ``(seed, batch, stream, index)``
by NumPy's ``SeedSequence``: streams of different seeds, batches or uses are independent, and none depends on
how many numbers another has drawn.
"""

from __future__ import annotations

import enum

import numpy as np
import torch

from score.utils.errors import UserError, near_names


class SeedSpace(enum.Enum):
    """The block of seeds that one use owns; the value is ``(first, end)``, end excluded."""

    DEVELOPMENT = (0, 1_000_000)
    """Evaluations that settings, habits and versions are compared by, as often as one likes."""

    TRAINING_EVALUATION = (1_000_000, 2_000_000)
    """The periodic evaluation during training, which marks the best checkpoint."""

    SEARCH = (2_000_000, 3_000_000)
    """The search for the best constant latent."""

    TRAINING = (3_000_000, 4_000_000)
    """Starts of training."""

    FINAL = (4_000_000, 5_000_000)
    """Evaluations whose numbers a table reports, run once: a number that chose something is not one of these."""


REPORTED = {"development": SeedSpace.DEVELOPMENT, "final": SeedSpace.FINAL}
"""What ``--starts`` may say."""


class Stream(enum.IntEnum):
    """What a derived seed is for."""

    START = 0
    LATENT = 1
    STEP = 2
    CANDIDATES = 3
    BOOTSTRAP = 4
    OWN = 5


def seed_of(space: SeedSpace, number: int) -> int:
    """The seed of a use that a user's number stands for.

    Args:
        space: The use.
        number: What the user gave as a seed, from 0 on.

    Returns:
        The seed, inside the block of that use.

    Raises:
        UserError: The number lies outside of the block, and would meet the starts of another use.
    """
    first, end = space.value
    if 0 <= number < end - first:
        return first + number
    raise UserError(
        f"Seed {number} is out of range ({space.name.lower()}): choose one from 0 to {end - first - 1}. Each use has"
        " a block of its own, so that starts which chose a checkpoint or a constant latent are never reported."
    )


def report_seed(starts: str, number: int) -> int:
    """The seed of a reported evaluation: ``--starts`` and ``--seed``.

    Args:
        starts: A name of :data:`REPORTED`.
        number: What the user gave as a seed, from 0 on.

    Raises:
        UserError: The name is unknown, or the number out of range.
    """
    if starts not in REPORTED:
        near = near_names(starts, REPORTED)
        raise UserError(f"--starts is '{starts}': use one of {', '.join(REPORTED)}.{near}")
    return seed_of(REPORTED[starts], number)


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
