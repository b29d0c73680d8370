# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering that the tasks share (docs/notebook/insert.md has what was tried)."""

from dataclasses import dataclass

from score.steering.config import SteeringRunnerCfg


@dataclass
class TaskSteeringCfg(SteeringRunnerCfg):
    """PPO on the two lowest cosines of the latent; a task sets a whole episode per iteration."""

    def __post_init__(self) -> None:
        """Set what differs from the defaults inside of nested settings."""
        # Two columns over time carry nearly all of what the latent does to the robot, in a quarter of the numbers.
        self.steering.basis = "dct"
        self.steering.knots = 2
        # Cooler noise makes the shipped base policy of Insert weaker: it misses less, but finds the hole less often.
        self.steering.initial_std = 1.0
        self.steering.final_learning_rate = 1.0e-4
        # 24 epochs, or 8 with three times the rate, learn a little faster than 8; the divergence grows faster as well.
        self.algorithm.num_learning_epochs = 16
        self.algorithm.num_mini_batches = 4
