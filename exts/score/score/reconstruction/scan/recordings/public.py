# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Layouts of public collections: TUM RGB-D, BOP, ScanNet and 7-Scenes."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from score.reconstruction.scan.frames import Frame, FrameSet, Intrinsics
from score.reconstruction.scan.recordings.common import (
    beside,
    matrix_camera,
    number_lines,
    picture_path,
    picture_size,
    pose_of,
    rigid_pose,
)
from score.utils.errors import UserError
from score.utils.fields import finite_number, finite_numbers
from score.utils.settings_files import read_json

__all__ = [
    "read_bop",
    "read_scannet",
    "read_seven_scenes",
    "read_tum",
    "recognises_bop",
    "recognises_scannet",
    "recognises_seven_scenes",
    "recognises_tum",
]

_TUM_CAMERAS: dict[str, tuple[float, float, float, float, tuple[float, ...]]] = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3, (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    "freiburg2": (520.9, 521.0, 325.1, 249.7, (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    "freiburg3": (535.4, 539.2, 320.1, 247.6, ()),
}
"""The three cameras as the authors calibrated them: fx, fy, cx, cy, distortion."""
_TUM_UNIT = 1.0 / 5000.0
_LARGEST_DELAY = 0.02
"""Depth, colour and pose that are further apart than this are not of one moment [s]."""
_FRAME_NUMBER = re.compile(r"[0-9]{1,9}")
"""Key of a frame in the files of BOP; what else counts as a digit somewhere is no number."""
_SEVEN_SCENES_CAMERA = Intrinsics(640, 480, 585.0, 585.0, 320.0, 240.0)
_INTRINSICS = ("camera-intrinsics.txt", "depthIntrinsics.txt", "../camera-intrinsics.txt")
"""Where recordings with the names of 7-Scenes state their own camera: 3DMatch (there or one above), Intrinsic3D."""


def recognises_tum(directory: Path) -> bool:
    """Whether a folder holds a sequence of the TUM RGB-D benchmark."""
    return all((directory / name).is_file() for name in ("depth.txt", "groundtruth.txt"))


def read_tum(directory: Path) -> FrameSet:
    """Read a sequence of the TUM RGB-D benchmark: depth, colour and pose of the same moment are brought together.

    Raises:
        UserError: A file is unsound, or nothing was measured at one moment.
    """
    depth = _stamped(directory, "depth.txt")
    color = _stamped(directory, "rgb.txt") if (directory / "rgb.txt").is_file() else []
    poses = number_lines(directory / "groundtruth.txt", 8)
    if not depth or not poses:
        raise UserError(f"{directory}: depth.txt or groundtruth.txt is empty: copy the sequence again.")
    pose_times, color_times = np.array([row[0] for row in poses]), np.array([time for time, _ in color])
    frames = []
    for time, path in depth:
        pose = _nearest(pose_times, time)
        if pose is None:
            continue
        other = _nearest(color_times, time)
        numbers = poses[pose]
        matrix = pose_of(numbers[1:4], numbers[4:8], f"{directory / 'groundtruth.txt'}, time {time}")
        frames.append(Frame(path, None if other is None else color[other][1], matrix))
    if not frames:
        raise UserError(f"{directory}: no depth picture has a pose within {_LARGEST_DELAY} s: check the time stamps.")
    name = _tum_camera(directory)
    width, height = picture_size(frames[0].depth)
    notes: tuple[str, ...] = ()
    if name is None:
        camera = Intrinsics(640, 480, 525.0, 525.0, 319.5, 239.5).scaled(width, height)
        notes = ("intrinsics are not stated: took the Kinect's 525 pixels; name the folder rgbd_dataset_freiburg1_...",)
    else:
        fx, fy, cx, cy, bent = _TUM_CAMERAS[name]
        camera = Intrinsics(640, 480, fx, fy, cx, cy, bent).scaled(width, height)
    return FrameSet(directory, camera, _TUM_UNIT, tuple(frames), "tum", True, notes)


def _tum_camera(directory: Path) -> str | None:
    """Which of the three cameras took a sequence, by its folder's name, or by the recording that its list names."""
    with (directory / "depth.txt").open(encoding="utf-8") as stream:
        comments = [line for line in itertools.islice(stream, 5) if line.startswith("#")]
    texts = (str(directory.resolve()), *comments)
    return next((name for name in _TUM_CAMERAS if any(name in text for text in texts)), None)


def recognises_bop(directory: Path) -> bool:
    """Whether a folder is a scene of a BOP data set."""
    return (directory / "scene_camera.json").is_file() and (directory / "depth").is_dir()


def read_bop(directory: Path) -> FrameSet:
    """Read a scene of a BOP data set; where cameras have no poses, those against the most frequent object are taken.

    Raises:
        UserError: A file is unsound, or there are no poses.
    """
    path = directory / "scene_camera.json"
    data = read_json(path)
    if not isinstance(data, dict) or not data:
        raise UserError(f"{path} is not a mapping of frames.")
    objects = _bop_objects(directory)
    frames: list[Frame] = []
    units: set[float] = set()
    by_object = False
    for key in sorted(data, key=lambda key: (len(key), key)):
        entry, where = data[key], f"{path}: {key[:20]}"
        if not isinstance(entry, dict) or not _FRAME_NUMBER.fullmatch(key):
            raise UserError(f"{where} is not a frame.")
        depth = beside(directory / "depth", f"{int(key):06d}", (".png", ".tif", ".tiff"))
        if depth is None:
            continue
        if "cam_R_w2c" in entry:
            world_to_camera = _bop_pose(entry, "w2c", where)
        elif int(key) in objects:
            world_to_camera, by_object = objects[int(key)], True
        else:
            continue
        fx, _, cx, _, fy, cy, *_ = finite_numbers(f"{where}.cam_K", entry.get("cam_K"), 9)
        width, height = picture_size(depth)
        units.add(finite_number(f"{where}.depth_scale", entry.get("depth_scale", 1.0)))
        color = beside(directory / "rgb", f"{int(key):06d}") or beside(directory / "gray", f"{int(key):06d}")
        camera = Intrinsics(width, height, fx, fy, cx, cy)
        frames.append(Frame(depth, color, np.linalg.inv(world_to_camera), camera))
    if not frames:
        raise UserError(f"{directory} has no frame with depth and a pose (cam_R_w2c, or an object in scene_gt.json).")
    if len(units) > 1 or not 0.0 < max(units) <= 100.0:
        raise UserError(f"{path}: depth_scale is {sorted(units)[:3]}: one for all frames is read, in millimetres.")
    first_camera = frames[0].camera
    assert first_camera is not None
    notes = ("poses against the most frequent object, for the cameras have none",) if by_object else ()
    return FrameSet(directory, first_camera, units.pop() / 1000.0, tuple(frames), "bop", True, notes)


def recognises_scannet(directory: Path) -> bool:
    """Whether a folder holds an exported scene of ScanNet."""
    return all((directory / name).is_dir() for name in ("depth", "pose")) and (directory / "intrinsic").is_dir()


def read_scannet(directory: Path) -> FrameSet:
    """Read an exported scene of ScanNet; frames at which tracking was lost are left out.

    Raises:
        UserError: A file is unsound, or no frame has a pose.
    """
    calibration = directory / "intrinsic" / "intrinsic_depth.txt"
    matrix = number_lines(calibration)
    depths = sorted((directory / "depth").glob("*.png"), key=lambda path: (len(path.stem), path.stem))
    frames = []
    for depth in depths:
        pose = _matrix(directory / "pose" / f"{depth.stem}.txt")
        if pose is not None:
            frames.append(Frame(_inside(depth, directory), beside(directory / "color", depth.stem), pose))
    if not frames:
        raise UserError(f"{directory} has no frame with depth and a pose: export the scene again.")
    camera = matrix_camera(matrix, *picture_size(frames[0].depth), calibration)
    notes = _lost(len(depths) - len(frames))
    return FrameSet(directory, camera, 0.001, tuple(frames), "scannet", True, notes)


def recognises_seven_scenes(directory: Path) -> bool:
    """Whether a folder holds a sequence of 7-Scenes."""
    return any(directory.glob("frame-*.depth.png")) and any(directory.glob("frame-*.pose.txt"))


def read_seven_scenes(directory: Path) -> FrameSet:
    """Read a sequence of 7-Scenes, or one that names its files so and states its camera beside them.

    Raises:
        UserError: A file is unsound, or no frame has a pose.
    """
    frames = []
    depths = sorted(directory.glob("frame-*.depth.png"))
    for depth in depths:
        stem = depth.name.removesuffix(".depth.png")
        pose = _matrix(directory / f"{stem}.pose.txt")
        if pose is not None:
            frames.append(Frame(_inside(depth, directory), beside(directory, f"{stem}.color"), pose))
    if not frames:
        raise UserError(f"{directory} has no frame with depth and a pose: copy the sequence again.")
    width, height = picture_size(frames[0].depth)
    stated = next((directory / name for name in _INTRINSICS if (directory / name).is_file()), None)
    if stated is None:
        camera = _SEVEN_SCENES_CAMERA.scaled(width, height)
    else:
        camera = matrix_camera(number_lines(stated), width, height, stated)
    return FrameSet(directory, camera, 0.001, tuple(frames), "7scenes", True, _lost(len(depths) - len(frames)))


def _stamped(directory: Path, name: str) -> list[tuple[float, Path]]:
    """Read the times [s] and files of a list of the TUM benchmark."""
    path = directory / name
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise UserError(f"{path} is not text: copy the sequence again.") from None
    rows = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or not re.fullmatch(r"\d+(\.\d+)?", words[0]):
            raise UserError(f"{path}, line {number}: must be a time and a file, as in '1305031453.3 depth/1.png'.")
        rows.append((float(words[0]), picture_path(words[1], directory, f"{path}, line {number}")))
    return rows


def _nearest(times: NDArray[np.float64], time: float) -> int | None:
    if not len(times):
        return None
    best = int(np.argmin(np.abs(times - time)))
    return best if abs(times[best] - time) <= _LARGEST_DELAY else None


def _matrix(path: Path) -> NDArray[np.float64] | None:
    """Read a pose from a text of four rows; None where it is missing or says that tracking was lost."""
    if not path.is_file():
        return None
    rows = number_lines(path)
    if not np.isfinite(np.array([number for row in rows for number in row])).all():
        return None
    return rigid_pose(rows, str(path))


def _bop_objects(directory: Path) -> dict[int, NDArray[np.float64]]:
    """Pose of the most frequent object in each frame's camera [m], shape (4, 4)."""
    path = directory / "scene_gt.json"
    if not path.is_file():
        return {}
    data = read_json(path)
    if not isinstance(data, dict):
        raise UserError(f"{path} is not a mapping of frames.")
    entries = [(key, item) for key, items in data.items() if isinstance(items, list) for item in items]
    counts = Counter(item.get("obj_id") for _, item in entries if isinstance(item, dict))
    counts = Counter({name: count for name, count in counts.items() if isinstance(name, int)})
    if not counts:
        return {}
    chosen = counts.most_common(1)[0][0]
    poses: dict[int, NDArray[np.float64]] = {}
    for key, item in entries:
        if isinstance(item, dict) and item.get("obj_id") == chosen and _FRAME_NUMBER.fullmatch(key):
            poses.setdefault(int(key), _bop_pose(item, "m2c", f"{path}: {key}"))
    return poses


def _bop_pose(entry: dict[str, Any], name: str, where: str) -> NDArray[np.float64]:
    rotation = np.array(finite_numbers(f"{where}.cam_R_{name}", entry.get(f"cam_R_{name}"), 9)).reshape(3, 3)
    shift = np.array(finite_numbers(f"{where}.cam_t_{name}", entry.get(f"cam_t_{name}"), 3)) / 1000.0
    return rigid_pose(np.column_stack([rotation, shift]).tolist(), f"{where}.cam_R_{name}")


def _inside(path: Path, directory: Path) -> Path:
    return picture_path(str(path.relative_to(directory)), directory, str(directory))


def _lost(count: int) -> tuple[str, ...]:
    return (f"{count} frames at which tracking was lost were left out",) if count else ()
