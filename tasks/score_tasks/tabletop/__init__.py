# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Tasks of the LEAP hand with several bodies on a table; each is two modules, settings and demonstrator."""

from score_tasks.kit.registration import register_task

register_task("SoccerPush", __name__, "SoccerPush", base_policy="soccer_push", family="soccer_push")
register_task("CardPick", __name__, "CardPick", base_policy="card_pick", family="card_pick")
register_task("DishrackPlace", __name__, "DishrackPlace", base_policy="dishrack_place", family="dishrack_place")
register_task("BallPour", __name__, "BallPour", base_policy="ball_pour", family="ball_pour")
register_task("BulbScrew", __name__, "BulbScrew", base_policy="bulb_screw", family="bulb_screw")
