# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Decodes depth and colour pictures of the kinds that cameras and phones write, and removes the lens' distortion."""

from __future__ import annotations

import functools
import struct
import tokenize
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from score.utils.errors import UserError
from score.utils.fields import brief

if TYPE_CHECKING:
    from score.reconstruction.scan.frames import Intrinsics

__all__ = ["BROKEN_PICTURE", "DEPTH_KINDS", "confident", "decode_picture", "depth_counts", "undistorted"]

DEPTH_KINDS = (".png", ".pgm", ".tif", ".tiff", ".npy", ".exr", ".depth")
"""Endings of depth pictures."""
BROKEN_PICTURE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
"""What PIL raises on bytes that are no whole picture, or one of a size that nobody takes."""
_SATURATED = 65535
"""Highest count of 16 bits: "too far" or "nothing" in every format that has it."""
_GREY = ("I;16", "I;16B", "I", "F")


def depth_counts(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """Decode a depth picture.

    Args:
        path: 16-bit grey PNG or PGM, TIFF of 16 bits or floats, NPY, EXR, or Record3D's compressed floats.
        size: Width and height that it must have.

    Returns:
        Counts, or what the floats are in, shape (height, width), float32; 0 where nothing was measured: 0, saturated,
        negative or not finite.

    Raises:
        UserError: It is not whole, of another size or kind, or holds no measurement.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        values = _numpy(path, size)
    elif suffix == ".exr":
        values = _exr(path, size)
    elif suffix == ".depth":
        values = _record3d(path, size)
    else:
        formats = ("TIFF",) if suffix in (".tif", ".tiff") else ("PPM",) if suffix == ".pgm" else ("PNG",)
        values = decode_picture(path, size, formats, _GREY)
    whole = np.issubdtype(values.dtype, np.integer)
    if whole and (int(values.min()) < 0 or int(values.max()) > _SATURATED):
        raise UserError(f"{path}: values beyond 16 bits: write depth as a 16-bit grey PNG.")
    nothing = values == _SATURATED if whole else ~np.isfinite(values) | (values < 0.0)
    counts = np.where(nothing, 0, values).astype(np.float32)
    if not counts.any():
        raise UserError(f"{path} holds no measurement (every pixel is 0): leave the frame out.")
    return counts


def confident(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels that a phone trusts at least half, shape (height, width): levels 1 and 2 of 0 to 2, or 54 and up of 255.

    Raises:
        UserError: It is not whole, or of another size.
    """
    if path.suffix.lower() == ".conf":
        values = np.frombuffer(_lzfse(path, size[0] * size[1]), dtype=np.uint8).reshape(size[::-1])
    else:
        values = decode_picture(path, size, ("PNG",), ("L", "P", "I;16", "I"))
    return np.asarray(values >= (1 if values.max() <= 2 else 54))


def decode_picture(
    path: Path, size: tuple[int, int], formats: tuple[str, ...], modes: tuple[str, ...], *, resize: bool = False
) -> NDArray[Any]:
    """Decode a picture.

    Args:
        path: The picture.
        size: Width and height that the intrinsics are for.
        formats: Formats of PIL that are taken.
        modes: Kinds of pixels that are taken.
        resize: Whether a picture of another size and the same shape is brought to the size.

    Raises:
        UserError: It is not whole, or of another size or kind.
    """
    try:
        with Image.open(path, formats=formats) as picture:
            # Before decoding: the header alone tells what the file would unpack to.
            width, height = picture.size
            alike = resize and abs(width * size[1] - height * size[0]) < 0.03 * width * size[1]
            if picture.size != size and not alike:
                raise UserError(
                    f"{path} is {width} x {height} pixels, and the intrinsics are for {size[0]} x {size[1]}: use the"
                    " pictures and intrinsics of one resolution."
                )
            if picture.mode not in modes:
                raise UserError(
                    f"{path} has pixels of kind '{picture.mode}', and one of {', '.join(modes)} is needed: depth is a"
                    " 16-bit grey PNG, colour an 8-bit RGB picture."
                )
            return np.asarray(picture if picture.size == size else picture.resize(size, Image.Resampling.BOX))
    except BROKEN_PICTURE as error:
        wanted = " or ".join(formats)
        raise UserError(
            f"{path} is not a whole {wanted} picture ({brief(error, 100)}): record or copy it again."
        ) from error


def undistorted(values: NDArray[Any], camera: Intrinsics, *, smooth: bool) -> NDArray[Any]:
    """Return a picture as a pinhole camera of the same intrinsics would have taken it.

    Args:
        values: Picture, shape (height, width, ...).
        camera: The camera, with its distortion.
        smooth: Whether to blend neighbours; depth is not blended, for between two surfaces there is none.

    Returns:
        The picture, 0 where the lens saw nothing.
    """
    if not any(camera.distortion):
        return values
    x, y = _distorted_pixels(camera)
    inside = (x >= 0.0) & (x <= camera.width - 1.0) & (y >= 0.0) & (y <= camera.height - 1.0)
    x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
    if not smooth:
        result = values[np.rint(y).astype(int), np.rint(x).astype(int)]
    else:
        column, row = np.minimum(x.astype(int), camera.width - 2), np.minimum(y.astype(int), camera.height - 2)
        right, down = (x - column)[..., None], (y - row)[..., None]
        upper = values[row, column] * (1.0 - right) + values[row, column + 1] * right
        lower = values[row + 1, column] * (1.0 - right) + values[row + 1, column + 1] * right
        result = np.rint(upper * (1.0 - down) + lower * down).astype(values.dtype)
    return np.where(inside.reshape(inside.shape + (1,) * (values.ndim - 2)), result, np.zeros_like(result))


@functools.lru_cache(maxsize=4)
def _distorted_pixels(camera: Intrinsics) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each pixel of the pinhole camera is in the picture of the lens: Brown and Conrady's k1, k2, p1, p2, k3."""
    k1, k2, p1, p2, k3 = (*camera.distortion, 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    square = x**2 + y**2
    radial = 1.0 + square * (k1 + square * (k2 + square * k3))
    bent_x = x * radial + 2.0 * p1 * x * y + p2 * (square + 2.0 * x**2)
    bent_y = y * radial + p1 * (square + 2.0 * y**2) + 2.0 * p2 * x * y
    return bent_x * camera.fx + camera.cx, bent_y * camera.fy + camera.cy


def _numpy(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        if values.shape not in (size[::-1], (*size[::-1], 1)) or values.dtype.kind not in "fiu":
            raise UserError(f"{path} has the shape {values.shape} of {values.dtype}: depth of {size[::-1]} is needed.")
        return np.array(values).reshape(size[::-1])
    except (OSError, ValueError, SyntaxError, EOFError, tokenize.TokenError, AttributeError) as error:
        raise UserError(
            f"{path} is not a whole array of depth ({brief(error, 100)}): record or copy it again."
        ) from error


def _exr(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    try:
        import OpenEXR
    except ModuleNotFoundError:
        raise UserError(
            f'{path}: to read EXR install "score-isaaclab[scans]" (OpenEXR), or export depth as 16-bit PNG or TIFF.'
        ) from None
    try:
        with OpenEXR.File(str(path)) as file:
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except Exception as error:  # the library raises what it likes on broken bytes
        raise UserError(f"{path} is not a whole EXR picture ({brief(error, 100)}): record or copy it again.") from error
    # Depth is called Z, or is written as the first channel of a grey or colour picture.
    values = next((channels[name] for name in ("Z", "Y", "V", "R", "RGB", "RGBA") if name in channels), None)
    if values is None or values.shape[:2] != size[::-1]:
        raise UserError(f"{path} holds no depth of {size[0]} x {size[1]} pixels: record or copy it again.")
    return np.asarray(values if values.ndim == 2 else values[..., 0], dtype=np.float32)


def _record3d(path: Path, size: tuple[int, int]) -> NDArray[Any]:
    return np.frombuffer(_lzfse(path, 4 * size[0] * size[1]), dtype="<f4").reshape(size[::-1])


def _lzfse(path: Path, length: int) -> bytes:
    try:
        import liblzfse
    except ModuleNotFoundError:
        raise UserError(
            f'{path}: to read it install "score-isaaclab[scans]" (pyliblzfse), or export EXR from Record3D.'
        ) from None
    try:
        data = bytes(liblzfse.decompress(path.read_bytes()))
    except Exception as error:  # the library has an error class of its own
        raise UserError(f"{path} is damaged ({brief(error, 100)}): record or copy it again.") from error
    if len(data) != length:
        raise UserError(f"{path} unpacks to {len(data)} bytes, and {length} are needed: record or copy it again.")
    return data
