# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What phones record: Polycam's raw data (ARKit keyframes) and Record3D.

Polycam::  keyframes/{images,depth,confidence,cameras}/<time>.{jpg,png,png,json}; the ``corrected_`` folders go first

Record3D:: metadata (or metadata.json), and rgbd/<n>.{jpg,depth,conf}, or rgb/<n>.jpg with depth/<n>.exr
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from score.reconstruction.scan.frames import Frame, FrameSet, Intrinsics
from score.reconstruction.scan.recordings.common import (
    OPENGL_TO_OPENCV,
    beside,
    is_number,
    picture_size,
    pose_of,
    rigid_pose,
)
from score.utils.errors import UserError
from score.utils.fields import finite_numbers, whole_number
from score.utils.settings_files import read_json

__all__ = ["read_polycam", "read_record3d", "recognises_polycam", "recognises_record3d"]

_POSE_KEYS = tuple(tuple(f"t_{row}{column}" for column in range(4)) for row in range(3))


def recognises_polycam(directory: Path) -> bool:
    """Whether a folder holds Polycam's raw data."""
    return _keyframes(directory) is not None


def read_polycam(directory: Path) -> FrameSet:
    """Read Polycam's raw data: depth of 256 x 192 beside colour of up to 1920 x 1440, with confidence.

    Args:
        directory: The folder with ``keyframes``, or that folder itself.

    Raises:
        UserError: A file is unsound, or no keyframe has depth.
    """
    root = _keyframes(directory)
    assert root is not None
    # The app makes the folder, and leaves it empty where it closed no loop.
    corrected = any((root / "corrected_cameras").glob("*.json"))
    cameras, images = (root / f"{'corrected_' if corrected else ''}{name}" for name in ("cameras", "images"))
    frames = []
    for path in sorted(cameras.glob("*.json"), key=lambda path: (len(path.stem), path.stem)):
        depth = beside(root / "depth", path.stem, (".png",))
        if depth is None:
            continue
        data = read_json(path)
        if not isinstance(data, dict):
            raise UserError(f"{path} is not a mapping.")
        rows = [[data.get(key) for key in row] for row in _POSE_KEYS]
        pose = rigid_pose(rows, str(path)) @ OPENGL_TO_OPENCV
        camera = _polycam_camera(data, path).scaled(*picture_size(depth))
        confidence = beside(root / "confidence", path.stem, (".png",))
        frames.append(Frame(depth, beside(images, path.stem), pose, camera, confidence))
    if not frames:
        raise UserError(f"{root} holds no keyframe with depth: export Polycam's raw data of a LiDAR or space capture.")
    first_camera = frames[0].camera
    assert first_camera is not None
    # The corrected poses are those after the app closed its loops.
    notes = () if corrected else ("poses as ARKit tracked them, without the app's correction",)
    return FrameSet(directory, first_camera, 0.001, tuple(frames), "polycam", True, notes)


def recognises_record3d(directory: Path) -> bool:
    """Whether a folder holds an unpacked recording of Record3D."""
    return any((directory / name).is_file() for name in ("metadata", "metadata.json")) and (
        (directory / "rgbd").is_dir() or (directory / "rgb").is_dir()
    )


def read_record3d(directory: Path) -> FrameSet:
    """Read an unpacked ``.r3d``, or an export of EXR and JPEG.

    Args:
        directory: The folder with ``metadata``.

    Raises:
        UserError: A file is unsound, or no frame has depth.
    """
    path = next(directory / name for name in ("metadata", "metadata.json") if (directory / name).is_file())
    data = read_json(path)
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a mapping.")
    # Column by column: fx 0 0, 0 fy 0, cx cy 1.
    matrix = finite_numbers(f"{path}: K", data.get("K"), 9)
    width, height = (whole_number(f"{path}: {key}", data.get(key), 1, 20_000) for key in ("w", "h"))
    whole = Intrinsics(width, height, matrix[0], matrix[4], matrix[6], matrix[7])
    depth_width = whole_number(f"{path}: dw", data.get("dw", width), 1, 20_000)
    depth_height = whole_number(f"{path}: dh", data.get("dh", height), 1, 20_000)
    poses = data.get("poses")
    if not isinstance(poses, list):
        raise UserError(f"{path}: 'poses' is not a list: record with 'camera pose' on.")
    frames = []
    for index, numbers in enumerate(poses):
        *quaternion, x, y, z = finite_numbers(f"{path}: poses[{index}]", numbers, 7)
        pose = pose_of((x, y, z), quaternion, f"{path}: poses[{index}]") @ OPENGL_TO_OPENCV
        packed = beside(directory / "rgbd", str(index), (".depth",))
        depth = packed or beside(directory / "depth", str(index), (".exr", ".tiff", ".png"))
        if depth is not None:
            folder = directory / ("rgbd" if packed else "rgb")
            confidence = beside(directory / "rgbd", str(index), (".conf",))
            frames.append(Frame(depth, beside(folder, str(index)), pose, None, confidence))
    if not frames:
        raise UserError(f"{directory} holds no depth (rgbd/0.depth or depth/0.exr): export it from the app again.")
    unit = 0.001 if frames[0].depth.suffix == ".png" else 1.0
    return FrameSet(directory, whole.scaled(depth_width, depth_height), unit, tuple(frames), "record3d", True)


def _keyframes(directory: Path) -> Path | None:
    for root in (directory / "keyframes", directory):
        if any((root / name).is_dir() for name in ("cameras", "corrected_cameras")) and (root / "depth").is_dir():
            return root
    return None


def _polycam_camera(data: dict[str, Any], path: Path) -> Intrinsics:
    for key in ("fx", "fy", "cx", "cy", "width", "height"):
        if not is_number(data.get(key)):
            raise UserError(f"{path} lacks {key}: export the raw data again.")
    fx, fy, cx, cy = (float(data[key]) for key in ("fx", "fy", "cx", "cy"))
    return Intrinsics(round(data["width"]), round(data["height"]), fx, fy, cx, cy)
