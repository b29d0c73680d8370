# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The Franka example: clouds and their segments, the capsule's three functions, and the arm's own protocol."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "franka"


def load(name: str, monkeypatch: pytest.MonkeyPatch, **beside: Any) -> ModuleType:
    """A file of the example as a module, which finds those beside it."""
    for other, module in beside.items():
        monkeypatch.setitem(sys.modules, other, module)
    spec = importlib.util.spec_from_file_location(f"franka_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def seg(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("segments", monkeypatch)


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch, seg: ModuleType) -> ModuleType:
    return load("clouds", monkeypatch, segments=seg)


def test_a_pixel_lies_where_the_lens_says(seg: ModuleType) -> None:
    depth = np.zeros((3, 5))
    depth[2, 4] = 0.5
    points = seg.deproject(depth, focal=(100.0, 200.0), center=(2.0, 1.0))
    # x = (4 - 2) * 0.5 / 100 = 0.01, y = (2 - 1) * 0.5 / 200 = 0.0025
    assert points[2, 4] == pytest.approx([0.01, 0.0025, 0.5])
    assert points.shape == (3, 5, 3)


def test_a_pose_turns_and_shifts(seg: ModuleType) -> None:
    quarter = np.array([[0.0, -1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.0, 1.0]])
    assert seg.transform(quarter, np.array([2.0, 0.0, 0.0])) == pytest.approx([1.0, 2.0, 0.5])


def test_the_table_is_found_among_objects_and_noise(seg: ModuleType) -> None:
    generator = np.random.default_rng(0)
    table = np.column_stack([generator.uniform(-0.5, 0.5, (600, 2)), generator.normal(0.02, 0.001, 600)])
    tilted = math.radians(3.0)
    turn = np.array([[1, 0, 0], [0, math.cos(tilted), -math.sin(tilted)], [0, math.sin(tilted), math.cos(tilted)]])
    objects = generator.uniform([-0.1, -0.1, 0.05], [0.1, 0.1, 0.2], (300, 3))
    plane = seg.fit_plane(np.concatenate([table @ turn.T, objects]), tolerance=0.003)
    # The normal of a table that is tilted by 3 degrees about x: (0, -sin 3, cos 3).
    assert plane[:3] == pytest.approx([0.0, -math.sin(tilted), math.cos(tilted)], abs=2e-3)
    assert plane[3] == pytest.approx(-0.02, abs=1e-3)
    assert seg.above_plane(objects, plane, 0.01).all()
    assert not seg.above_plane(table @ turn.T, plane, 0.01).any()


@pytest.mark.parametrize("points", [np.zeros((2, 3)), np.outer(np.arange(9.0), [1.0, 2.0, 3.0])])
def test_no_plane_through_a_line(seg: ModuleType, points: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match="does the camera see the table"):
        seg.fit_plane(points, 0.003)


def test_a_color_is_known_in_light_and_shade_and_a_dark_pixel_has_none(seg: ModuleType) -> None:
    picture = np.array([[[230, 120, 30], [115, 60, 15], [60, 90, 200], [20, 10, 2]]], dtype=np.uint8)
    assert seg.near_color(picture, (230, 120, 30), 0.1).tolist() == [[True, True, False, False]]


def test_objects_are_parted_by_color_and_a_missing_one_is_named(clouds: ModuleType) -> None:
    points = np.arange(2 * 20 * 3, dtype=float).reshape(2, 20, 3)
    picture = np.zeros((2, 20, 3), dtype=np.uint8)
    picture[0], picture[1] = (230, 120, 30), (60, 90, 200)
    wanted = np.ones((2, 20), dtype=bool)
    wanted[0, :5] = False
    colors = {"peg": ((230, 120, 30), 0.1), "socket": ((60, 90, 200), 0.1)}
    found = clouds.split_cloud(points, wanted, picture, colors)
    assert np.array_equal(found["peg"], points[0, 5:])
    assert np.array_equal(found["socket"], points[1])
    wanted[1] = False
    with pytest.raises(RuntimeError, match="does not see socket"):
        clouds.split_cloud(points, wanted, picture, colors)


def test_a_recorded_cloud_goes_on_with_its_last(clouds: ModuleType) -> None:
    recorded = clouds.RecordedCloud(torch.arange(2.0).reshape(2, 1, 1))
    seen = [recorded.read() for _ in range(3)]
    assert [cloud["point_cloud"].item() for cloud, _ in seen] == [0.0, 1.0, 1.0]
    assert time.monotonic() - seen[-1][1] < 1.0


def test_an_observation_is_as_old_as_its_oldest_part(monkeypatch: pytest.MonkeyPatch, clouds: ModuleType) -> None:
    arm = SimpleNamespace(FrankaArm=object)  # the class itself needs the arm's packages
    run_franka = load("run_franka", monkeypatch, arm=arm, clouds=clouds)
    program = ModuleType("run_policy")
    joints = SimpleNamespace(read_joints=lambda: (torch.zeros(7), 5.0), send=print, stop=print)
    run_franka.connect(program, joints, lambda: ({"point_cloud": torch.ones(4, 3)}, 3.0))
    observations, taken = program.read_robot({"output": {"offset_from": "joint_pos"}})
    assert taken == 3.0
    assert {name: tuple(value.shape) for name, value in observations.items()} == {
        "joint_pos": (7,),
        "point_cloud": (4, 3),
    }
    assert program.stop_robot is print


def test_segments_that_follow_from_the_joints_come_from_the_recording(
    monkeypatch: pytest.MonkeyPatch, clouds: ModuleType
) -> None:
    run_franka = load("run_franka", monkeypatch, arm=SimpleNamespace(FrankaArm=object), clouds=clouds)
    parts = [{"name": "gripper", "points": 2, "seen_by": "joints"}, {"name": "peg", "points": 3, "seen_by": "left"}]
    manifest = {"inputs": [{"name": "joint_pos", "segments": []}, {"name": "point_cloud", "segments": parts}]}
    known = run_franka.known_segments(manifest, "point_cloud", torch.arange(15.0).reshape(5, 3))
    assert list(known) == ["gripper"]
    assert known["gripper"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


@pytest.mark.skipif("SCORE_FRANKA_PYTHON" not in os.environ, reason="needs a Python with requirements-loopback.txt")
def test_the_arm_stops_whatever_happens(tmp_path: Path) -> None:
    from tests.examples.capsule import write_capsule

    capsule = write_capsule(tmp_path / "capsule")
    # By the arm's clock, as the computer of a test may be busy.
    command = [os.environ["SCORE_FRANKA_PYTHON"], str(EXAMPLE / "measure.py"), str(capsule), "stop", "--slow", "100"]
    outcome = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    assert "not finite" in outcome["policy raises"]["ended"]
    assert "3 faults in 20 steps" in outcome["cloud stops"]["ended"]
    assert outcome["network is cut"]["ended"] != "all steps"
    for name, event in outcome.items():
        assert event["speed_rad_s"] > 0.05, name  # it was moving
        assert event["at_rest_after_ms"] < 300, name
