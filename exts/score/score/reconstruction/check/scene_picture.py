# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A picture of a scene without a GPU: table and objects as scanned, seen by the scene's camera."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from score.reconstruction.check.ray_pictures import TABLE_COLOR, look_at, pixel_rays, shade
from score.reconstruction.check.render import surface_colors
from score.reconstruction.scan.frames import Intrinsics
from score.reconstruction.scan.scan import Scan
from score.reconstruction.scene import Scene
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.reconstruction.usd.usd_reader import read_usd
from score.utils.files import atomic_file

__all__ = ["render_scene", "write_scene_picture"]

_SUPERSAMPLING = 2
_BACKGROUND = (236, 238, 242)
_SHADOW = 0.7


def render_scene(scene: Scene) -> NDArray[np.uint8]:
    """Render a scene at its nominal poses.

    Args:
        scene: The scene.

    Returns:
        Red, green, blue, shape (height, width, 3).

    Raises:
        UserError: The USD file of an asset is unsound.
    """
    meshes: list[trimesh.Trimesh] = [_table(scene)]
    looks: list[Scan | None] = [None]
    for item in scene.objects:
        visual = read_usd(item.asset.usd_path).visual
        mesh = trimesh.Trimesh(visual.vertices, visual.faces, process=False)
        meshes.append(mesh.apply_transform(item.pose()))
        looks.append(visual)
    everything = trimesh.util.concatenate(meshes)
    owner = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
    first = np.cumsum([0, *(len(mesh.faces) for mesh in meshes)])
    queries = MeshQueries(everything.vertices, everything.faces, "cpu")
    eye, directions = _rays(scene)
    distance, face = queries.cast(np.broadcast_to(eye, directions.shape), directions)
    hit = np.flatnonzero(face >= 0)
    points = eye + distance[hit, None] * directions[hit]
    normals = np.asarray(everything.face_normals)[face[hit]]
    normals = np.where(np.einsum("ij,ij->i", normals, directions[hit])[:, None] > 0.0, -normals, normals)
    colors = np.empty((len(hit), 3))
    for index, (mesh, look) in enumerate(zip(meshes, looks, strict=True)):
        mine = owner[face[hit]] == index
        colors[mine] = _look(mesh, look, points[mine], face[hit][mine] - first[index])
    lit = shade(colors / 255.0, normals).astype(np.float64)
    # A shadow from straight above shows what stands on the table and what floats.
    up = np.broadcast_to(np.array([0.0, 0.0, 1.0]), points.shape)
    covered = queries.cast(points + 1e-4 * normals, up)[1] >= 0
    image = np.tile(np.array(_BACKGROUND, dtype=np.float64), (len(directions), 1))
    image[hit] = lit * np.where(covered & (owner[face[hit]] == 0), _SHADOW, 1.0)[:, None]
    size = (scene.camera.height, _SUPERSAMPLING, scene.camera.width, _SUPERSAMPLING, 3)
    return np.asarray(image.reshape(size).mean(axis=(1, 3)), dtype=np.uint8)


def write_scene_picture(scene: Scene, path: Path) -> None:
    """Render a scene into a PNG, whole or not at all."""
    with atomic_file(path) as beside:
        Image.fromarray(render_scene(scene)).save(beside, format="PNG", optimize=True)


def _table(scene: Scene) -> trimesh.Trimesh:
    table = trimesh.creation.box(scene.table.size)
    table.apply_translation(np.asarray(scene.table.position) - (0.0, 0.0, scene.table.size[2] / 2.0))
    return table


def _look(
    mesh: trimesh.Trimesh, look: Scan | None, points: NDArray[np.float64], face: NDArray[np.int64]
) -> NDArray[np.float64]:
    if look is None:
        return np.tile(255.0 * np.asarray(TABLE_COLOR), (len(points), 1))
    plain = look.texture is None and look.colors is None
    return surface_colors(mesh, None if plain else look, points, face.astype(np.int32))


def _rays(scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    camera = scene.camera
    width, height = camera.width * _SUPERSAMPLING, camera.height * _SUPERSAMPLING
    focal = width / 2.0 / math.tan(math.radians(camera.fov) / 2.0)
    pose = look_at(np.asarray(camera.eye, dtype=np.float64), np.asarray(camera.target, dtype=np.float64))
    rays = pixel_rays(Intrinsics(width, height, focal, focal, (width - 1) / 2.0, (height - 1) / 2.0))
    directions = rays / np.linalg.norm(rays, axis=1, keepdims=True) @ pose[:3, :3].T
    return pose[:3, 3], np.asarray(directions, dtype=np.float64)
