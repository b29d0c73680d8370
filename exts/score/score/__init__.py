# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE: reinforcement learning in the noise of a frozen imitation policy, for Isaac Lab."""

from __future__ import annotations

__version__ = "0.1.0"
