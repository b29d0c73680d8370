# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert-v0: peg insertion with a Franka Panda.

``SCORE-Insert-Real-v0`` is its ``real`` stand-in, never trained on.
"""

import gymnasium as gym

_COMMON = {
    "rsl_rl_cfg_entry_point": f"{__name__}.agent_cfg:InsertSteeringCfg",
    "base_policy_entry_point": "score_assets:base_policy_dir",
    "base_policy": "insert",
    "demonstrator_entry_point": f"{__name__}.demonstrator:InsertDemonstrator",
    "default_agent": "rsl_rl",
}

gym.register(
    id="SCORE-Insert-v0",
    entry_point="isaaclab.envs:ManagerBasedRLEnv",
    disable_env_checker=True,
    kwargs={
        "env_cfg_entry_point": f"{__name__}.env_cfg:InsertEnvCfg",
        "domain": "sim",
        "domain_tasks": {"real": "SCORE-Insert-Real-v0"},
        **_COMMON,
    },
)

gym.register(
    id="SCORE-Insert-Real-v0",
    entry_point="isaaclab.envs:ManagerBasedRLEnv",
    disable_env_checker=True,
    kwargs={"env_cfg_entry_point": f"{__name__}.real_env_cfg:InsertRealEnvCfg", "domain": "real", **_COMMON},
)
