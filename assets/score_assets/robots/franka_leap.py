# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Franka Panda with the LEAP right hand: one table of links, joints and shapes.

Sources: the arm is that of :mod:`score_assets.robots.franka`. Joint origins, efforts and speeds of the hand are facts
of ``leap-hand/LEAP_Hand_Sim`` ``assets/leap_hand/robot.urdf``; its joint limits, masses, centres of mass, inertias and
the extents of the tips are facts of ``google-deepmind/mujoco_menagerie`` ``leap_hand/right_hand.xml`` (MIT License).
Where the two disagree (limits of j13 and j14), menagerie's are used. Every shape is our own primitive. Reset posture
and command limits are those that the SCORE authors publish for their FR3 with a LEAP hand.

Names: joints j0 to j15 are LEAP's own numbers. The palm-side joint of a finger is its flexion (j1, j5, j9), the side
swing (j0, j4, j8) comes second: ``palm_lower`` -j1-> ``mcp_joint`` -j0-> ``pip`` -j2-> ``dip`` -j3-> ``fingertip``;
middle finger j5, j4, j6, j7 (suffix ``_2``), ring finger j9, j8, j10, j11 (``_3``), thumb ``palm_lower`` -j12->
``pip_4`` -j13-> ``thumb_pip`` -j14-> ``thumb_dip`` -j15-> ``thumb_fingertip``.

Frames: each hand joint turns about (0, 0, -1) of its child link's frame, which coincides with the joint frame. In
``palm_lower`` the fingers point along +x, the index finger is at +y, the palm grasps towards -z and its back (+z) lies
on the flange. The pad of a tip faces -x of its frame, the tip points to -y.

Units: metres, kilograms, kg m^2, radians, newton metres, rad/s. Quaternions (x, y, z, w).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from score_assets.robots import franka
from score_assets.robots.franka import ARM_JOINT_NAMES, BODY_FRICTION, IDENTITY, Joint, Link
from score_assets.shapes import BoxShape, CapsuleShape

__all__ = [
    "ARM_JOINT_NAMES",
    "BODY_FRICTION",
    "COMMAND_LIMITS",
    "FINGERTIP_LINK_NAMES",
    "FINGER_JOINT_NAMES",
    "HAND_JOINT_NAMES",
    "HAND_LINK_NAMES",
    "JOINTS",
    "JOINT_NAMES",
    "LINKS",
    "MOUNT",
    "PAD_POINTS",
    "RESET_JOINT_POS",
    "REST_ARM_POS",
    "TIP_FRICTION",
    "hand_points",
    "joint_limits",
    "link",
]

_R = math.sqrt(0.5)
_EFFORT, _VELOCITY = 0.95, 8.48

TIP_FRICTION = 1.0
"""Friction coefficient of the soft fingertips."""
HAND_JOINT_NAMES: tuple[str, ...] = tuple(f"j{i}" for i in range(16))
"""The sixteen hand joints in LEAP's own numbering, which is not the order along a finger."""
JOINT_NAMES: tuple[str, ...] = ARM_JOINT_NAMES + HAND_JOINT_NAMES
"""All 23 joints in the order of commands: arm base first, then j0 to j15."""
FINGER_JOINT_NAMES: tuple[tuple[str, ...], ...] = (
    ("j1", "j0", "j2", "j3"),
    ("j5", "j4", "j6", "j7"),
    ("j9", "j8", "j10", "j11"),
    ("j12", "j13", "j14", "j15"),
)
"""Joints of the index, middle and ring finger and the thumb, each from the palm to the tip."""
RESET_JOINT_POS: tuple[float, ...] = (
    0.3109, 0.0041, -0.3113, -2.0510, 0.0014, 2.0548, 0.7806,
    0.3528, 0.6443, 0.2991, 0.3451, -0.0368, -0.0675, -0.0936, -0.1473,
    0.0660, 0.4341, 0.0598, 0.0138, 0.0322, -0.0092, 0.0291, 0.0046,
)  # fmt: skip
"""Published posture at the start of an episode, in the order of ``JOINT_NAMES`` [rad]."""
REST_ARM_POS: tuple[float, ...] = (0.0, 0.10, 0.0, -2.05, 0.0, 2.15, 0.785)
"""Arm posture that leaves the elbow in the middle, palm down in front of the base [rad]; 0.10 + 2.05 = 2.15."""
COMMAND_LIMITS: tuple[tuple[float, float], ...] = (
    (-2.60, 2.60), (-1.46, 1.46), (-2.60, 2.60), (-2.77, -0.37), (-2.60, 2.60), (0.28, 3.45), (-2.60, 2.60),
)  # fmt: skip
"""Published lower and upper limits of arm commands [rad], panda_joint1 to 7; inside the limits of Panda and FR3."""

MOUNT = Joint(
    "leap_mount",
    "fixed",
    "panda_link7",
    "palm_lower",
    (-0.011314, 0.056569, 0.129478),
    (math.sin(math.pi / 8.0), math.cos(math.pi / 8.0), 0.0, 0.0),
)
"""The hand lies flat on the flange: its back on an 11.2 mm adapter, -z of the palm along +z of the flange."""

_FINGER_LIMITS = ((-0.314, 2.23), (-1.047, 1.047), (-0.506, 1.885), (-0.366, 2.042))
_FINGER_FRAMES = (
    ((-0.0122, 0.0381, 0.0145), (-0.5, -0.5, 0.5, 0.5)),
    ((0.015, 0.0143, -0.013), (0.5, -0.5, 0.5, 0.5)),
    ((0.0, -0.0361, 0.0002), IDENTITY),
)


def _joint(
    name: str,
    parent: str,
    child: str,
    position: tuple[float, float, float],
    quat: tuple[float, float, float, float],
    limits: tuple[float, float],
) -> Joint:
    return Joint(name, "revolute", parent, child, position, quat, "-Z", limits, _EFFORT, _VELOCITY)


def _finger_joints(index: int, suffix: str, palm_y: float) -> tuple[Joint, ...]:
    links = ["palm_lower", *(f"{part}{suffix}" for part in ("mcp_joint", "pip", "dip", "fingertip"))]
    frames = (((-0.007095, palm_y, -0.018722), (0.5, 0.5, -0.5, 0.5)), *_FINGER_FRAMES)
    return tuple(
        _joint(name, links[i], links[i + 1], frames[i][0], frames[i][1], _FINGER_LIMITS[i])
        for i, name in enumerate(FINGER_JOINT_NAMES[index])
    )


def _finger_links(suffix: str) -> tuple[Link, ...]:
    return (
        Link(
            f"mcp_joint{suffix}",
            0.044,
            (-0.022516, 0.033882, 0.016359),
            (1.75e-05, 1.615e-05, 7.213e-06),
            (0.678, -0.2477, 0.5731, 0.3881),
            (BoxShape((-0.027, 0.037, 0.0148), (0.014, 0.024, 0.011), "box"),),
        ),
        Link(
            f"pip{suffix}",
            0.032,
            (0.0075, -0.0002, -0.011),
            (4.885e-06, 4.373e-06, 3.093e-06),
            (_R, 0.0, _R, 0.0),
            (BoxShape((0.0075, -0.0002, -0.011), (0.017, 0.013, 0.011), "box"),),
        ),
        Link(
            f"dip{suffix}",
            0.037,
            (0.005422, -0.029148, 0.015),
            (8.28e-06, 8.16e-06, 5.395e-06),
            (0.6872, 0.1665, 0.1665, 0.6872),
            (BoxShape((0.0075, -0.032, 0.015), (0.017, 0.014, 0.013), "box"),),
        ),
        Link(
            f"fingertip{suffix}",
            0.016,
            (-0.000879, -0.027019, 0.014594),
            (3.719e-06, 3.024e-06, 1.652e-06),
            (0.7106, -0.0213, -0.0214, 0.7029),
            (
                BoxShape((-0.0008, -0.0295, 0.0145), (0.0102, 0.0105, 0.0115), "tip_box", "pad"),
                # Across the end of the tip, so that it touches with a round edge.
                CapsuleShape((-0.0018, -0.0406, 0.012), (-0.0018, -0.0406, 0.017), 0.0094, "tip_capsule", "pad"),
            ),
        ),
    )


_PALM = Link(
    "palm_lower",
    0.237,
    (-0.049542, -0.042914, -0.010227),
    (0.0004073, 0.0003048, 0.0001807),
    (0.4276, -0.575, 0.4083, 0.5656),
    (
        BoxShape((-0.046, -0.035, -0.0115), (0.016, 0.06, 0.023), "front_box"),
        BoxShape((-0.078, -0.04, -0.0115), (0.02, 0.042, 0.023), "back_box"),
    ),
)

_THUMB_LINKS: tuple[Link, ...] = (
    Link(
        "pip_4",
        0.032,
        (0.0075, -0.0002, -0.011),
        (4.885e-06, 4.373e-06, 3.093e-06),
        (_R, 0.0, _R, 0.0),
        (BoxShape((-0.0075, -0.0002, -0.011), (0.017, 0.013, 0.011), "box"),),
    ),
    # No collider: it lies between its neighbours, whose boxes cover it.
    Link("thumb_pip", 0.003, (0.0, 0.0, -0.007081), (6.193e-07, 5.351e-07, 2.152e-07), (_R, 0.0, 0.0, _R)),
    Link(
        "thumb_dip",
        0.038,
        (-0.002059, 0.015912, -0.013733),
        (9.871e-06, 9.327e-06, 4.362e-06),
        (0.6974, -0.1049, 0.1213, 0.6985),
        (BoxShape((-0.0045, 0.015, -0.014), (0.0145, 0.018, 0.012), "box"),),
    ),
    Link(
        "thumb_fingertip",
        0.049,
        (0.000962, -0.024203, -0.014419),
        (2.086e-05, 2.04e-05, 4.713e-06),
        (0.3113, -0.6328, 0.6149, 0.3529),
        (
            BoxShape((0.0045, -0.012, -0.0145), (0.0145, 0.017, 0.012), "box"),
            BoxShape((-0.0008, -0.0415, -0.0145), (0.0102, 0.0105, 0.0115), "tip_box", "pad"),
            CapsuleShape((-0.0018, -0.0526, -0.017), (-0.0018, -0.0526, -0.012), 0.0094, "tip_capsule", "pad"),
        ),
    ),
)

_THUMB_JOINTS: tuple[Joint, ...] = (
    _joint("j12", "palm_lower", "pip_4", (-0.069395, -0.001242, -0.021622), (0.0, _R, 0.0, _R), (-0.349, 2.094)),
    _joint("j13", "pip_4", "thumb_pip", (0.0, 0.0143, -0.013), (0.5, -0.5, 0.5, 0.5), (-0.349, 2.094)),
    _joint("j14", "thumb_pip", "thumb_dip", (0.0, 0.0145, -0.017), (-_R, 0.0, 0.0, _R), (-0.47, 2.443)),
    _joint("j15", "thumb_dip", "thumb_fingertip", (0.0, 0.0466, 0.0002), (0.0, 0.0, 1.0, 0.0), (-1.34, 1.88)),
)

_HAND_LINKS = (_PALM, *_finger_links(""), *_finger_links("_2"), *_finger_links("_3"), *_THUMB_LINKS)

LINKS: tuple[Link, ...] = franka.LINKS[:8] + _HAND_LINKS
"""Every link, base first: panda_link0 to panda_link7, then the hand."""
JOINTS: tuple[Joint, ...] = (
    *franka.JOINTS[:7],
    MOUNT,
    *_finger_joints(0, "", 0.023058),
    *_finger_joints(1, "_2", -0.022392),
    *_finger_joints(2, "_3", -0.067842),
    *_THUMB_JOINTS,
)
"""Every joint, base first; the child of joint i is link i + 1 of :data:`LINKS`."""

HAND_LINK_NAMES: tuple[str, ...] = tuple(item.name for item in _HAND_LINKS)
"""The 17 links of the hand: palm_lower, then index, middle and ring finger and thumb, each from the palm to the tip."""
FINGERTIP_LINK_NAMES: tuple[str, ...] = ("fingertip", "fingertip_2", "fingertip_3", "thumb_fingertip")
"""Tips of the index, middle and ring finger and the thumb."""
PAD_POINTS: dict[str, tuple[float, float, float]] = {
    "fingertip": (-0.011, -0.036, 0.0145),
    "fingertip_2": (-0.011, -0.036, 0.0145),
    "fingertip_3": (-0.011, -0.036, 0.0145),
    "thumb_fingertip": (-0.011, -0.047, -0.0145),
}
"""Fingertip link -> the point of its pad that touches an object [m], link frame."""


def link(name: str) -> Link:
    """Return the link of a name.

    Raises:
        KeyError: No link has this name; the message lists them all.
    """
    return franka.find_link("Franka Panda with LEAP hand", LINKS, name)


def joint_limits() -> NDArray[np.float64]:
    """Return the limits of all joints [rad] in the order of ``JOINT_NAMES``, shape (23, 2): lower, upper."""
    limits = {joint.name: joint.limits for joint in JOINTS}
    return np.array([limits[name] for name in JOINT_NAMES])


def hand_points(num_points: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Sample the surface of the hand, area-weighted over its links and deterministic.

    Args:
        num_points: Number of points in all.
        seed: Seed of the sampling.

    Returns:
        Link name (``HAND_LINK_NAMES``) -> points in that link's own frame [m], shape (n_i, 3), float32. The n_i add up
        to ``num_points``; ``thumb_pip`` has no shape and so no point.
    """
    return franka.surface_points(_HAND_LINKS, num_points, seed)
