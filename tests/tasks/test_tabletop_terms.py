# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Success of the tabletop tasks on hand-made states: what they are about counts, the cheapest ways to cheat do not."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.tasks.tabletop_scene import HandMadeEnv

from score.reconstruction.scene import read_scene
from score_assets import scene_file
from score_assets.robots.franka_leap import RESET_JOINT_POS
from score_assets.robots.franka_leap_kinematics import pad_points, palm_pose
from score_tasks.kit.scene import placed_bodies
from score_tasks.tabletop import ball_pour, bulb_screw, card_pick, dishrack_place, soccer_push
from score_tasks.tabletop.card_pick_demonstrator import PINCH

UP = (0.0, 0.0, 0.0, 1.0)
OVER = (1.0, 0.0, 0.0, 0.0)
"""Upside down: half a turn about x."""


def tipped(angle: float) -> tuple[float, float, float, float]:
    """Turned about x by an angle in degrees: 80 lays the z axis to (0, -sin 80, cos 80)."""
    half = math.radians(angle) / 2.0
    return math.sin(half), 0.0, 0.0, math.cos(half)


# --- SCORE-SoccerPush-v0: the goal's middle is (0.53, 0.15, 0), the ball's radius 35 mm
@pytest.mark.parametrize(
    ("pos", "velocity", "expected"),
    [
        ((0.53, 0.155, 0.035), (0.0, 0.0, 0.0), True),  # at rest before the back wall
        ((0.59, 0.13, 0.035), (0.0, 0.0, 0.05), True),  # 60 mm aside, 20 mm before: in the published box
        ((0.53, 0.155, 0.035), (0.0, 0.4, 0.0), False),  # flung through
        ((0.53, 0.155, 0.010), (0.0, 0.0, 0.0), False),  # pressed through the table
        ((0.53, 0.155, 0.060), (0.0, 0.0, 0.0), False),  # carried in, and held up
        ((0.53, 0.185, 0.115), (0.0, 0.0, 0.0), False),  # on top of the back wall: 80 + 35 mm
        ((0.53, 0.10, 0.035), (0.0, 0.0, 0.0), False),  # before the goal
        ((math.nan, 0.155, 0.035), (0.0, 0.0, 0.0), False),
        ((0.53, 0.155, 0.035), (math.nan, 0.0, 0.0), False),
    ],
)
def test_a_ball_at_rest_in_the_goal(pos: Any, velocity: Any, expected: bool) -> None:
    env: Any = HandMadeEnv()
    env.fix("goal", (0.53, 0.15, 0.0))
    env.put("ball", pos, velocity=velocity)
    assert bool(soccer_push.ball_in_goal(env, max_speed=0.1)) is expected


def test_the_goal_cannot_be_pushed_to_the_ball() -> None:
    scene = read_scene(scene_file("soccer_push"))
    assert scene.named("goal").fixed  # colliders alone: no body that an engine could move
    assert list(placed_bodies(scene)) == ["ball"]


# --- SCORE-CardPick-v0: the card is put where the pads of a pinching hand meet, in its plane
@pytest.fixture
def pinching() -> tuple[Any, torch.Tensor]:
    """A hand that pinches, 0.35 m high and level, and the middle of its pads."""
    joints = (*RESET_JOINT_POS[:7], *PINCH.joint_pos)
    env: Any = HandMadeEnv(joints, {"card": 0.1005})
    palm = palm_pose(torch.tensor([RESET_JOINT_POS[:7]]))
    pads = pad_points(torch.tensor([PINCH.joint_pos]))[0] @ palm.rot[0].T + palm.pos[0]
    return env, 0.5 * (pads[0] + pads[3])


def put_card(env: Any, middle: torch.Tensor, velocity: Any = (0.0, 0.0, 0.0), away: float = 0.0) -> None:
    """Puts the card between thumb and index finger, its normal along the palm's x axis, or beside them."""
    from isaaclab.utils.math import quat_from_matrix

    palm = palm_pose(torch.tensor([RESET_JOINT_POS[:7]]))
    rot = torch.stack((palm.rot[0][:, 1], palm.rot[0][:, 2], palm.rot[0][:, 0]), dim=1)
    pos = middle + away * palm.rot[0][:, 0]
    env.put("card", pos.tolist(), quat_from_matrix(rot[None])[0].tolist(), velocity)


def card_success(env: Any, monkeypatch: pytest.MonkeyPatch, middle: torch.Tensor) -> bool:
    monkeypatch.setattr(card_pick, "TARGET", tuple(middle.tolist()))
    return bool(card_pick.card_held(env, radius=0.15, max_speed=0.4))


def test_a_pinched_card_is_held(pinching: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env, middle = pinching
    put_card(env, middle)
    assert card_success(env, monkeypatch, middle)
    assert bool(card_pick.card_risen(env, low=0.06, high=10.0)) == (float(middle[2]) - 0.1005 >= 0.06)


@pytest.mark.parametrize("cheat", ["flung", "beside the hand", "lies across the fingers", "open hand", "lost"])
def test_a_card_that_is_not_held_is_none(cheat: str, pinching: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env, middle = pinching
    put_card(env, middle, velocity=(0.0, 0.0, 0.5) if cheat == "flung" else (0.0, 0.0, 0.0))
    if cheat == "beside the hand":  # tossed or pushed up by the shelf: 5 cm from the pads
        put_card(env, middle, away=0.05)
    if cheat == "lies across the fingers":  # level on top of the hand
        env.put("card", (middle + torch.tensor([0.0, 0.0, 0.06])).tolist())
    if cheat == "open hand":
        env.pose(RESET_JOINT_POS)
    if cheat == "lost":
        env.put("card", (math.nan, 0.0, 0.35))
    assert not card_success(env, monkeypatch, middle)


# --- SCORE-DishrackPlace-v0: the slot's floor is (0.57, 0.14, 0.01); a bowl of 60 mm radius stands at 0.07
@pytest.mark.parametrize(
    ("pos", "quat", "velocity", "expected"),
    [
        ((0.57, 0.14, 0.07), tipped(80.0), (0.0, 0.0, 0.0), True),  # on its edge in the slot
        ((0.57, 0.14, 0.07), tipped(80.0), (0.0, 0.0, -0.3), False),  # dropped in, still falling
        ((0.57, 0.14, 0.035), UP, (0.0, 0.0, 0.0), False),  # lies on the floor of the rack
        ((0.57, 0.12, 0.115), tipped(30.0), (0.0, 0.0, 0.0), False),  # leans over the pegs: the published hack
        ((0.57, 0.12, 0.115), tipped(80.0), (0.0, 0.0, 0.0), False),  # balanced on the pegs
        ((0.57, 0.14, 0.07), tipped(-80.0), (0.0, 0.0, 0.0), False),  # mouth to the back
        ((0.57, 0.14, 0.02), tipped(80.0), (0.0, 0.0, 0.0), False),  # pressed through the rack
        ((0.57, 0.08, 0.07), tipped(80.0), (0.0, 0.0, 0.0), False),  # before the rack
        ((0.57, math.nan, 0.07), tipped(80.0), (0.0, 0.0, 0.0), False),
    ],
)
def test_a_bowl_on_its_edge_in_the_slot(pos: Any, quat: Any, velocity: Any, expected: bool) -> None:
    env: Any = HandMadeEnv()
    env.put("rack", (0.57, 0.14, 0.01))
    env.put("bowl", pos, quat, velocity)
    assert bool(dishrack_place.bowl_placed(env, clearance=0.075, max_speed=0.1)) is expected


def test_a_bowl_that_is_held_in_the_slot_is_not_placed() -> None:
    env: Any = HandMadeEnv()
    palm = palm_pose(torch.tensor([RESET_JOINT_POS[:7]]))
    pad = (pad_points(torch.tensor([RESET_JOINT_POS[7:]]))[0] @ palm.rot[0].T + palm.pos[0])[0]
    env.put("rack", (pad - torch.tensor([0.0, 0.0, 0.06])).tolist())
    env.put("bowl", pad.tolist(), tipped(80.0))
    assert bool(dishrack_place.bowl_in_slot(env))
    assert not bool(dishrack_place.bowl_placed(env, clearance=0.075, max_speed=0.1))


def test_the_rack_cannot_be_pushed_to_the_bowl() -> None:
    bodies = placed_bodies(read_scene(scene_file("dishrack_place")))
    assert not bodies["rack"]["moves"]


# --- SCORE-BallPour-v0: the big cup's middle is (0.55, 0.12, 0.05), the ball's radius 20 mm over a floor of 4 mm
@pytest.mark.parametrize(
    ("ball", "velocity", "cup", "bin_quat", "expected"),
    [
        ((0.56, 0.13, 0.024), (0.0, 0.0, 0.0), (0.5, 0.1, 0.3), UP, True),  # on the floor of the big cup
        ((0.56, 0.13, 0.09), (0.0, 0.0, -1.0), (0.5, 0.1, 0.3), UP, False),  # on its way through
        ((0.55, 0.20, 0.020), (0.0, 0.0, 0.0), (0.5, 0.1, 0.3), UP, False),  # beside it
        ((0.55, 0.12, 0.12), (0.0, 0.0, 0.0), (0.5, 0.1, 0.3), UP, False),  # lodged on its rim
        ((0.56, 0.13, 0.024), (0.0, 0.0, 0.0), (0.5, 0.1, 0.3), OVER, False),  # the big cup turned over the ball
        ((0.56, 0.13, 0.024), (0.0, 0.0, 0.0), (0.5, 0.1, 0.3), tipped(35.0), False),  # it leans
        ((0.55, 0.12, 0.033), (0.0, 0.0, 0.0), (0.55, 0.12, 0.053), UP, False),  # cup and ball put into it as they are
        ((0.56, math.nan, 0.024), (0.0, 0.0, 0.0), (0.5, 0.1, 0.3), UP, False),
    ],
)
def test_a_ball_that_stays_in_the_big_cup(ball: Any, velocity: Any, cup: Any, bin_quat: Any, expected: bool) -> None:
    env: Any = HandMadeEnv()
    env.put("bin", (0.55, 0.12, 0.05), bin_quat)
    env.put("cup", cup)
    env.put("ball", ball, velocity=velocity)
    assert bool(ball_pour.ball_poured(env, max_speed=0.3)) is expected


# --- SCORE-BulbScrew-v0
def lamp(angle: float) -> Any:
    env: Any = HandMadeEnv()
    joint = {"joint_pos": SimpleNamespace(torch=torch.tensor([[angle]]))}
    env.scene["lamp"] = SimpleNamespace(data=SimpleNamespace(**joint))
    return env


@pytest.mark.parametrize(
    ("angle", "expected"),
    [(-6.30, True), (-6.27, False), (6.30, False), (0.0, False), (math.nan, False)],  # a full turn is 6.283
)
def test_a_full_turn_clockwise(angle: float, expected: bool) -> None:
    assert bool(bulb_screw.screwed_in(lamp(angle), bulb_screw.FULL_TURN)) is expected


def test_turning_pays_as_published() -> None:
    term = bulb_screw.Turning(SimpleNamespace(params={}), lamp(0.0))
    # 0.2 rad forwards: 100 x 0.2; 0.1 back: -30 x 0.1; a jump of 6.2 counts as 0.5; beyond a full turn nothing
    paid = [term(lamp(angle)).item() for angle in (-0.2, -0.1, -6.3, -6.5)]
    assert paid == pytest.approx([20.0, -3.0, 50.0, 0.0], abs=1e-4)
    term.reset()
    assert term(lamp(-0.2)).item() == pytest.approx(20.0, abs=1e-4)


def test_the_lamp_cannot_be_carried_off() -> None:
    item = read_scene(scene_file("bulb_screw")).named("lamp")
    assert item.joint is not None
    assert item.joint.limits[0] < -2.0 * bulb_screw.FULL_TURN  # no stop on the way
