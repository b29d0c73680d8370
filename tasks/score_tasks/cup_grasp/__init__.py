# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-CupGrasp-v0: a standing cup, taken from above by its wall."""

from score_tasks.kit.registration import register_task

register_task("CupGrasp", __name__, "CupGrasp", base_policy="cup_grasp")
