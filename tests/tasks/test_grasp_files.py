# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Grasps: what is planned touches the object, and grasp files are read back, or refused with a reason."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from score.utils.errors import UserError
from score_assets.robots.franka_leap_kinematics import pad_normals, pad_points
from score_tasks.cube_pinch.demonstrator import PINCH, CubePinchDemonstrator
from score_tasks.grasp.demonstrator import without_flaws
from score_tasks.grasp.grips import Grasp, GraspFile, read_grasp_file, write_grasp_file
from score_tasks.grasp.plan import main, plan_grasp

CONTENT = GraspFile(PINCH, height=0.002, symmetry=4, heading=0.1, hover=0.06)
SHALLOW = (0.02, 0.015, 0.0)


@pytest.mark.parametrize(("radius", "breadth"), [(0.03, None), (0.0305, 0.046)])
def test_planned_pads_lie_on_the_object_and_face_it(radius: float, breadth: float | None) -> None:
    grasp, miss = plan_grasp("round", radius, breadth=breadth, starts=8, iterations=300)
    joint_pos = torch.tensor([grasp.joint_pos], dtype=torch.float64)
    pads, facing = pad_points(joint_pos)[0], pad_normals(joint_pos)[0]
    offset = pads - torch.tensor(grasp.center, dtype=torch.float64)
    cos, sin = math.cos(grasp.yaw), math.sin(grasp.yaw)
    across, along = offset[:, 0] * cos + offset[:, 1] * sin, offset[:, 1] * cos - offset[:, 0] * sin
    assert miss < 0.003
    # on the ellipse (x / radius)^2 + (y / breadth)^2 = 1: 3 mm are at most a tenth of it
    wide = breadth or radius
    assert ((across / radius).square() + (along / wide).square()).sqrt().sub(1.0).abs().max() < 0.1
    assert offset[:, 2].abs().max() < 0.003
    # its outward normal is (x / radius^2, y / breadth^2); the pads face against it
    normal = torch.stack((across / radius**2, along / wide**2), dim=-1)
    normal = normal / normal.norm(dim=-1, keepdim=True)
    into = torch.stack((facing[:, 0] * cos + facing[:, 1] * sin, facing[:, 1] * cos - facing[:, 0] * sin), dim=-1)
    assert (into * normal).sum(-1).max() < -0.6
    # the thumb, last, stands opposite of the fingers
    assert (across > 0.0).tolist() == [True, True, True, False]


@pytest.mark.parametrize("sizes", [(0.0, None), (0.03, -0.01), (float("nan"), None), (37.0, None)])
def test_sizes_that_no_hand_takes_are_refused(sizes: tuple[float, float | None]) -> None:
    with pytest.raises(UserError, match=r"give positive ones below 0\.2 m"):
        plan_grasp("round", sizes[0], breadth=sizes[1])


def test_an_oval_breadth_is_refused_for_flat_faces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["plan", "flat", "--half_width", "0.025", "--breadth", "0.03"])
    with pytest.raises(SystemExit):
        main()
    assert "--breadth is for an oval: leave it out with 'flat'" in capsys.readouterr().err


def test_squeezing_leads_the_joints_by_torque_over_stiffness() -> None:
    grasp = Grasp(joint_pos=(0.5,) * 16, center=(0.0, 0.0, -0.1), yaw=0.0, torque=(0.1,) * 16)
    # 4 N at 0.1 N m / N against 20 N m/rad: 0.02 rad
    assert grasp.squeezed(4.0) == pytest.approx((0.52,) * 16)


@pytest.mark.parametrize("shallow", [None, SHALLOW])
def test_a_grasp_file_is_read_back(shallow: tuple[float, float, float] | None, tmp_path: Path) -> None:
    content = replace(CONTENT, shallow=shallow)
    write_grasp_file(tmp_path / "grasp.yaml", content)
    assert read_grasp_file(tmp_path / "grasp.yaml") == content
    assert [path.name for path in tmp_path.iterdir()] == ["grasp.yaml"]


def test_a_demonstrator_takes_the_grasp_of_the_file(tmp_path: Path) -> None:
    write_grasp_file(tmp_path / "grasp.yaml", CONTENT)
    cfg = SimpleNamespace(target_pos=(0.5, 0.0, 0.3), grasp_file=str(tmp_path / "grasp.yaml"))
    task = SimpleNamespace(env=None, env_cfg=cfg, num_envs=2, device="cpu")
    demonstrator = CubePinchDemonstrator(task)  # type: ignore[arg-type]
    own = CubePinchDemonstrator.habits
    assert demonstrator.grips == (CONTENT.grip,)
    assert demonstrator.habits == replace(own, symmetry=4, heading=0.1, hover=demonstrator.habits.hover)
    assert demonstrator.habits.hover == pytest.approx((0.06, 0.10))


def test_its_heights_replace_the_own_habits_but_not_given_ones(tmp_path: Path) -> None:
    write_grasp_file(tmp_path / "grasp.yaml", replace(CONTENT, shallow=SHALLOW))
    cfg = SimpleNamespace(target_pos=(0.5, 0.0, 0.3), grasp_file=str(tmp_path / "grasp.yaml"))
    task = SimpleNamespace(env=None, env_cfg=cfg, num_envs=2, device="cpu")
    clean = without_flaws(CubePinchDemonstrator.habits)
    assert CubePinchDemonstrator(task).habits.shallow == SHALLOW  # type: ignore[arg-type]
    assert CubePinchDemonstrator(task, habits=clean).habits.shallow == (0.0, 0.0, 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "score-scene/1"}, "format is 'score-scene/1', and this version reads 'score-grasp/1'"),
        ({"hight": 0.1}, "unknown key 'hight'. Did you mean 'height'"),
        ({"height": "high"}, "height holds 'high': give a finite number"),
        ({"shallow": [0.01]}, "shallow holds [0.01]: give 3 finite numbers"),
        ({"symmetry": 1.5}, "symmetry is 1.5: give a whole number of equal turns"),
        ({"grasp": {"joint_pos": [0.0]}}, "grasp lacks the key 'center'"),
    ],
)
def test_an_unsound_file_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "grasp.yaml"
    write_grasp_file(path, CONTENT)
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **change}))
    with pytest.raises(UserError, match=r"grasp\.yaml") as refused:
        read_grasp_file(path)
    assert message in str(refused.value)


def test_joints_out_of_their_limits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "grasp.yaml"
    write_grasp_file(path, replace(CONTENT, grasp=replace(PINCH, joint_pos=(9.0, *PINCH.joint_pos[1:]))))
    with pytest.raises(UserError, match=r"grasp.joint_pos of j0 is 9.0 rad, outside of its limits"):
        read_grasp_file(path)


def test_what_is_no_grasp_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a file: give a grasp file"):
        read_grasp_file(tmp_path / "absent.yaml")
    (tmp_path / "large.yaml").write_text("a: " + "x" * 70000)
    with pytest.raises(UserError, match="larger than 64 kB"):
        read_grasp_file(tmp_path / "large.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(UserError, match="not readable as YAML"):
        read_grasp_file(tmp_path / "broken.yaml")
