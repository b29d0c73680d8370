# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert runs in a scene made from scans: virtual scans, assets, scene file, Isaac Lab scene, insertion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.reconstruction.test_scene import make_box, write

from score.reconstruction.scene import read_scene
from score.utils.errors import UserError
from score_assets import scene_file
from score_assets.objects.peg_socket import PEG_SOCKET
from score_tasks.insert.scene_env_cfg import InsertSceneEnvCfg

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("scene")
    result = subprocess.run(
        [sys.executable, "-m", "tests.reconstruction.scene_worker", str(folder)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    lines = [line for line in result.stdout.splitlines() if line.startswith("FACTS ")]
    assert lines, result.stderr[-3000:]
    return dict(json.loads(lines[-1][6:]))


@pytest.mark.simulator
def test_the_scene_passes_its_checks(facts: dict[str, Any]) -> None:
    assert facts["problems"] == []
    assert facts["engine"] == "ovphysx"


@pytest.mark.simulator
def test_objects_start_where_and_as_the_file_says(facts: dict[str, Any]) -> None:
    # nominal (0.51, 0.01) with ranges of 20 mm
    assert facts["socket_low"][0] >= 0.49 - 1e-4
    assert facts["socket_high"][0] <= 0.53 + 1e-4
    assert facts["socket_low"][1] >= -0.01 - 1e-4
    assert facts["socket_high"][1] <= 0.03 + 1e-4
    assert facts["socket_high"][0] - facts["socket_low"][0] > 0.002
    assert facts["cloud"] == [8, 512, 3]
    assert facts["finite"]
    # The cube stands where its range put it; it is not held by anything.
    for x, y, z in facts["bystander"]:
        assert 0.34 < x < 0.36
        assert y == pytest.approx(0.3, abs=0.002)
        assert z == pytest.approx(0.0, abs=0.002)
    # 60 g in the file, scaled by 0.7 to 1.3 as the task randomises it
    assert all(0.041 < mass < 0.079 for mass in facts["peg_mass"])


@pytest.mark.simulator
def test_the_grasp_holds_the_scanned_peg(facts: dict[str, Any]) -> None:
    for x, y, z in facts["peg_in_hand"]:
        assert abs(x) < 0.006
        assert abs(y) < 0.003
        assert z == pytest.approx(PEG_SOCKET.grasp_offset, abs=0.007)


@pytest.mark.simulator
def test_the_scanned_peg_goes_into_the_scanned_socket(facts: dict[str, Any]) -> None:
    assert facts["success"] >= 0.5
    assert max(facts["deepest"]) > 0.6 * PEG_SOCKET.depth - 0.001


def test_a_task_without_a_scene_file() -> None:
    with pytest.raises(UserError, match=r"needs a scene file: add env.scene_file=FILE.yaml"):
        InsertSceneEnvCfg().validate_config()


def test_objects_that_do_not_fit_the_task(tmp_path: Path) -> None:
    peg = (PEG_SOCKET.peg_width, PEG_SOCKET.peg_width, PEG_SOCKET.peg_length)
    make_box(tmp_path, "peg", peg)
    make_box(tmp_path, "cube", (0.05, 0.05, 0.05))
    make_box(tmp_path, "block", (PEG_SOCKET.outer_width, PEG_SOCKET.outer_width, PEG_SOCKET.rim_height))
    cfg = InsertSceneEnvCfg()

    def refused(message: str, peg: str, socket: str, fixed: bool = True) -> None:
        entry = {"position": [0.5, 0.0, 0.0]}
        objects = {"peg": {"asset": peg, **entry}, "socket": {"asset": socket, "fixed": fixed, **entry}}
        cfg.scene_file = str(write(tmp_path, {"format": "score-scene/1", "objects": objects}))
        with pytest.raises(UserError, match=message):
            cfg.validate_config()

    refused(
        r"objects.peg is 50.0 x 50.0 x 50.0 mm, and the insertion task needs 20.0 x 20.0 x 60.0 mm", "cube", "block"
    )
    refused("objects.socket is 50.0 x 50.0 x 50.0 mm, and the insertion task needs", "peg", "cube")
    refused("objects.socket must be fixed: true and objects.peg fixed: false", "peg", "block", fixed=False)
    cfg.scene_file = str(
        write(tmp_path, {"format": "score-scene/1", "objects": {"a": {"asset": "peg", "position": [0, 0, 0]}}})
    )
    with pytest.raises(UserError, match="has no object 'peg'"):
        cfg.validate_config()


def task_in(tmp_path: Path, **changes: dict[str, Any]) -> InsertSceneEnvCfg:
    """The task in a scene of boxes, with more objects or other settings of peg and socket."""
    sizes = {
        "peg": (PEG_SOCKET.peg_width, PEG_SOCKET.peg_width, PEG_SOCKET.peg_length),
        "socket": (PEG_SOCKET.outer_width, PEG_SOCKET.outer_width, PEG_SOCKET.rim_height),
    }
    entries: dict[str, dict[str, Any]] = {"peg": {}, "socket": {"fixed": True}}
    for name, size in sizes.items():
        make_box(tmp_path, name, size)
        entries[name] |= {"asset": name, "position": [0.5, 0.1, 0.0]} | changes.pop(name, {})
    cfg = InsertSceneEnvCfg()
    cfg.scene_file = str(write(tmp_path, {"format": "score-scene/1", "objects": {**entries, **changes}}))
    return cfg


def test_the_socket_starts_around_its_pose(tmp_path: Path) -> None:
    # sin(15 degrees) and cos(15 degrees): turned by 30 degrees about z
    quaternion = [0.0, 0.0, 0.258819, 0.965926]
    cfg = task_in(tmp_path, socket={"quaternion": quaternion, "ranges": {"x": [-0.02, 0.01], "yaw": [-0.1, 0.2]}})
    cfg.validate_config()
    drawn = cfg.events.start.params["socket_range"]
    assert drawn["x"] == pytest.approx((0.48, 0.51))
    assert drawn["y"] == (0.1, 0.1)
    # 30 degrees are 0.5236 rad
    assert drawn["yaw"] == pytest.approx((0.4236, 0.7236), abs=1e-4)


def test_a_tilted_socket(tmp_path: Path) -> None:
    cfg = task_in(tmp_path, socket={"quaternion": [0.258819, 0.0, 0.0, 0.965926]})
    with pytest.raises(UserError, match=r"objects.socket.quaternion tilts the socket: turn it about the vertical only"):
        cfg.validate_config()


def test_other_objects_stand_by(tmp_path: Path) -> None:
    make_box(tmp_path, "cube", (0.05, 0.05, 0.05))
    entry = {"asset": "cube", "position": [0.4, 0.3, 0.0]}
    cfg = task_in(tmp_path, loose={**entry, "ranges": {"x": [-0.1, 0.1]}}, bolted={**entry, "fixed": True})
    cfg.validate_config()
    assert cfg.scene.loose.init_state.pos == cfg.scene.bolted.init_state.pos == (0.4, 0.3, 0.0)
    bodies: Any = vars(cfg.events)["bodies"]
    # the insertion places peg and socket itself; what is fixed and has no ranges stays where it is
    assert bodies.params["bodies"] == {
        "loose": {"ranges": {"x": (-0.1, 0.1)}, "half_turn": False, "moves": True, "inside": ""}
    }


def test_a_name_that_the_task_has_itself(tmp_path: Path) -> None:
    make_box(tmp_path, "cube", (0.05, 0.05, 0.05))
    cfg = task_in(tmp_path, robot={"asset": "cube", "position": [0.4, 0.3, 0.0]})
    with pytest.raises(UserError, match=r"objects.robot: the task itself has a 'robot': rename it"):
        cfg.validate_config()


def test_a_scene_becomes_an_isaac_lab_scene(tmp_path: Path) -> None:
    from isaaclab.assets import ArticulationCfg, AssetBaseCfg, RigidObjectCfg
    from isaaclab.scene import InteractiveSceneCfg

    from score_tasks.kit.scene import add_objects, placed_bodies

    make_box(tmp_path, "cube", (0.05, 0.05, 0.05))
    entry = {"asset": "cube", "position": [0.5, 0.1, 0.0], "mass": 0.3}
    objects = {
        "free": {**entry, "ranges": {"x": [-0.1, 0.1]}},
        "shelf": {**entry, "fixed": True},
        "goal": {**entry, "fixed": True, "ranges": {"y": [0.0, 0.1]}},
        "lamp": {**entry, "joint": {"axis": "Z", "limits": [-6.0, 6.0], "friction": 0.15}},
    }
    table = {"size": [0.6, 0.8, 0.05], "position": [0.4, 0.0, 0.01]}
    path = write(tmp_path, {"format": "score-scene/1", "table": table, "objects": objects})
    scene = read_scene(path)
    cfg = InteractiveSceneCfg(num_envs=4, env_spacing=2.5)
    add_objects(cfg, scene)
    assert cfg.num_envs == 4
    assert cfg.free.init_state.pos == (0.5, 0.1, 0.0)
    assert cfg.free.prim_path == "{ENV_REGEX_NS}/Free"
    assert Path(cfg.free.spawn.usd_path).is_file()
    assert cfg.table.init_state.pos == pytest.approx((0.4, 0.0, -0.015))  # its upper face at 10 mm
    kinds = {"free": RigidObjectCfg, "shelf": AssetBaseCfg, "goal": RigidObjectCfg, "lamp": ArticulationCfg}
    assert {name: type(getattr(cfg, name)) for name in kinds} == kinds
    assert cfg.lamp.actuators["joint"].friction == 0.15
    assert placed_bodies(scene, half_turn=("free",)) == {
        "free": {"ranges": {"x": (-0.1, 0.1)}, "half_turn": True, "moves": True, "inside": ""},
        "goal": {"ranges": {"y": (0.0, 0.1)}, "half_turn": False, "moves": False, "inside": ""},
        "lamp": {"ranges": {}, "half_turn": False, "moves": False, "inside": ""},
    }


@pytest.mark.parametrize(
    ("joint", "message"),
    [
        ({"limits": [1.0, -1.0]}, r"objects.lamp.joint.limits are \[1.0, -1.0\]: give the lower one first"),
        ({"limits": [0.0, 1.0], "axis": "W"}, r"objects.lamp.joint is revolute about W"),
        ({"limits": [0.0, 1.0], "friction": -1.0}, r"objects.lamp.joint.friction is -1.0: give 0 or more"),
    ],
)
def test_a_joint_that_makes_no_sense(joint: dict[str, Any], message: str, tmp_path: Path) -> None:
    make_box(tmp_path, "cube", (0.05, 0.05, 0.05))
    objects = {"lamp": {"asset": "cube", "position": [0.5, 0.1, 0.0], "joint": joint}}
    path = write(tmp_path, {"format": "score-scene/1", "objects": objects})
    with pytest.raises(UserError, match=message):
        read_scene(path)


@pytest.mark.simulator
@pytest.mark.parametrize("engine", ["ovphysx", "newton_mjwarp"])
def test_bodies_of_every_kind_stand_turn_and_are_placed(engine: str, tmp_path: Path) -> None:
    make_box(tmp_path, "cube", (0.05, 0.05, 0.05))
    entry = {"asset": "cube", "origin": [0.0, 0.0, 0.025]}
    objects = {
        "object": {
            **entry,
            "asset": str(scene_file("cube_pinch").parent / "cube"),  # one with points for the cloud
            "position": [0.5, 0.0, 0.025],
            "ranges": {"x": [-0.05, 0.05]},
        },
        "shelf": {**entry, "position": [0.5, 0.3, 0.025], "fixed": True},
        "goal": {**entry, "position": [0.5, -0.3, 0.025], "fixed": True, "ranges": {"y": [-0.05, 0.05]}},
        "lamp": {**entry, "position": [0.7, 0.3, 0.1], "joint": {"limits": [-6.0, 6.0], "friction": 0.1}},
    }
    path = write(tmp_path, {"format": "score-scene/1", "objects": objects})
    worker = ROOT / "tests" / "tasks" / "bodies_worker.py"
    result = subprocess.run(
        [sys.executable, str(worker), str(path), engine], capture_output=True, text=True, cwd=ROOT, check=False
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("FACTS ")]
    assert lines, result.stderr[-3000:]
    facts = json.loads(lines[-1][6:])
    assert facts["shelf"] == pytest.approx([0.5, 0.3, 0.025], abs=1e-5)
    assert -0.35 - 1e-4 <= facts["goal_low"] < facts["goal_high"] - 0.005
    assert facts["goal_high"] <= -0.25 + 1e-4
    assert facts["goal_moved"] < 1e-4
    assert facts["lamp"] == pytest.approx([0.7, 0.3, 0.1], abs=1e-3)
    # a quarter turn about z is a quaternion (0, 0, sin 45 deg, cos 45 deg); friction holds it there
    assert facts["lamp_turned"] == pytest.approx([0.0, 0.0, 0.7071, 0.7071], abs=0.02)
