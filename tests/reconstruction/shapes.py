# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Solids that the tests of the asset pipeline share; metres, standing on z = 0."""

from __future__ import annotations

from pathlib import Path

import trimesh
from trimesh.transformations import translation_matrix


def moved(mesh: trimesh.Trimesh, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> trimesh.Trimesh:
    return mesh.copy().apply_translation([x, y, z])


def block(x: float, y: float, z: float) -> trimesh.Trimesh:
    return moved(trimesh.creation.box((x, y, z)), z=z / 2.0)


def cup(radius: float = 0.035, height: float = 0.08, wall: float = 0.004, floor: float = 0.006) -> trimesh.Trimesh:
    """A cup of 96 sides; its hollow is a cylinder from floor to height."""
    outer = moved(trimesh.creation.cylinder(radius, height, sections=96), z=height / 2.0)
    inner = trimesh.creation.cylinder(radius - wall, height, sections=96)
    return trimesh.boolean.difference([outer, moved(inner, z=height / 2.0 + floor)], engine="manifold")


def slotted(yaw: float = 0.0, hole: float = 0.021, depth: float = 0.03) -> trimesh.Trimesh:
    """A block of 51 x 51 x 40 mm with a square hole, 2 mm beside its middle, all turned by a yaw."""
    tool = trimesh.creation.box((hole, hole, depth + 0.01), translation_matrix([0.002, 0.0, 0.045 - depth / 2.0]))
    mesh = trimesh.boolean.difference([block(0.051, 0.051, 0.04), tool], engine="manifold")
    return mesh.apply_transform(trimesh.transformations.rotation_matrix(yaw, [0.0, 0.0, 1.0]))


def bored(hole: float = 0.017, depth: float = 0.03) -> trimesh.Trimesh:
    """A block of 51 x 51 x 40 mm with a round hole in its middle."""
    tool = trimesh.creation.cylinder(hole / 2.0, depth + 0.01, sections=96)
    tool.apply_translation([0.0, 0.0, 0.045 - depth / 2.0])
    return trimesh.boolean.difference([block(0.051, 0.051, 0.04), tool], engine="manifold")


def on_table(mesh: trimesh.Trimesh, side: float = 0.3, rounds: int = 4) -> trimesh.Trimesh:
    """A mesh as seen on a table: its underside is gone, and the table goes under it, of 2^(2 rounds + 1) faces."""
    seen = mesh.copy()
    seen.update_faces(~((seen.face_normals[:, 2] < -0.99) & (seen.triangles_center[:, 2] < 1e-6)))
    sheet = trimesh.Trimesh(
        [[-side, -side, 0.0], [side, -side, 0.0], [side, side, 0.0], [-side, side, 0.0]], [[0, 1, 2], [0, 2, 3]]
    )
    for _ in range(rounds):
        sheet = sheet.subdivide()
    return trimesh.util.concatenate([seen, sheet])


def export(mesh: trimesh.Trimesh, path: Path) -> Path:
    mesh.export(path)
    return path
