# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering for SCORE-Insert-v0 (docs/RESULTS.md, section Steering, has what was tried)."""

from isaaclab.utils import configclass

from score.steering.config import SteeringRunnerCfg


@configclass
class InsertSteeringCfg(SteeringRunnerCfg):
    """PPO on the latent of the insertion base policy."""

    experiment_name = "score_insert"
    num_steps_per_env = 19
    """A whole episode of 150 control steps: all environments start together, and a part of one would be one phase."""
    max_iterations = 45
    """21 to 22 minutes on one CPU core."""

    def __post_init__(self) -> None:
        """Set what differs from the defaults inside of nested settings."""
        # Two columns over time carry 95 % of what the latent does to the tip, in 14 numbers instead of 56.
        self.steering.basis = "dct"
        self.steering.knots = 2
        # Cooler noise makes this base policy weaker: it misses less, but finds the hole less often.
        self.steering.initial_std = 1.0
        self.algorithm.num_learning_epochs = 8
        self.algorithm.num_mini_batches = 4
