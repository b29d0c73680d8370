# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scenes of Princeton's robot in the Amazon Picking Challenge ("Shelf & Tote"): ``cam.info.txt`` beside the frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from score.reconstruction.scan.frames import Frame, FrameSet
from score.reconstruction.scan.recordings.common import matrix_camera, picture_path, picture_size, rigid_pose
from score.utils.errors import UserError

__all__ = ["read_princeton", "recognises_princeton"]

_FILE = "cam.info.txt"
_LARGEST_FILE = 2**22
_POSE = "camera-to-world extrinsic matrix (camera pose) for "
_UNIT = 1e-4
_ROTATED = 3
"""As in SUN3D, the three lowest bits of a count stand at the top."""


def recognises_princeton(directory: Path) -> bool:
    """Whether a folder holds a scene in this layout."""
    return (directory / _FILE).is_file()


def read_princeton(directory: Path) -> FrameSet:
    """Read a scene; what the depth camera itself saw (``raw``) is taken where it is there.

    Depth that was brought into the colour picture has a hole at every third pixel: between two counts of a slope
    nothing is left, and no normal can be told.

    Raises:
        UserError: A file is unsound, or no frame has a pose.
    """
    path = directory / _FILE
    matrices = _matrices(path)
    raw = (directory / "raw").is_dir()
    name = "depth camera intrinsic matrix" if raw else "color camera intrinsic matrix"
    shift = np.eye(4)
    if raw:
        shift = rigid_pose(_taken(matrices, "depth-to-color camera extrinsic matrix", path), str(path))
    frames = []
    for title, rows in matrices.items():
        if not title.startswith(_POSE):
            continue
        stem = title.removeprefix(_POSE)
        depth = picture_path(f"{'raw/' if raw else ''}{stem}.depth.png", directory, str(path))
        color = None if raw else picture_path(f"{stem}.color.png", directory, str(path))
        frames.append(Frame(depth, color, rigid_pose(rows, f"{path}: {stem}") @ shift))
    if not frames:
        raise UserError(f"{path} holds no pose of a frame: copy the scene again.")
    camera = matrix_camera(_taken(matrices, name, path), *picture_size(frames[0].depth), path)
    notes = ("depth of the depth camera (raw), without colour, which is another camera's",) if raw else ()
    return FrameSet(directory, camera, _UNIT, tuple(frames), "princeton", notes=notes, rotated_bits=_ROTATED)


def _matrices(path: Path) -> dict[str, list[list[float]]]:
    """Title in small letters -> rows of the matrix below it."""
    result: dict[str, list[list[float]]] = {}
    title = ""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UserError(f"{path} is longer than {_LARGEST_FILE // 2**20} MB: it is not a list of matrices.")
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                title = line.lstrip("# ").strip().lower()
            elif line.strip():
                result.setdefault(title, []).append([float(word) for word in line.split()])
    except (OSError, ValueError):
        raise UserError(f"{path} is not a text of titles and matrices: copy the scene again.") from None
    return result


def _taken(matrices: dict[str, list[list[float]]], title: str, path: Path) -> list[list[float]]:
    if title not in matrices:
        raise UserError(f"{path} lacks '# {title}': copy the scene again.")
    return matrices[title]
