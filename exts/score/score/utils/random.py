# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The global random generators: their state as a checkpoint can hold it, seeding them, leaving them as they were.

Needs torch and NumPy, and is not imported with the package.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


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
    """Seeds torch's global generators of the CPU and of one device.

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
    """Restores the global random state of torch, NumPy and Python at the end of the block.

    An evaluation seeds them again at every control step; training that calls it must not notice.

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
