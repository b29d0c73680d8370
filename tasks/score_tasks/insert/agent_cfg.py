# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering for SCORE-Insert-v0 (docs/notebook/insert.md has what was tried)."""

from dataclasses import dataclass

from score_tasks.kit.agent_cfg import TaskSteeringCfg


@dataclass
class InsertSteeringCfg(TaskSteeringCfg):
    """PPO on the latent of the insertion base policy."""

    experiment_name: str = "score_insert"
    num_steps_per_env: int = 19
    """A whole episode of 150 control steps: all environments start together, and a part of one would be one phase."""
    max_iterations: int = 50
    """30 were too few: a seed stood at 88 % of its fixed starts. 50 fit 15 minutes of two cores."""
