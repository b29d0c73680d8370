# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The global random generators, and random numbers that need none.

The state of the generators as a checkpoint can hold it, seeding them, leaving them as they were; and numbers that are a
function of counters, the same in whatever order, row and batch they are asked for.

Needs torch and NumPy, and is not imported with the package.
"""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

_GOLDEN, _FIRST, _SECOND = (value - 2**64 for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_BITS = 24  # of a float32's mantissa, the hidden one included


def random_state(latent: torch.Generator) -> dict[str, Any]:
    """Return the states of torch, CUDA, NumPy, Python and the latent's generator, as tensors and plain values."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), position, has_gauss, gauss],
        "python": random.getstate(),
        "latent": latent.get_state(),
    }


def set_random_state(state: dict[str, Any], latent: torch.Generator) -> None:
    """Restore what :func:`random_state` returned.

    CUDA's states are restored where there are as many devices as there were.
    """
    torch.set_rng_state(state["torch"].cpu())
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([item.cpu() for item in state["cuda"]])
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), position, has_gauss, gauss))
    version, internal, gauss_next = state["python"]
    random.setstate((version, tuple(internal), gauss_next))
    latent.set_state(state["latent"].cpu())


def seed_everything(seed: int, latent: torch.Generator) -> None:
    """Seed torch, CUDA, NumPy, Python and the latent's generator."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    latent.manual_seed(seed)


def seed_global_generators(seed: int, device: torch.device | str) -> None:
    """Seed torch's global generators of the CPU and of one device.

    ``torch.manual_seed`` would do, but where CUDA is not in use it keeps every call, with a formatted stack, for the
    day it is.

    Args:
        seed: The seed.
        device: Device of the task.
    """
    torch.default_generator.manual_seed(seed)
    device = torch.device(device)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)


@contextlib.contextmanager
def preserved_random_state(device: torch.device | str = "cpu") -> Iterator[None]:
    """Restore the global random state of torch, NumPy and Python at the end of the block.

    An evaluation seeds them again for every episode; training that calls it must not notice.

    Args:
        device: Device whose torch generator is restored beside the CPU's.
    """
    device = torch.device(device)
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def counter_keys(*counters: torch.Tensor | int) -> torch.Tensor:
    """Mix counters, such as seed, episode, step and stream, to keys: SplitMix64 (Steele et al. 2014), one by one.

    Args:
        counters: Numbers or int64 tensors that broadcast; at least one tensor, whose device is used.

    Returns:
        Keys, int64, of the broadcast shape; of other counters, or in another order, they are unrelated.
    """
    device = next(item.device for item in counters if isinstance(item, torch.Tensor))
    keys = torch.zeros((), dtype=torch.int64, device=device)
    for counter in counters:
        keys = _mix(keys + counter)
    return keys


def counter_uniform(keys: torch.Tensor, count: int) -> torch.Tensor:
    """Numbers (*keys.shape, count), uniform in [0, 1), float32, that depend on their own key and place alone."""
    return _upper_bits(_words(keys, count)) * 2.0**-_BITS


def counter_normal(keys: torch.Tensor, count: int) -> torch.Tensor:
    """N(0, 1) numbers (*keys.shape, count), float32, that depend on their own key and place alone (Box-Muller)."""
    words = _words(keys, (count + 1) // 2)
    radius = _upper_bits(words).add_(1.0).mul_(2.0**-_BITS).log_().mul_(-2.0).sqrt_()
    angle = (words & (2**_BITS - 1)).float().mul_(2.0 * math.pi * 2.0**-_BITS)
    return torch.cat((angle.cos().mul_(radius), angle.sin_().mul_(radius)), dim=-1)[..., :count]


def _words(keys: torch.Tensor, count: int) -> torch.Tensor:
    return _mix(keys.unsqueeze(-1) + torch.arange(count, device=keys.device) * _GOLDEN)


def _upper_bits(words: torch.Tensor) -> torch.Tensor:
    return (words >> (64 - _BITS)).bitwise_and_(2**_BITS - 1).float()


def _mix(values: torch.Tensor) -> torch.Tensor:
    """SplitMix64 of int64 numbers, whose products wrap around; a shift is made logical by its mask."""
    values = values + _GOLDEN
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        values = (values >> shift).bitwise_and_(2 ** (64 - shift) - 1).bitwise_xor_(values).mul_(factor)
    return (values >> 31).bitwise_and_(2**33 - 1).bitwise_xor_(values)
