# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering for SCORE-Insert-v0 (docs/RESULTS.md, section Steering, has what was tried)."""

from isaaclab.utils import configclass

from score_tasks.kit.agent_cfg import TaskSteeringCfg


@configclass
class InsertSteeringCfg(TaskSteeringCfg):
    """PPO on the latent of the insertion base policy."""

    experiment_name = "score_insert"
    num_steps_per_env = 19
    """A whole episode of 150 control steps: all environments start together, and a part of one would be one phase."""
    max_iterations = 30
    """With large steps alone a run reached 94 % after 20; the small ones of the second half are what settles it."""
