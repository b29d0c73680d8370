# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Makes a closed manifold of a scanned surface: as it is, with its holes capped, or from a winding-number field.

The mildest step that gives a manifold is taken. It serves mass, inertia and collision; what is seen stays as scanned.
"""

from __future__ import annotations

from dataclasses import dataclass

import manifold3d
import numpy as np
import trimesh
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from score.reconstruction.scan.field import signed_field
from score.reconstruction.shape.mesh_queries import MeshQueries
from score.utils.errors import UserError

LARGEST_GRID = 40_000_000
"""Cells of the field; 4 bytes each, a few times over."""
LARGEST_CAP_SHARE = 0.2
"""Share of the closed surface that may be invented, the underside on the table aside."""
LARGEST_SHIFT = 0.003
"""The scan may lie this far from the closed mesh, 95 % of it [m]."""
_SIMPLIFY = 0.0002
"""Largest move of the surface when it is simplified [m]."""
_CELLS_ACROSS = 150
_VOXEL_RANGE = (0.0004, 0.0015)
_PATCH_ROUNDS = 3
_LARGEST_PATCH = 0.01
"""Share of the faces that may be cut out around edges with one or three faces; a surface with more needs the field."""


@dataclass(frozen=True)
class ClosedMesh:
    """A closed manifold and how it came about."""

    mesh: trimesh.Trimesh
    """Watertight, outward, positive volume; metres, z up."""
    method: str
    """``as scanned``, ``capped``, ``patched`` (a few faces replaced) or ``field``."""
    holes: int
    """Boundary loops of the scan that were capped."""
    invented_share: float
    """Share of its surface further than a few cells from the scan, the underside on the table aside."""
    shift_h95: float
    """95th percentile of the scan's distance from it [m]."""
    voxel: float
    """Edge of the field's cells [m], also the scale of the checks."""


def close_mesh(surface: trimesh.Trimesh, *, on_table: bool, voxel: float | None = None) -> ClosedMesh:
    """Close a surface.

    Args:
        surface: One object's surface [m], z up, outward; with holes.
        on_table: Whether the object was cut off a table at z = 0: loops near it are drawn down to it.
        voxel: Edge of the field's cells [m]; None chooses it from size and wall thickness.

    Raises:
        UserError: It cannot be closed, or only by inventing much of it or moving it far.
    """
    prepared, holes = capped(surface, on_table=on_table)
    cell = voxel or _voxel(surface)
    method, solid = ("as scanned" if holes == 0 else "capped"), as_manifold(prepared)
    if solid is None:
        method, solid = "patched", as_manifold(_patched(prepared))
    if solid is None or solid.volume() <= 0.0:
        method, solid = "field", _from_field(prepared, cell)
    mesh = as_trimesh(solid.simplify(_SIMPLIFY))
    closed = ClosedMesh(mesh, method, holes, _invented(mesh, surface, cell, on_table), _shift(mesh, surface), cell)
    _check(closed)
    return closed


def as_manifold(mesh: trimesh.Trimesh) -> manifold3d.Manifold | None:
    """Return the mesh as a solid; None if it is no closed manifold."""
    solid = manifold3d.Manifold(
        manifold3d.Mesh64(
            np.array(mesh.vertices, dtype=np.float64, order="C"), np.array(mesh.faces, dtype=np.uint64, order="C")
        )
    )
    return solid if solid.status() == manifold3d.Error.NoError and not solid.is_empty() else None


def as_trimesh(solid: manifold3d.Manifold) -> trimesh.Trimesh:
    """Return the surface of a solid."""
    mesh = solid.to_mesh64()
    return trimesh.Trimesh(np.asarray(mesh.vert_properties)[:, :3], np.asarray(mesh.tri_verts), process=False)


def boundary_loops(faces: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find the closed loops of edges that only one face has, in the direction in which that face runs.

    Args:
        faces: Triangles, shape (F, 3).

    Returns:
        Vertex numbers of each loop, at least three.
    """
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, inverse, counts = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    following: dict[int, list[int]] = {}
    for start, end in edges[counts[inverse.ravel()] == 1].tolist():
        following.setdefault(start, []).append(end)
    loops = []
    while following:
        first = next(iter(following))
        path, place = [first], {first: 0}
        while path:
            ends = following.get(path[-1])
            if not ends:
                following.pop(path[-1], None)
                place.pop(path.pop())  # a dead end: flipped faces break the direction of a loop
                continue
            vertex = ends.pop()
            if vertex in place:
                loop = path[place[vertex] :]
                if len(loop) >= 3:
                    loops.append(np.array(loop))
                for used in loop[1:]:
                    place.pop(used)
                del path[place[vertex] + 1 :]
            else:
                place[vertex] = len(path)
                path.append(vertex)
    return loops


def capped(surface: trimesh.Trimesh, *, on_table: bool) -> tuple[trimesh.Trimesh, int]:
    """Close every boundary loop with a fan; a loop near the table is first drawn down to z = 0.

    Returns:
        The surface with its caps, and the number of loops.
    """
    loops = boundary_loops(np.asarray(surface.faces))
    vertices, faces = [np.asarray(surface.vertices)], [np.asarray(surface.faces)]
    total = len(surface.vertices)
    low = 0.02 * float(surface.extents.max()) + 0.002
    for loop in loops:
        ring = np.asarray(surface.vertices)[loop]
        if on_table and ring[:, 2].mean() < low and np.abs(ring[:, 2]).max() > 1e-7:
            foot = ring * [1.0, 1.0, 0.0]
            ids, count = total + np.arange(len(loop)), len(loop)
            after = np.roll(np.arange(count), -1)
            # The face runs a -> b, so its neighbour runs b -> a.
            faces += [np.stack([loop[after], loop, ids], axis=1), np.stack([loop[after], ids, ids[after]], axis=1)]
            vertices.append(foot)
            total += count
            loop, ring = ids, foot
        after_loop = np.roll(loop, -1)
        if len(loop) == 3:
            faces.append(loop[::-1][None])
            continue
        vertices.append(ring.mean(axis=0)[None])
        faces.append(np.stack([after_loop, loop, np.full(len(loop), total)], axis=1))
        total += 1
    return trimesh.Trimesh(np.concatenate(vertices), np.concatenate(faces), process=False), len(loops)


def _patched(surface: trimesh.Trimesh) -> trimesh.Trimesh:
    """Cut out the faces at edges that are no manifold's, and cap the holes; unchanged where that is too many."""
    for _ in range(_PATCH_ROUNDS):
        faces = np.asarray(surface.faces)
        edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        _, inverse, counts = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
        direction = np.where(edges[:, 0] < edges[:, 1], 1.0, -1.0)
        bad = (counts != 2) | (np.bincount(inverse.ravel(), direction) != 0.0)
        broken = bad[inverse.ravel()].reshape(-1, 3).any(axis=1)
        if not 0.0 < broken.mean() < _LARGEST_PATCH:
            break
        surface, _ = capped(trimesh.Trimesh(surface.vertices, faces[~broken], process=False), on_table=False)
    return surface


def wall_thickness(mesh: trimesh.Trimesh, samples: int = 2000) -> NDArray[np.float64]:
    """Distance through the material, straight in from points of the surface.

    Args:
        mesh: Surface, outward; closed or nearly so.
        samples: Number of points.

    Returns:
        Thicknesses [m], shape (samples,), infinity where a ray left through a hole; in no order.
    """
    points, face = trimesh.sample.sample_surface(mesh, samples, seed=0)
    inward = -np.asarray(mesh.face_normals)[face]
    skin = 1e-5 * float(mesh.extents.max())
    distances, _ = MeshQueries(mesh.vertices, mesh.faces, "cpu").cast(points + skin * inward, inward)
    return np.asarray(distances, dtype=np.float64) + skin


def _voxel(surface: trimesh.Trimesh) -> float:
    size = float(np.clip(float(surface.extents.max()) / _CELLS_ACROSS, *_VOXEL_RANGE))
    # The field must have cells inside the wall, or it has holes there. Rays that leave through a hole say nothing.
    walls = wall_thickness(surface)
    walls = walls[np.isfinite(walls)]
    thin = float(np.percentile(walls, 10)) if len(walls) else size
    cell = float(np.clip(thin / 2.5, _VOXEL_RANGE[0], size))
    smallest = float((np.prod(surface.extents + 8.0 * cell) / LARGEST_GRID) ** (1.0 / 3.0))
    return max(cell, smallest)


def _from_field(surface: trimesh.Trimesh, cell: float) -> manifold3d.Manifold:
    low, high = surface.bounds[0] - 4.0 * cell, surface.bounds[1] + 4.0 * cell
    shape = np.ceil((high - low) / cell).astype(int) + 1
    if np.prod(shape.astype(float)) > LARGEST_GRID:
        raise UserError(
            f"close: a grid of {cell * 1e3:.2f} mm cells needs {np.prod(shape.astype(float)):.2g} of them, and at most"
            f" {LARGEST_GRID:.2g} are made: give a larger --voxel."
        )
    field = signed_field(surface, low, cell, shape)
    if not (field.min() < 0.0 < field.max()):
        raise UserError(
            "close: the scan encloses no volume: it is an open sheet. Scan all sides of the object, or its underside on"
            " a table."
        )
    vertices, faces, _, _ = marching_cubes(field, 0.0)
    mesh = trimesh.Trimesh(vertices * cell + low, faces[:, ::-1], process=False)
    solid = as_manifold(mesh if mesh.volume > 0.0 else trimesh.Trimesh(mesh.vertices, faces, process=False))
    if solid is None:
        raise UserError("close: the field gave no closed manifold: give another --voxel (mm), for example 1.")
    # Crumbs: hollow noise inside the wall and specks outside.
    parts = sorted(solid.decompose(), key=lambda part: -part.volume())
    return manifold3d.Manifold.compose([part for part in parts if abs(part.volume()) > 0.02 * parts[0].volume()])


def _invented(mesh: trimesh.Trimesh, surface: trimesh.Trimesh, cell: float, on_table: bool) -> float:
    points, face = trimesh.sample.sample_surface(mesh, 5000, seed=0)
    distance = MeshQueries(surface.vertices, surface.faces, "cpu").distances(points)
    foot = (mesh.face_normals[face][:, 2] < -0.9) & (points[:, 2] < 3.0 * cell) & on_table
    return float(((distance > 3.0 * cell) & ~foot).mean())


def _shift(mesh: trimesh.Trimesh, surface: trimesh.Trimesh) -> float:
    queries = MeshQueries(mesh.vertices, mesh.faces, "cpu")
    return float(np.percentile(queries.distances(trimesh.sample.sample_surface(surface, 5000, seed=0)[0]), 95))


def _check(closed: ClosedMesh) -> None:
    if closed.invented_share > LARGEST_CAP_SHARE:
        raise UserError(
            f"close: the scan is an open shell: {closed.invented_share:.0%} of its closed surface would be invented"
            f" (at most {LARGEST_CAP_SHARE:.0%}). Scan the missing side, or put the object on a table in the scan."
        )
    if closed.shift_h95 > LARGEST_SHIFT:
        raise UserError(
            f"close: the closed mesh lies {closed.shift_h95 * 1e3:.1f} mm from the scan (95 %, at most"
            f" {LARGEST_SHIFT * 1e3:.0f} mm): give a smaller --voxel (mm), or scan again."
        )
    if not (closed.mesh.is_watertight and closed.mesh.volume > 0.0):
        raise UserError("close: no closed manifold came out: give another --voxel (mm), or repair the scan.")
