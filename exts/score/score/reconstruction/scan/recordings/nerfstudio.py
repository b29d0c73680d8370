# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""``transforms.json`` of nerfstudio and instant-ngp, with depth pictures: OpenGL poses, intrinsics for all or each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from score.reconstruction.scan.frames import Frame, FrameSet, Intrinsics
from score.reconstruction.scan.recordings.common import (
    OPENGL_TO_OPENCV,
    is_number,
    picture_path,
    picture_size,
    rigid_pose,
)
from score.utils.errors import UserError
from score.utils.settings_files import read_json

__all__ = ["read_nerfstudio", "recognises_nerfstudio"]

_FILE = "transforms.json"
_KEYS = ("fl_x", "fl_y", "cx", "cy", "w", "h")
_LENS = ("k1", "k2", "p1", "p2")
_FLAT_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "")
_METRES = 50.0
"""Floats below this are metres, above it millimetres: nobody scans an object from 50 m or from 5 cm."""


def recognises_nerfstudio(directory: Path) -> bool:
    """Whether a folder holds a recording in this layout."""
    return (directory / _FILE).is_file()


def read_nerfstudio(directory: Path) -> FrameSet:
    """Read a recording.

    Args:
        directory: The folder with ``transforms.json``.

    Raises:
        UserError: A file is missing or unsound, or the frames have no depth.
    """
    path = directory / _FILE
    data = read_json(path)
    entries = data.get("frames") if isinstance(data, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: 'frames' is not a list of frames.")
    with_depth = [entry for entry in entries if entry.get("depth_file_path")]
    if not with_depth:
        raise UserError(
            f"{path}: no frame has 'depth_file_path': pictures alone give no surface; record with depth, or export a"
            " mesh."
        )
    model = str(data.get("camera_model", ""))
    if model.upper() not in _FLAT_MODELS:
        raise UserError(f"{path}: camera_model is '{model[:40]}', and only pinhole cameras and OPENCV's are read.")
    frames: list[Frame] = []
    first: tuple[int, int] | None = None
    for index, entry in enumerate(with_depth):
        where = f"{path}: frames[{index}]"
        depth = picture_path(entry["depth_file_path"], directory, f"{where}.depth_file_path")
        color = entry.get("file_path")
        color_path = picture_path(color, directory, f"{where}.file_path") if color else None
        camera = _camera(
            {**data, **{key: entry[key] for key in entry if key in (*_KEYS, "k1", "k2", "p1", "p2")}}, where
        )
        if first is None:
            first = _depth_size(depth, camera)
        pose = rigid_pose(entry.get("transform_matrix"), f"{where}.transform_matrix") @ OPENGL_TO_OPENCV
        frames.append(Frame(depth, color_path, pose, camera.scaled(*first)))
    first_camera = frames[0].camera
    assert first_camera is not None
    return FrameSet(directory, first_camera, _unit(frames[0].depth), tuple(frames), "nerfstudio", True)


def _camera(data: dict[str, Any], where: str) -> Intrinsics:
    for key in _KEYS:
        if not is_number(data.get(key)):
            raise UserError(f"{where} lacks {key}: give fl_x, fl_y, cx, cy, w and h in pixels.")
    bent = tuple(float(data[key]) if is_number(data.get(key)) else 0.0 for key in _LENS)
    width, height = round(data["w"]), round(data["h"])
    fx, fy, cx, cy = (float(data[key]) for key in ("fl_x", "fl_y", "cx", "cy"))
    return Intrinsics(width, height, fx, fy, cx, cy, bent if any(bent) else ())


def _depth_size(depth: Path, camera: Intrinsics) -> tuple[int, int]:
    if depth.suffix.lower() in (".exr", ".depth"):
        return camera.width, camera.height
    if depth.suffix.lower() == ".npy":
        return _array_size(depth)
    return picture_size(depth)


def _array_size(depth: Path) -> tuple[int, int]:
    try:
        shape = np.load(depth, mmap_mode="r", allow_pickle=False).shape
        return int(shape[1]), int(shape[0])
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, AttributeError):
        raise UserError(f"{depth} is not a whole array of depth: record or copy it again.") from None


def _unit(depth: Path) -> float:
    """Metres of one count: a thousandth of counts, and of floats whichever makes a scene of some metres."""
    if depth.suffix.lower() != ".npy":
        return 1.0 if depth.suffix.lower() == ".exr" else 0.001
    values = np.load(depth, mmap_mode="r", allow_pickle=False)
    if values.dtype.kind != "f":
        return 0.001
    seen = np.asarray(values)[np.isfinite(values) & (np.asarray(values) > 0.0)]
    return 1.0 if len(seen) and float(np.median(seen)) < _METRES else 0.001
