# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The mesh files that MJCF and URDF refer to: what is seen as OBJ with its texture, convex pieces as OBJ."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from score.reconstruction.scan.scan import Scan
from score.reconstruction.shape.pieces import ConvexPiece, Piece

__all__ = ["VisualPart", "write_hulls", "write_visual"]

_GREY = (0.7, 0.7, 0.72)
_MOST_COLORS = 8
"""Plain colours that become parts of their own; of more, MJCF gets their mean, for it knows no colours of vertices."""


@dataclass(frozen=True)
class VisualPart:
    """One mesh that is seen."""

    mesh: str
    """Name of its OBJ file."""
    texture: str | None
    """Name of its PNG file; None where it has a plain colour."""
    color: tuple[float, float, float]
    """Colour, 0 to 1."""


def write_visual(folder: Path, name: str, visual: Scan) -> list[VisualPart]:
    """Write what is seen.

    Args:
        folder: Folder to write to.
        name: Start of the files' names.
        visual: Mesh [m], with texture or colours of vertices.

    Returns:
        The parts: one, or one for each of a few plain colours.
    """
    if visual.texture is not None and visual.uv is not None:
        texture = f"{name}_texture.png"
        # MuJoCo reads PNG only.
        Image.open(io.BytesIO(visual.texture)).convert("RGB").save(folder / texture)
        mesh = f"{name}_visual.obj"
        _write_obj(folder / mesh, visual, material=texture)
        return [VisualPart(mesh, texture, (1.0, 1.0, 1.0))]
    faces = _faces_by_color(visual)
    parts = []
    for index, (color, keep) in enumerate(faces):
        mesh = f"{name}_visual.obj" if len(faces) == 1 else f"{name}_visual{index}.obj"
        _write_obj(folder / mesh, visual.with_faces(keep))
        parts.append(VisualPart(mesh, None, color))
    return parts


def write_hulls(folder: Path, name: str, pieces: Sequence[Piece]) -> dict[int, str]:
    """Write the convex pieces.

    Returns:
        Number of the piece -> name of its OBJ file; primitives have none.
    """
    files = {}
    for index, piece in enumerate(pieces):
        if isinstance(piece, ConvexPiece):
            files[index] = f"{name}_c{index:03d}.obj"
            _write_obj(folder / files[index], Scan(piece.vertices, piece.faces))
    return files


def _faces_by_color(visual: Scan) -> list[tuple[tuple[float, float, float], NDArray[np.bool_]]]:
    everything = np.ones(len(visual.faces), dtype=bool)
    if visual.colors is None:
        return [(_GREY, everything)]
    of_faces = visual.colors[visual.faces]
    plain = (of_faces == of_faces[:, :1]).all()
    found, owner = np.unique(of_faces[:, 0], axis=0, return_inverse=True)
    if plain and len(found) <= _MOST_COLORS:
        return [(_unit(color), owner.ravel() == index) for index, color in enumerate(found)]
    return [(_unit(of_faces.reshape(-1, 3).mean(axis=0)), everything)]


def _unit(color: NDArray[np.floating] | NDArray[np.uint8]) -> tuple[float, float, float]:
    red, green, blue = (round(float(value) / 255.0, 4) for value in color)
    return red, green, blue


def _write_obj(path: Path, mesh: Scan, material: str | None = None) -> None:
    """Write an OBJ file with nine digits, so that it holds what engines keep; a texture gets a library beside it."""
    colors = None if mesh.colors is None or material is not None else mesh.colors / 255.0
    rows = mesh.vertices if colors is None else np.hstack([mesh.vertices, colors])
    lines = []
    if material is not None:
        library = path.with_suffix(".mtl")
        library.write_text(f"newmtl scan\nKd 1 1 1\nmap_Kd {material}\n", encoding="utf-8")
        lines += [f"mtllib {library.name}", "usemtl scan"]
    lines += ["v " + " ".join(f"{value:.9g}" for value in row) for row in rows.tolist()]
    if material is not None and mesh.uv is not None:
        lines += [f"vt {u:.7g} {v:.7g}" for u, v in mesh.uv.tolist()]
        lines += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in (mesh.faces + 1).tolist()]
    else:
        lines += [f"f {a} {b} {c}" for a, b, c in (mesh.faces + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
