# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The environment of the tasks, as Isaac Lab's own commands (zero_agent, random_agent, benchmark) build it."""

from __future__ import annotations

from typing import Any

from isaaclab.envs import ManagerBasedRLEnv, ManagerBasedRLEnvCfg

from score.physics import allow_unpinned_host_memory


class TaskEnv(ManagerBasedRLEnv):
    """Isaac Lab's environment, which runs without a GPU too where no command of this project has opened it."""

    def __init__(self, cfg: ManagerBasedRLEnvCfg, **options: Any) -> None:
        """Build the environment; see Isaac Lab's."""
        allow_unpinned_host_memory()
        super().__init__(cfg, **options)
