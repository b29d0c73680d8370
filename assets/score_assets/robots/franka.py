# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Franka Panda with its parallel gripper: one table of links, joints and shapes.

Sources: joint origins, limits, efforts, masses and inertias of ``panda_link0`` to ``panda_link7`` are facts of
``google-deepmind/mujoco_menagerie`` ``franka_emika_panda/panda_nohand.xml`` (Apache-2.0, derived from franka_ros
``franka_description``); hand and finger masses, and every shape, are our own primitives.

Frames: each joint turns about, or slides along, an axis of its child link's frame, which coincides with the joint
frame. ``panda_hand`` sits on the flange, 0.107 m along ``panda_link7`` z, turned by -45 degrees about z; its z points
out of the gripper and its y along the finger motion. The tool centre point (TCP, frame ``panda_tcp``) is 0.1034 m
along the hand's z, in the middle of the pads.

Units: metres, kilograms, kg m^2, radians, newtons, newton metres. Quaternions (x, y, z, w).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from score_assets.shapes import BoxShape, CapsuleShape, Shape, sample_surface

__all__ = [
    "ARM_JOINT_NAMES",
    "FINGER_JOINT_NAMES",
    "FINGER_OPEN_AT_PEG",
    "HAND_LINK_NAMES",
    "HOME_JOINT_POS",
    "JOINTS",
    "LINKS",
    "PAD_FRICTION",
    "TCP_OFFSET",
    "Joint",
    "Link",
    "arm_joint_limits",
    "find_link",
    "gripper_points",
    "link",
    "surface_points",
]

_R = math.sqrt(0.5)
IDENTITY = (0.0, 0.0, 0.0, 1.0)
_TURN_X = (_R, 0.0, 0.0, _R)  # +90 degrees about x
_TURN_X_BACK = (-_R, 0.0, 0.0, _R)
_TURN_Z_HAND = (0.0, 0.0, -math.sin(math.pi / 8.0), math.cos(math.pi / 8.0))  # -45 degrees about z
_HALF_TURN_Z = (0.0, 0.0, 1.0, 0.0)

TCP_OFFSET = 0.1034
"""Distance from ``panda_hand`` to the tool centre point along the hand's +z [m]."""
PAD_FRICTION = 1.0
"""Friction coefficient of the finger pads."""
BODY_FRICTION = 0.5
"""Friction coefficient of every other part of the robot."""
HOME_JOINT_POS = (0.0, 0.10, 0.0, -2.35, 0.0, 2.45, 0.785)
"""Rest posture of the arm, ``panda_joint1`` to ``panda_joint7`` [rad]: the gripper points down in front of the base."""
FINGER_OPEN_AT_PEG = 0.0101
"""Finger joint position at which the pads stand 0.1 mm off a 20 mm wide peg [m]."""


@dataclass(frozen=True)
class Link:
    """A rigid body of the robot."""

    name: str
    """Name of the body."""
    mass: float
    """Mass [kg]."""
    com: tuple[float, float, float]
    """Centre of mass [m], link frame."""
    inertia: tuple[float, float, float]
    """Diagonal inertia about the centre of mass [kg m^2], principal axes."""
    principal_axes: tuple[float, float, float, float] = IDENTITY
    """Orientation of the principal axes in the link frame (x, y, z, w); normalised when written."""
    shapes: tuple[Shape, ...] = ()
    """Colliders [m], link frame."""


@dataclass(frozen=True)
class Joint:
    """A joint between two links."""

    name: str
    """Name of the joint."""
    kind: str
    """"revolute", "prismatic" or "fixed"."""
    parent: str
    """Name of the parent link."""
    child: str
    """Name of the child link."""
    position: tuple[float, float, float]
    """Origin of the child at joint position zero [m], parent frame."""
    quat: tuple[float, float, float, float] = IDENTITY
    """Orientation of the child at joint position zero (x, y, z, w), parent frame."""
    axis: str = "Z"
    """Axis of motion in the child's frame: "X", "Y", "Z", or "-Z" for (0, 0, -1)."""
    limits: tuple[float, float] = (0.0, 0.0)
    """Lower and upper limit [rad or m]."""
    effort: float = 0.0
    """Largest effort [N m or N]."""
    max_velocity: float | None = None
    """Largest speed written to the USD file [rad/s or m/s]; None leaves it to the engine."""


def _capsule(start: tuple[float, float, float], end: tuple[float, float, float], radius: float) -> tuple[Shape, ...]:
    return (CapsuleShape(start, end, radius, "arm_capsule"),)


_FINGER_SHAPES: tuple[Shape, ...] = (
    BoxShape((0.0, 0.012, 0.020), (0.008, 0.006, 0.012), "finger_box"),
    # The pad: 18 x 18 mm, its inner face at y = 0, its centre level with the TCP (0.0584 + 0.045 = 0.1034 m).
    BoxShape((0.0, 0.006, 0.045), (0.009, 0.006, 0.009), "pad", "pad"),
)

LINKS: tuple[Link, ...] = (
    Link(
        "panda_link0",
        0.629769,
        (-0.041018, -0.00014, 0.049974),
        (0.003131, 0.00388, 0.004305),
        (-0.0097, 0.0646, 0.0008, 0.9979),
    ),
    Link(
        "panda_link1",
        4.97068,
        (0.003875, 0.002081, -0.04762),
        (0.008525, 0.7034, 0.7071),
        (-0.4939, -0.4922, -0.5124, 0.5012),
        _capsule((0.0, 0.0, -0.19), (0.0, 0.0, 0.0), 0.06),
    ),
    Link(
        "panda_link2",
        0.646926,
        (-0.003141, -0.02872, 0.003495),
        (0.002734, 0.0283, 0.03103),
        (-0.9535, -0.032, 0.218, 0.2058),
        _capsule((0.0, -0.19, 0.0), (0.0, 0.0, 0.0), 0.06),
    ),
    Link(
        "panda_link3",
        3.2286,
        (0.027518, 0.039252, -0.066502),
        (0.001246, 0.04148, 0.0415),
        (0.2904, 0.4938, -0.6469, 0.5034),
        _capsule((0.0, 0.0, -0.10), (0.0825, 0.0, 0.0), 0.05),
    ),
    Link(
        "panda_link4",
        3.5879,
        (-0.05317, 0.104419, 0.027454),
        (0.01062, 0.02815, 0.03496),
        (0.5281, 0.7533, -0.392, 0.004),
        _capsule((0.0, 0.0, 0.0), (-0.0825, 0.10, 0.0), 0.05),
    ),
    Link(
        "panda_link5",
        1.22595,
        (-0.011953, 0.041065, -0.038437),
        (0.008034, 0.02885, 0.03676),
        (0.749, -0.0911, 0.6473, 0.1084),
        _capsule((0.0, 0.05, -0.22), (0.0, 0.0, -0.04), 0.045),
    ),
    Link(
        "panda_link6",
        1.66656,
        (0.060149, -0.014117, -0.010517),
        (0.001598, 0.00431, 0.005843),
        (-0.0918, -0.1448, -0.0512, 0.9839),
        _capsule((0.0, 0.0, 0.0), (0.07, 0.0, 0.0), 0.045),
    ),
    Link(
        "panda_link7",
        0.735522,
        (0.010517, -0.004252, 0.061597),
        (0.004518, 0.01011, 0.01273),
        (0.754, 0.0159, 0.6502, 0.0919),
        _capsule((0.0, 0.0, 0.04), (0.0, 0.0, 0.075), 0.04),
    ),
    Link(
        "panda_hand",
        0.73,
        (0.0, 0.0, 0.03),
        (0.0025, 0.001, 0.0017),
        shapes=(BoxShape((0.0, 0.0, 0.03), (0.03, 0.10, 0.03), "hand_box"),),
    ),
    Link("panda_leftfinger", 0.05, (0.0, 0.01, 0.03), (3e-5, 3e-5, 3e-5), shapes=_FINGER_SHAPES),
    Link("panda_rightfinger", 0.05, (0.0, 0.01, 0.03), (3e-5, 3e-5, 3e-5), shapes=_FINGER_SHAPES),
)
"""Every link, base first."""


def _arm(
    number: int,
    position: tuple[float, float, float],
    quat: tuple[float, float, float, float],
    limits: tuple[float, float],
    effort: float,
) -> Joint:
    return Joint(
        f"panda_joint{number}",
        "revolute",
        f"panda_link{number - 1}",
        f"panda_link{number}",
        position,
        quat,
        "Z",
        limits,
        effort,
    )


JOINTS: tuple[Joint, ...] = (
    _arm(1, (0.0, 0.0, 0.333), IDENTITY, (-2.8973, 2.8973), 87.0),
    _arm(2, (0.0, 0.0, 0.0), _TURN_X_BACK, (-1.7628, 1.7628), 87.0),
    _arm(3, (0.0, -0.316, 0.0), _TURN_X, (-2.8973, 2.8973), 87.0),
    _arm(4, (0.0825, 0.0, 0.0), _TURN_X, (-3.0718, -0.0698), 87.0),
    _arm(5, (-0.0825, 0.384, 0.0), _TURN_X_BACK, (-2.8973, 2.8973), 12.0),
    _arm(6, (0.0, 0.0, 0.0), _TURN_X, (-0.0175, 3.7525), 12.0),
    _arm(7, (0.088, 0.0, 0.0), _TURN_X, (-2.8973, 2.8973), 12.0),
    Joint("panda_hand_joint", "fixed", "panda_link7", "panda_hand", (0.0, 0.0, 0.107), _TURN_Z_HAND),
    # Limits reach 2 mm past closed, so that the drive still squeezes an object thinner than nominal.
    Joint(
        "panda_finger_joint1",
        "prismatic",
        "panda_hand",
        "panda_leftfinger",
        (0.0, 0.0, 0.0584),
        IDENTITY,
        "Y",
        (-0.002, 0.04),
        70.0,
    ),
    Joint(
        "panda_finger_joint2",
        "prismatic",
        "panda_hand",
        "panda_rightfinger",
        (0.0, 0.0, 0.0584),
        _HALF_TURN_Z,
        "Y",
        (-0.002, 0.04),
        70.0,
    ),
)
"""Every joint, base first; a joint's parent link stands before its child in :data:`LINKS`."""

ARM_JOINT_NAMES: tuple[str, ...] = tuple(f"panda_joint{i}" for i in range(1, 8))
"""The seven arm joints, base first."""
FINGER_JOINT_NAMES: tuple[str, ...] = ("panda_finger_joint1", "panda_finger_joint2")
"""The two finger joints: left, right."""
HAND_LINK_NAMES: tuple[str, ...] = ("panda_hand", "panda_leftfinger", "panda_rightfinger")
"""The links that :func:`gripper_points` covers, in its order."""


def link(name: str) -> Link:
    """Return the link of a name; see :func:`find_link`."""
    return find_link("Franka Panda", LINKS, name)


def find_link(robot: str, links: Sequence[Link], name: str) -> Link:
    """Return the link of a name.

    Args:
        robot: What the message calls the robot.
        links: Links to look through.
        name: Name of the link.

    Raises:
        KeyError: No link has this name; the message lists them all.
    """
    found = {item.name: item for item in links}
    if name not in found:
        raise KeyError(f"The {robot} has no link '{name}'. Links: {', '.join(found)}.")
    return found[name]


def arm_joint_limits() -> NDArray[np.float64]:
    """Return the limits of the arm joints [rad], shape (7, 2): lower, upper."""
    return np.array([joint.limits for joint in JOINTS[:7]])


def gripper_points(num_points: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Sample the surfaces of hand and fingers, area-weighted over all three links and deterministic.

    Args:
        num_points: Number of points in all.
        seed: Seed of the sampling.

    Returns:
        Link name (``HAND_LINK_NAMES``) -> points in that link's own frame [m], shape (n_i, 3), float32. The n_i add up
        to ``num_points``.
    """
    return surface_points([link(name) for name in HAND_LINK_NAMES], num_points, seed)


def surface_points(links: Sequence[Link], num_points: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Sample the surfaces of links, area-weighted over all of them and deterministic.

    Args:
        links: Links to cover; one without shapes gets no points.
        num_points: Number of points in all.
        seed: Seed of the sampling.

    Returns:
        Link name -> points in that link's own frame [m], shape (n_i, 3), float32. The n_i add up to ``num_points``.
    """
    areas = np.array([sum(shape.area for shape in item.shapes) for item in links])
    ends = np.rint(np.cumsum(areas) / areas.sum() * num_points).astype(int)
    counts = np.diff(ends, prepend=0)
    return {
        item.name: sample_surface(item.shapes, int(count), seed=seed + index) if item.shapes else np.empty((0, 3), "f4")
        for index, (item, count) in enumerate(zip(links, counts, strict=True))
    }
