# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""RGB-D frames of a recording: cameras, poses, and the pictures decoded to metres and colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from score.reconstruction.scan.pictures import confident, decode_picture, depth_counts, undistorted
from score.utils.errors import UserError
from score.utils.fields import brief, finite_number, finite_numbers

__all__ = ["MIN_FRAMES", "Frame", "FrameSet", "Intrinsics", "read_color", "read_depth"]

MAX_PIXELS = 100_000_000
"""Largest picture: a smaller file may unpack to gigabytes."""
MIN_FRAMES = 3
"""Fewest frames: one or two see too little of an object to close it."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera; what its lens bends is straightened when a picture is read."""

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
    distortion: tuple[float, ...] = ()
    """OpenCV's k1, k2, p1, p2, k3 of the lens; what is left out is 0."""

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(f"intrinsics.{name} is {value!r}: give a whole number of pixels.")
        if self.width * self.height > MAX_PIXELS:
            raise UserError(f"intrinsics: {self.width} x {self.height} is over {MAX_PIXELS:,} pixels: scale down.")
        for name in ("fx", "fy", "cx", "cy"):
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, finite_number(name, value))
            except UserError:
                raise UserError(f"intrinsics.{name} is {brief(value)}: give a finite number of pixels.") from None
        if min(self.fx, self.fy) <= 0.0:
            raise UserError(f"intrinsics: focal lengths must be positive, got fx {self.fx} and fy {self.fy}.")
        if not (0.0 <= self.cx < self.width and 0.0 <= self.cy < self.height):
            raise UserError(
                f"intrinsics: the principal point ({self.cx}, {self.cy}) lies outside the picture of {self.width} x"
                f" {self.height}: are the intrinsics those of another resolution?"
            )
        bent = self.distortion
        if not isinstance(bent, list | tuple) or len(bent) > 5:
            raise UserError(f"intrinsics.distortion holds {brief(bent)}: give up to five numbers k1, k2, p1, p2, k3.")
        object.__setattr__(self, "distortion", finite_numbers("intrinsics.distortion", bent, len(bent)))

    def scaled(self, width: int, height: int) -> Intrinsics:
        """Return the same camera with pictures of another size.

        Args:
            width: Width [pixels].
            height: Height [pixels].

        Raises:
            UserError: The pictures have another shape: they are cut, and nobody says where.
        """
        across, along = width / self.width, height / self.height
        if abs(across - along) > 0.03 * along:
            raise UserError(
                f"intrinsics: pictures of {width} x {height} are not copies of {self.width} x {self.height} in another"
                " size: give the intrinsics of the depth camera."
            )
        # Pixel (0, 0) is the middle of the first one.
        cx, cy = (self.cx + 0.5) * across - 0.5, (self.cy + 0.5) * along - 0.5
        return replace(self, width=width, height=height, fx=self.fx * across, fy=self.fy * along, cx=cx, cy=cy)


@dataclass(frozen=True)
class Frame:
    """One picture pair and where it was taken."""

    depth: Path
    """Depth picture (absolute)."""
    color: Path | None
    """Colour picture (absolute), if there is one."""
    camera_to_world: NDArray[np.float64]
    """Pose of the camera in OpenCV's convention, shape (4, 4) [m]."""
    camera: Intrinsics | None = None
    """The camera of this frame, where a phone changes its focus; None: that of all."""
    confidence: Path | None = None
    """Picture of how much the camera trusts each pixel of depth, if there is one."""


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
    kind: str = "score"
    """Layout that was read."""
    resize: bool = False
    """Whether colour may have another resolution than depth."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out."""
    rotated_bits: int = 0
    """Bits by which the 16 of a count are rotated to the left: 3 in SUN3D and what came of it."""

    def camera(self, frame: Frame) -> Intrinsics:
        """Return the camera of a frame's depth."""
        return frame.camera or self.intrinsics


def read_depth(frames: FrameSet, frame: Frame) -> NDArray[np.float32]:
    """Decode one depth picture.

    Returns:
        Depth along the optical axis [m], shape (height, width), float32; 0 where nothing was measured.

    Raises:
        UserError: It is no whole depth picture of the size that the intrinsics state, or holds no measurement.
    """
    camera = frames.camera(frame)
    size = (camera.width, camera.height)
    counts = depth_counts(frame.depth, size)
    if frames.rotated_bits:
        whole, low = counts.astype(np.uint16), frames.rotated_bits
        counts = ((whole >> low) | (whole << (16 - low))).astype(np.float32)
    depth = counts * np.float32(frames.depth_unit)
    if frame.confidence is not None:
        depth = np.where(confident(frame.confidence, size), depth, np.float32(0.0))
    return np.ascontiguousarray(undistorted(depth, camera, smooth=False), dtype=np.float32)


def read_color(frames: FrameSet, frame: Frame) -> NDArray[np.uint8] | None:
    """Decode one colour picture.

    Returns:
        Red, green, blue, shape (height, width, 3); None where the frame has none.

    Raises:
        UserError: It is no whole PNG or JPEG of the size that the intrinsics state.
    """
    if frame.color is None:
        return None
    camera = frames.camera(frame)
    size = (camera.width, camera.height)
    values = decode_picture(frame.color, size, ("PNG", "JPEG"), ("RGB", "RGBA", "L"), resize=frames.resize)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    values = np.ascontiguousarray(values[..., :3], dtype=np.uint8)
    return np.asarray(undistorted(values, camera, smooth=True), dtype=np.uint8)
