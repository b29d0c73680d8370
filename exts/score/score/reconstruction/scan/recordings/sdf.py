# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Multi-view frames of Gradient-SDF and its successors: ``depth000001.png`` and ``color000001.png`` in one folder."""

from __future__ import annotations

from pathlib import Path

from score.reconstruction.scan.frames import Frame, FrameSet
from score.reconstruction.scan.recordings.common import (
    beside,
    matrix_camera,
    number_lines,
    picture_path,
    picture_size,
    pose_of,
)
from score.utils.errors import UserError

__all__ = ["read_sdf", "recognises_sdf"]

_INTRINSICS, _POSES = "intrinsics.txt", "pose.txt"
_UNIT = 0.001


def recognises_sdf(directory: Path) -> bool:
    """Whether a folder holds a recording in this layout."""
    return all((directory / name).is_file() for name in (_INTRINSICS, _POSES)) and any(
        directory.glob("depth[0-9]*.png")
    )


def read_sdf(directory: Path) -> FrameSet:
    """Read a recording: each line of ``pose.txt`` is the number of a frame, and its pose as in the TUM benchmark.

    Raises:
        UserError: A file is unsound, or no frame has a pose.
    """
    path = directory / _POSES
    poses = {}
    for row in number_lines(path, 8):
        if not row[0].is_integer() or not 0.0 <= row[0] < 1e9:
            raise UserError(f"{path}: {row[0]:g} is not a number of a frame: give number, x y z and qx qy qz qw.")
        poses[int(row[0])] = pose_of(row[1:4], row[4:8], f"{path}: frame {row[0]:g}")
    frames = []
    for depth in sorted(directory.glob("depth*.png")):
        number = depth.stem.removeprefix("depth")
        if number.isascii() and number.isdigit() and int(number[:9]) in poses:
            inside = picture_path(depth.name, directory, str(directory))
            frames.append(Frame(inside, beside(directory, f"color{number}"), poses[int(number[:9])]))
    if not frames:
        raise UserError(f"{directory} has no frame with depth and a pose: copy the recording again.")
    intrinsics = directory / _INTRINSICS
    camera = matrix_camera(number_lines(intrinsics), *picture_size(frames[0].depth), intrinsics)
    return FrameSet(directory, camera, _UNIT, tuple(frames), "sdf", True)
