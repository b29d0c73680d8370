# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One job in several processes: which of them this is, its share of the work, and what all of them found.

Who a process is stands in the environment, where torch's launcher (``torchrun``, or ``--processes N`` of the commands)
puts it: ``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``. Without them there is one process, and every function here does
nothing at no cost. Every :func:`gather` must be reached by all processes, in the same order.

Needs torch, and is not imported with the package.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence

import torch

from .console import VERBOSE
from .errors import ProcessLost, UserError

TIMEOUT = datetime.timedelta(minutes=30)
"""Longest wait for another process that lives and does not answer. One that has died is noticed at once."""


def index() -> int:
    """Return the number of this process, from 0; the first one prints and writes."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """Return the number of processes of this job."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def own_device(device: str | None) -> str | None:
    """Name the device of this process.

    Args:
        device: What the user asked for; None for a GPU if there is one.

    Returns:
        The same for one process; of several, each one has the CPU, or the GPU of its number on this machine.
    """
    if count() == 1:
        return device
    if device == "cpu" or (device is None and not torch.cuda.is_available()):
        return "cpu"
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"


def own_seed(seed: int) -> int:
    """Derive the seed of this process: the given one for the first, others in [0, 2^31) for the rest."""
    if index() == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed} {index()}".encode()).digest()[:4], "big") & 0x7FFF_FFFF


def share[T](items: Sequence[T]) -> Sequence[T]:
    """Return this process' part of the items: every one in ``count()``, beginning with its own number."""
    return items[index() :: count()]


def gather[T](value: T) -> list[T]:
    """Exchange a value (numbers, tuples, NumPy arrays, tensors on the CPU) with all processes.

    Returns:
        Every process' value, in the order of processes; the same on all of them.
    """
    if count() == 1:
        return [value]
    values: list[T | None] = [None] * count()
    torch.distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def mean(values: dict[str, float]) -> dict[str, float]:
    """Average named numbers over all processes; every process has the same names."""
    parts = gather(values)
    return {name: sum(part[name] for part in parts) / len(parts) for name in values}


@contextlib.contextmanager
def process_group(device: str | None) -> Iterator[None]:
    """Connect with the other processes of this job for the time of a block; one process has nothing to connect.

    Of several, all but the first are silent on stdout, unless :data:`VERBOSE` is set.

    Args:
        device: Device of this process, see :func:`own_device`. Tensors on a GPU go by NCCL, all else by gloo.

    Raises:
        UserError: The others cannot be reached.
        ProcessLost: Another process ended inside the block.
    """
    if count() == 1:
        yield
        return
    if index() > 0 and VERBOSE not in os.environ:
        sys.stdout.flush()
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)  # what libraries print from C, too
    cuda = str(device).startswith("cuda")
    if cuda:
        torch.cuda.set_device(device)
    try:
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"Process {index() + 1} of {count()} cannot reach the others ({str(error).splitlines()[0]}): start them all"
            " with torchrun, with one --rdzv_endpoint that all machines can reach."
        ) from error
    try:
        yield
    except RuntimeError as error:
        if is_loss(error):
            raise ProcessLost from error
        raise
    torch.distributed.destroy_process_group()


def is_loss(error: RuntimeError) -> bool:
    """Whether an error says that another process did not answer."""
    return count() > 1 and (isinstance(error, torch.distributed.DistError) or "gloo" in str(error))
