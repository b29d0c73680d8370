# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Rays and nearest points on a triangle mesh, with Warp's bounding-volume hierarchy: on a GPU or on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
import warp as wp
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

__all__ = ["MeshQueries", "planar_area"]

_FAR = 1.0e6
"""Longest distance that is searched [m]."""


@wp.kernel
def _cast(
    mesh: wp.uint64,
    origins: wp.array[wp.vec3],
    directions: wp.array[wp.vec3],
    far: float,
    distances: wp.array[float],
    faces: wp.array[int],
) -> None:
    ray = wp.tid()
    hit = wp.mesh_query_ray(mesh, origins[ray], directions[ray], far)  # type: ignore[call-arg]
    if hit.result:
        distances[ray] = hit.t
        faces[ray] = hit.face


@wp.kernel
def _nearest(mesh: wp.uint64, points: wp.array[wp.vec3], far: float, faces: wp.array[int]) -> None:
    index = wp.tid()
    hit = wp.mesh_query_point_no_sign(mesh, points[index], far)
    if hit.result:
        faces[index] = hit.face


class MeshQueries:
    """Answers questions about one mesh; building it costs one hierarchy, a query a few microseconds."""

    def __init__(self, vertices: NDArray[np.floating], faces: NDArray[np.integer], device: str | None = None) -> None:
        """Build the hierarchy.

        Args:
            vertices: Vertices [m], shape (V, 3).
            faces: Indices of the triangles' corners, shape (F, 3).
            device: Warp device such as ``cpu`` or ``cuda:0``; a GPU if there is one when None.

        Raises:
            ValueError: The mesh has no faces.
        """
        if len(faces) == 0:
            raise ValueError("Queries need a mesh with faces.")
        wp.init()
        self._triangles = np.asarray(vertices, dtype=np.float64)[np.asarray(faces)]
        self._device = wp.get_device(device) if device else wp.get_preferred_device()
        self._mesh = wp.Mesh(
            points=self._vectors(vertices),
            indices=wp.array(np.ascontiguousarray(faces, dtype=np.int32).ravel(), dtype=int, device=self._device),
        )

    def cast(
        self, origins: NDArray[np.floating], directions: NDArray[np.floating]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Find the first face that each ray meets.

        Args:
            origins: Starts of the rays [m], shape (N, 3).
            directions: Unit directions, shape (N, 3).

        Returns:
            Distances along the rays [m], shape (N,), infinity where nothing is met; and the faces met, shape (N,), -1
            where there is none.
        """
        count = len(origins)
        distances = wp.full(count, np.inf, dtype=float, device=self._device)
        faces = wp.full(count, -1, dtype=int, device=self._device)
        inputs = [self._mesh.id, self._vectors(origins), self._vectors(directions), _FAR]
        wp.launch(_cast, dim=count, inputs=inputs, outputs=[distances, faces], device=self._device)
        return distances.numpy(), faces.numpy()

    def distances(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Distances of points from the surface.

        Args:
            points: Points [m], shape (N, 3).

        Returns:
            Unsigned distances [m], shape (N,).
        """
        faces = wp.zeros(len(points), dtype=int, device=self._device)
        inputs = [self._mesh.id, self._vectors(points), _FAR]
        wp.launch(_nearest, dim=len(points), inputs=inputs, outputs=[faces], device=self._device)
        # Warp's place on a long face is wrong by up to a micrometre: only the face is taken from it.
        nearest = trimesh.triangles.closest_point(self._triangles[faces.numpy()], points)
        return np.asarray(np.linalg.norm(nearest - points, axis=1), dtype=np.float64)

    def _vectors(self, values: NDArray[np.floating]) -> Any:
        return wp.array(np.ascontiguousarray(values, dtype=np.float32), dtype=wp.vec3, device=self._device)


def planar_area(points: NDArray[np.float64]) -> float:
    """Area of the hull of points in a plane, shape (N, 2); 0 where they are too few or in line."""
    try:
        return float(ConvexHull(points).volume) if len(points) >= 3 else 0.0
    except QhullError:
        return 0.0
