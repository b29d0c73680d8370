# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""RGB-D frames on disk: the folder that ``reconstruct.py fuse`` takes, read strictly.

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

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from score.utils.errors import UserError, near_names
from score.utils.fields import read_fields
from score.utils.settings_files import read_json

__all__ = [
    "CAMERAS_FILE",
    "CONVENTIONS",
    "FRAMES_FORMAT",
    "Frame",
    "FrameSet",
    "Intrinsics",
    "read_color",
    "read_depth",
    "read_frames",
]

CAMERAS_FILE = "cameras.json"
FRAMES_FORMAT = "score-frames/1"
CONVENTIONS = ("opencv", "opengl")
MAX_PIXELS = 100_000_000
"""Largest picture: a smaller file may unpack to gigabytes."""
MIN_FRAMES = 3
"""Fewest frames: one or two see too little of an object to close it."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion."""

    width: int
    """Width [pixels]."""
    height: int
    """Height [pixels]."""
    fx: float
    """Focal length along x [pixels]."""
    fy: float
    """Focal length along y [pixels]."""
    cx: float
    """Principal point x [pixels]."""
    cy: float
    """Principal point y [pixels]."""

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(f"intrinsics.{name} is {value!r}: give a whole number of pixels.")
        if self.width * self.height > MAX_PIXELS:
            raise UserError(f"intrinsics: {self.width} x {self.height} is over {MAX_PIXELS:,} pixels: scale down.")
        for name in ("fx", "fy", "cx", "cy"):
            value = getattr(self, name)
            if not _is_number(value):
                raise UserError(f"intrinsics.{name} is {value!r}: give a finite number of pixels.")
        if min(self.fx, self.fy) <= 0.0:
            raise UserError(f"intrinsics: focal lengths must be positive, got fx {self.fx} and fy {self.fy}.")
        if not (0.0 <= self.cx < self.width and 0.0 <= self.cy < self.height):
            raise UserError(
                f"intrinsics: the principal point ({self.cx}, {self.cy}) lies outside the picture of {self.width} x"
                f" {self.height}: are the intrinsics those of another resolution?"
            )


@dataclass(frozen=True)
class Frame:
    """One picture pair and where it was taken."""

    depth: Path
    """Depth picture (absolute)."""
    color: Path | None
    """Colour picture (absolute), if there is one."""
    camera_to_world: NDArray[np.float64]
    """Pose of the camera in OpenCV's convention, shape (4, 4) [m]."""


@dataclass(frozen=True)
class FrameSet:
    """All frames of one recording."""

    directory: Path
    """The folder."""
    intrinsics: Intrinsics
    """The camera, one for all frames."""
    depth_unit: float
    """Metres of one count of a depth picture."""
    frames: tuple[Frame, ...]
    """The frames in the order of the file."""


def read_frames(directory: Path) -> FrameSet:
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
    if not _is_number(unit) or not 1e-6 <= unit <= 0.1:
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


def read_depth(frames: FrameSet, frame: Frame) -> NDArray[np.float32]:
    """Decode one depth picture.

    Returns:
        Depth along the optical axis [m], shape (height, width), float32; 0 where nothing was measured.

    Raises:
        UserError: It is no whole 16-bit grey PNG of the size that the intrinsics state, or holds no measurement.
    """
    values = _decode(frame.depth, frames.intrinsics, formats=("PNG",), modes=("I;16", "I;16B", "I"))
    if int(values.min()) < 0 or int(values.max()) > 65535:
        raise UserError(f"{frame.depth}: values beyond 16 bits: write depth as a 16-bit grey PNG.")
    if not values.any():
        raise UserError(f"{frame.depth} holds no measurement (every pixel is 0): leave the frame out.")
    return (values.astype(np.float32) * np.float32(frames.depth_unit)).astype(np.float32)


def read_color(frames: FrameSet, frame: Frame) -> NDArray[np.uint8] | None:
    """Decode one colour picture.

    Returns:
        Red, green, blue, shape (height, width, 3); None where the frame has none.

    Raises:
        UserError: It is no whole PNG or JPEG of the size that the intrinsics state.
    """
    if frame.color is None:
        return None
    values = _decode(frame.color, frames.intrinsics, formats=("PNG", "JPEG"), modes=("RGB", "RGBA", "L"))
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    return np.ascontiguousarray(values[..., :3], dtype=np.uint8)


def _decode(path: Path, intrinsics: Intrinsics, formats: tuple[str, ...], modes: tuple[str, ...]) -> NDArray[Any]:
    try:
        with Image.open(path, formats=formats) as picture:
            # Before decoding: the header alone tells what the file would unpack to.
            if picture.size != (intrinsics.width, intrinsics.height):
                width, height = picture.size
                raise UserError(
                    f"{path} is {width} x {height} pixels, and the intrinsics are for {intrinsics.width} x"
                    f" {intrinsics.height}: use the pictures and intrinsics of one resolution."
                )
            if picture.mode not in modes:
                raise UserError(
                    f"{path} has pixels of kind '{picture.mode}', and one of {', '.join(modes)} is needed: depth is a"
                    " 16-bit grey PNG, colour an 8-bit RGB picture."
                )
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        wanted = " or ".join(formats)
        raise UserError(f"{path} is not a whole {wanted} picture ({error}): record or copy it again.") from error


def _frame(entry: Any, root: Path, where: str, convention: str) -> Frame:
    if not isinstance(entry, dict):
        raise UserError(f"{where} is not a mapping.")
    _require_keys(entry, where, required=("depth", "camera_to_world"), optional=("color",))
    color = entry.get("color")
    pose = _pose(entry["camera_to_world"], f"{where}.camera_to_world")
    if convention == "opengl":
        pose = pose @ np.diag([1.0, -1.0, -1.0, 1.0])
    depth = _picture(entry["depth"], root, f"{where}.depth")
    return Frame(depth, None if color is None else _picture(color, root, f"{where}.color"), pose)


def _picture(name: Any, root: Path, where: str) -> Path:
    if not isinstance(name, str) or not name:
        raise UserError(f"{where} is {name!r}: give the name of a file in the folder.")
    path = (root / name).resolve()
    # A path or a link out of the folder would let a recording read other files of whoever opens it.
    if not path.is_relative_to(root.resolve()):
        raise UserError(f"{where} is {name!r}, which lies outside {root}: keep all pictures in the folder.")
    if not path.is_file():
        near = near_names(path.name, (other.name for other in path.parent.glob("*")))
        raise UserError(f"{where}: {path} is missing.{near}")
    return path


def _pose(value: Any, where: str) -> NDArray[np.float64]:
    rows = value if isinstance(value, list) else []
    if len(rows) != 4 or not all(isinstance(row, list) and len(row) == 4 and all(map(_is_number, row)) for row in rows):
        raise UserError(f"{where} must be four rows of four finite numbers.")
    pose = np.array(rows, dtype=np.float64)
    if not np.allclose(pose[3], (0.0, 0.0, 0.0, 1.0), atol=1e-6):
        raise UserError(f"{where}: the last row must be 0 0 0 1, got {rows[3]}: is the matrix transposed?")
    rotation = pose[:3, :3]
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0.0:
        raise UserError(f"{where} holds no rotation (scaled, sheared or mirrored): give a rigid pose in metres.")
    left, _, right = np.linalg.svd(rotation)
    pose[:3, :3] = left @ right
    return pose


def _require_keys(data: dict[Any, Any], where: str, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    known = (*required, *optional)
    for key in data:
        if key not in known:
            near = near_names(str(key), known) or f" It may have {', '.join(map(repr, known))}."
            raise UserError(f"{where} has an unknown key '{key}'.{near}")
    for key in required:
        if key not in data:
            raise UserError(f"{where} lacks the key '{key}'.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
