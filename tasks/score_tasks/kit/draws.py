# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Random draws that do not depend on how many environments there are, nor on what happens in the others.

What is drawn at a reset comes from the global generators, which an evaluation seeds for each episode. What is drawn in
the course of an episode comes from a seed that was drawn at its reset. What is drawn once, while the environment is
built, comes from the environment's seed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from score.utils.random import preserved_random_state, seed_global_generators

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv


def episode_seeds(count: int, device: torch.device | str) -> torch.Tensor:
    """Draw the seeds (count,), int64, of the numbers that are drawn in the course of episodes."""
    return torch.randint(2**62, (count,), device=device)


@contextlib.contextmanager
def drawn_once(env: ManagerBasedEnv) -> Iterator[None]:
    """Seed the global generators from the environment's seed for the block, and leave them as they were."""
    with preserved_random_state(env.device):
        seed_global_generators(env.cfg.seed or 0, env.device)
        yield
