# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The joint that an object of a scene file may hang on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import MISSING

from score.reconstruction.asset_folder import read_asset
from score.utils.errors import UserError
from score.utils.fields import finite_numbers

__all__ = ["JointCfg", "checked_joint"]


@dataclass
class JointCfg:
    """A joint that holds an object where it stands and lets it turn or slide along one of its axes."""

    kind: str = "revolute"
    """``revolute`` or ``prismatic``."""
    axis: str = "Z"
    """``X``, ``Y`` or ``Z`` of the object, through its origin."""
    limits: list[float] = MISSING
    """Lowest and highest angle [rad] or way [m]."""
    friction: float = 0.0
    """Torque [N m] or force [N] that holds it while nothing stronger acts."""
    damping: float = 0.01
    """Torque or force per speed [N m s/rad] or [N s/m]."""
    armature: float = 1e-3
    """Inertia added to the joint [kg m^2] or [kg]."""
    stand: str = ""
    """Asset folder of the part that stays, with the frame of the object's asset; relative to the scene file."""


def checked_joint(key: str, joint: JointCfg | None, fixed: bool, root: Path) -> JointCfg | None:
    """Return a joint of a scene file, or say what is wrong with it.

    Args:
        key: Where in the file, for the message.
        joint: What the file says; None for an object without one.
        fixed: Whether the object is said to be fixed.
        root: Folder of the scene file.

    Raises:
        UserError: The object cannot hang on such a joint.
    """
    if joint is None:
        return None
    if fixed:
        raise UserError(f"{key} is given for an object with fixed: true: it cannot be both.")
    if joint.kind not in ("revolute", "prismatic") or joint.axis not in ("X", "Y", "Z"):
        raise UserError(f"{key} is {joint.kind} about {joint.axis}: use revolute or prismatic, and X, Y or Z.")
    low, high = finite_numbers(f"{key}.limits", list(joint.limits), 2)
    if low >= high:
        raise UserError(f"{key}.limits are [{low}, {high}]: give the lower one first.")
    for name in ("friction", "damping", "armature"):
        if not 0.0 <= (value := getattr(joint, name)) < math.inf:
            raise UserError(f"{key}.{name} is {value}: give 0 or more.")
    return replace(joint, stand=str(read_asset(root / joint.stand).directory)) if joint.stand else joint
