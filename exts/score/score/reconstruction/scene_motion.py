# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What stops an object of a scene file that rolls or slides, and what an object starts inside of or on top of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from score.utils.errors import UserError, near_names

__all__ = ["ResistanceCfg", "checked_resistance", "require_carriers"]


@dataclass
class ResistanceCfg:
    """What stops an object. PhysX knows no rolling friction, and Newton no damping of a free body: give both."""

    linear_damping: float = 0.0
    """Share of its speed that it loses in a second [1/s]; PhysX only."""
    angular_damping: float = 0.05
    """Share of its spin that it loses in a second [1/s]; PhysX only."""
    rolling_friction: float = 0.0
    """Rolling resistance as a lever arm [m]; MuJoCo only. 0 leaves the engine's own, which hardly stops a ball."""


def checked_resistance(key: str, cfg: ResistanceCfg | None) -> ResistanceCfg | None:
    """Return the resistance of an object, or say what is wrong with it.

    Raises:
        UserError: A number is negative or not finite.
    """
    for name in ("linear_damping", "angular_damping", "rolling_friction") if cfg is not None else ():
        if not 0.0 <= (value := getattr(cfg, name)) < math.inf:
            raise UserError(f"{key}.{name} is {value}: give 0 or more.")
    return cfg


def require_carriers(carriers: Mapping[str, str], turning: Sequence[str]) -> None:
    """Check what objects go along with at a reset.

    Args:
        carriers: Name of an object -> name of the one that it starts in or on, empty for none; in the file's order.
        turning: Objects whose ranges turn them: what goes along is not turned.

    Raises:
        UserError: A carrier is not there, comes later in the file, or is turned at a reset.
    """
    before: list[str] = []
    for name, carrier in carriers.items():
        if carrier and carrier not in before:
            near = near_names(carrier, before)
            raise UserError(f"objects.{name}.inside is '{carrier}': name an object further up in the file.{near}")
        if carrier in turning:
            raise UserError(f"objects.{name}.inside is '{carrier}', which its ranges turn: leave roll, pitch, yaw out.")
        before.append(name)
