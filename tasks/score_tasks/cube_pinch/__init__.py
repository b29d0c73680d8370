# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-CubePinch-v0: a 5 cm cube between index finger, middle finger and thumb."""

from score_tasks.kit.registration import register_task

register_task("CubePinch", __name__, "CubePinch", base_policy="cube_pinch")
