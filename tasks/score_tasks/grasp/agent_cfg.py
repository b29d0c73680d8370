# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of steering that the grasping tasks share (docs/notebook/insert.md has what was tried)."""

from dataclasses import dataclass

from score_tasks.kit.agent_cfg import TaskSteeringCfg


@dataclass
class GraspSteeringCfg(TaskSteeringCfg):
    """PPO on the latent of a grasping base policy."""

    experiment_name: str = "score_grasp"
    num_steps_per_env: int = 16
    """A whole episode of 128 control steps: all environments start together, and a part of one would be one phase."""
    max_iterations: int = 40
