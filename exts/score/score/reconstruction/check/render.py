# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Pictures of an asset without a GPU: what is seen, what collides, and a section of both."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from score.reconstruction.scan.scan import Scan
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.shape.pieces import Piece, combined_mesh, contains

TILE = 400
"""Edge of a picture [pixels]."""
_BACKGROUND = np.array([246, 246, 248], dtype=np.float64)
_GREY = np.array([176.0, 178.0, 184.0])
_INK = (60, 60, 66)
_DISTANCE, _HALF_SPAN = 4.2, 0.26
"""Distance of the perspective view in radii of the object, and tangent of half of what it sees."""
_LIGHT = np.array([0.35, -0.45, 0.82])
_PALETTE = np.array(
    [[66, 133, 183], [237, 140, 57], [92, 170, 92], [203, 84, 84], [143, 112, 189], [148, 110, 98],
     [219, 131, 188], [121, 134, 144], [186, 187, 70], [72, 183, 196]], dtype=np.float64,
)  # fmt: skip


def write_pictures(directory: Path, visual: Scan, pieces: Sequence[Piece], axis_xy: tuple[float, float]) -> list[str]:
    """Write the pictures of a passport.

    Args:
        directory: Folder to write to.
        visual: What is seen, asset frame [m].
        pieces: What collides, asset frame [m].
        axis_xy: x and y of the point through which the section (a plane of constant y) goes [m].

    Returns:
        Names of the files: ``preview.png`` (seen), ``collision.png`` (seen | collides | section).
    """
    mesh = combined_mesh(pieces)
    owner = np.repeat(np.arange(len(pieces)), [len(piece.mesh().faces) for piece in pieces])
    seen, scale = _render_scan(visual)
    tiles = [
        _labelled(seen, scale, f"seen: {len(visual.faces):,} faces"),
        _labelled(
            *_render(mesh, _PALETTE[owner % len(_PALETTE)]),
            f"collides: {len(pieces)} piece{'s' if len(pieces) > 1 else ''}",
        ),
        _labelled(*_section(visual, pieces, axis_xy), "section: mesh (line), pieces (filled)"),
    ]
    sheet = Image.new("RGB", (len(tiles) * TILE, TILE))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index * TILE, 0))
    for name, picture in {"preview.png": seen, "collision.png": sheet}.items():
        # 128 colours: a third of the bytes, and nobody sees it.
        picture.quantize(128, method=Image.Quantize.MEDIANCUT).save(directory / name, optimize=True)
    return ["preview.png", "collision.png"]


def _render_scan(visual: Scan) -> tuple[Image.Image, float]:
    mesh = trimesh.Trimesh(visual.vertices, visual.faces, process=False)
    return _render(mesh, None if visual.texture is None and visual.colors is None else visual)


def _render(mesh: trimesh.Trimesh, look: Scan | NDArray[np.float64] | None) -> tuple[Image.Image, float]:
    """Draw a perspective view from the front, right and above; ``look`` gives colours by face, texture or vertex.

    Also return the pixels of a metre at the distance of the object's middle.
    """
    center, radius = mesh.bounds.mean(axis=0), float(np.linalg.norm(mesh.extents)) / 2.0
    eye = center + _DISTANCE * radius * np.array([0.45, -0.72, 0.53])
    forward = (center - eye) / np.linalg.norm(center - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    span = np.linspace(-_HALF_SPAN, _HALF_SPAN, 2 * TILE)
    u, v = np.meshgrid(span, -span)
    rays = forward + u[..., None] * right + v[..., None] * np.cross(right, forward)
    rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3)
    distance, face = MeshQueries(mesh.vertices, mesh.faces, "cpu").cast(np.tile(eye, (len(rays), 1)), rays)
    image = np.tile(_BACKGROUND, (len(rays), 1))
    hit = face >= 0
    points = eye + distance[hit, None] * rays[hit]
    normals = np.asarray(mesh.face_normals)[face[hit]]
    normals = np.where(np.einsum("ij,ij->i", normals, rays[hit])[:, None] > 0.0, -normals, normals)
    shade = 0.6 + 0.5 * np.clip(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0.0, 1.0)
    image[hit] = np.clip(surface_colors(mesh, look, points, face[hit]) * shade[:, None], 0.0, 255.0)
    picture = Image.fromarray(image.reshape(2 * TILE, 2 * TILE, 3).astype(np.uint8))
    scale = TILE / (2.0 * _HALF_SPAN * _DISTANCE * radius)
    return picture.resize((TILE, TILE), Image.Resampling.BOX), scale


def surface_colors(
    mesh: trimesh.Trimesh, look: Scan | NDArray[np.float64] | None, points: NDArray[np.float64], face: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Colours of points on a mesh.

    Args:
        mesh: The mesh.
        look: Colours by face (F, 3), a scan with texture or vertex colours, or None for grey.
        points: Points on the mesh, shape (N, 3).
        face: Their faces, shape (N,).

    Returns:
        Red, green, blue, 0 to 255, shape (N, 3).
    """
    if look is None:
        return np.tile(_GREY, (len(face), 1))
    if isinstance(look, np.ndarray):
        return look[face]
    weights = trimesh.triangles.points_to_barycentric(np.asarray(mesh.triangles)[face], points)
    weights = np.nan_to_num(weights, nan=1.0 / 3.0)
    corners = look.faces[face]
    if look.texture is not None and look.uv is not None:
        pixels = np.asarray(Image.open(io.BytesIO(look.texture)).convert("RGB"), dtype=np.float64)
        uv = np.einsum("ij,ijk->ik", weights, look.uv[corners]) % 1.0
        columns = np.clip((uv[:, 0] * pixels.shape[1]).astype(int), 0, pixels.shape[1] - 1)
        rows = np.clip(((1.0 - uv[:, 1]) * pixels.shape[0]).astype(int), 0, pixels.shape[0] - 1)
        return pixels[rows, columns]
    assert look.colors is not None
    return np.einsum("ij,ijk->ik", weights, look.colors[corners].astype(np.float64))


def _section(visual: Scan, pieces: Sequence[Piece], axis_xy: tuple[float, float]) -> tuple[Image.Image, float]:
    """Draw the plane y = constant, x to the right, z up; and return the pixels of a metre."""
    mesh = trimesh.Trimesh(visual.vertices, visual.faces, process=False)
    (x0, _, z0), (x1, _, z1) = mesh.bounds
    scale = 0.8 * TILE / max(x1 - x0, z1 - z0)
    columns = (np.arange(TILE) - TILE / 2) / scale + (x0 + x1) / 2.0
    rows = (TILE / 2 - np.arange(TILE)) / scale + (z0 + z1) / 2.0
    x, z = np.meshgrid(columns, rows)
    points = np.stack([x, np.full_like(x, axis_xy[1]), z], axis=-1).reshape(-1, 3)
    image = np.tile(_BACKGROUND, (TILE * TILE, 1))
    for index, piece in enumerate(pieces):
        color = _PALETTE[index % len(_PALETTE)]
        image[contains([piece], points)] = 0.55 * color + 0.45 * 255.0
    picture = Image.fromarray(image.reshape(TILE, TILE, 3).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    lines = trimesh.intersections.mesh_plane(mesh, [0.0, 1.0, 0.0], [0.0, axis_xy[1], 0.0])
    for start, end in np.asarray(lines).reshape(-1, 2, 3):
        pixels = [((p[0] - (x0 + x1) / 2.0) * scale + TILE / 2, TILE / 2 - (p[2] - (z0 + z1) / 2.0) * scale)
                  for p in (start, end)]  # fmt: skip
        draw.line(pixels, fill=(20, 20, 24), width=2)
    return picture, scale


def bar_length(longest: float) -> float:
    """Return the longest length that a scale bar may show, m: 1, 2 or 5 times a power of ten.

    Args:
        longest: Room for the bar, m, above 0.
    """
    power = 10.0 ** math.floor(math.log10(longest))
    return max(step for step in (1.0, 2.0, 5.0) if step * power <= longest * (1.0 + 1e-9)) * power


def _labelled(picture: Image.Image, scale: float, text: str) -> Image.Image:
    """Make a picture with a line of text below and a scale bar above; ``scale`` is in pixels per metre."""
    labelled = picture.copy()
    draw = ImageDraw.Draw(labelled)
    draw.text((10, TILE - 22), text, fill=_INK, font_size=14)
    length = bar_length(0.3 * TILE / scale)
    draw.rectangle((10, 14, 10 + round(length * scale) - 1, 16), fill=_INK)
    said = f"{length * 1000:g} mm" if length < 0.01 else f"{length * 100:g} cm"
    draw.text((10, 20), said, fill=_INK, font_size=14)
    return labelled
