# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""This project's own layout of RGB-D frames, read strictly.

FRAMES/cameras.json          intrinsics, unit of the depth, and for each frame its files and the camera's pose
FRAMES/depth/000000.png ...  16-bit grey PNG; 0 is no measurement, else depth along the optical axis
FRAMES/color/000000.png ...  8-bit RGB picture of the same size, optional

``cameras.json``::

    {
        "format": "score-frames/1",
        "depth_unit": 0.001,
        "convention": "opencv",
        "intrinsics": {"width": 640, "height": 480, "fx": 600.0, "fy": 600.0, "cx": 319.5, "cy": 239.5},
        "frames": [
            {
                "depth": "depth/000000.png",
                "color": "color/000000.png",
                "camera_to_world": [[1, 0, 0, 0.1], [0, 1, 0, 0.2], [0, 0, 1, 0.3], [0, 0, 0, 1]],
            }
        ],
    }

Poses map camera coordinates to a world in metres. With ``opencv`` the camera looks along +z with y down, with
``opengl`` along -z with y up. Pixel (0, 0) is the centre of the upper left pixel; lens distortion must be removed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from score.reconstruction.scan.frames import MIN_FRAMES, Frame, FrameSet, Intrinsics
from score.reconstruction.scan.recordings.common import OPENGL_TO_OPENCV, is_number, picture_path, rigid_pose
from score.utils.errors import UserError, near_names
from score.utils.fields import read_fields
from score.utils.settings_files import read_json

__all__ = ["CAMERAS_FILE", "CONVENTIONS", "FRAMES_FORMAT", "read_own", "recognises_own"]

CAMERAS_FILE = "cameras.json"
FRAMES_FORMAT = "score-frames/1"
CONVENTIONS = ("opencv", "opengl")


def recognises_own(directory: Path) -> bool:
    """Whether a folder holds frames in this layout."""
    return (directory / CAMERAS_FILE).is_file()


def read_own(directory: Path) -> FrameSet:
    """Read and check ``cameras.json`` and that every picture is there; the pictures are not decoded yet.

    Args:
        directory: The folder.

    Raises:
        UserError: A file is missing or unsound. The message names file, key and remedy.
    """
    path = Path(directory) / CAMERAS_FILE
    if not path.is_file():
        raise UserError(f"{directory} has no {CAMERAS_FILE}: give a folder of RGB-D frames (docs/RECONSTRUCTION.md).")
    data = read_json(path)
    where = str(path)
    if not isinstance(data, dict) or data.get("format") != FRAMES_FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise UserError(f"{where}: format is {found!r}, and this version reads '{FRAMES_FORMAT}'.")
    _require_keys(data, where, required=("format", "intrinsics", "frames"), optional=("depth_unit", "convention"))
    unit = data.get("depth_unit", 0.001)
    if not is_number(unit) or not 1e-6 <= unit <= 0.1:
        raise UserError(f"{where}: depth_unit is {unit!r}: give the metres of one count, for example 0.001.")
    convention = data.get("convention", "opencv")
    if convention not in CONVENTIONS:
        raise UserError(f"{where}: convention is {convention!r}: use one of {', '.join(CONVENTIONS)}.")
    entries = data["frames"]
    if not isinstance(entries, list) or len(entries) < MIN_FRAMES:
        count = len(entries) if isinstance(entries, list) else "no list of"
        raise UserError(f"{where}: 'frames' holds {count} frames, and at least {MIN_FRAMES} are needed.")
    try:
        intrinsics = Intrinsics(**read_fields(Intrinsics, data["intrinsics"], "intrinsics"))
        frames = tuple(_frame(entry, path.parent, f"frames[{i}]", convention) for i, entry in enumerate(entries))
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    return FrameSet(path.parent, intrinsics, float(unit), frames)


def _frame(entry: Any, root: Path, where: str, convention: str) -> Frame:
    if not isinstance(entry, dict):
        raise UserError(f"{where} is not a mapping.")
    _require_keys(entry, where, required=("depth", "camera_to_world"), optional=("color",))
    color = entry.get("color")
    pose = rigid_pose(entry["camera_to_world"], f"{where}.camera_to_world")
    if convention == "opengl":
        pose = pose @ OPENGL_TO_OPENCV
    depth = picture_path(entry["depth"], root, f"{where}.depth")
    return Frame(depth, None if color is None else picture_path(color, root, f"{where}.color"), pose)


def _require_keys(data: dict[Any, Any], where: str, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    known = (*required, *optional)
    for key in data:
        if key not in known:
            near = near_names(str(key), known) or f" It may have {', '.join(map(repr, known))}."
            raise UserError(f"{where} has an unknown key '{key}'.{near}")
    for key in required:
        if key not in data:
            raise UserError(f"{where} lacks the key '{key}'.")
