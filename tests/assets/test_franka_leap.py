# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Panda with LEAP hand: the table, its kinematics and its USD file against independent arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pxr import Gf, Usd, UsdGeom, UsdPhysics
from torch import Tensor

from score_assets import USD_DIR
from score_assets.robots import franka, franka_leap
from score_assets.robots.franka_kinematics import rotation_error
from score_assets.robots.franka_leap_kinematics import hand_link_poses, pad_points, palm_inverse_kinematics, palm_pose
from score_assets.shapes import BoxShape, contains

LIMITS = torch.tensor(franka_leap.joint_limits())
COMMANDS = torch.tensor(franka_leap.COMMAND_LIMITS, dtype=torch.float64)
REST = torch.tensor(franka_leap.REST_ARM_POS, dtype=torch.float64)
JOINTS = {joint.name: joint for joint in franka_leap.JOINTS}


def random_hand(count: int, seed: int) -> Tensor:
    """Uniform hand postures within the limits, shape (count, 16)."""
    unit = torch.rand(count, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return LIMITS[7:, 0] + unit * (LIMITS[7:, 1] - LIMITS[7:, 0])


def rotation(axis: tuple[float, float, float], angle: float) -> NDArray[np.float64]:
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross)


def slow_poses(hand: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Poses of the hand's links in the palm frame as 4 x 4 matrices, joint by joint."""
    poses = {"palm_lower": np.eye(4)}
    for joint in franka_leap.JOINTS[8:]:
        quat = np.array(joint.quat)
        length = np.linalg.norm(quat[:3])
        axis = tuple(quat[:3] / length) if length > 0 else (0.0, 0.0, 1.0)
        turn = rotation((0.0, 0.0, -1.0), hand[franka_leap.HAND_JOINT_NAMES.index(joint.name)])
        step = np.eye(4)
        step[:3, :3] = rotation(axis, 2 * math.atan2(length, quat[3])) @ turn
        step[:3, 3] = joint.position
        poses[joint.child] = poses[joint.parent] @ step
    return poses


def test_joints_are_named_ordered_and_limited_as_published() -> None:
    assert franka_leap.JOINT_NAMES[:7] == franka.ARM_JOINT_NAMES
    assert franka_leap.JOINT_NAMES[7:] == tuple(f"j{i}" for i in range(16))
    moving = [joint for joint in franka_leap.JOINTS if joint.kind != "fixed"]
    assert sorted(joint.name for joint in moving) == sorted(franka_leap.JOINT_NAMES)
    assert [(joint.parent, joint.child) for joint in franka_leap.JOINTS[8:12]] == [
        ("palm_lower", "mcp_joint"),
        ("mcp_joint", "pip"),
        ("pip", "dip"),
        ("dip", "fingertip"),
    ]
    assert [joint.name for joint in franka_leap.JOINTS[8:12]] == ["j1", "j0", "j2", "j3"]
    # Flexion, swing, and the thumb, by LEAP's own numbers.
    assert all(JOINTS[name].limits == (-0.314, 2.23) for name in ("j1", "j5", "j9"))
    assert all(JOINTS[name].limits == (-1.047, 1.047) for name in ("j0", "j4", "j8"))
    assert all(JOINTS[name].limits == (-0.506, 1.885) for name in ("j2", "j6", "j10"))
    assert all(JOINTS[name].limits == (-0.366, 2.042) for name in ("j3", "j7", "j11"))
    assert [JOINTS[f"j{i}"].limits for i in (12, 13, 14, 15)] == [
        (-0.349, 2.094), (-0.349, 2.094), (-0.47, 2.443), (-1.34, 1.88)
    ]  # fmt: skip
    for name in franka_leap.HAND_JOINT_NAMES:
        assert (JOINTS[name].axis, JOINTS[name].effort, JOINTS[name].max_velocity) == ("-Z", 0.95, 8.48)
    np.testing.assert_array_equal(franka_leap.joint_limits()[:7], franka.arm_joint_limits())


def test_reset_posture_and_commands_lie_within_the_limits() -> None:
    reset = torch.tensor(franka_leap.RESET_JOINT_POS, dtype=torch.float64)
    assert reset.shape == (23,)
    assert ((reset >= LIMITS[:, 0]) & (reset <= LIMITS[:, 1])).all()
    assert ((COMMANDS[:, 0] >= LIMITS[:7, 0]) & (COMMANDS[:, 1] <= LIMITS[:7, 1])).all()
    assert ((reset[:7] >= COMMANDS[:, 0]) & (reset[:7] <= COMMANDS[:, 1])).all()


def test_links_are_complete_and_in_order() -> None:
    assert [joint.child for joint in franka_leap.JOINTS] == [item.name for item in franka_leap.LINKS[1:]]
    assert len(franka_leap.HAND_LINK_NAMES) == 17
    assert franka_leap.HAND_LINK_NAMES[0] == "palm_lower"
    assert franka_leap.HAND_LINK_NAMES[4::4] == franka_leap.FINGERTIP_LINK_NAMES
    assert sum(franka_leap.link(name).mass for name in franka_leap.HAND_LINK_NAMES) == pytest.approx(0.746)
    with pytest.raises(KeyError, match="LEAP hand has no link 'thumb'"):
        franka_leap.link("thumb")


@pytest.mark.parametrize("name", franka_leap.FINGERTIP_LINK_NAMES)
def test_pad_point_lies_on_the_soft_tip(name: str) -> None:
    tip = [shape for shape in franka_leap.link(name).shapes if shape.material == "pad"]
    assert [shape.name for shape in tip] == ["tip_box", "tip_capsule"]
    assert isinstance(tip[0], BoxShape)
    point = np.array([franka_leap.PAD_POINTS[name]])
    # The pad faces -x: the point is at the tip's foremost face, at x = -0.0008 - 0.0102 = -0.011.
    assert tip[0].center[0] - tip[0].half_size[0] == pytest.approx(point[0, 0])
    assert contains(tip[0], point, 1e-4)[0]
    assert not contains(tip[0], point, -1e-4)[0]


def test_every_other_shape_is_not_soft_and_the_thumbs_base_has_none() -> None:
    for item in franka_leap.LINKS:
        if item.name not in franka_leap.FINGERTIP_LINK_NAMES:
            assert all(shape.material == "body" for shape in item.shapes), item.name
    assert franka_leap.link("thumb_pip").shapes == ()


def test_hand_points_add_up_and_lie_on_the_links() -> None:
    clouds = franka_leap.hand_points(333, seed=2)
    assert tuple(clouds) == franka_leap.HAND_LINK_NAMES
    assert sum(len(points) for points in clouds.values()) == 333
    assert clouds["thumb_pip"].shape == (0, 3)
    for name, points in clouds.items():
        shapes = franka_leap.link(name).shapes
        if shapes:
            grown = np.any([contains(shape, points.astype(float), 1e-6) for shape in shapes], axis=0)
            assert grown.all(), name
            assert not np.any([contains(shape, points.astype(float), -1e-6) for shape in shapes]), name
    again = franka_leap.hand_points(333, seed=2)
    assert all((clouds[name] == again[name]).all() for name in clouds)


def test_pads_at_zero_are_where_the_sources_put_them() -> None:
    expected = [[0.1181, 0.0082, -0.0305], [0.1181, -0.0373, -0.0305], [0.1181, -0.0827, -0.0305],
                [-0.0714, 0.1237, -0.0214]]  # fmt: skip
    found = pad_points(torch.zeros(1, 16, dtype=torch.float64))[0]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), atol=1e-4, rtol=0)


def test_flexion_bends_every_finger_towards_the_grasp_side() -> None:
    straight = pad_points(torch.zeros(1, 16, dtype=torch.float64))[0, :3]
    bent = torch.zeros(1, 16, dtype=torch.float64)
    bent[0, [1, 5, 9]] = 0.5
    # The grasp side of the palm is -z. A turn of 0.5 rad about a joint 12.5 cm away moves the tip by some 6 cm.
    assert ((straight - pad_points(bent)[0, :3])[:, 2] > 0.05).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_fingers_match_a_walk_along_the_chain(seed: int) -> None:
    hand = random_hand(3, seed)
    positions, rotations = hand_link_poses(hand)
    pads = pad_points(hand)
    assert positions.shape == (3, 17, 3)
    assert rotations.shape == (3, 17, 3, 3)
    for row in range(3):
        expected = slow_poses(hand[row].numpy())
        for index, name in enumerate(franka_leap.HAND_LINK_NAMES):
            np.testing.assert_allclose(positions[row, index], expected[name][:3, 3], atol=1e-12)
            np.testing.assert_allclose(rotations[row, index], expected[name][:3, :3], atol=1e-12)
        for index, name in enumerate(franka_leap.FINGERTIP_LINK_NAMES):
            point = expected[name] @ np.array([*franka_leap.PAD_POINTS[name], 1.0])
            np.testing.assert_allclose(pads[row, index], point[:3], atol=1e-12)


def test_palm_of_the_stretched_arm_matches_the_arithmetic() -> None:
    # At zero panda_link7 stands at x = 0.088, z = 0.333 + 0.316 + 0.384 = 1.033, turned by 180 degrees about x, so the
    # mount (-0.011314, 0.056569, 0.129478) becomes (-0.011314, -0.056569, -0.129478) in the base frame.
    pose = palm_pose(torch.zeros(1, 7, dtype=torch.float64))
    expected = torch.tensor([[0.076686, -0.056569, 0.903522]], dtype=torch.float64)
    torch.testing.assert_close(pose.pos, expected)
    # The mount is half a turn about n = (sin 22.5, cos 22.5, 0): 2 n n^T - 1; diag(1, -1, -1) times that. The palm's
    # back looks up to the flange.
    half = math.sqrt(0.5)
    rot = torch.tensor([[[-half, half, 0.0], [-half, -half, 0.0], [0.0, 0.0, 1.0]]], dtype=torch.float64)
    torch.testing.assert_close(pose.rot, rot)
    # That is a turn by -135 degrees about z.
    quat = [0.0, 0.0, -math.sin(math.radians(67.5)), math.cos(math.radians(67.5))]
    torch.testing.assert_close(pose.quat, torch.tensor([quat], dtype=torch.float64))


def test_back_of_the_palm_lies_on_the_flange_axis() -> None:
    # 11.2 mm in front of the flange, which is 0.107 m along z of panda_link7.
    arm = REST[None]
    pose = palm_pose(arm)
    point = pose.pos + pose.rot @ torch.tensor([-0.048, -0.032, 0.0112776], dtype=torch.float64)
    # With the palm down, the flange's axis is the vertical one through it.
    torch.testing.assert_close(pose.rot[0, :, 2], torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    turned = arm.clone()
    turned[0, 6] += 1.0
    other = palm_pose(turned)
    same = other.pos + other.rot @ torch.tensor([-0.048, -0.032, 0.0112776], dtype=torch.float64)
    torch.testing.assert_close(point, same, atol=2e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_inverse_finds_palm_poses_of_the_work_space(seed: int) -> None:
    unit = 2 * torch.rand(16, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1
    target = palm_pose((REST + 0.3 * unit).clamp(COMMANDS[:, 0], COMMANDS[:, 1]))
    found = palm_inverse_kinematics(target.pos, target.quat, REST.expand(16, 7), iterations=40)
    assert ((found.joint_pos >= COMMANDS[:, 0]) & (found.joint_pos <= COMMANDS[:, 1])).all()
    reached = palm_pose(found.joint_pos)
    assert (reached.pos - target.pos).norm(dim=-1).max() < 1e-5
    assert rotation_error(reached.rot, target.rot).norm(dim=-1).max() < 1e-5
    torch.testing.assert_close(found.position_error, (reached.pos - target.pos).norm(dim=-1))


def test_inverse_gives_the_tried_posture_above_a_cube() -> None:
    # Palm level, yaw pi; the middle of the 5 cm cube, 25 mm above the table, is at c in the palm frame.
    rot = torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64))
    centre = torch.tensor([-0.0121, -0.0291, -0.1296], dtype=torch.float64)
    target = torch.tensor([0.50, 0.0, 0.025], dtype=torch.float64) - rot @ centre
    found = palm_inverse_kinematics(target[None], rot[None], REST[None], iterations=60)
    assert found.position_error.item() < 1e-6
    expected = torch.tensor([[0.0, 0.41, 0.0, -2.27, 0.0, 2.68, 0.79]], dtype=torch.float64)
    assert (found.joint_pos - expected).abs().max() < 0.03


def test_inverse_reports_what_is_out_of_reach() -> None:
    rot = torch.diag(torch.tensor([-1.0, -1.0, 1.0]))[None]
    found = palm_inverse_kinematics(torch.tensor([[2.0, 0.0, 0.3]]), rot, REST.float()[None])
    assert torch.isfinite(found.joint_pos).all()
    assert found.position_error.item() > 0.8


def test_tried_cube_grasp_puts_thumb_and_fingers_on_opposite_faces() -> None:
    hand = torch.tensor([[0.369, 0.938, 0.448, 0.189, 0.254, 0.883, 0.749, 0.027, 0.0, 0.1, 0.1, 0.1, 1.56, 0.296,
                          0.854, -0.768]], dtype=torch.float64)  # fmt: skip
    centre = torch.tensor([-0.0121, -0.0291, -0.1296], dtype=torch.float64)
    # The cube is turned by -0.222 about z in the palm frame.
    cos, sin = math.cos(-0.222), math.sin(-0.222)
    to_cube = torch.tensor([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    pads = (pad_points(hand)[0] - centre) @ to_cube.T
    for finger, side in ((0, 0.025), (1, 0.025), (3, -0.025)):
        assert pads[finger, 0].item() == pytest.approx(side, abs=0.003)
        assert pads[finger, 1:].abs().max() < 0.025


@pytest.mark.parametrize("function", [hand_link_poses, pad_points])
def test_wrong_hand_shape_is_named(function: object) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(N, 16\), got \(3, 23\)"):
        function(torch.zeros(3, 23))  # type: ignore[operator]


def test_results_keep_the_dtype_and_survive_inference_mode() -> None:
    with torch.inference_mode():
        assert pad_points(torch.zeros(2, 16)).dtype == torch.float32
    hand = torch.zeros(2, 16, requires_grad=True)
    pad_points(hand).sum().backward()
    assert hand.grad is not None
    assert palm_pose(torch.zeros(2, 7)).pos.dtype == torch.float32


def matrix(position: Gf.Vec3f, quat: Gf.Quatf) -> Gf.Matrix4d:
    """Row-vector transform, as USD multiplies."""
    return Gf.Matrix4d().SetRotate(Gf.Quatd(quat)) * Gf.Matrix4d().SetTranslate(Gf.Vec3d(position))


def test_usd_file_has_the_table_and_turns_each_joint_the_right_way() -> None:
    """Child pose in the parent = joint frame on the parent, turn about its z, joint frame on the child backwards."""
    stage = Usd.Stage.Open(str(USD_DIR / "franka_leap.usda"))
    hand = random_hand(1, 5)[0]
    expected = slow_poses(hand.numpy())
    poses = {"palm_lower": Gf.Matrix4d(1.0)}
    for joint in franka_leap.JOINTS[8:]:
        prim = UsdPhysics.RevoluteJoint(stage.GetPrimAtPath(f"/franka_leap/joints/{joint.name}"))
        assert prim.GetAxisAttr().Get() == "Z"
        assert prim.GetLowerLimitAttr().Get() == pytest.approx(math.degrees(joint.limits[0]), rel=1e-6)
        assert prim.GetUpperLimitAttr().Get() == pytest.approx(math.degrees(joint.limits[1]), rel=1e-6)
        speed = prim.GetPrim().GetAttribute("physxJoint:maxJointVelocity").Get()
        assert speed == pytest.approx(math.degrees(8.48), rel=1e-6)
        assert UsdPhysics.DriveAPI(prim.GetPrim(), "angular").GetMaxForceAttr().Get() == pytest.approx(0.95)
        angle = math.degrees(float(hand[franka_leap.HAND_JOINT_NAMES.index(joint.name)]))
        turn = Gf.Matrix4d().SetRotate(Gf.Rotation(Gf.Vec3d(0, 0, 1), angle))
        on_parent = matrix(prim.GetLocalPos0Attr().Get(), prim.GetLocalRot0Attr().Get())
        on_child = matrix(prim.GetLocalPos1Attr().Get(), prim.GetLocalRot1Attr().Get())
        poses[joint.child] = on_child.GetInverse() * turn * on_parent * poses[joint.parent]
        np.testing.assert_allclose(np.array(poses[joint.child]).T, expected[joint.child], atol=1e-6)


def test_usd_file_places_the_links_where_the_joints_put_them() -> None:
    stage = Usd.Stage.Open(str(USD_DIR / "franka_leap.usda"))
    cache, zero = UsdGeom.XformCache(), slow_poses(np.zeros(16))
    palm = palm_pose(torch.zeros(1, 7, dtype=torch.float64))
    base = np.eye(4)
    base[:3, :3], base[:3, 3] = palm.rot[0].numpy(), palm.pos[0].numpy()
    for name in franka_leap.HAND_LINK_NAMES:
        prim = stage.GetPrimAtPath(f"/franka_leap/{name}")
        world = np.array(cache.GetLocalToWorldTransform(prim)).T
        np.testing.assert_allclose(world, base @ zero[name], atol=1e-6)
        assert UsdPhysics.MassAPI(prim).GetMassAttr().Get() == pytest.approx(franka_leap.link(name).mass)
        assert prim.GetAttribute("physxRigidBody:disableGravity").Get() is True
        assert prim.GetAttribute("physxRigidBody:solverPositionIterationCount").Get() == 16
        colliders = [child.GetName() for child in prim.GetChildren() if child.HasAPI(UsdPhysics.CollisionAPI)]
        assert colliders == [shape.name for shape in franka_leap.link(name).shapes]
    assert stage.GetPrimAtPath("/franka_leap").GetAttribute("physxArticulation:enabledSelfCollisions").Get() is False
