# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Where the point clouds of demonstrations lie: in memory, or in a file where they are larger than it.

Clouds are nearly all of the numbers. Where they would take too much of the memory, they lie in a file without a name,
which is mapped: the system reads what a batch asks for and forgets it again, and the file ends with the process.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

from score.utils.errors import UserError

_MEMORY_SHARE = 0.5
"""Share of the free memory that demonstrations may take."""
_WHILE_READING = 8
"""Bytes of memory that a number takes while it is read: files may hold it as float64."""
_PIECE = 4096
"""Clouds that are worked on at a time."""


class CloudStore:
    """Space for the clouds of a data set."""

    def __init__(self, path: Path, vectors: int, clouds: int) -> None:
        """Find space.

        Args:
            path: The data set; clouds larger than memory lie beside it, or where temporary files lie.
            vectors: Numbers of the data set that are no clouds.
            clouds: Numbers of its clouds.

        Raises:
            UserError: The vectors do not fit into memory, or the clouds on no disk either.
        """
        memory = _MEMORY_SHARE * psutil.virtual_memory().available / _WHILE_READING
        if vectors > memory:
            size = vectors * _WHILE_READING / 2**30
            raise UserError(f"{path} holds {size:.1f} GiB of numbers besides clouds, more than fits into memory.")
        self._flat = _mapped(path, clouds) if vectors + clouds > memory else None
        self._taken = 0

    def empty(self, shape: Sequence[int]) -> np.ndarray:
        """Space for clouds, float32, of the shape (T, P, 3)."""
        if self._flat is None:
            return np.empty(shape, dtype=np.float32)
        begin, self._taken = self._taken, self._taken + math.prod(shape)
        return self._flat[begin : self._taken].reshape(shape)


def _mapped(path: Path, numbers: int) -> np.memmap:
    size = 4 * numbers
    for folder in (path.parent, Path(tempfile.gettempdir())):
        try:
            if shutil.disk_usage(folder).free > size:
                with tempfile.TemporaryFile(dir=folder) as file:
                    return np.memmap(file, np.float32, "w+", shape=(numbers,))
        except OSError:  # not writable, or full
            continue
    raise UserError(
        f"{path} holds {size / 2**30:.1f} GiB of clouds, which fit neither into memory nor beside it: free so much of"
        " the disk, or name one that has it in TMPDIR."
    )


def first_not_finite(frames: np.ndarray) -> int | None:
    """Return the first step of float32 frames (T, ...) with a number that is not finite; None if there is none.

    By sums, which cannot overflow as float64: arrays of truth values as large as clouds, between small ones that stay,
    would leave holes in the heap as large as all of the clouds.
    """
    sums = frames.sum(axis=tuple(range(1, frames.ndim)), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(sums))
    return int(bad[0]) if len(bad) else None


class CloudFrames:
    """The clouds of some episodes in a row, without a copy of them."""

    def __init__(self, episodes: Sequence[Tensor]) -> None:
        """Set up.

        Args:
            episodes: Clouds of each, (T, P, 3), all with the same number of points.
        """
        self._episodes = list(episodes)
        self._ends = list(accumulate(map(len, self._episodes)))

    @property
    def numbers(self) -> int:
        """Numbers in all."""
        return sum(frames.numel() for frames in self._episodes)

    def __getitem__(self, indices: Tensor) -> Tensor:
        """Return the clouds of the steps ``indices`` (B,), shape (B, P, 3)."""
        if len(self._episodes) == 1:
            return self._episodes[0][indices]
        return torch.stack([self._step(index) for index in indices.tolist()])

    def pieces(self) -> Iterator[Tensor]:
        """All clouds, in pieces (N, P, 3) that memory holds."""
        for frames in self._episodes:
            yield from frames.split(_PIECE)

    def to(self, device: torch.device) -> CloudFrames:
        """Return the clouds on a device where half of its memory holds them; else they stay, and batches go there."""
        if device.type != "cuda" or 4 * self.numbers > _MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]:
            return self
        return CloudFrames([torch.cat([frames.to(device) for frames in self._episodes])])

    def _step(self, index: int) -> Tensor:
        episode = bisect_right(self._ends, index)
        frames = self._episodes[episode]
        return frames[index - self._ends[episode] + len(frames)]
