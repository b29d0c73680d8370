# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-BottleGrasp-v0: a flat bottle that lies on the table."""

from score_tasks.kit.registration import register_task

register_task("BottleGrasp", __name__, "BottleGrasp", base_policy="bottle_grasp")
