# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Where the arm can grasp from above: the check that ``reconstruct.py scene`` makes of a scene's objects."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from score_assets.robots.franka import HOME_JOINT_POS
from score_assets.robots.franka_kinematics import inverse_kinematics, rotation_z

__all__ = ["franka_reaches"]

_YAWS = (0.0, math.pi / 4.0, math.pi / 2.0, -math.pi / 4.0)
_TILTS = (0.0, 0.5)
"""Tilts of the hand from straight down that are tried, outwards [rad]."""
_TOLERANCE = (0.002, 0.02)
"""Errors of a solution [m], [rad]."""


def franka_reaches(positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which positions the Panda's tool centre reaches with the hand pointing down.

    Args:
        positions: Positions in the base frame of the robot [m], shape (N, 3).

    Returns:
        True where inverse kinematics found joint positions within the limits, for some turn and tilt of the hand,
        shape (N,).
    """
    target = torch.as_tensor(positions, dtype=torch.float64)
    home = torch.tensor(HOME_JOINT_POS, dtype=torch.float64).expand(len(target), -1)
    reached = torch.zeros(len(target), dtype=torch.bool)
    for tilt in _TILTS:
        for yaw in _YAWS:
            rotation = _hand_down(torch.atan2(target[:, 1], target[:, 0]), tilt, yaw)
            found = inverse_kinematics(target, rotation, home, iterations=60)
            reached |= (found.position_error < _TOLERANCE[0]) & (found.rotation_error < _TOLERANCE[1])
            if reached.all():
                return reached.numpy()
    return reached.numpy()


def _hand_down(azimuth: torch.Tensor, tilt: float, yaw: float) -> torch.Tensor:
    """Orientations (N, 3, 3) of a hand that points down, tilted away from the base and turned about its own axis."""
    turn = rotation_z(azimuth)
    lean = math.pi - tilt
    down = torch.tensor(
        [[math.cos(lean), 0.0, math.sin(lean)], [0.0, 1.0, 0.0], [-math.sin(lean), 0.0, math.cos(lean)]],
        dtype=torch.float64,
    )
    return turn @ down @ rotation_z(torch.full_like(azimuth, math.pi + yaw))
