# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Seeds: blocks that never meet, one per use, and streams that depend on nothing but their own names.

A start that chose a checkpoint or a constant latent must not be a start that a report counts. So each use owns a range
of seeds. A start is derived from ``(seed, episode, stream)`` by NumPy's ``SeedSequence``, the latent noise of a
decision from ``(seed, stream, episode, decision)`` by a counter-based generator: streams of different seeds, episodes
or uses are independent, and none depends on how many numbers another has drawn, nor on where and beside what an
episode runs.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Callable, Collection

import numpy as np
import torch

from score.utils.errors import UserError, near_names
from score.utils.random import counter_keys, counter_normal


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

    TRIES = (5_000_000, 6_000_000)
    """Noise of the repeated tries by which the difficulty of a start is told."""

    FINAL = (4_000_000, 5_000_000)
    """Evaluations whose numbers a table reports, run once: a number that chose something is not one of these."""


REPORTED = {"development": SeedSpace.DEVELOPMENT, "final": SeedSpace.FINAL}
"""What ``--starts`` may say."""


class Stream(enum.IntEnum):
    """What a derived seed is for."""

    START = 0
    LATENT = 1
    CANDIDATES = 3
    BOOTSTRAP = 4
    OWN = 5


def seed_of(space: SeedSpace, number: int) -> int:
    """Return the seed of a use that a user's number stands for.

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
    """Return the seed of a reported evaluation: ``--starts`` and ``--seed``.

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


def derive_seed(seed: int, episode: int, stream: Stream, index: int = 0) -> int:
    """Derive the seed of one random stream.

    Args:
        seed: Seed of the evaluation, at least 0.
        episode: Index of the episode; of the iteration in training.
        stream: What the numbers are for.
        index: Index inside the stream.

    Returns:
        A seed in [0, 2^31), which torch, NumPy and Warp all accept.
    """
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(episode, int(stream), index))
    return int(sequence.generate_state(1)[0]) & 0x7FFF_FFFF


def start_seeds(seed: int, avoid: Collection[int] = frozenset()) -> Callable[[int], int]:
    """Return the starts of one use.

    Blocks keep apart the seeds of uses; what is derived from them is a hash of 31 bits, and two of those may be equal.

    Args:
        seed: Seed of the use.
        avoid: Seeds of starts that must not be among them, such as those of a report.

    Returns:
        Index of a start -> its seed.
    """

    def seed_of_start(index: int) -> int:
        tries = (derive_seed(seed, index, Stream.START, attempt) for attempt in itertools.count())
        return next(found for found in tries if found not in avoid)

    return seed_of_start


def latent_noise(
    shape: tuple[int, ...],
    seed: int,
    episodes: torch.Tensor,
    decisions: torch.Tensor,
    device: torch.device | str,
    stream: Stream = Stream.LATENT,
) -> torch.Tensor:
    """Draw the N(0, I) noise of decisions, each of its own episode and index alone.

    Args:
        shape: Shape of one decision's noise, usually ``latent_shape``.
        seed: Seed of the evaluation.
        episodes: Index of each row's episode, (N,), int64, on the CPU.
        decisions: Index of each row's decision in its episode, (N,), int64, on the CPU.
        device: Where the noise is wanted. It is computed on the CPU, so that all devices see the same numbers.
        stream: ``LATENT`` is what every arm shares, ``OWN`` what an arm needs beside it.

    Returns:
        The noise, (N, *shape), float32.
    """
    keys = counter_keys(seed, int(stream), episodes, decisions)
    return counter_normal(keys, math.prod(shape)).reshape(len(keys), *shape).to(device)
