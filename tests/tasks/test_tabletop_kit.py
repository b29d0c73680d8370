# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the kit does for scenes of several bodies: carriers, resistance, props, offsets per joint (no simulator)."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from pxr import Usd, UsdPhysics, UsdShade
from tests.tasks.tabletop_scene import HandMadeEnv
from tests.tasks.test_events import Body, Scene

from isaaclab.managers import SceneEntityCfg

from score.cli.artefacts import shipped_base_policy
from score.reconstruction.asset_folder import read_asset
from score.reconstruction.check.scene_checks import check_scene
from score.reconstruction.scene import read_scene
from score.reconstruction.shape.pieces import SpherePiece, contains
from score.reconstruction.usd.scene_usd import write_scene_object
from score.reconstruction.usd.usd_reader import read_usd
from score.utils.errors import UserError
from score_assets import ASSETS_DIR, scene_file
from score_tasks.kit.actions import SafeJointPositionAction, SafeJointPositionActionCfg
from score_tasks.kit.frames import body_lin_vel
from score_tasks.kit.hand_demonstrator import tilted_palm
from score_tasks.kit.props import Prop, box, write_prop
from score_tasks.kit.registration import register_task
from score_tasks.kit.rewards import some_target_rate_l2
from score_tasks.tabletop.props import PROPS

PROP_CASES = [(scene, prop.name) for scene, props in PROPS.items() for prop in props]


def test_what_starts_in_a_cup_goes_along_with_it() -> None:
    from score_tasks.kit.events import PlaceBodies

    torch.manual_seed(0)
    cup, ball = Body((0.5, 0.1, 0.045)), Body((0.5, 0.1, 0.026))
    env: Any = SimpleNamespace(num_envs=500, device="cpu", scene=Scene(cup=cup, ball=ball))
    common = {"half_turn": False, "moves": True}
    bodies = {
        "cup": {"ranges": {"x": (-0.1, 0.2)}, "inside": "", **common},
        "ball": {"ranges": {"y": (-0.01, 0.01)}, "inside": "cup", **common},
    }
    PlaceBodies(SimpleNamespace(params={"bodies": bodies}), env)(env, slice(None), bodies)
    apart = ball.poses[0] - cup.poses[0]
    assert float(cup.poses[0][:, 0].std()) > 0.05
    assert float(apart[:, 0].abs().max()) < 1e-6
    assert 0.008 < float(apart[:, 1].abs().max()) <= 0.01 + 1e-6
    torch.testing.assert_close(apart[:, 2], torch.full((500,), -0.019), atol=1e-6, rtol=0.0)


def _edited(tmp_path: Path, **changes: Any) -> Path:
    """The scene of the ball and the cups with keys of the ball changed."""
    from omegaconf import OmegaConf

    source = scene_file("ball_pour")
    data: Any = OmegaConf.to_container(OmegaConf.load(source))
    for item in data["objects"].values():
        item["asset"] = str(source.parent / item["asset"])
    data["objects"]["ball"].update(changes)
    path = tmp_path / "scene.yaml"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inside": "cap"}, "objects.ball.inside is 'cap': name an object further up in the file. Did you mean 'cup'"),
        ({"inside": "ball"}, "objects.ball.inside is 'ball': name an object further up"),
        ({"resistance": {"angular_damping": -1.0}}, "objects.ball.resistance.angular_damping is -1.0: give 0 or more."),
        ({"resistance": {"rolling_friction": ".nan"}}, "rolling_friction"),
        ({"resistance": {"damping": 1.0}}, "damping"),
    ],
)
def test_a_wrong_carrier_or_resistance_is_refused(tmp_path: Path, changes: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_scene(_edited(tmp_path, **changes))
    assert message in str(caught.value)


def test_a_carrier_that_turns_is_refused(tmp_path: Path) -> None:
    path = _edited(tmp_path)
    data = json.loads(path.read_text())
    data["objects"]["cup"]["ranges"]["yaw"] = [-0.1, 0.1]
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match="inside is 'cup', which its ranges turn"):
        read_scene(path)


def test_resistance_is_written_for_both_engines(tmp_path: Path) -> None:
    item = read_scene(scene_file("soccer_push")).named("ball")
    stage = Usd.Stage.Open(str(write_scene_object(item, tmp_path / "ball.usda")))
    root = stage.GetDefaultPrim()
    assert root.GetAttribute("physxRigidBody:linearDamping").Get() == pytest.approx(0.1)
    assert root.GetAttribute("physxRigidBody:angularDamping").Get() == pytest.approx(16.0)
    colliders = [prim for prim in Usd.PrimRange(root) if prim.HasAPI(UsdPhysics.CollisionAPI)]
    assert [prim.GetAttribute("mjc:condim").Get() for prim in colliders] == [6]
    materials = [prim for prim in Usd.PrimRange(root) if prim.HasAPI(UsdPhysics.MaterialAPI)]
    assert [prim.GetAttribute("newton:rollingFriction").Get() for prim in materials] == [pytest.approx(0.005)]
    assert [prim.GetAttribute("mjc:rollingfriction").Get() for prim in materials] == [pytest.approx(0.005)]


def test_without_resistance_nothing_is_written(tmp_path: Path) -> None:
    item = read_scene(scene_file("cup_grasp")).named("object")
    text = write_scene_object(item, tmp_path / "cup.usda").read_text()
    assert "Damping" not in text
    assert "olling" not in text
    assert "condim" not in text


@pytest.mark.parametrize(("scene", "name"), PROP_CASES)
def test_committed_assets_are_those_of_the_table(scene: str, name: str) -> None:
    prop = next(prop for prop in PROPS[scene] if prop.name == name)
    asset = read_asset(ASSETS_DIR / "scenes" / scene / name)
    usd = read_usd(asset.usd_path)
    assert (asset.record.mass, asset.record.friction) == (prop.mass, prop.friction)
    assert len(usd.pieces) == len(prop.pieces)
    for found, wanted in zip(usd.pieces, prop.pieces, strict=True):
        assert type(found) is type(wanted)
        np.testing.assert_allclose(found.mesh().bounds, wanted.mesh().bounds, atol=1e-6)
    points, normals = asset.surface()
    # on the surface, and outwards: a little further in is inside, a little further out is not
    shown = (*prop.pieces, *prop.marks)
    assert contains(shown, points.astype(np.float64) - 4e-4 * normals).mean() > 0.97
    # but for the corner between the bulb and its lug
    assert contains(shown, points.astype(np.float64) + 4e-4 * normals, 2e-4).mean() < 0.01


@pytest.mark.parametrize("scene", PROPS)
def test_the_scenes_are_sound(scene: str) -> None:
    problems = [problem.text for problem in check_scene(read_scene(scene_file(scene)), reachable=None)]
    assert problems == []


def test_mass_of_a_prop_of_two_boxes(tmp_path: Path) -> None:
    # two cubes of 20 mm whose middles are 40 mm apart along x, 0.1 kg each: I_x = 2 m a^2 / 6, I_y = I_x + 2 m 0.02^2
    prop = Prop(
        "pair",
        (box((-0.03, -0.01, 0), (-0.01, 0.01, 0.02)), box((0.01, -0.01, 0), (0.03, 0.01, 0.02))),
        0.2,
        0.5,
        (1, 1, 1),
    )
    write_prop(prop, tmp_path / "pair")
    usd = read_usd(tmp_path / "pair" / "pair.usdc")
    own = 2.0 * 0.1 * 0.02**2 / 6.0
    np.testing.assert_allclose(usd.center, (0.0, 0.0, 0.01), atol=1e-7)
    np.testing.assert_allclose(np.diag(usd.inertia), (own, own + 8e-5, own + 8e-5), rtol=1e-4)


def test_the_inertia_that_is_given_counts(tmp_path: Path) -> None:
    prop = Prop("ball", (SpherePiece((0, 0, 0.02), 0.02),), 0.01, 0.5, (1, 1, 1), inertia=(3e-6, 1e-6, 3.5e-6))
    write_prop(prop, tmp_path / "ball")
    np.testing.assert_allclose(
        np.diag(read_usd(tmp_path / "ball" / "ball.usdc").inertia), (3e-6, 1e-6, 3.5e-6), rtol=1e-4
    )


@pytest.mark.parametrize("scene", PROPS)
def test_a_renderer_without_colors_of_vertices_shows_the_props_in_theirs(scene: str) -> None:
    for prop in PROPS[scene]:
        stage = Usd.Stage.Open(str(scene_file(scene).parent / prop.name / f"{prop.name}.usdc"))
        surface = UsdShade.Shader(stage.GetPrimAtPath(f"/{prop.name}/Looks/visual/surface"))
        # colours of vertices are kept in 255 steps
        np.testing.assert_allclose(surface.GetInput("diffuseColor").Get(), prop.color, atol=1 / 255)


def test_joints_with_an_offset_of_their_own() -> None:
    action: Any = SimpleNamespace(_joint_names=["a", "b", "c"], device="cpu")
    cfg = SafeJointPositionActionCfg(asset_name="robot", joint_names=["a", "b", "c"])
    assert SafeJointPositionAction._offsets(action, cfg) == 0.1
    cfg.joint_max_offset = {"b": 0.2}
    offsets = SafeJointPositionAction._offsets(action, cfg)
    torch.testing.assert_close(offsets, torch.tensor([0.1, 0.2, 0.1]))


def test_the_rate_of_some_joints() -> None:
    term = SimpleNamespace(commanded=torch.tensor([[0.1, 0.2, 0.9]]), previous_commanded=torch.zeros(1, 3))
    env: Any = SimpleNamespace(action_manager=SimpleNamespace(get_term=lambda name: term))
    # 0.1^2 + 0.2^2
    assert some_target_rate_l2(env, "joints", (0, 2)).item() == pytest.approx(0.05)


def test_colliders_stand_still() -> None:
    env: Any = HandMadeEnv()
    env.fix("goal", (0.5, 0.1, 0.0))
    assert body_lin_vel(env, SceneEntityCfg("goal")).eq(0.0).all()


def test_a_palm_is_tipped_towards_a_direction() -> None:
    # level palm, tipped by 90 degrees towards +y: its up axis lies along +y
    rot = tilted_palm(torch.tensor([0.3]), torch.tensor([torch.pi / 2]), torch.pi / 2)
    torch.testing.assert_close(rot[0, :, 2], torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0.0)


def test_a_task_without_a_base_policy_says_how_to_make_one() -> None:
    register_task("Untrained", "score_tasks.tabletop", "SoccerPush", base_policy="untrained", family="soccer_push")
    try:
        with pytest.raises(UserError) as caught:
            shipped_base_policy("SCORE-Untrained-v0")
    finally:
        for task in ("SCORE-Untrained-v0", "SCORE-Untrained-Real-v0"):
            del gym.registry[task]
    message = str(caught.value)
    assert "\n" not in message
    assert "ships no base policy" in message
    assert "scripts/collect.py --task SCORE-Untrained-v0" in message
    assert "scripts/pretrain.py" in message
