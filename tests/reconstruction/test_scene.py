# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scene files are read exactly, bad ones refused by key, and bad scenes found before a simulator sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pxr import Usd, UsdGeom, UsdPhysics

from score.reconstruction.asset_folder import AssetRecord, CollisionRecord, write_asset
from score.reconstruction.check.scene_checks import check_scene
from score.reconstruction.check.scene_picture import render_scene, write_scene_picture
from score.reconstruction.scan.scan import Scan
from score.reconstruction.scene import read_scene
from score.reconstruction.shape.mass import MassProperties
from score.reconstruction.shape.pieces import BoxPiece
from score.reconstruction.usd.scene_usd import write_scene_object
from score.reconstruction.usd.usd_reader import read_usd
from score.reconstruction.usd.usd_writer import write_usd
from score.utils.errors import UserError


def make_box(root: Path, name: str, size: tuple[float, float, float]) -> None:
    """An asset folder with one box that stands on z = 0: 0.2 kg, friction 0.4."""
    folder = root / name
    folder.mkdir(parents=True)
    piece = BoxPiece((0.0, 0.0, size[2] / 2.0), (size[0] / 2.0, size[1] / 2.0, size[2] / 2.0))
    mesh = piece.mesh()
    visual = Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    mass = MassProperties(
        0.2, np.array([0.0, 0.0, size[2] / 2.0]), np.array([1e-4, 2e-4, 2.5e-4]), (0.0, 0.0, 0.0, 1.0), "test", size[0]
    )
    write_usd(folder / f"{name}.usdc", name, visual, [piece], mass, 0.4, None)
    write_asset(AssetRecord(name, f"{name}.usdc", 0.2, 0.4, CollisionRecord("primitive", 1), size), folder)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Assets ``cube`` (50 mm) and ``slab`` (200 x 100 x 20 mm)."""
    make_box(tmp_path / "assets", "cube", (0.05, 0.05, 0.05))
    make_box(tmp_path / "assets", "slab", (0.2, 0.1, 0.02))
    return tmp_path


def scene_data(**objects: dict[str, Any]) -> dict[str, Any]:
    return {"format": "score-scene/1", "objects": objects}


def cube(x: float = 0.5, y: float = 0.0, z: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"asset": "assets/cube", "position": [x, y, z], **more}


def write(root: Path, data: Any) -> Path:
    path = root / "scene.yaml"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def problems(root: Path, data: Any, **options: Any) -> list[str]:
    return [problem.text for problem in check_scene(read_scene(write(root, data)), **options)]


def test_a_scene_is_read_with_defaults_and_overrides(root: Path) -> None:
    turned = [0.0, 0.0, 1.0, 0.0]
    data = scene_data(
        a=cube(), b=cube(0.6, mass=0.3, friction=0.9, fixed=True, quaternion=turned, ranges={"yaw": [-1, 1]})
    )
    scene = read_scene(write(root, data))
    a, b = scene.objects
    assert (a.mass, a.friction, a.fixed, a.support) == (0.2, 0.4, False, "table")
    assert (b.mass, b.friction, b.fixed) == (0.3, 0.9, True)
    assert b.ranges == {"yaw": (-1.0, 1.0)}
    assert scene.named("b") is b
    assert scene.table.size == [0.8, 1.2, 0.04]
    with pytest.raises(UserError, match=r"has no object 'c'.*It has: a, b"):
        scene.named("c")


def test_poses_put_the_origin_where_the_file_says(root: Path) -> None:
    # A quarter turn about x takes the origin (0, 0, 0.05) of the asset frame to (0, -0.05, 0) from its foot.
    data = scene_data(a=cube(0.5, 0.1, 0.2, origin=[0, 0, 0.05], quaternion=[0.7071068, 0.0, 0.0, 0.7071068]))
    item = read_scene(write(root, data)).named("a")
    pose = item.pose()
    np.testing.assert_allclose(pose @ (0, 0, 0.05, 1), (0.5, 0.1, 0.2, 1), atol=1e-6)
    np.testing.assert_allclose(pose[:3, 3], (0.5, 0.15, 0.2), atol=1e-6)
    moved = item.pose(np.array([0.01, 0.02, 0.03, 0.0, 0.0, 0.7]))
    np.testing.assert_allclose(moved @ (0, 0, 0.05, 1), (0.51, 0.12, 0.23, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("objects: {", "is not readable as YAML"),
        ("- 1", r"format is None"),
        ("format: !!int abc", "is not readable as YAML"),
        ({**scene_data(a=cube()), "table": {"position": [0, 0, 10**400]}}, "a value of the wrong type: int too large"),
        ({"format": "score-scene/9", "objects": {}}, r"format is 'score-scene/9'.*reads 'score-scene/1'"),
        ({"format": "score-scene/1"}, "lacks the key 'objects'"),
        (scene_data(), "objects is empty"),
        ("format: score-scene/1\nobjects: {a: {asset: '${oc.env:HOME}'}}", "interpolations"),
        ("format: score-scene/1\nx: &x [1]\ny: *x", "aliases"),
        (scene_data(a={"position": [0, 0, 0]}), r"lacks the key 'objects.a.asset'"),
        (scene_data(a=cube(postion=[0, 0, 0])), r"'objects.a.postion'.*Did you mean 'position'"),
        (scene_data(a=cube(mass="heavy")), r"'objects.a.mass'.*'heavy'"),
        (scene_data(a=cube(mass=-1.0)), r"objects.a.mass is -1.0: give a positive number"),
        (scene_data(a=cube(friction=9.0)), r"objects.a.friction is 9.0"),
        (scene_data(a={"asset": "assets/cube", "position": [0, 0]}), r"objects.a.position holds \[0.0, 0.0\]: give 3"),
        (scene_data(a=cube(float("nan"))), r"objects.a.position holds \[nan, 0.0, 0.0\]: give 3 finite"),
        (scene_data(a=cube(quaternion=[0, 0, 0, 2])), r"objects.a.quaternion .* is not a unit quaternion"),
        (scene_data(a=cube(support="air")), r"objects.a.support is 'air': use one of table, free"),
        (scene_data(a=cube(ranges={"w": [0, 1]})), r"objects.a.ranges has an unknown key 'w': use x, y, z, roll"),
        (scene_data(a=cube(ranges={"x": [1, 0]})), r"objects.a.ranges.x is \[1.0, 0.0\]: give the lower"),
        (scene_data(a=cube(ranges={"x": [1]})), r"objects.a.ranges.x holds \[1\]: give 2"),
        (scene_data(a=cube(ranges={"x": "wide"})), r"objects.a.ranges.x holds 'wide': give 2 finite numbers"),
        (scene_data(**{"a b": cube()}), r"An asset cannot have the name 'a b': use letters, digits and _"),
        (scene_data(a={"asset": "assets/cub", "position": [0, 0, 0]}), r"has no asset.yaml.*Did you mean 'cube'"),
        ({**scene_data(a=cube()), "tabel": {}}, r"key 'tabel'.*Did you mean 'table'"),
        ({**scene_data(a=cube()), "table": {"size": [1, 1, 0]}}, "table.size .* must be positive"),
        ({**scene_data(a=cube()), "camera": {"eye": [0, 0, 0], "target": [0, 0, 0]}}, "are one point"),
        ({**scene_data(a=cube()), "camera": {"fov": 0.0}}, "camera.fov is 0.0: give 1 to 150"),
        ({**scene_data(a=cube()), "camera": {"width": 1}}, "camera.width is 1: give 16 to 4096"),
    ],
)
def test_bad_scene_files_are_named(root: Path, data: Any, message: str) -> None:
    path = write(root, data)
    with pytest.raises(UserError, match=message) as caught:
        read_scene(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_oversized_file(root: Path) -> None:
    write(root, scene_data(a=cube()))
    with pytest.raises(UserError, match=r"scen.yaml is not a file.*Did you mean 'scene.yaml'"):
        read_scene(root / "scen.yaml")
    (root / "big.yaml").write_text("#" * (1024 * 1024 + 1))
    with pytest.raises(UserError, match="is larger than 1 MB"):
        read_scene(root / "big.yaml")


def test_a_sound_scene_has_no_problems(root: Path) -> None:
    beside = cube(0.5, 0.2, ranges={"x": [-0.05, 0.05], "yaw": [-3.1, 3.1]})
    stacked = cube(0.5, -0.2, 0.02)
    slab = {"asset": "assets/slab", "position": [0.5, -0.2, 0.0]}
    assert problems(root, scene_data(a=cube(), b=beside, slab=slab, c=stacked)) == []


def test_overlapping_objects(root: Path) -> None:
    # 50 mm cubes 40 mm apart overlap by 10 mm; that is the only common draw, nothing moves.
    found = problems(root, scene_data(a=cube(), b=cube(0.54)))
    assert found == ["'a' and 'b' overlap by up to 10.0 mm in 65 of 65 poses: move them apart, or narrow their ranges."]
    # Side by side they touch.
    assert problems(root, scene_data(a=cube(), b=cube(0.55))) == []


def test_ranges_that_make_objects_overlap(root: Path) -> None:
    (found,) = problems(root, scene_data(a=cube(), b=cube(0.6, ranges={"x": [-0.06, 0.0]})))
    # The corner of the range, x = 0.54, is among the poses: 10 mm.
    assert "overlap by up to 10.0 mm in" in found
    assert "65 of 65" not in found


def test_objects_over_the_edge(root: Path) -> None:
    # The table ends at y = 0.6; half of a 50 mm cube at y = 0.59 reaches 0.615.
    (found,) = problems(root, scene_data(a=cube(0.5, 0.59)))
    assert "'a' stands up to 15.0 mm over the edge of the table" in found
    (found,) = problems(root, scene_data(a=cube(0.5, 0.5, ranges={"y": [0.0, 0.1]})))
    assert "'a' stands up to 25.0 mm over the edge" in found
    assert problems(root, scene_data(a=cube(0.5, 0.7, 0.3, support="free"))) == []


def test_objects_in_the_table_or_above_it(root: Path) -> None:
    assert problems(root, scene_data(a=cube(z=-0.004))) == [
        "'a' is up to 4.0 mm inside the table: raise its position or ranges."
    ]
    (found,) = problems(root, scene_data(a=cube(z=0.01)))
    assert "'a' floats 10.0 mm over the table: lower it, or set support: free" in found


def test_poses_out_of_reach(root: Path) -> None:
    def reachable(positions: NDArray[np.float64]) -> NDArray[np.bool_]:
        # The middle of the cube is asked for, 25 mm above the table.
        np.testing.assert_allclose(positions[:, 2], 0.025, atol=1e-6)
        return np.asarray(positions[:, 0] < 0.55)

    (found,) = problems(root, scene_data(a=cube(0.6), b=cube(0.4)), reachable=reachable)
    assert found == (
        "the arm does not reach 'a' in 65 of 65 poses, for example at [0.6, 0.0, 0.025]: change its position or ranges,"
        " or set reach: false."
    )
    assert problems(root, scene_data(a=cube(0.6, reach=False)), reachable=reachable) == []


def test_the_arm_reaches_the_table_before_it_and_not_behind_it() -> None:
    from score_tasks.kit.reach import franka_reaches

    positions = np.array([[0.5, 0.0, 0.03], [0.45, 0.35, 0.05], [1.2, 0.0, 0.05], [0.0, 0.0, 0.05]])
    assert franka_reaches(positions).tolist() == [True, True, False, False]


def test_the_layer_carries_mass_friction_and_origin(root: Path) -> None:
    data = scene_data(a=cube(mass=0.4, friction=0.7, fixed=True, origin=[0.0, 0.0, 0.025]))
    path = write_scene_object(read_scene(write(root, data)).named("a"), root / "layers" / "a.usda")
    usd = read_usd(path)
    assert usd.mass == pytest.approx(0.4)
    assert usd.friction == pytest.approx(0.7)
    # Twice the mass, twice the inertia; the centre was 25 mm above the foot, where the origin is now.
    np.testing.assert_allclose(np.diag(usd.inertia), [2e-4, 4e-4, 5e-4], rtol=1e-5)
    np.testing.assert_allclose(usd.center, 0.0, atol=1e-7)
    (piece,) = usd.pieces
    np.testing.assert_allclose(piece.mesh().bounds, [[-0.025] * 3, [0.025] * 3], atol=1e-7)
    np.testing.assert_allclose(usd.visual.vertices.min(axis=0), -0.025, atol=1e-7)
    stage = Usd.Stage.Open(str(path))
    assert UsdPhysics.RigidBodyAPI(stage.GetDefaultPrim()).GetKinematicEnabledAttr().Get()
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    # The asset itself is as it was.
    assert read_usd(root / "assets" / "cube" / "cube.usdc").mass == pytest.approx(0.2)


def test_the_picture_shows_table_and_object(root: Path) -> None:
    camera = {"eye": [0.5, 0.0, 1.0], "target": [0.5, 0.0, 0.0], "fov": 40.0, "width": 64, "height": 48}
    scene = read_scene(write(root, {**scene_data(a=cube()), "camera": camera}))
    picture = render_scene(scene)
    assert picture.shape == (48, 64, 3)
    red, _, blue = picture[4, 4].astype(int)
    assert red > 1.3 * blue  # the table is brown
    assert np.ptp(picture[24, 32].astype(int)) < 20  # the cube in the middle is grey
    write_scene_picture(scene, root / "scene.png")
    assert (root / "scene.png").read_bytes().startswith(b"\x89PNG")
