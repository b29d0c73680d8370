# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Tasks of the LEAP hand with several bodies on a table; each is two modules, settings and demonstrator."""

from score_tasks.kit.registration import register_task

register_task("SoccerPush", __name__, "SoccerPush", base_policy="soccer_push", family="soccer_push")
