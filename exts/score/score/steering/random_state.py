# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""State of the random generators that training draws from, as a checkpoint can hold it."""

from __future__ import annotations

import random
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
