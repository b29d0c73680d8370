# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from score.imitation import DemonstrationSet, read_demonstrations
from score.utils.errors import UserError

from .conftest import write_demonstrations


def _read(path: Path) -> DemonstrationSet:
    return read_demonstrations(path, ["joint_pos"], ["point_cloud"])


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = write_demonstrations(
        tmp_path / "d.hdf5", episodes=11, action_low=[-1, -2], action_high=[1, 2], frames={"point_cloud": "tcp"}
    )
    data = _read(path)
    assert [episode.name for episode in data.episodes] == [f"demo_{i}" for i in range(11)]  # by number, not by letter
    assert data.steps == 11 * 12
    assert len(data.episodes[0]) == 12
    assert data.success_rate == pytest.approx(6 / 11)
    assert (data.control_rate_hz, data.action_names) == (10.0, ("a", "b"))
    assert data.units == {"actions": "rad", "joint_pos": "rad", "point_cloud": "m"}
    assert data.frames == {"point_cloud": "tcp"}
    assert (data.action_low, data.action_high) == ((-1.0, -2.0), (1.0, 2.0))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(data.episodes[3].actions.numpy(), file["data/demo_3/actions"][()])
    assert data.episodes[0].observations["point_cloud"].shape == (12, 16, 3)


def test_without_limits_the_demonstrated_range_is_taken(demonstrations: Path) -> None:
    data = _read(demonstrations)
    every = torch.cat([episode.actions for episode in data.episodes])
    assert data.action_low == pytest.approx(every.amin(0).tolist())
    assert data.action_high == pytest.approx(every.amax(0).tolist())


def test_reads_the_file_of_isaac_labs_own_handler(tmp_path: Path) -> None:
    datasets = pytest.importorskip("isaaclab.utils.datasets")
    handler = datasets.HDF5DatasetFileHandler()
    handler.create(str(tmp_path / "lab.hdf5"), env_name="toy")
    handler.add_env_args(
        {"control_rate_hz": 10.0, "action_names": ["a", "b"], "units": {"actions": "rad", "joint_pos": "rad"}}
    )
    for index in range(2):
        episode = datasets.EpisodeData()
        for step in range(3):
            episode.add("actions", torch.tensor([float(step), index]))
            episode.add("obs", {"joint_pos": torch.tensor([0.5 * step, 1.0])})
        episode.success = index == 1
        episode.pre_export()
        handler.write_episode(episode)
    handler.close()
    data = read_demonstrations(tmp_path / "lab.hdf5", ["joint_pos"])
    assert [episode.success for episode in data.episodes] == [False, True]
    torch.testing.assert_close(data.episodes[1].actions, torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]))
    torch.testing.assert_close(data.episodes[0].observations["joint_pos"][2], torch.tensor([1.0, 1.0]))


def _replace(path: Path, key: str, value: object) -> None:
    with h5py.File(path, "r+") as file:
        del file[f"data/demo_1/{key}"]
        if value is not None:
            file[f"data/demo_1/{key}"] = value


def _with_nan(shape: tuple[int, ...], step: int) -> np.ndarray:
    array = np.zeros(shape, np.float32)
    array[step] = np.nan
    return array


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("actions", None, r"data/demo_1 lacks the dataset 'actions'"),
        ("actions", np.zeros((12,)), r"demo_1/actions has shape \(12,\), and \(T, A\) is needed"),
        ("actions", np.zeros((0, 2)), "demo_1/actions has no steps"),
        ("actions", np.zeros((12, 3)), r"actions has frames of shape \(3,\) in demo_1 and \(2,\) in demo_0"),
        ("actions", _with_nan((12, 2), 7), "demo_1/actions has a number that is not finite at step 7"),
        ("obs/joint_pos", np.zeros((11, 2)), "demo_1/obs/joint_pos has 11 steps, and actions has 12"),
        ("obs/joint_pos", np.zeros((12, 4, 2)), r"has shape \(12, 4, 2\), and \(T, D\), single frames is needed"),
        ("obs/joint_pos", np.array([b"x"] * 12), "demo_1/obs/joint_pos is not a dataset of numbers"),
        ("obs/point_cloud", np.zeros((12, 16, 2)), r"has shape \(12, 16, 2\), and \(T, P, 3\) is needed"),
        ("obs/point_cloud", np.zeros((12, 8, 3)), r"obs/point_cloud has frames of shape \(8, 3\) in demo_1"),
        ("obs/point_cloud", _with_nan((12, 16, 3), 0), "point_cloud has a number that is not finite at step 0"),
    ],
)
def test_bad_episode_is_named(demonstrations: Path, key: str, value: object, message: str) -> None:
    _replace(demonstrations, key, value)
    with pytest.raises(UserError, match=message):
        _read(demonstrations)


def test_missing_observation_names_near_ones(demonstrations: Path) -> None:
    with pytest.raises(UserError, match=r"demo_0 lacks the dataset 'obs/joint_poss'. Did you mean 'joint_pos'"):
        read_demonstrations(demonstrations, ["joint_poss"])
    with pytest.raises(UserError, match=r"lacks the dataset 'obs/zzz'. It has 'joint_pos', 'point_cloud'"):
        read_demonstrations(demonstrations, ["zzz"])


@pytest.mark.parametrize(
    ("env_args", "message"),
    [
        ({"control_rate_hz": None}, "'env_args' of 'data' lacks 'control_rate_hz'"),
        ({"action_names": None}, "lacks 'action_names'"),
        ({"units": None}, "lacks 'units'"),
        ({"control_rate_hz": -1}, "control_rate_hz is -1, and must be a positive number"),
        ({"action_names": ["a"]}, "env_args has 1 names for the 2 of 'actions'"),
        ({"units": {"actions": "rad"}}, "env_args.units lacks 'joint_pos'"),
        ({"units": 3}, "env_args.units is 3"),
        ({"action_low": [0.0]}, "env_args.action_low has 1 numbers for 2 actions"),
    ],
)
def test_bad_env_args_are_named(tmp_path: Path, env_args: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _read(write_demonstrations(tmp_path / "d.hdf5", **env_args))


def test_files_that_are_no_demonstrations(tmp_path: Path, demonstrations: Path) -> None:
    with pytest.raises(UserError, match=r"demo.hdf5 do not exist: .*Did you mean 'demos.hdf5'"):
        _read(tmp_path / "demo.hdf5")
    (tmp_path / "text.hdf5").write_text("hello")
    with pytest.raises(UserError, match=r"text.hdf5 is not an HDF5 file, or a truncated one"):
        _read(tmp_path / "text.hdf5")
    (tmp_path / "cut.hdf5").write_bytes(demonstrations.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"cut.hdf5 is not an HDF5 file, or a truncated one"):
        _read(tmp_path / "cut.hdf5")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["x"] = 1
    with pytest.raises(UserError, match=r"other.hdf5 has no group 'data'"):
        _read(tmp_path / "other.hdf5")
    with pytest.raises(UserError, match=r"holds no episodes"):
        _read(write_demonstrations(tmp_path / "none.hdf5", episodes=0))
    with h5py.File(demonstrations, "r+") as file:
        file["data"].attrs["env_args"] = "not json"
    with pytest.raises(UserError, match=r"'env_args' of 'data' is not JSON"):
        _read(demonstrations)
