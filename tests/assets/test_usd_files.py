# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The committed USD files: up to date, reproducible, and physically what the tables say."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics

from score_assets import USD_DIR, base_policy_dir
from score_assets.objects.peg_socket import PegSocketCfg
from score_assets.objects.peg_socket_usd import peg_usda
from score_assets.robots import franka
from score_assets.shapes import BoxShape
from score_assets.usd_authoring import add_material, add_rigid_body, add_xform, new_stage, stage_text
from score_assets.usd_files import USD_FILES, outdated_usd_files, write_usd_files
from score_assets.usd_joints import add_joint


def author_assets_script() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "author_assets.py"
    spec = importlib.util.spec_from_file_location("author_assets", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def open_file(name: str) -> Usd.Stage:
    return Usd.Stage.Open(str(USD_DIR / name))


def test_committed_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert outdated_usd_files(USD_DIR) == []
    assert author_assets_script().main(["--check"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_files_are_the_same_where_an_engine_has_registered_its_schemas() -> None:
    """As Isaac Lab does when it is imported; a schema that is registered once stays so, hence another process."""
    code = (
        "import newton_usd_schemas; from score_assets import USD_DIR;"
        " from score_assets.usd_files import outdated_usd_files as outdated; print(outdated(USD_DIR))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith("[]"), found.stdout


def test_authoring_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write_usd_files(tmp_path / "a")
    write_usd_files(tmp_path / "b")
    for name in USD_FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_check_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = author_assets_script()
    assert script.main(["--output", str(tmp_path)]) == 0
    (tmp_path / "peg_20mm.usda").write_text(peg_usda(PegSocketCfg(peg_mass=0.1)))
    (tmp_path / "socket_static.usda").unlink()
    (tmp_path / "cup.usdc").write_bytes(b"")
    assert script.main(["--output", str(tmp_path), "--check"]) == 1
    captured = capsys.readouterr()
    assert "peg_20mm.usda: differs from what the code writes" in captured.err
    assert "socket_static.usda: missing" in captured.err
    assert "cup.usdc: not written by the code" in captured.err
    assert "run scripts/author_assets.py" in captured.out


def test_no_machine_path_reaches_a_file() -> None:
    for name in USD_FILES:
        text = (USD_DIR / name).read_text()
        assert text.startswith("#usda 1.0")
        assert "/work/" not in text
        assert "/home/" not in text
        assert "/tmp/" not in text


def test_robot_has_the_links_joints_and_limits_of_the_table() -> None:
    stage = open_file("franka_panda_gripper.usda")
    for item in franka.LINKS:
        prim = stage.GetPrimAtPath(f"/franka/{item.name}")
        assert prim.HasAPI(UsdPhysics.RigidBodyAPI)
        assert UsdPhysics.MassAPI(prim).GetMassAttr().Get() == pytest.approx(item.mass)
        assert prim.GetAttribute("physxRigidBody:disableGravity").Get() is True
        assert prim.GetAttribute("mjc:gravcomp").Get() == 1.0
        assert prim.GetAttribute("physxRigidBody:solverPositionIterationCount").Get() == 16
    for joint in franka.JOINTS:
        prim = stage.GetPrimAtPath(f"/franka/joints/{joint.name}")
        assert prim, joint.name
        if joint.kind == "fixed":
            continue
        scale = 180 / math.pi if joint.kind == "revolute" else 1.0
        assert prim.GetAttribute("physics:lowerLimit").Get() == pytest.approx(joint.limits[0] * scale, rel=1e-6)
        assert prim.GetAttribute("physics:upperLimit").Get() == pytest.approx(joint.limits[1] * scale, rel=1e-6)


def test_joint_frames_agree_with_the_link_poses() -> None:
    """Parent pose times the joint's frame must be the child's pose, or the engines snap the robot at the first step."""
    stage = open_file("franka_panda_gripper.usda")
    cache = UsdGeom.XformCache()
    for joint in franka.JOINTS:
        prim = UsdPhysics.Joint(stage.GetPrimAtPath(f"/franka/joints/{joint.name}"))
        parent = cache.GetLocalToWorldTransform(stage.GetPrimAtPath(f"/franka/{joint.parent}"))
        child = cache.GetLocalToWorldTransform(stage.GetPrimAtPath(f"/franka/{joint.child}"))
        position, quat = prim.GetLocalPos0Attr().Get(), prim.GetLocalRot0Attr().Get()
        assert (parent.Transform(Gf.Vec3d(position)) - child.ExtractTranslation()).GetLength() < 1e-6
        turn = parent.ExtractRotationQuat() * Gf.Quatd(quat)
        difference = turn.GetInverse() * child.ExtractRotationQuat()
        assert abs(difference.GetReal()) == pytest.approx(1.0, abs=1e-6)  # quaternions are stored in float32


def test_pads_meet_at_the_tcp() -> None:
    # Finger frame 0.0584 m along the hand, pad centre 0.045 m further: 0.1034 m, the TCP.
    left = next(shape for shape in franka.link("panda_leftfinger").shapes if shape.name == "pad")
    assert isinstance(left, BoxShape)
    finger = next(joint for joint in franka.JOINTS if joint.name == "panda_finger_joint1")
    assert finger.position[2] + left.center[2] == pytest.approx(franka.TCP_OFFSET)
    assert left.half_size[0] * 2 == pytest.approx(0.018)
    assert left.center[1] - left.half_size[1] == pytest.approx(0.0)


@pytest.mark.parametrize("name", [name for name in USD_FILES if name.startswith("socket")])
def test_every_socket_has_the_same_five_colliders(name: str) -> None:
    stage = open_file(name)
    colliders = [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.CollisionAPI)]
    assert [prim.GetName() for prim in colliders] == ["base", "wall_px", "wall_nx", "wall_py", "wall_ny"]
    for prim in colliders:
        assert prim.GetAttribute("physxCollision:contactOffset").Get() == pytest.approx(0.002)
        assert list(prim.GetAttribute("mjc:solimp").Get()) == [0.98, 0.995, 0.0005, 0.5, 2.0]
        assert prim.GetAttribute("mjc:condim").Get() == 4


def test_only_the_kinematic_socket_is_kinematic() -> None:
    def kinematic(name: str) -> list[bool]:
        stage = open_file(name)
        bodies = [UsdPhysics.RigidBodyAPI(prim) for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
        return [bool(body.GetKinematicEnabledAttr().Get()) for body in bodies]

    assert kinematic("socket_static.usda") == []
    assert kinematic("socket_kinematic.usda") == [True]
    assert kinematic("socket_welded.usda") == [False, False]
    assert kinematic("socket_fixture.usda") == [False] * 4


def test_bad_authoring_is_named() -> None:
    stage, root = new_stage("thing")
    with pytest.raises(ValueError, match="mass and inertia must be positive"):
        add_rigid_body(root, mass=0.0, inertia=(1, 1, 1))
    with pytest.raises(ValueError, match="friction must not be negative"):
        add_material(stage, "/thing/material", -0.1)
    add_xform(stage, "/thing/a")
    frame = {"parent": "/thing/a", "child": "/thing/b", "position": (0, 0, 0), "quat": (0, 0, 0, 1), "effort": 1.0}
    with pytest.raises(ValueError, match="kind must be revolute or prismatic"):
        add_joint(stage, "/thing/j", kind="ball", axis="Z", limits=(0, 1), **frame)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lower limit must be below"):
        add_joint(stage, "/thing/j", kind="revolute", axis="Z", limits=(1, 1), **frame)  # type: ignore[arg-type]


def test_q_and_minus_q_are_written_alike() -> None:
    texts = []
    for sign in (1.0, -1.0):
        stage, _ = new_stage("thing")
        add_xform(stage, "/thing/a", quat=(sign * 0.6, 0.0, sign * -0.8, sign * 1e-15))
        texts.append(stage_text(stage))
    assert texts[0] == texts[1]


def test_unknown_base_policy_lists_what_is_there() -> None:
    with pytest.raises(FileNotFoundError, match=r"No base policy 'nonsense' .*There: "):
        base_policy_dir("nonsense")


def test_unknown_link_lists_the_links() -> None:
    with pytest.raises(KeyError, match=r"no link 'panda_link9'\. Links: panda_link0, "):
        franka.link("panda_link9")
