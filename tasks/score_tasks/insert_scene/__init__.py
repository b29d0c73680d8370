# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert-Scene-v0: peg insertion in a scene made by ``reconstruct.py``, given with ``env.scene_file=FILE``."""

import gymnasium as gym

import score_tasks.insert

_INSERT = gym.spec("SCORE-Insert-v0")

gym.register(
    id="SCORE-Insert-Scene-v0",
    entry_point=_INSERT.entry_point,
    disable_env_checker=True,
    kwargs={
        # Agent, base policy and demonstrator are SCORE-Insert-v0's; there is no stand-in for the robot.
        **{key: value for key, value in _INSERT.kwargs.items() if key != "domain_tasks"},
        "env_cfg_entry_point": f"{score_tasks.insert.__name__}.scene_env_cfg:InsertSceneEnvCfg",
    },
)
