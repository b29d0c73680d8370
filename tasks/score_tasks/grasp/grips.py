# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Grasps of the LEAP hand, and grasp files: how a demonstrator takes another object than its task's own.

``score_tasks.grasp.plan --output`` writes a grasp file, ``env.grasp_file=`` names it (docs/NEW_TASK.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from score.utils.errors import UserError
from score.utils.fields import finite_number, finite_numbers, read_fields
from score.utils.files import atomic_file
from score_assets.robots.franka_leap import HAND_JOINT_NAMES, joint_limits

STIFFNESS = 20.0
"""Stiffness of the hand's drives [N m/rad]."""
OPENING = {"j1": 0.35, "j5": 0.35, "j9": 0.35, "j14": 0.21}
"""How far the flexion joints stand open before a grasp [rad]: 38 mm at the pads of the fingers, 16 mm at the thumb."""
GRASP_FORMAT = "score-grasp/1"
MAX_BYTES = 64 * 1024
"""Largest grasp file."""


@dataclass(frozen=True)
class Grasp:
    """Pads on an object, in the palm's frame."""

    joint_pos: tuple[float, ...]
    """``j0`` to ``j15`` with the pads touching [rad]."""
    center: tuple[float, float, float]
    """Middle of the contacts in the palm's frame [m]."""
    yaw: float
    """Turn of the grasp frame about the palm's z axis [rad]."""
    torque: tuple[float, ...]
    """Joint torques for one newton of every finger, which the thumb holds against [N m / N]."""

    def squeezed(self, force: float) -> tuple[float, ...]:
        """Joint targets that press with ``force`` [N] a finger [rad], shape of ``joint_pos``."""
        return tuple(q + force * tau / STIFFNESS for q, tau in zip(self.joint_pos, self.torque, strict=True))

    def opened(self, opening: Mapping[str, float] = OPENING) -> tuple[float, ...]:
        """Joint targets of the pre-shape: the same hand a little open [rad].

        Args:
            opening: Joint -> how far it stands open [rad].
        """
        names = HAND_JOINT_NAMES
        return tuple(q - opening.get(name, 0.0) for q, name in zip(self.joint_pos, names, strict=True))


@dataclass(frozen=True)
class Grip:
    """A way to take an object."""

    grasp: Grasp
    """Hand and contacts."""
    height: float
    """Height of the contacts over the object's origin [m]."""
    share: float = 1.0
    """How often it is chosen, relative to the others."""


@dataclass(frozen=True)
class GraspFile:
    """What the demonstrator needs to know of an object."""

    grasp: Grasp
    """Hand and contacts."""
    height: float
    """Height of the contacts over the object's origin [m]."""
    symmetry: int = 0
    """In how many turns about the vertical the object looks the same; 0: in all."""
    heading: float = 0.0
    """Turn from the object's x axis to the grasp's [rad]."""
    hover: float = 0.05
    """Least height of the pads over their contacts on the way there [m]: a little more than the object's top."""
    shallow: tuple[float, float, float] | None = None
    """Heights over the contacts at which a hasty, a usual and a careful grasp closes [m]; None: those of the task."""

    @property
    def grip(self) -> Grip:
        """The way to take the object."""
        return Grip(self.grasp, self.height)


def write_grasp_file(path: Path, content: GraspFile) -> None:
    """Write a grasp file; an existing one is replaced.

    Raises:
        UserError: The place is not writable.
    """
    with atomic_file(Path(path)) as temporary:
        data = {"format": GRASP_FORMAT, **_plain(dataclasses.asdict(content))}
        data["grasp"] = _plain(data["grasp"])
        temporary.write_text(yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120), "utf-8")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return what YAML holds without Python's tuples."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def read_grasp_file(path: Path) -> GraspFile:
    """Read a grasp file.

    Raises:
        UserError: The file is unsound. The message names file, key and remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not a file: give a grasp file, written by 'score_tasks.grasp.plan --output'.")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES // 1024} kB: it is not a grasp file.")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} is not readable as YAML: {error}. Plan the grasp again.") from error
    found = data.pop("format", None) if isinstance(data, dict) else None
    if found != GRASP_FORMAT:
        raise UserError(f"{path}: format is {found!r}, and this version reads '{GRASP_FORMAT}'.")
    try:
        return _content(data)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _content(data: Any) -> GraspFile:
    values = read_fields(GraspFile, data, "the file")
    inner = read_fields(Grasp, values["grasp"], "grasp")
    grasp = Grasp(
        joint_pos=finite_numbers("grasp.joint_pos", inner["joint_pos"], 16),
        center=finite_numbers("grasp.center", inner["center"], 3),  # type: ignore[arg-type]
        yaw=finite_number("grasp.yaw", inner["yaw"]),
        torque=finite_numbers("grasp.torque", inner["torque"], 16),
    )
    for name, value, (low, high) in zip(HAND_JOINT_NAMES, grasp.joint_pos, joint_limits()[7:], strict=True):
        if not low <= value <= high:
            raise UserError(f"grasp.joint_pos of {name} is {value} rad, outside of its limits {low:.3f} to {high:.3f}.")
    symmetry = values.get("symmetry", 0)
    if type(symmetry) is not int or symmetry < 0:
        raise UserError(f"symmetry is {symmetry!r}: give a whole number of equal turns, 0 for a round object.")
    numbers = {key: finite_number(key, values[key]) for key in ("height", "heading", "hover") if key in values}
    shallow = values.get("shallow")
    if shallow is not None:
        shallow = finite_numbers("shallow", shallow, 3)
    return GraspFile(grasp=grasp, symmetry=symmetry, shallow=shallow, **numbers)  # type: ignore[arg-type]
