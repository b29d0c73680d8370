# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads a scanned mesh, which is hostile until checked: a user's file may be truncated, empty or full of NaN."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from score.utils.errors import UserError, near_names

SUFFIXES = (".obj", ".ply", ".stl", ".glb", ".gltf", ".off")
LARGEST_FACE_COUNT = 4_000_000
"""More faces than this are refused: they take gigabytes and give no better asset."""
_TEXTURE_QUALITY = 92
_LARGEST_TEXTURE = 4096
"""Longest side of a stored texture [pixels]."""


@dataclass(frozen=True)
class Scan:
    """A mesh as scanned, with what it looks like."""

    vertices: NDArray[np.float64]
    """Vertices, shape (V, 3), in the scan's unit until it is known, then metres."""
    faces: NDArray[np.int64]
    """Corners of the triangles, shape (F, 3)."""
    uv: NDArray[np.float64] | None = None
    """Texture coordinates of the vertices, shape (V, 2), v up; None without a texture."""
    texture: bytes | None = None
    """The texture as a JPEG file."""
    colors: NDArray[np.uint8] | None = None
    """Colours of the vertices, shape (V, 3); None where there are none."""
    notes: tuple[str, ...] = ()
    """What was missing and is gone on without."""
    format_unit: str | None = None
    """Unit that the file format prescribes; None where it prescribes none."""
    format_up: str = "z"
    """Axis that the file format, or else custom, says is up."""

    def with_faces(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Scan:
        """Keep some faces and the vertices that they use."""
        faces = self.faces[keep]
        used, inverse = np.unique(faces, return_inverse=True)
        return replace(
            self,
            vertices=self.vertices[used],
            faces=inverse.reshape(-1, 3).astype(np.int64),
            uv=None if self.uv is None else self.uv[used],
            colors=None if self.colors is None else self.colors[used],
        )

    def transformed(self, rotation: NDArray[np.float64], offset: NDArray[np.float64], scale: float = 1.0) -> Scan:
        """Scale, then rotate by a (3, 3) matrix, then move by (3,)."""
        return replace(self, vertices=(self.vertices * scale) @ rotation.T + offset)


def read_scan(path: Path) -> Scan:
    """Read a scanned mesh.

    Args:
        path: Mesh in one of the formats of :data:`SUFFIXES`.

    Returns:
        The scan, in its own unit and frame. Several meshes in one file become one.

    Raises:
        UserError: The file is missing, of another kind, truncated, or does not hold a valid mesh.
    """
    path = Path(path)
    _require_mesh_file(path)
    try:
        mesh, notes = _load(path)
    except UserError:
        raise
    except Exception as error:  # the parsers of six formats raise what they like on broken bytes
        raise UserError(
            f"load: {path} is truncated or damaged ({type(error).__name__}: {error}): export or copy it again."
        ) from error
    _check_geometry(mesh, path)
    _check_obj_is_whole(path, len(mesh.faces))
    uv, texture, colors = _appearance(mesh)
    gltf = path.suffix.lower() in (".glb", ".gltf")
    return Scan(
        vertices=np.asarray(mesh.vertices, dtype=np.float64),
        faces=np.asarray(mesh.faces, dtype=np.int64),
        uv=uv,
        texture=texture,
        colors=colors,
        notes=tuple(notes),
        format_unit="m" if gltf else None,
        format_up="y" if gltf else "z",
    )


def _require_mesh_file(path: Path) -> None:
    if not path.is_file():
        near = near_names(path.name, (p.name for p in path.parent.glob("*"))) if path.parent.is_dir() else ""
        what = "is a folder, not a mesh file" if path.is_dir() else "does not exist"
        raise UserError(f"load: {path} {what}: check the path.{near}")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"load: {path} is of an unknown kind: export the scan as one of {', '.join(SUFFIXES)}.")
    if path.stat().st_size == 0:
        raise UserError(f"load: {path} is empty: export or copy it again.")


def _load(path: Path) -> tuple[trimesh.Trimesh, list[str]]:
    notes = [f"texture: {name} is missing, goes on without it" for name in _missing_textures(path)]
    scene = trimesh.load_scene(str(path), process=False)
    meshes = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    others = sum(len(part.vertices) for part in scene.geometry.values() if hasattr(part, "vertices"))
    if not meshes:
        if others:
            raise UserError(
                f"load: {path} holds {others} points and no faces: a point cloud is no surface. Export a mesh, or make"
                " one from the depth frames with 'reconstruct.py fuse'."
            )
        raise UserError(f"load: {path} holds no faces, or is truncated: export the scan as a mesh of triangles.")
    return (meshes[0] if len(meshes) == 1 else trimesh.util.concatenate(meshes)), notes


def _missing_textures(path: Path) -> list[str]:
    """Names that an .obj refers to, directly or through its .mtl, and that are not beside it."""
    if path.suffix.lower() != ".obj":
        return []
    names = re.findall(r"^mtllib\s+(.+?)\s*$", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    missing = []
    for name in dict.fromkeys(names):
        library = path.parent / Path(name).name
        if not library.is_file():
            missing.append(name)
            continue
        text = library.read_text(encoding="utf-8", errors="replace")
        images = dict.fromkeys(re.findall(r"^\s*map_Kd\s+(.+?)\s*$", text, re.MULTILINE))
        missing += [image for image in images if not (path.parent / Path(image).name).is_file()]
    return missing


def _check_geometry(mesh: trimesh.Trimesh, path: Path) -> None:
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    bad = int((~np.isfinite(vertices)).any(axis=1).sum())
    if bad:
        raise UserError(f"load: {path} holds {bad} vertices that are NaN or infinite: repair or export it again.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise UserError(f"load: {path} has faces that name vertices it lacks: it is truncated; copy it again.")
    if len(faces) > LARGEST_FACE_COUNT:
        raise UserError(
            f"load: {path} has {len(faces):,} faces, and at most {LARGEST_FACE_COUNT:,} are taken: decimate the scan."
        )
    if not np.ptp(vertices, axis=0).max() > 0.0:
        raise UserError(f"load: all vertices of {path} are one point: export the scan again.")


def _check_obj_is_whole(path: Path, faces: int) -> None:
    """An .obj cut at the end of a line still parses; many writers state the number of faces in a comment."""
    if path.suffix.lower() != ".obj":
        return
    with path.open("rb") as stream:
        head = stream.read(2048).decode("utf-8", errors="replace")
    stated = re.search(r"^#\s*Faces:\s*(\d+)\s*$", head, re.MULTILINE)
    if stated and faces < int(stated.group(1)):
        raise UserError(
            f"load: {path} is truncated: its header states {int(stated.group(1)):,} faces and it holds {faces:,}: copy"
            " it again."
        )


def _appearance(
    mesh: trimesh.Trimesh,
) -> tuple[NDArray[np.float64] | None, bytes | None, NDArray[np.uint8] | None]:
    visual = mesh.visual
    if visual.kind == "texture":
        material = visual.material
        image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
        uv = None if visual.uv is None else np.asarray(visual.uv, dtype=np.float64)
        if image is not None and uv is not None and len(uv) == len(mesh.vertices) and np.isfinite(uv).all():
            return uv, _as_jpeg(image), None
        return None, None, None
    if visual.kind in ("vertex", "face"):
        return None, None, np.asarray(visual.vertex_colors, dtype=np.uint8)[:, :3]
    return None, None, None


def _as_jpeg(image: Image.Image) -> bytes:
    picture = image.convert("RGB")
    picture.thumbnail((_LARGEST_TEXTURE, _LARGEST_TEXTURE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_TEXTURE_QUALITY)
    return buffer.getvalue()
