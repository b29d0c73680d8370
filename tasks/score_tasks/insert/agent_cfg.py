# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering for SCORE-Insert-v0."""

from isaaclab.utils import configclass

from score.steering.config import SteeringRunnerCfg


@configclass
class InsertSteeringCfg(SteeringRunnerCfg):
    """PPO on the latent of the insertion base policy."""

    experiment_name = "score_insert"
    num_steps_per_env = 8
    """An episode has up to 19 decisions; half of one per iteration makes the most of slow physics on a CPU."""
