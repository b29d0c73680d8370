# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Peg and socket: the one place that holds their sizes, masses, frictions and frames.

Frames:
    peg: origin at the centre, z along the long axis; the two ends are at ``z = +-peg_length / 2``.
    socket: origin at the centre of the lower face (on the table), z up along the hole. The floor of the hole is at
        ``z = base_thickness``, the rim at ``z = rim_height``.

USD authoring, task terms, the demonstrator and the point clouds all read :class:`PegSocketCfg`. Units: metres,
kilograms. Needs numpy only; the USD is written by :mod:`score_assets.objects.peg_socket_usd`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from score_assets.shapes import BoxShape, sample_surface, surface_normals

__all__ = ["PEG_SOCKET", "PegSocketCfg", "peg_points", "peg_surface", "socket_points", "socket_surface"]


@dataclass(frozen=True)
class PegSocketCfg:
    """Sizes and materials of a square peg and its socket."""

    peg_width: float = 0.020
    """Edge of the peg's square section [m]."""
    peg_length: float = 0.060
    """Length of the peg [m]."""
    peg_mass: float = 0.050
    """Mass of the peg [kg]."""
    clearance: float = 0.002
    """Width of the hole minus width of the peg [m]: 1 mm on every side of a centred peg."""
    depth: float = 0.030
    """Depth of the hole [m]."""
    base_thickness: float = 0.010
    """Thickness of the floor below the hole [m]."""
    wall_thickness: float = 0.015
    """Thickness of the four walls [m]."""
    socket_mass: float = 2.0
    """Mass of the socket [kg], where a variant of it is a rigid body."""
    grasp_offset: float = 0.015
    """Distance from the gripper's TCP to the peg's centre along the hand's +z in a nominal grasp [m]."""
    peg_friction: float = 0.5
    """Friction coefficient of the peg."""
    socket_friction: float = 0.3
    """Friction coefficient of the socket."""

    def __post_init__(self) -> None:
        lengths = ("peg_width", "peg_length", "peg_mass", "clearance", "depth", "base_thickness", "wall_thickness")
        for name in (*lengths, "socket_mass"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"PegSocketCfg.{name} must be positive, got {getattr(self, name)}.")
        if self.depth >= self.peg_length:
            raise ValueError(
                f"PegSocketCfg.depth ({self.depth}) must be below peg_length ({self.peg_length}):"
                " the gripper holds the rest."
            )
        if min(self.peg_friction, self.socket_friction) < 0.0:
            raise ValueError("PegSocketCfg: friction must not be negative.")
        if abs(self.grasp_offset) >= self.peg_length / 2.0:
            raise ValueError(f"PegSocketCfg.grasp_offset ({self.grasp_offset}) puts the TCP outside the peg.")

    @property
    def hole_width(self) -> float:
        """Edge of the square hole [m]."""
        return self.peg_width + self.clearance

    @property
    def outer_width(self) -> float:
        """Edge of the socket's square outline [m]."""
        return self.hole_width + 2.0 * self.wall_thickness

    @property
    def rim_height(self) -> float:
        """Height of the rim over the table: socket frame z of the upper face [m]."""
        return self.base_thickness + self.depth

    @property
    def tip_offset(self) -> float:
        """Distance from the gripper's TCP to the peg's tip along the hand's +z in a nominal grasp [m]."""
        return self.grasp_offset + self.peg_length / 2.0

    @property
    def peg_inertia(self) -> tuple[float, float, float]:
        """Diagonal inertia of the solid peg about its centre [kg m^2]."""
        across = self.peg_mass / 12.0 * (self.peg_width**2 + self.peg_length**2)
        return across, across, self.peg_mass / 12.0 * 2.0 * self.peg_width**2

    @property
    def socket_inertia(self) -> tuple[float, float, float]:
        """Diagonal inertia of a solid block of the socket's outline about its centre [kg m^2]."""
        across = self.socket_mass / 12.0 * (self.outer_width**2 + self.rim_height**2)
        return across, across, self.socket_mass / 12.0 * 2.0 * self.outer_width**2

    @property
    def peg_box(self) -> BoxShape:
        """The peg as a box in the peg frame."""
        half = self.peg_width / 2.0
        return BoxShape((0.0, 0.0, 0.0), (half, half, self.peg_length / 2.0), "peg_box", "peg")

    @property
    def socket_boxes(self) -> tuple[BoxShape, ...]:
        """The socket as five boxes in the socket frame: base, then the walls at +x, -x, +y, -y.

        The boxes touch and do not overlap, so that their areas and volumes add up.
        """
        inner, wall, outer = self.hole_width / 2.0, self.wall_thickness / 2.0, self.outer_width / 2.0
        middle, half_depth = self.base_thickness + self.depth / 2.0, self.depth / 2.0
        return (
            BoxShape(
                (0.0, 0.0, self.base_thickness / 2.0), (outer, outer, self.base_thickness / 2.0), "base", "socket"
            ),
            BoxShape((inner + wall, 0.0, middle), (wall, outer, half_depth), "wall_px", "socket"),
            BoxShape((-inner - wall, 0.0, middle), (wall, outer, half_depth), "wall_nx", "socket"),
            BoxShape((0.0, inner + wall, middle), (inner, wall, half_depth), "wall_py", "socket"),
            BoxShape((0.0, -inner - wall, middle), (inner, wall, half_depth), "wall_ny", "socket"),
        )


PEG_SOCKET = PegSocketCfg()
"""The nominal peg and socket: the sizes in the committed USD files."""


def peg_points(num_points: int, cfg: PegSocketCfg = PEG_SOCKET, seed: int = 0) -> NDArray[np.float32]:
    """Sample the peg's surface, area-weighted and deterministic.

    Args:
        num_points: Number of points.
        cfg: Sizes.
        seed: Seed of the sampling.

    Returns:
        Points in the peg frame [m], shape (num_points, 3), float32.
    """
    return sample_surface([cfg.peg_box], num_points, seed=seed)


def socket_points(num_points: int, cfg: PegSocketCfg = PEG_SOCKET, seed: int = 0) -> NDArray[np.float32]:
    """Sample the socket's visible surface, area-weighted and deterministic.

    The lower face, which lies on the table, and the faces where two boxes touch are left out.

    Args:
        num_points: Number of points.
        cfg: Sizes.
        seed: Seed of the sampling.

    Returns:
        Points in the socket frame [m], shape (num_points, 3), float32.
    """
    return sample_surface(cfg.socket_boxes, num_points, seed=seed, keep=lambda p: p[:, 2] > 1e-6)


def peg_surface(num_points: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points of the peg's surface and their outward unit normals, both (num_points, 3), peg frame [m]."""
    points = peg_points(num_points)
    return points, surface_normals([PEG_SOCKET.peg_box], points)


def socket_surface(num_points: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points of the socket's visible surface and their outward unit normals, both (num_points, 3), socket frame [m].

    Of the inside of the hole only the part that is seen at 30 degrees over the table: 13 mm down.
    """
    cfg = PEG_SOCKET
    deepest = cfg.rim_height - cfg.hole_width * math.tan(math.radians(30.0))

    def seen(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        inside = (np.abs(points[:, :2]) < cfg.hole_width / 2.0 + 1e-6).all(axis=1)
        return np.asarray(np.where(inside, points[:, 2] > deepest, points[:, 2] > 1e-6))

    points = sample_surface(cfg.socket_boxes, num_points, keep=seen)
    return points, surface_normals(cfg.socket_boxes, points)
