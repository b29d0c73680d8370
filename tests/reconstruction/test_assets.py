# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Asset folders end to end, without an engine: content, sameness, units, bad scans; the reader and the checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
import yaml
from pxr import Sdf, Usd, UsdGeom, UsdPhysics
from tests.reconstruction.shapes import block, cup, export, moved, on_table

from score.reconstruction.asset_folder import CavityRecord, RestPose, read_asset
from score.reconstruction.build import build_asset
from score.reconstruction.check.check import examine, open_asset
from score.reconstruction.check.drop_test import ball_radius, ball_stays, judge_rest, rest_job, same_inertia
from score.reconstruction.check.passport import Passport, rounded
from score.reconstruction.settings import AssetCfg
from score.reconstruction.usd.usd_checks import usd_problems
from score.reconstruction.usd.usd_reader import read_usd
from score.utils.errors import UserError
from score.utils.files import sha256_of


def build(scan: Path, output: Path, **changes: Any) -> Passport:
    settings = {"name": "thing", "mass": 0.2, "unit": "m", **changes}
    return build_asset(AssetCfg(scan=scan, output=output, **settings), drop=False, progress=lambda line: None)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box of 60 x 40 x 50 mm, in metres, standing on z = 0."""
    return export(block(0.06, 0.04, 0.05), tmp_path_factory.mktemp("scan") / "box.obj")


@pytest.fixture(scope="module")
def folder(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("asset") / "thing"
    passport = build(scan, output)
    assert passport.passed, passport.summary()
    return output


def test_what_an_asset_folder_holds(folder: Path, scan: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"asset.yaml", "collision.png", "points.npz", "preview.png", "report.json", "thing.usdc"}
    record = read_asset(folder).record
    assert (record.name, record.mass, record.units) == ("thing", 0.2, "m")
    assert record.size == pytest.approx((0.06, 0.04, 0.05), abs=1e-6)
    assert record.collision.kind == "primitive"
    assert record.source is not None
    assert record.source.sha256 == sha256_of(scan)


def test_mass_centre_and_inertia_are_authored(folder: Path) -> None:
    usd = read_usd(folder / "thing.usdc")
    assert usd.mass == pytest.approx(0.2, rel=1e-7)
    assert usd.center == pytest.approx([0.0, 0.0, 0.025], abs=1e-6)
    # m / 12 (b^2 + c^2): 0.2 / 12 x (0.04^2 + 0.05^2, 0.06^2 + 0.05^2, 0.06^2 + 0.04^2)
    assert np.diag(usd.inertia) == pytest.approx([6.8333e-5, 1.01667e-4, 8.6667e-5], rel=1e-3)
    assert usd.friction == pytest.approx(0.5)
    assert usd_problems(folder / "thing.usdc") == []


def test_points_are_on_the_surface_and_any_prefix_covers_it(folder: Path) -> None:
    asset = read_asset(folder)
    points = asset.points()
    assert points.shape == (2048, 3)
    assert trimesh.proximity.closest_point(block(0.06, 0.04, 0.05), points[:64])[1].max() < 1e-6
    spacing = [np.linalg.norm(points[None, :n] - points[:n, None], axis=-1) + np.eye(n) for n in (32, 128)]
    # Farthest-point order: the nearest neighbours of a short prefix are far apart.
    assert spacing[0].min() > spacing[1].min() > 0.004
    with pytest.raises(UserError, match="holds 2048 points and 5000 were asked for"):
        asset.points(5000)


def test_the_same_scan_twice_gives_the_same_bytes(folder: Path, scan: Path, tmp_path: Path) -> None:
    build(scan, tmp_path / "thing")
    for name in ("asset.yaml", "points.npz", "report.json", "thing.usdc"):
        assert (tmp_path / "thing" / name).read_bytes() == (folder / name).read_bytes(), name


def test_unit_axis_and_table_are_found_together(tmp_path: Path) -> None:
    mesh = on_table(block(0.06, 0.04, 0.05))
    mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1.0, 0.0, 0.0]))  # y up
    mesh.apply_scale(1000.0)
    passport = build(export(mesh, tmp_path / "scene.ply"), tmp_path / "thing", unit="mm")
    assert passport.steps["table"]["in_scan"]
    record = read_asset(tmp_path / "thing").record
    assert sorted(record.size) == pytest.approx([0.04, 0.05, 0.06], abs=0.001)
    assert record.size[2] == pytest.approx(0.05, abs=0.001)


def test_a_known_length_sets_the_scale(tmp_path: Path) -> None:
    mesh = block(0.06, 0.04, 0.05).apply_scale(123.0)
    build(export(mesh, tmp_path / "box.stl"), tmp_path / "thing", unit=None, known_length=("z", 0.05))
    assert read_asset(tmp_path / "thing").record.size == pytest.approx((0.06, 0.04, 0.05), abs=1e-5)


def two() -> trimesh.Trimesh:
    return trimesh.util.concatenate([block(0.05, 0.05, 0.05), moved(block(0.05, 0.05, 0.05), x=0.2)])


def leaning() -> trimesh.Trimesh:
    turn = trimesh.transformations.rotation_matrix(0.7, [1.0, 0.0, 0.0])
    return block(0.06, 0.04, 0.05).apply_transform(turn)


def shell() -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.04)
    ball.update_faces(ball.triangles_center[:, 2] < 0.0)
    return ball


@pytest.mark.parametrize(
    ("mesh", "changes", "message"),
    [
        (block(60.0, 40.0, 50.0), {"unit": None}, r"unit: bad.ply states no unit, .* of 60 fits more than one"),
        (block(60.0, 40.0, 50.0), {}, r"unit: the scan would be 60 m long: .*1000 times too large"),
        (block(0.06, 0.04, 0.05), {"unit": "mm"}, r"unit: the object would be 6e-05 x .*--unit mm"),
        (block(0.06, 0.04, 0.05), {"table": "scan"}, r"table: no table plane in the scan"),
        (leaning(), {}, r"table: the scan holds no table plane, and the object does not stand"),
        (two(), {}, r"object: the scan holds two objects"),
        (block(0.06, 0.04, 0.05), {"mass": 250.0}, r"mass: 250 kg in 120 ml are 2.08e\+06 .* \(--mass 250g\)"),
        (block(0.06, 0.04, 0.05), {"mass": 0.002}, r"mass: 0.002 kg in 120 ml are 16.7 kg/m\^3, .* have 20 to 20000"),
        (block(0.6, 0.4, 0.5), {"unit": None}, r"unit: bad.ply states no unit, .* of 0.6 fits more than one"),
        (block(0.3, 0.003, 0.3), {}, r"table: .* the object stands on an edge \(tipped by 0.6 degrees"),
        (shell(), {"up": "z"}, r"close: the scan is an open shell"),
        (block(0.06, 0.04, 0.05), {"mass": None}, r"mass: neither --mass nor --material was given"),
        (cup(wall=0.002), {"mass": None, "material": "ceramic"}, r"mass: the walls are thin \(median 2.\d mm"),
        (cup(wall=0.005), {"mass": None, "material": "ceramic"}, r"walls are thin \(median 5.\d mm, limit 6 mm"),
    ],
)  # fmt: skip
def test_a_scan_that_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, mesh: trimesh.Trimesh, changes: dict[str, Any], message: str
) -> None:
    path = export(mesh, tmp_path / "bad.ply")
    with pytest.raises(UserError, match=message):
        build(path, tmp_path / "out" / "thing", **changes)
    assert not list((tmp_path / "out").glob("*"))


def test_a_folder_that_exists_is_not_replaced_unless_told(folder: Path, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    with pytest.raises(UserError, match="already exists"):
        build(scan, tmp_path / "thing")
    build(scan, tmp_path / "thing", overwrite=True)
    assert read_asset(tmp_path / "thing").record.name == "thing"


def test_the_mass_of_a_solid_and_of_a_thin_wall(tmp_path: Path, scan: Path) -> None:
    build(scan, tmp_path / "solid", mass=None, material="steel")
    # 60 x 40 x 50 mm = 120 ml of 7850 kg/m^3
    assert read_asset(tmp_path / "solid").record.mass == pytest.approx(0.942, rel=0.01)
    mesh = cup(radius=0.035, height=0.08, wall=0.002, floor=0.002)
    path = export(mesh, tmp_path / "cup.obj")
    build(path, tmp_path / "cup", mass=None, material="ceramic", wall=0.002)
    assert read_asset(tmp_path / "cup").record.mass == pytest.approx(2400.0 * mesh.volume, rel=0.1)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other/9", "has format 'other/9'"),
        ("mas", 1.0, "unknown key 'mas'. Did you mean 'mass'"),
        ("mass", -1.0, "mass -1.0 must be positive"),
        ("mass", "heavy", "mass holds 'heavy': give a finite number"),
        ("size", [1.0, 2.0], r"size holds \[1.0, 2.0\]: give 3 finite numbers"),
        ("usd", "../../etc/passwd", "give the name of a file in the folder"),
        ("usd", "gone.usdc", "the USD file 'gone.usdc' is missing"),
        ("units", "mm", "only 'm' is read"),
        ("rest_pose", {"quaternion": [0, 0, 0, 2]}, "is not a unit quaternion"),
        ("collision", {"kind": "hull", "pieces": 0}, "collision.pieces holds 0"),
    ],
)
def test_an_asset_file_that_is_wrong_is_refused(
    folder: Path, tmp_path: Path, key: str, value: Any, message: str
) -> None:
    data = yaml.safe_load((folder / "asset.yaml").read_text())
    (tmp_path / "asset.yaml").write_text(yaml.safe_dump({**data, key: value}))
    (tmp_path / "thing.usdc").write_bytes(b"")
    with pytest.raises(UserError, match=message) as caught:
        read_asset(tmp_path)
    assert "asset.yaml" in str(caught.value)


def test_a_folder_without_an_asset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no asset.yaml and 0 USD files"):
        open_asset(tmp_path)
    (tmp_path / "a.usdc").write_bytes(b"no usd")
    with pytest.raises(UserError, match="damaged or no USD file"):
        open_asset(tmp_path)


def test_a_hand_made_file_is_checked_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thing.usdc").write_bytes((folder / "thing.usdc").read_bytes())
    asset = open_asset(tmp_path)
    assert asset.record.collision.kind == "hand"
    assert asset.record.mass == pytest.approx(0.2)
    passport = Passport("thing", str(tmp_path))
    examine(asset, passport, drop=False)
    assert passport.passed, passport.summary()


def edited(folder: Path, tmp_path: Path) -> tuple[Usd.Stage, Path]:
    path = tmp_path / "thing.usda"
    source = Usd.Stage.Open(str(folder / "thing.usdc"))  # a layer lives no longer than its stage
    source.GetRootLayer().Export(str(path))
    return Usd.Stage.Open(str(path)), path


def test_the_checks_see_what_the_validators_miss(folder: Path, tmp_path: Path) -> None:
    stage, path = edited(folder, tmp_path)
    UsdPhysics.RigidBodyAPI.Apply(stage.GetPrimAtPath("/thing/visuals/mesh"))
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/thing/visuals/mesh"))
    mesh.GetFaceVertexIndicesAttr().Set([9999, *mesh.GetFaceVertexIndicesAttr().Get()[1:]])
    extra = UsdGeom.Mesh.Define(stage, "/thing/collisions/extra").GetPrim()
    UsdPhysics.CollisionAPI.Apply(extra)
    extra.CreateAttribute("physics:approximation", Sdf.ValueTypeNames.Token).Set("convexHul")
    UsdPhysics.MassAPI(stage.GetDefaultPrim()).GetDiagonalInertiaAttr().Set((1.0, 1.0, 3.0))
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    stage.GetRootLayer().Save()
    problems = " | ".join(usd_problems(path))
    expected = (
        "a rigid body inside the rigid body",
        "a face names a point that the mesh lacks",
        "extra: a mesh without points or faces",
        "'convexHul' is unknown",
        "the largest exceeds the other two",
        "metersPerUnit is 0.01",
    )
    for part in expected:
        assert part in problems, problems


def test_a_mesh_that_an_engine_would_decompose_itself_fails(folder: Path, tmp_path: Path) -> None:
    stage, path = edited(folder, tmp_path)
    visual = stage.GetPrimAtPath("/thing/visuals/mesh")
    UsdPhysics.CollisionAPI.Apply(visual)
    UsdPhysics.MeshCollisionAPI.Apply(visual).CreateApproximationAttr("convexDecomposition")
    stage.GetRootLayer().Save()
    passport = Passport("thing", str(tmp_path))
    examine(open_asset(tmp_path), passport, drop=False)
    failed = {check.name: check.detail for check in passport.checks if not check.passed}
    assert "bake it into convex pieces" in failed["shapes"]
    assert path.is_file()


def test_a_body_that_rests_where_it_was_scanned() -> None:
    points = np.asarray(block(0.06, 0.04, 0.05).vertices)
    still = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], (20, 1))
    assert judge_rest(still, RestPose(), points).passed
    sunk = still - np.array([0.0, 0.0, 0.003, 0.0, 0.0, 0.0, 0.0])
    result = judge_rest(sunk, RestPose(), points)
    assert not result.passed
    assert (result.shift, result.deepest) == pytest.approx((0.003, 0.003))
    shaking = still.copy()
    shaking[::2, 0] = 0.001
    assert judge_rest(shaking, RestPose(), points).jitter == pytest.approx(0.001)
    shaking[-1] = np.nan
    assert not judge_rest(shaking, RestPose(), points).passed


def test_a_ball_is_in_the_hollow_or_not() -> None:
    cavity = CavityRecord((0.0, 0.0), 0.006, 0.08, 0.03, 2e-4)
    asset, low = np.array([0.0, 0, 0, 0, 0, 0, 1]), 0.006 + ball_radius(cavity)
    assert ball_stays(asset, np.array([0.01, 0.0, low, 0, 0, 0, 1]), cavity)
    assert not ball_stays(asset, np.array([0.0, 0.0, 0.08, 0, 0, 0, 1]), cavity)  # on the rim
    assert not ball_stays(asset, np.array([0.2, 0.0, 0.015, 0, 0, 0, 1]), cavity)  # on the table beside it
    assert not ball_stays(asset, np.full(7, np.nan), cavity)


def test_a_rest_job_has_a_ball_for_a_hollow_only() -> None:
    cavity = CavityRecord((0.01, 0.0), 0.006, 0.08, 0.03, 2e-4)
    plain, hollow = (rest_job("ovphysx", Path("a.usdc"), RestPose(), hole, 0.2) for hole in (None, cavity))
    assert (len(plain.asset_poses), plain.other_poses, plain.ball_radius) == (2, [], 0.0)
    assert len(hollow.asset_poses) == len(hollow.other_poses) == 3
    # min(0.5 x 30, 0.4 x 74) = 15 mm; let go 1.5 radii above the rim.
    assert hollow.ball_radius == pytest.approx(0.015)
    assert hollow.other_poses[2][:3] == pytest.approx([0.01, 0.0, 0.1025])


def test_inertia_is_compared_by_its_moments() -> None:
    turn = trimesh.transformations.rotation_matrix(0.4, [1.0, 2.0, 3.0])[:3, :3]
    tensor = np.diag([1.0, 2.0, 2.5])
    assert same_inertia(turn @ tensor @ turn.T, tensor)
    assert not same_inertia(1.01 * tensor, tensor)


def test_a_passport_says_what_failed(tmp_path: Path) -> None:
    passport = Passport("thing", "folder")
    passport.add("one", True, "fine")
    passport.add("two", False, "3 mm (limit 2)")
    passport.measured["far"] = float("inf")
    assert "FAIL two  3 mm (limit 2)" in passport.summary()
    assert "1 of 2 checks failed" in passport.summary()
    passport.write(tmp_path)
    data = json.loads((tmp_path / "report.json").read_text())
    assert (data["passed"], data["measured"]["far"]) == (False, "inf")
    assert rounded([1.23456789, 3, True]) == [1.23457, 3, True]
