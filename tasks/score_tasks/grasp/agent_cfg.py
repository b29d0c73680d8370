# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering that the grasping tasks share (docs/RESULTS.md has what was tried)."""

from isaaclab.utils import configclass

from score.steering.config import SteeringRunnerCfg


@configclass
class GraspSteeringCfg(SteeringRunnerCfg):
    """PPO on the latent of a grasping base policy."""

    experiment_name = "score_grasp"
    num_steps_per_env = 16
    """A whole episode of 128 control steps: all environments start together, and a part of one would be one phase."""
    max_iterations = 40

    def __post_init__(self) -> None:
        """Set what differs from the defaults inside of nested settings."""
        # The lowest columns over time carry nearly all of what the latent does to the hand: 46 numbers instead of 184.
        self.steering.basis = "dct"
        self.steering.knots = 2
        self.steering.initial_std = 1.0
        self.algorithm.num_learning_epochs = 8
        self.algorithm.num_mini_batches = 4
