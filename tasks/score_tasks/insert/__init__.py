# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert-v0: peg insertion with a Franka Panda."""

from score_tasks.kit.registration import register_task

register_task("Insert", __name__, "Insert", base_policy="insert")
