# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What rolls is told from its shape, gets a resistance in both engines' words, and is judged by rolling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from pxr import Usd
from tests.reconstruction.shapes import block, cup, moved

from score.reconstruction.asset_folder import RestPose
from score.reconstruction.check.drop_test import judge_rest, judge_rolling
from score.reconstruction.scan.scan import Scan
from score.reconstruction.shape.decomposition import hull_piece
from score.reconstruction.shape.mass import MassProperties
from score.reconstruction.shape.pieces import Piece, SpherePiece
from score.reconstruction.shape.rolling import resistance, rolling_radius
from score.reconstruction.usd.usd_reader import read_usd
from score.reconstruction.usd.usd_writer import write_usd

SPHERE: list[Piece] = [SpherePiece((0.0, 0.0, 0.035), 0.035)]
"""What stands for the ball below."""
TO_X = trimesh.transformations.rotation_matrix(np.pi / 2.0, [0.0, 1.0, 0.0])


def ball(radius: float = 0.035) -> trimesh.Trimesh:
    return moved(trimesh.creation.icosphere(subdivisions=4, radius=radius), z=radius)


def lying(radius: float, length: float) -> trimesh.Trimesh:
    return moved(trimesh.creation.cylinder(radius, length, sections=64).apply_transform(TO_X), z=radius)


def egg() -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=1.0)
    mesh.apply_scale([0.03, 0.022, 0.022])
    return moved(mesh, z=0.022)


@pytest.mark.parametrize(
    ("mesh", "radius"),
    [
        (ball(), 0.035),
        (lying(0.03, 0.12), 0.03),
        (lying(0.004, 0.14), 0.004),
        (lying(0.004, 0.14).apply_transform(trimesh.transformations.rotation_matrix(0.77, [0.0, 0.0, 1.0])), 0.004),
        (egg(), 0.022),
    ],
    ids=["ball", "can", "pen", "turned pen", "egg"],
)
def test_round_bodies_roll_on_their_radius(mesh: trimesh.Trimesh, radius: float) -> None:
    assert rolling_radius(mesh.vertices, mesh.center_mass) == pytest.approx(radius, rel=0.01)


@pytest.mark.parametrize(
    "mesh",
    [
        block(0.06, 0.04, 0.05),
        block(0.3, 0.3, 0.003),
        cup(),
        moved(trimesh.creation.cylinder(0.033, 0.12, sections=64), z=0.06),
        moved(trimesh.creation.cylinder(0.004, 0.14, sections=32), z=0.07),
        # Tipped by 10, 20 and 30 degrees its centre is 2.4 % and 1.7 % higher and 2.1 % lower, and then it falls.
        moved(trimesh.creation.cylinder(0.01125, 0.1, sections=64), z=0.05),
    ],
    ids=["box", "board", "cup", "can that stands", "pen on its end", "slim can that stands"],
)
def test_what_has_a_foot_or_would_fall_does_not_roll(mesh: trimesh.Trimesh) -> None:
    assert rolling_radius(mesh.vertices, mesh.center_mass) is None
    assert resistance(mesh, hull_piece(mesh), np.asarray(mesh.center_mass), "rubber") is None


def test_a_ball_on_its_seam_rolls_as_the_sphere_that_stands_for_it() -> None:
    mesh = ball()
    # A stitched ball: flattened by 3 mm of 35 where it lies.
    mesh.vertices[:, 2] = np.maximum(mesh.vertices[:, 2], 0.003)
    mesh.apply_translation([0.0, 0.0, -0.003])
    center = np.asarray(mesh.center_mass)
    assert rolling_radius(mesh.vertices, center) is None
    sphere: list[Piece] = [SpherePiece((0.0, 0.0, 0.033), 0.033)]
    found = resistance(mesh, sphere, center, None)
    assert found is not None
    # 0.006 of the radius
    assert found.rolling_friction == pytest.approx(0.006 * 0.033, rel=0.05)
    assert resistance(mesh, hull_piece(mesh), center, None) is None


def test_the_resistance_goes_with_material_and_radius() -> None:
    mesh = ball()
    rubber, weighed = (
        resistance(mesh, SPHERE, np.asarray(mesh.center_mass), material) for material in ("rubber", None)
    )
    assert rubber is not None
    assert weighed is not None
    # 0.015 x 35 mm and 0.006 x 35 mm
    assert rubber.rolling_friction == pytest.approx(5.25e-4, rel=0.01)
    assert weighed.rolling_friction == pytest.approx(2.1e-4, rel=0.01)


def test_both_engines_are_told(tmp_path: Path) -> None:
    mesh = ball()
    mass = MassProperties(0.1, np.array([0.0, 0.0, 0.035]), np.full(3, 5e-5), (0.0, 0.0, 0.0, 1.0), "weighed", 0.07)
    rolls = resistance(mesh, SPHERE, mass.center, "rubber")
    visual = Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    write_usd(tmp_path / "a.usdc", "ball", visual, SPHERE, mass, 0.5, None, rolls)
    assert read_usd(tmp_path / "a.usdc").rolling == pytest.approx(5.25e-4, rel=0.01)
    stage = Usd.Stage.Open(str(tmp_path / "a.usdc"))
    assert stage.GetDefaultPrim().GetAttribute("physxRigidBody:angularDamping").Get() == pytest.approx(2.0)
    assert stage.GetPrimAtPath("/ball/collisions/c000").GetAttribute("mjc:condim").Get() == 6
    write_usd(tmp_path / "b.usdc", "ball", visual, SPHERE, mass, 0.5, None)
    assert read_usd(tmp_path / "b.usdc").rolling == 0.0


def rolled(distance: float, sink: float = 0.0, last: float = 0.0) -> np.ndarray:
    """A ball of 35 mm that rolls along x in 1.2 s and then stands for 0.8 s, but for a last move."""
    x = np.concatenate([np.linspace(0.0, distance, 24), np.full(16, distance)])
    x[-8:] += np.linspace(0.0, last, 8)
    angle = x / 0.035
    poses = np.zeros((40, 7))
    # The asset's origin is under the ball: it goes around the centre.
    poses[:, 0], poses[:, 2] = x - 0.035 * np.sin(angle), 0.035 - 0.035 * np.cos(angle) - sink
    poses[:, 4], poses[:, 6] = np.sin(angle / 2.0), np.cos(angle / 2.0)
    return poses


def test_a_ball_that_rolls_passes_as_rolling_and_not_as_resting() -> None:
    points, center = np.asarray(ball().vertices), np.array([0.0, 0.0, 0.035])
    poses = rolled(0.008)
    assert not judge_rest(poses, RestPose(), points).passed
    result = judge_rolling(poses, RestPose(), points, center)
    assert result.passed
    assert result.rolled == pytest.approx(0.008, abs=1e-6)
    assert (result.shift, result.jitter) == pytest.approx((0.0, 0.0), abs=1e-6)


@pytest.mark.parametrize(("sink", "last"), [(0.003, 0.0), (0.0, 0.012)])
def test_a_ball_that_sinks_or_rolls_on_fails(sink: float, last: float) -> None:
    points, center = np.asarray(ball().vertices), np.array([0.0, 0.0, 0.035])
    assert not judge_rolling(rolled(0.008, sink, last), RestPose(), points, center).passed
    poses = rolled(0.008)
    poses[-1, 0] = np.nan
    assert not judge_rolling(poses, RestPose(), points, center).passed
