# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Tells what rolls where it stands, such as a ball or a can on its side, and what resists that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh
from numpy.typing import NDArray

from score.reconstruction.scene_motion import ResistanceCfg
from score.reconstruction.shape.pieces import Piece, combined_mesh

__all__ = ["body_radius", "resistance", "rolling_radius"]

_TILTS = np.radians((-45.0, -30.0, -20.0, -10.0, 10.0, 20.0, 30.0, 45.0))
"""Until 30 degrees the centre of a slim vase goes up and down again, and is where it was, before it falls."""
_DIRECTIONS = 1440
"""Axes that are tried, in half a turn: a pen that rolls about its own lifts its end about one that is a degree off."""
_EVEN = 0.025
"""The centre of mass keeps its height to this share when a body rolls; a foot lifts it, an edge lets it fall."""
_COEFFICIENTS = {
    "foam": 0.02, "rubber": 0.015, "cardboard": 0.01, "wood": 0.005, "glass": 0.002, "ceramic": 0.002, "steel": 0.002,
    "aluminium": 0.002,
}  # fmt: skip
"""Material -> rolling resistance as a share of the radius."""
_COEFFICIENT = 0.006
"""Of plastics, and of what is only weighed."""
_ANGULAR_DAMPING = 2.0
"""PhysX knows no rolling resistance: the spin loses this share in a second [1/s]."""


def rolling_radius(corners: NDArray[np.float64], center: NDArray[np.float64]) -> float | None:
    """Height of the centre of mass of a body that rolls where it stands.

    Args:
        corners: Corners of its hull as it stands (z up) [m], shape (N, 3); more points only cost time.
        center: Centre of mass [m], shape (3,).

    Returns:
        The height [m], which is the radius on which it rolls; None where it does not roll.
    """
    arms = corners - center
    height = -float(arms[:, 2].min())
    angles = np.linspace(0.0, np.pi, _DIRECTIONS, endpoint=False)
    # A turn about the horizontal axis (c, s, 0) takes z to z cos t + (c y - s x) sin t.
    aside = np.outer(np.cos(angles), arms[:, 1]) - np.outer(np.sin(angles), arms[:, 0])
    uneven = np.zeros(_DIRECTIONS)
    for tilt in _TILTS:
        turned = -(arms[:, 2] * np.cos(tilt) + aside * np.sin(tilt)).min(axis=1)
        uneven = np.maximum(uneven, np.abs(turned - height))
    if uneven.min() < _EVEN * height:
        return height
    return None


def body_radius(
    scanned: NDArray[np.float64], collided: NDArray[np.float64], center: NDArray[np.float64]
) -> float | None:
    """Height of the centre of mass of a body that rolls, as it was scanned or in the engines.

    A stitched ball may lie on a seam, and the sphere that stands for it rolls all the same.

    Args:
        scanned: Corners of its hull as it stands (z up) [m], shape (N, 3).
        collided: Corners of its collision pieces, likewise, shape (M, 3).
        center: Centre of mass [m], shape (3,).

    Returns:
        The height [m]; None where neither rolls.
    """
    radius = rolling_radius(scanned, center)
    return rolling_radius(collided, center) if radius is None and len(collided) else radius


def resistance(
    mesh: trimesh.Trimesh, pieces: Sequence[Piece], center: NDArray[np.float64], material: str | None
) -> ResistanceCfg | None:
    """Return what resists the rolling of a body.

    Args:
        mesh: Its closed mesh [m], as it stands.
        pieces: Its collision pieces, likewise.
        center: Centre of mass [m], shape (3,).
        material: Preset material, where it is known.

    Returns:
        The resistance; None for a body that does not roll.
    """
    collided = np.asarray(combined_mesh(pieces).vertices)
    radius = body_radius(np.asarray(mesh.convex_hull.vertices), collided, center)
    if radius is None:
        return None
    lever = _COEFFICIENTS.get(material or "", _COEFFICIENT) * radius
    return ResistanceCfg(angular_damping=_ANGULAR_DAMPING, rolling_friction=lever)
