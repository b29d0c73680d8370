# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Short runs on the scripted task."""

from __future__ import annotations

import pytest
import torch

from score.steering.config import SteeringRunnerCfg


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny networks: threads only cost."""
    torch.set_num_threads(1)


@pytest.fixture
def small_cfg() -> SteeringRunnerCfg:
    """Two segments of two iterations, a small network."""
    cfg = SteeringRunnerCfg()
    cfg.seed = 3
    cfg.max_iterations = 4
    cfg.save_interval = 2
    cfg.num_steps_per_env = 8
    cfg.steering.chunk_steps = 4
    cfg.steering.evaluation_episodes = 8
    cfg.actor.hidden_dims = [32]
    cfg.critic.hidden_dims = [32]
    cfg.algorithm.num_learning_epochs = 2
    cfg.algorithm.num_mini_batches = 2
    return cfg
