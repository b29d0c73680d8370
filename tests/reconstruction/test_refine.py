# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Poses that drift are brought back by fitting each frame to what the frames before it saw."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation
from tests.reconstruction.shapes import block, cup, moved

from score.reconstruction.scan.refine import Refinement, fitted_pose

SCENE = trimesh.util.concatenate(
    [cup(), moved(block(0.05, 0.03, 0.02), x=0.08, y=0.02), moved(block(0.4, 0.4, 0.01), z=-0.01)]
)


def sampled(seed: int, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    points, face = trimesh.sample.sample_surface(SCENE, count, seed=seed)
    return np.asarray(points), np.asarray(SCENE.face_normals)[face]


def camera() -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", [2.4, 0.2, 0.4]).as_matrix()
    pose[:3, 3] = (0.1, -0.3, 0.4)
    return pose


def test_a_frame_that_is_off_is_brought_back() -> None:
    truth, (points, normals), (model, model_normals) = camera(), sampled(0), sampled(1, 40_000)
    back = np.linalg.inv(truth)
    seen, facing = points @ back[:3, :3].T + back[:3, 3], normals @ back[:3, :3].T
    off = np.eye(4)
    off[:3, :3], off[:3, 3] = Rotation.from_rotvec([0.01, -0.015, 0.02]).as_matrix(), (0.006, -0.008, 0.005)
    pose = fitted_pose(seen, facing, model, model_normals, off @ truth)
    assert pose is not None
    # From 11 mm and 1.5 degrees to less than 0.5 mm and 0.1 degrees.
    assert np.linalg.norm(pose[:3, 3] - truth[:3, 3]) < 0.0005
    assert (
        np.degrees((Rotation.from_matrix(pose[:3, :3]) * Rotation.from_matrix(truth[:3, :3]).inv()).magnitude()) < 0.1
    )


def test_a_bare_table_holds_a_frame_in_height_only_and_lets_it_stay() -> None:
    table = moved(block(0.4, 0.4, 0.01), z=-0.01)
    points, face = trimesh.sample.sample_surface(table, 8000, seed=0)
    up = np.asarray(table.face_normals)[face][:, 2] > 0.9
    points, normals = np.asarray(points)[up], np.asarray(table.face_normals)[face][up]
    inner = np.abs(points[:, :2]).max(axis=1) < 0.1
    guess = np.eye(4)
    guess[:3, 3] = (0.004, 0.003, 0.005)
    pose = fitted_pose(points[inner], normals[inner], points, normals, guess)
    assert pose is not None
    assert pose[2, 3] == pytest.approx(0.0, abs=2e-4)
    assert pose[:2, 3] == pytest.approx((0.004, 0.003), abs=2e-4)


def test_what_has_no_partner_is_not_fitted() -> None:
    (points, normals), (model, model_normals) = sampled(0), sampled(1)
    guess = np.eye(4)
    guess[:3, 3] = (1.0, 0.0, 0.0)
    assert fitted_pose(points, normals, model, model_normals, guess) is None
    assert fitted_pose(points[:10], normals[:10], model, model_normals, np.eye(4)) is None
    # What faces the other way is the back of something, here 200 mm away.
    points, face = trimesh.sample.sample_surface(cube := block(0.2, 0.2, 0.2), 4000, seed=0)
    facing = np.asarray(cube.face_normals)[face]
    assert fitted_pose(np.asarray(points), -facing, np.asarray(points), facing, np.eye(4)) is None
    assert fitted_pose(np.asarray(points), facing, np.asarray(points), facing, np.eye(4)) is not None


def test_the_moves_are_told() -> None:
    refined = Refinement(None, np.array([0.0, 0.002, 0.004, 0.010]))  # type: ignore[arg-type]
    assert refined.summary() == "poses: 3 of 4 refined, by 4.0 mm in the median, 10.0 mm at most"
