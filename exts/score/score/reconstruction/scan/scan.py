# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads a scanned mesh, which is hostile until checked: a user's file may be truncated, empty or full of NaN."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from score.reconstruction.scan.appearance import appearance_of
from score.reconstruction.scan.companions import CompanionFiles
from score.reconstruction.scan.formats import gltf_notes, no_surface, require_mesh_file
from score.utils.errors import UserError
from score.utils.fields import brief

LARGEST_FACE_COUNT = 4_000_000
"""More faces than this are refused: they take gigabytes and give no better asset."""


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
    places: NDArray[np.float64] | None = None
    """The vertices as the file has them, shape (V, 3), in its unit and frame, whatever was done since."""

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
            places=None if self.places is None else self.places[used],
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
    require_mesh_file(path)
    companions = CompanionFiles(path)
    try:
        parts = _load(path, companions)
        mesh = parts[0] if len(parts) == 1 else trimesh.util.concatenate([_bare(part) for part in parts])
        _check_geometry(mesh, path)
        look = appearance_of(parts)
    except UserError:
        raise
    except Exception as error:  # the parsers of six formats raise what they like on broken bytes
        # trimesh asks for a "model.gltf" where it finds no description in the file itself.
        if isinstance(error, FileNotFoundError) and companions.missing not in ([], ["model.gltf"]):
            raise UserError(
                f"load: {path} needs the file {companions.missing[0]}, which is missing: keep the files of a scan"
                " together."
            ) from error
        raise UserError(
            f"load: {path} is truncated or damaged ({type(error).__name__}: {brief(error, 100)}): export or copy it"
            " again."
        ) from error
    _check_obj_is_whole(path, len(mesh.faces))
    gltf = path.suffix.lower() in (".glb", ".gltf")
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    return Scan(
        vertices=vertices,
        faces=np.asarray(mesh.faces, dtype=np.int64),
        uv=look.uv,
        texture=look.texture,
        colors=look.colors,
        notes=(
            *(f"texture: {name} is missing, goes on without it" for name in companions.missing),
            *(f"texture: {name} is damaged, goes on without it" for name in companions.damaged),
            *gltf_notes(path),
            *look.notes,
        ),
        format_unit="m" if gltf else None,
        format_up="y" if gltf else "z",
        places=vertices,
    )


def _load(path: Path, companions: CompanionFiles) -> list[trimesh.Trimesh]:
    """Return the meshes of a file, where its own graph puts them."""
    scene = trimesh.load_scene(str(path), process=False, resolver=companions)
    meshes = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    if not meshes:
        points = sum(len(part.vertices) for part in scene.geometry.values() if hasattr(part, "vertices"))
        if points:
            raise no_surface(path, points)
        raise UserError(f"load: {path} holds no faces, or is truncated: export the scan as a mesh of triangles.")
    return meshes


def _bare(part: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return a mesh without its look, which need not be joined with the others' to join the shapes."""
    return trimesh.Trimesh(part.vertices, part.faces, process=False)


def _check_geometry(mesh: trimesh.Trimesh, path: Path) -> None:
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if vertices.shape[1:] != (3,):  # the library takes the columns that all lines have
        raise UserError(f"load: {path} has vertices of {vertices.shape[-1]} numbers: it is damaged; export it again.")
    bad = int((~np.isfinite(vertices)).any(axis=1).sum())
    if bad:
        raise UserError(f"load: {path} holds {bad} vertices that are NaN or infinite: repair or export it again.")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise UserError(f"load: {path} has faces that name vertices it lacks: it is truncated; copy it again.")
    if len(faces) > LARGEST_FACE_COUNT:
        raise UserError(
            f"load: {path} has {len(faces):,} faces, and at most {LARGEST_FACE_COUNT:,} are taken: decimate the scan."
        )
    size = float(np.ptp(vertices, axis=0).max())
    if not size > 0.0:
        raise UserError(f"load: all vertices of {path} are one point: export the scan again.")
    if not size < 1e9:
        raise UserError(f"load: {path} reaches over {size:.2g} units, which no object does: export the scan again.")
    area = float(trimesh.triangles.area(vertices[faces]).sum())
    if len(faces) < 4 or area < 1e-9 * size**2:
        raise UserError(
            f"load: {path} holds {len(faces)} faces of together {area / size**2:.1g} of its size squared: that is no"
            " surface of an object; export the scan again."
        )


def _check_obj_is_whole(path: Path, faces: int) -> None:
    """Refuse an .obj that is cut: it may still parse, but many writers state the number of faces in a comment."""
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
