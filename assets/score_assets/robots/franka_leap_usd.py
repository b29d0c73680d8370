# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""USD text of the Franka Panda with the LEAP hand, from the table of :mod:`score_assets.robots.franka_leap`."""

from __future__ import annotations

from score_assets.robots import franka_leap
from score_assets.robots.franka_usd import articulation_usda

__all__ = ["franka_leap_usda"]


def franka_leap_usda() -> str:
    """Return the robot as ``.usda`` text: a fixed-base, weightless articulation ``/franka_leap``.

    No self-collision. Arm and hand are weightless: the real arm compensates its own weight and that of the hand it is
    told of. Drive gains are placeholders: :data:`score_assets.robots.franka_leap_cfg.FRANKA_LEAP_CFG` sets them.
    """
    return articulation_usda(
        "franka_leap",
        franka_leap.LINKS,
        franka_leap.JOINTS,
        friction={"body": franka_leap.BODY_FRICTION, "pad": franka_leap.TIP_FRICTION},
        hand_link_names=franka_leap.HAND_LINK_NAMES,
    )
