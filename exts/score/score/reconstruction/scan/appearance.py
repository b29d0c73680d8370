# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a scan looks like: one texture for all of its meshes, or colours of the vertices."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from score.reconstruction.scan.pictures import BROKEN_PICTURE

__all__ = ["Appearance", "appearance_of"]

_TEXTURE_QUALITY = 92
_LARGEST_TEXTURE = 4096
"""Longest side of a stored texture [pixels]."""
_PATCH = 32
"""Edge of the patch for a plain colour in a texture [pixels]."""
_PLAIN = np.array([180, 180, 184], dtype=np.uint8)
"""Of a part without colour beside others that have one."""


@dataclass(frozen=True)
class Appearance:
    """Texture or colours of a mesh; neither where it has no look of its own."""

    uv: NDArray[np.float64] | None = None
    """Texture coordinates of the vertices, shape (V, 2), v up."""
    texture: bytes | None = None
    """The texture as a JPEG file."""
    colors: NDArray[np.uint8] | None = None
    """Colours of the vertices, shape (V, 3)."""
    notes: tuple[str, ...] = ()
    """What could not be kept."""


def appearance_of(parts: Sequence[trimesh.Trimesh]) -> Appearance:
    """Bring the looks of the meshes of one file together.

    Several pictures become one, with the plain colours of other parts as patches of it. Without any picture, colours of
    vertices, faces and materials become colours of vertices.

    Args:
        parts: The meshes, in the order in which their vertices will follow each other.
    """
    pictures = [_picture(part) for part in parts]
    if any(picture is not None for picture in pictures):
        try:
            return _textured(parts, pictures)
        except (*BROKEN_PICTURE, MemoryError) as error:
            note = f"texture: cannot be read ({type(error).__name__}), goes on without it"
            return Appearance(colors=_all_colors(parts), notes=(note,))
    return Appearance(colors=_all_colors(parts))


def _textured(parts: Sequence[trimesh.Trimesh], pictures: Sequence[Image.Image | None]) -> Appearance:
    if len(parts) == 1:
        assert pictures[0] is not None
        return Appearance(np.asarray(parts[0].visual.uv, dtype=np.float64), _as_jpeg(pictures[0]))
    visuals = []
    for part, picture in zip(parts, pictures, strict=True):
        uv, colors = part.visual.uv if picture is not None else None, _colors(part)
        if picture is None and (colors is None or not np.ptp(colors, axis=0).any()):
            # A patch of some pixels: JPEG would blend a single one with its neighbours.
            picture = Image.new("RGB", (_PATCH, _PATCH), tuple((_PLAIN if colors is None else colors[0]).tolist()))
            uv = np.full((len(part.vertices), 2), 0.5)
        if picture is not None:
            # Of one kind of material: trimesh packs no mixture.
            material = trimesh.visual.material.SimpleMaterial(image=picture)
            visuals.append(trimesh.visual.TextureVisuals(uv=uv, material=material))
        else:
            visuals.append(trimesh.visual.ColorVisuals(part, vertex_colors=colors))
    packed = trimesh.visual.concatenate(visuals)
    return Appearance(np.asarray(packed.uv, dtype=np.float64), _as_jpeg(packed.material.image))


def _picture(part: trimesh.Trimesh) -> Image.Image | None:
    """Return the picture on a mesh; None without one, or without coordinates on it."""
    if part.visual.kind != "texture":
        return None
    material = part.visual.material
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    uv = part.visual.uv
    if image is None or uv is None or len(uv) != len(part.vertices) or not np.isfinite(uv).all():
        return None
    return image if isinstance(image, Image.Image) else None


def _all_colors(parts: Sequence[trimesh.Trimesh]) -> NDArray[np.uint8] | None:
    found = [_colors(part) for part in parts]
    if all(colors is None for colors in found):
        return None
    filled = [
        np.tile(_PLAIN, (len(part.vertices), 1)) if colors is None else colors
        for part, colors in zip(parts, found, strict=True)
    ]
    return np.concatenate(filled)


def _colors(part: trimesh.Trimesh) -> NDArray[np.uint8] | None:
    """Colours of a mesh's vertices (V, 3) without its picture: their own, times that of the material."""
    visual = part.visual
    if visual.kind in ("vertex", "face"):
        return np.asarray(visual.vertex_colors, dtype=np.uint8)[:, :3]
    if visual.kind != "texture":
        return None
    own = part.vertex_attributes.get("color")
    factor = getattr(visual.material, "baseColorFactor", None)
    if own is not None and len(own) == len(part.vertices):
        values = np.asarray(trimesh.visual.color.to_rgba(own), dtype=np.float64)[:, :3]
        # glTF multiplies the two; of an .obj the material is what the writer had to put there.
        return np.round(values if factor is None else values * _rgb(factor) / 255.0).astype(np.uint8)
    if factor is None and "kd" in (getattr(visual.material, "kwargs", None) or {}):
        factor = visual.material.diffuse
    return None if factor is None else np.tile(np.round(_rgb(factor)).astype(np.uint8), (len(part.vertices), 1))


def _rgb(color: Any) -> NDArray[np.float64]:
    """Return a colour, 0 to 255, shape (3,)."""
    return np.asarray(trimesh.visual.color.to_rgba(color), dtype=np.float64).ravel()[:3]


def _as_jpeg(image: Image.Image) -> bytes:
    picture = image.convert("RGB")
    picture.thumbnail((_LARGEST_TEXTURE, _LARGEST_TEXTURE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_TEXTURE_QUALITY)
    return buffer.getvalue()
