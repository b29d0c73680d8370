# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the readers of recordings share: poses, files inside the folder, texts of numbers, sizes of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from score.reconstruction.scan.frames import Intrinsics
from score.reconstruction.scan.pictures import BROKEN_PICTURE
from score.utils.errors import UserError, near_names
from score.utils.fields import brief

__all__ = [
    "OPENGL_TO_OPENCV",
    "beside",
    "is_number",
    "matrix_camera",
    "number_lines",
    "picture_path",
    "picture_size",
    "pose_of",
    "rigid_pose",
]

OPENGL_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""Turns a pose of a camera that looks along -z with y up into one that looks along +z with y down."""
_LARGEST_TEXT = 2**26
"""Longest text of numbers that is read [bytes]."""
_PICTURES = (".jpg", ".jpeg", ".png")


def rigid_pose(value: Any, where: str) -> NDArray[np.float64]:
    """Check a pose of three or four rows.

    Args:
        value: Rows of four numbers.
        where: Where in the file, for the message.

    Returns:
        The pose, its rotation made exact, shape (4, 4).

    Raises:
        UserError: It is no rigid pose.
    """
    rows = value if isinstance(value, list) else []
    if len(rows) == 3:
        rows = [*rows, [0.0, 0.0, 0.0, 1.0]]
    if len(rows) != 4 or not all(isinstance(row, list) and len(row) == 4 and all(map(is_number, row)) for row in rows):
        raise UserError(f"{where} must be four rows of four finite numbers.")
    pose = np.array(rows, dtype=np.float64)
    if not np.allclose(pose[3], (0.0, 0.0, 0.0, 1.0), atol=1e-6):
        raise UserError(f"{where}: the last row must be 0 0 0 1, got {rows[3]}: is the matrix transposed?")
    rotation = pose[:3, :3]
    # No part of a rotation is larger than 1; the product of huge ones would overflow.
    large = np.abs(rotation).max() > 1.01
    if large or np.abs(rotation.T @ rotation - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0.0:
        raise UserError(f"{where} holds no rotation (scaled, sheared or mirrored): give a rigid pose in metres.")
    left, _, right = np.linalg.svd(rotation)
    pose[:3, :3] = left @ right
    return pose


def pose_of(translation: Sequence[float], quaternion: Sequence[float], where: str) -> NDArray[np.float64]:
    """Make a pose from a translation and a quaternion (x, y, z, w).

    Raises:
        UserError: The quaternion is none.
    """
    numbers = [*translation, *quaternion]
    if not all(math.isfinite(value) for value in numbers) or not 0.5 < math.hypot(*quaternion) < 2.0:
        raise UserError(f"{where} holds no pose: give x y z and a unit quaternion x y z w.")
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    pose[:3, 3] = translation
    return pose


def picture_path(name: Any, root: Path, where: str) -> Path:
    """Return the file that a recording names.

    Raises:
        UserError: It is missing, or outside the folder.
    """
    if not isinstance(name, str) or not name:
        raise UserError(f"{where} is {brief(name)}: give the name of a file in the folder.")
    try:
        path = (root / name).resolve()
        there = path.is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        raise UserError(f"{where} is {brief(name)}, and no file can have that name.") from None
    # A path or a link out of the folder would let a recording read other files of whoever opens it.
    if not path.is_relative_to(root.resolve()):
        raise UserError(f"{where} is {brief(name)}, which lies outside {root}: keep all pictures in the folder.")
    if not there:
        near = near_names(path.name, (other.name for other in path.parent.glob("*")))
        raise UserError(f"{where}: {path} is missing.{near}")
    return path


def beside(root: Path, stem: str, suffixes: Sequence[str] = _PICTURES) -> Path | None:
    """Return a file of a name and one of some endings, inside the folder; None where there is none."""
    for suffix in suffixes:
        path = (root / f"{stem}{suffix}").resolve()
        if path.is_file() and path.is_relative_to(root.resolve()):
            return path
    return None


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height that a picture's header states.

    Raises:
        UserError: It is no picture.
    """
    try:
        with Image.open(path) as picture:
            return picture.size
    except BROKEN_PICTURE as error:
        raise UserError(f"{path} is not a whole picture ({brief(error, 100)}): record or copy it again.") from error


def number_lines(path: Path, count: int | None = None) -> list[list[float]]:
    """Numbers of a text, line by line; lines that are empty or begin with # are left out.

    Args:
        path: The text.
        count: Numbers that each line must have; None for any.

    Raises:
        UserError: It is missing, too long, or holds something else.
    """
    try:
        if path.stat().st_size > _LARGEST_TEXT:
            raise UserError(f"{path} is longer than {_LARGEST_TEXT // 2**20} MB: it is not a list of numbers.")
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [
            [float(word) for word in line.replace(",", " ").split()]
            for line in lines
            if line.strip()[:1] not in ("", "#")
        ]
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a text of numbers ({brief(error, 100)}): copy the recording again.") from error
    if count is not None and any(len(row) != count for row in rows):
        raise UserError(f"{path} must have {count} numbers in each line: copy the recording again.")
    return rows


def matrix_camera(rows: Sequence[Sequence[float]], width: int, height: int, where: Path | str) -> Intrinsics:
    """Make a camera of the matrix of its intrinsics [pixels].

    Args:
        rows: Three rows or more of three numbers or more; what is beyond is not looked at.
        width: Width of its pictures [pixels].
        height: Height [pixels].
        where: The file, for the message.

    Raises:
        UserError: It is no such matrix.
    """
    if len(rows) < 3 or any(len(row) < 3 for row in rows[:3]):
        raise UserError(f"{where} holds no matrix of intrinsics: it must have three rows of three numbers, in pixels.")
    return Intrinsics(width, height, rows[0][0], rows[1][1], rows[0][2], rows[1][2])


def is_number(value: object) -> bool:
    """Whether a value of a JSON file is a finite number."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond 1e308
        return False
