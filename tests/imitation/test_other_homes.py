# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrations of other homes: a data set that LeRobot 0.6.1 wrote (fixtures/lerobot_v3), and HDF5 in other words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from score.imitation import DemonstrationSet
from score.imitation.plausibility import implausible
from score.imitation.read import read_any
from score.imitation.windows import make_spec
from score.utils.errors import UserError

from .conftest import tiny_cfg, write_demonstrations

parquet = pytest.importorskip("pyarrow.parquet")

FIXTURE = Path(__file__).parent / "fixtures" / "lerobot_v3"
PAGE = """
observations:
  joint_pos: {column: observation.state, names: [b, a], units: rad}
  point_cloud: {column: observation.points, units: m, frame: tcp}
actions: {units: rad}
segments: {point_cloud: [{name: peg, points: 1, seen_by: left}, {name: hole, points: 3, seen_by: left}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copied = shutil.copytree(FIXTURE, tmp_path / "set")
    (copied / "data.yaml").write_text(PAGE)
    return copied


def _read(path: Path) -> DemonstrationSet:
    return read_any(path, ["joint_pos"], ["point_cloud"])


def test_a_data_set_of_lerobot_is_read_number_by_number(folder: Path) -> None:
    data = _read(folder)
    assert [len(episode) for episode in data.episodes] == [6, 7, 8]
    assert [episode.success for episode in data.episodes] == [False, True, False]
    assert (data.control_rate_hz, data.action_names, data.frames) == (10.0, ("a", "b"), {"point_cloud": "tcp"})
    # As it was written: state (0.1 e + 0.01 t, -0.005 t^2, 0.04), action that + (0.01, 0.02 e), points i / 100 + ...
    time = torch.arange(8.0)
    state = torch.stack([-0.005 * time**2, 0.2 + 0.01 * time], dim=1)
    torch.testing.assert_close(data.episodes[2].observations["joint_pos"], state)
    torch.testing.assert_close(data.episodes[2].actions, state.flip(1) + torch.tensor([0.01, 0.04]))
    cloud = 0.01 * torch.arange(12.0).view(4, 3) + 0.1 + 0.001 * 3
    torch.testing.assert_close(data.episodes[1].observations["point_cloud"][3], cloud)
    assert [segment.points for segment in data.segments["point_cloud"]] == [1, 3]
    spec = make_spec(data, tiny_cfg())
    assert spec.observations["joint_pos"].names == ("b", "a")
    assert implausible(data) == ["joint_pos is in the order b, a, and actions in a, b: give one."]
    before = data.sha256
    (folder / "data.yaml").write_text(PAGE.replace("tcp", "base"))
    assert _read(folder).sha256 != before


def _info(change: Callable[[Any], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "meta" / "info.json"
        info = json.loads(path.read_text())
        change(info)
        path.write_text(json.dumps(info))

    return edit


def _page(old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        assert old in PAGE
        (folder / "data.yaml").write_text(PAGE.replace(old, new))

    return edit


def _rewrite(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "data" / "chunk-000" / "file-000.parquet"
        parquet.write_table(change(parquet.read_table(path)), path)

    return edit


def _damage(folder: Path) -> None:
    path = folder / "data" / "chunk-000" / "file-000.parquet"
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_info(lambda i: i.update(codebase_version="v2.1")), r"is of version v2.1: convert the data set to v3.0"),
        (_info(lambda i: i.pop("features")), r"info.json is not that of a LeRobot data set \('features'\)"),
        (_info(lambda i: i["features"]["action"].update(shape=[10**9])), r"a shape out of all bounds"),
        (
            _info(lambda i: i["features"]["action"].update(shape=[3], names=None)),
            r"not hold frames of shape",
        ),
        (_info(lambda i: i["features"]["observation.points"].update(dtype="video")), r"is a video, and only numbers"),
        (
            _info(lambda i: i["features"]["action"].update(names=None)),
            r"no names for its actions: give actions.names",
        ),
        (_info(lambda i: i.pop("fps")), r"the data set names no rate: give control_rate_hz"),
        (_page("[b, a]", "[b, A]"), r"'observation.state' has no 'A'. Did you mean 'a'"),
        (_page("observation.state", "observation.stat"), r"no feature 'observation.stat'. Did you mean"),
        (_page("joint_pos:", "joints:"), r"observations lacks 'joint_pos', which the training reads"),
        (_page("units: rad", "unit: rad"), r"unknown key 'unit'. Did you mean 'units'"),
        (_page("[b, a]", "[b, b]"), r"names is not a list of names, each once"),
        (_page("actions:", "control_rate_hz: -1\nactions:"), r"control_rate_hz is -1: give a positive number"),
        (_rewrite(lambda t: t.drop_columns(["action"])), r"lacks the column 'action'"),
        (_damage, r"is damaged \(.*\): copy it again"),
        (lambda folder: shutil.rmtree(folder / "data"), r"has no data/chunk-\*/file-\*.parquet"),
        (
            lambda folder: (folder / "data.yaml").unlink(),
            r"data.yaml is missing: it says what the data set",
        ),
    ],
)
def test_data_sets_that_are_refused(folder: Path, change: Callable[[Path], object], message: str) -> None:
    change(folder)
    with pytest.raises(UserError, match=message) as caught:
        _read(folder)
    assert "\n" not in str(caught.value)


def test_numbers_that_are_not_finite_and_dropped_frames(folder: Path) -> None:
    def times(table: Any) -> Any:
        index = table.schema.get_field_index("timestamp")
        stamps = table["timestamp"].to_numpy().copy()
        stamps[4:6] += 0.2
        return table.set_column(index, "timestamp", [stamps.astype(np.float32)])

    _rewrite(times)(folder)
    assert "1 episodes have dropped frames, the first at step 4 of episode 0" in implausible(_read(folder))


def _foreign_hdf5(path: Path, env_args: dict[str, Any]) -> Path:
    """In the words of robomimic: other names, no units, and the rate where robosuite has it."""
    write_demonstrations(path)
    with h5py.File(path, "r+") as file:
        file["data"].attrs["env_args"] = json.dumps(env_args)
        for demo in file["data"].values():
            demo.move("obs/joint_pos", "obs/robot0_joint_pos")
            demo.attrs.pop("success")
    return path


def test_hdf5_of_another_home_with_a_page_beside_it(tmp_path: Path) -> None:
    path = _foreign_hdf5(tmp_path / "low_dim.hdf5", {"env_name": "Lift", "env_kwargs": {"control_freq": 20}})
    page = "observations: {joint_pos: {column: robot0_joint_pos, units: rad}, point_cloud: {units: m}}\n"
    with pytest.raises(UserError, match=r"env_args' of 'data' lacks 'control_rate_hz'"):
        _read(path)
    (tmp_path / "low_dim.yaml").write_text(page + "actions: {names: [a, b], units: rad}\n")
    data = _read(path)
    assert (data.control_rate_hz, data.action_names, data.success_rate) == (20.0, ("a", "b"), None)
    assert data.units == {"actions": "rad", "joint_pos": "rad", "point_cloud": "m"}
    with h5py.File(path) as file:
        np.testing.assert_array_equal(data.episodes[3].actions.numpy(), file["data/demo_3/actions"][()])
    # The actions may have another name, and every number one.
    with h5py.File(path, "r+") as file:
        for demo in file["data"].values():
            demo["processed_actions"] = demo["actions"][()] + 1.0
    (tmp_path / "low_dim.yaml").write_text(page + "actions: {column: processed_actions, names: [a, b], units: rad}\n")
    torch.testing.assert_close(_read(path).episodes[3].actions, data.episodes[3].actions + 1.0)
    for text, message in (
        (page + "actions: {units: rad}\n", r"its page has 0 names for the 2 of 'actions'"),
        (page.replace("joint_pos,", "joint_pos, names: [a],") + "actions: {names: [a, b], units: rad}\n",
         r"its page has 1 names for the 2 of 'joint_pos'"),
    ):  # fmt: skip
        (tmp_path / "low_dim.yaml").write_text(text)
        with pytest.raises(UserError, match=message):
            _read(path)
    # Isaac Lab's own recordings do not say the rate anywhere.
    path = _foreign_hdf5(tmp_path / "lab.hdf5", {"env_name": "Isaac-Stack", "type": 2})
    (tmp_path / "lab.yaml").write_text(page + "actions: {names: [a, b], units: rad}\n")
    with pytest.raises(UserError, match=r"names no rate: give control_rate_hz in .*lab.yaml"):
        _read(path)
    (tmp_path / "lab.yaml").write_text(page + "actions: {names: [a, b], units: rad}\ncontrol_rate_hz: 30\n")
    assert _read(path).control_rate_hz == 30.0


@pytest.mark.parametrize(
    ("mark", "counts"), [("False", None), (b"0", None), (np.array([True]), None), (0, False), (1.0, True)]
)
def test_what_only_looks_like_a_success_is_none(demonstrations: Path, mark: Any, counts: bool | None) -> None:
    with h5py.File(demonstrations, "r+") as file:
        file["data/demo_1"].attrs["success"] = mark
    if counts is not None:
        assert _read(demonstrations).episodes[1].success is counts
        return
    with pytest.raises(UserError, match=r"demo_1: attribute 'success' is .*, and must be true or false"):
        _read(demonstrations)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a folder without meta/info.json and .zgroup: give an HDF5 file"):
        _read(tmp_path)
