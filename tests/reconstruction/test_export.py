# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Assets as MJCF and URDF, loaded in MuJoCo: the same mass, inertia, pieces, looks and rest as in the USD file."""

from __future__ import annotations

import io
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from tests.reconstruction.shapes import block, moved

from score.reconstruction.asset_folder import Asset, AssetRecord, CollisionRecord, RestPose, write_asset
from score.reconstruction.others.export import export_asset, rest_in_mujoco
from score.reconstruction.scan.scan import Scan
from score.reconstruction.scene_motion import ResistanceCfg
from score.reconstruction.shape.mass import MassProperties, principal
from score.reconstruction.shape.pieces import BoxPiece, CylinderPiece, Piece, SpherePiece, convex_piece
from score.reconstruction.usd.usd_writer import write_usd
from score.utils.errors import UserError

YAW = (0.0, 0.0, math.sin(0.15), math.cos(0.15))
CENTER = np.array([0.004, -0.003, 0.02])
TENSOR = np.array([[8.0e-5, 1.0e-5, 0.0], [1.0e-5, 9.0e-5, -5.0e-6], [0.0, -5.0e-6, 1.2e-4]])


def pieces() -> list[Piece]:
    """A plate of 80 x 60 x 20 mm with a wedge, a disc and a ball on it, some of them turned."""
    wedge = convex_piece(np.asarray(moved(block(0.02, 0.02, 0.02), z=0.02).vertices))
    assert wedge is not None
    return [
        BoxPiece((0.0, 0.0, 0.01), (0.04, 0.03, 0.01), YAW),
        wedge,
        CylinderPiece((0.02, 0.0, 0.025), 0.008, 0.01, (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))),
        SpherePiece((-0.02, 0.0, 0.028), 0.008),
    ]


def make(folder: Path, visual: Scan | None = None, rest: RestPose | None = None) -> Asset:
    folder.mkdir()
    mesh = block(0.08, 0.06, 0.02)
    seen = visual or Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    if seen.texture is not None:
        (folder / "thing_texture.jpg").write_bytes(seen.texture)
    moments, axes = principal(TENSOR)
    mass = MassProperties(0.2, CENTER, moments, axes, "weighed", 0.02)
    texture = "thing_texture.jpg" if seen.texture is not None else None
    write_usd(folder / "thing.usdc", "thing", seen, pieces(), mass, 0.6, texture)
    record = AssetRecord(
        "thing", "thing.usdc", 0.2, 0.6, CollisionRecord("hand", 4), (0.08, 0.06, 0.036), rest or RestPose()
    )
    write_asset(record, folder)
    return Asset(folder, record)


def test_mass_pieces_and_rest_are_those_of_the_usd_file(tmp_path: Path) -> None:
    passport = export_asset(make(tmp_path / "asset"), tmp_path / "out", drop=False)
    assert passport.passed, passport.summary()
    names = [f"{kind}: {what}" for kind in ("mjcf", "urdf") for what in ("mass", "pieces", "rest")]
    assert [check.name for check in passport.checks] == names
    for file in ("thing.xml", "thing.urdf"):
        _, model = rest_in_mujoco(tmp_path / "out" / file, RestPose(), seconds=0.1)
        # The body is a free one, its numbers those of the text above.
        assert (model.nbody, model.nv) == (2, 6)
        assert model.body_mass[1] == pytest.approx(0.2, rel=1e-7)
        assert model.body_ipos[1] == pytest.approx(CENTER, abs=1e-8)
        assert sorted(model.body_inertia[1]) == pytest.approx(np.linalg.eigvalsh(TENSOR), rel=1e-6)


def test_primitives_stay_primitives_at_their_place(tmp_path: Path) -> None:
    export_asset(make(tmp_path / "asset"), tmp_path / "out", drop=False)
    body = ElementTree.parse(tmp_path / "out" / "thing.xml").getroot().find("worldbody/body")
    assert body is not None
    box, wedge, disc, ball = (geom for geom in body.iter("geom") if geom.get("group") == "3")
    assert (box.get("type"), box.get("size")) == ("box", "0.04 0.03 0.01")
    # Quaternions of MJCF begin with w: cos(0.15) = 0.98877, sin(0.15) = 0.14944.
    assert np.array(box.get("quat", "").split(), float) == pytest.approx([0.98877, 0.0, 0.0, 0.14944], abs=1e-5)
    assert (wedge.get("type"), wedge.get("mesh")) == ("mesh", "thing_c001")
    assert (disc.get("type"), disc.get("size")) == ("cylinder", "0.008 0.005")
    assert ball.get("type") == "sphere"
    assert np.array(ball.get("pos", "").split(), float) == pytest.approx([-0.02, 0.0, 0.028], abs=1e-8)
    assert {geom.get("friction") for geom in (box, wedge, disc, ball)} == {"0.6 0.005 0.0001"}
    robot = ElementTree.parse(tmp_path / "out" / "thing.urdf").getroot()
    first, _, third, _ = robot.findall("link/collision")
    size, yaw = first.find("geometry/box"), first.find("origin")
    assert size is not None
    assert yaw is not None
    assert size.get("size") == "0.08 0.06 0.02"
    assert np.array(yaw.get("rpy", "").split(), float) == pytest.approx([0.0, 0.0, 0.3], abs=1e-6)
    cylinder, turned = third.find("geometry/cylinder"), third.find("origin")
    assert cylinder is not None
    assert turned is not None
    assert cylinder.get("length") == "0.01"
    # A quarter turn about x.
    assert np.array(turned.get("rpy", "").split(), float) == pytest.approx([math.pi / 2.0, 0.0, 0.0], abs=1e-6)


def test_a_texture_goes_along(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 30)).save(buffer, "JPEG")
    mesh = block(0.08, 0.06, 0.02)
    uv = np.random.default_rng(0).uniform(size=(len(mesh.vertices), 2))
    visual = Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces), uv=uv, texture=buffer.getvalue())
    passport = export_asset(make(tmp_path / "asset", visual), tmp_path / "out", drop=False)
    assert passport.passed, passport.summary()
    with Image.open(tmp_path / "out" / "thing_texture.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (16, 16))
        assert np.allclose(np.asarray(picture)[0, 0], (200, 30, 30), atol=3)
    seen = trimesh.load_mesh(tmp_path / "out" / "thing_visual.obj", process=False)
    assert seen.visual.material.image.size == (16, 16)
    _, model = rest_in_mujoco(tmp_path / "out" / "thing.xml", RestPose(), seconds=0.1)
    assert (model.ntex, model.mesh_texcoordnum[0] > 0) == (1, True)


def test_a_few_plain_colours_become_parts(tmp_path: Path) -> None:
    lower, upper = block(0.08, 0.06, 0.01), moved(block(0.08, 0.06, 0.01), z=0.01)
    mesh = trimesh.util.concatenate([lower, upper])
    colors = np.repeat(np.array([[255, 0, 0], [0, 0, 255]], dtype=np.uint8), 8, axis=0)
    visual = Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces), colors=colors)
    export_asset(make(tmp_path / "asset", visual), tmp_path / "out", drop=False)
    _, model = rest_in_mujoco(tmp_path / "out" / "thing.xml", RestPose(), seconds=0.1)
    assert model.mat_rgba.tolist() == [[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]]


def test_an_object_that_does_not_stay_where_it_stood_fails(tmp_path: Path) -> None:
    # Said to stand turned about x by a quarter: it falls over.
    rest = RestPose((0.0, 0.0, 0.03), (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)))
    passport = export_asset(make(tmp_path / "asset", rest=rest), tmp_path / "out", drop=False)
    failed = [check for check in passport.checks if not check.passed]
    assert [check.name for check in failed] == ["mjcf: rest", "urdf: rest"]
    assert "degrees from the scan (limits 1 mm, 1 degree)" in failed[0].detail


def test_a_ball_rolls_and_is_judged_by_the_height_of_its_centre(tmp_path: Path) -> None:
    folder = tmp_path / "asset"
    folder.mkdir()
    mesh = moved(trimesh.creation.icosphere(subdivisions=3, radius=0.03), z=0.03)
    mass = MassProperties(0.1, np.array([0.0, 0.0, 0.03]), np.full(3, 3.6e-5), (0.0, 0.0, 0.0, 1.0), "weighed", 0.06)
    visual = Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    rolls = ResistanceCfg(angular_damping=2.0, rolling_friction=2e-4)
    write_usd(folder / "ball.usdc", "ball", visual, [SpherePiece((0.0, 0.0, 0.03), 0.03)], mass, 0.5, None, rolls)
    # The file says that it lay on another side: no rest of a ball is this one, and none has to be.
    rest = RestPose((0.0, 0.03, 0.03), (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)))
    size = (0.06, 0.06, 0.06)
    asset = Asset(folder, AssetRecord("ball", "ball.usdc", 0.1, 0.5, CollisionRecord("hand", 1), size, rest_pose=rest))
    passport = export_asset(asset, tmp_path / "out", drop=False)
    assert passport.passed, passport.summary()
    for kind in ("mjcf", "urdf"):
        assert passport.measured[kind]["shift"] < 5e-4
    geom = ElementTree.parse(tmp_path / "out" / "ball.xml").getroot().find("worldbody/body/geom[@group='3']")
    assert geom is not None
    assert (geom.get("condim"), geom.get("friction")) == ("6", "0.5 0.005 0.0002")


def test_a_folder_is_replaced_only_when_told(tmp_path: Path) -> None:
    asset = make(tmp_path / "asset")
    export_asset(asset, tmp_path / "out", drop=False)
    with pytest.raises(UserError, match="already exists"):
        export_asset(asset, tmp_path / "out", drop=False)
    export_asset(asset, tmp_path / "out", drop=False, overwrite=True)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds other things .*notes.txt"):
        export_asset(asset, tmp_path / "out", drop=False, overwrite=True)


def test_what_mujoco_does_not_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<mujoco><worldbody><body><geom type='mesh' mesh='gone'/></body></worldbody></mujoco>"
    )
    with pytest.raises(UserError, match=r"export: MuJoCo does not read a.xml"):
        rest_in_mujoco(tmp_path / "a.xml", RestPose())
