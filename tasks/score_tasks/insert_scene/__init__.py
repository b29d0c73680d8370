# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert-Scene-v0: peg insertion in a scene made by ``reconstruct.py``, given with ``env.scene_file=FILE``."""

import gymnasium as gym

# Everything but the scene is SCORE-Insert-v0's: agent, base policy, demonstrator.
_KWARGS = dict(gym.spec("SCORE-Insert-v0").kwargs) if "SCORE-Insert-v0" in gym.registry else {}
