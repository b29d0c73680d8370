# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Clouds that are larger than the memory lie in a file, and train the same policy."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console
from tests.imitation.conftest import tiny_cfg, write_demonstrations

from score.imitation import frames as frames_module
from score.imitation import read_demonstrations, train_base_policy
from score.imitation.frames import CloudFrames, CloudStore
from score.imitation.lerobot_writing import write_lerobot_data
from score.imitation.read import read_any
from score.utils.errors import UserError

NUMBERS = 1000
"""Numbers that fit into the memory below: the files hold 144 in vectors, and 6 x 12 x 16 x 3 = 3456 in clouds."""


def _small_memory(patch: pytest.MonkeyPatch, numbers: int = NUMBERS) -> None:
    # Half of the free memory, at 8 bytes a number while it is read.
    memory = SimpleNamespace(available=2 * 8 * numbers)
    patch.setattr(frames_module, "psutil", SimpleNamespace(virtual_memory=lambda: memory))


def test_clouds_of_episodes_are_taken_without_a_copy_of_all() -> None:
    clouds = torch.arange(5.0).reshape(5, 1, 1).expand(5, 2, 3)
    frames = CloudFrames([clouds[:2], clouds[2:3], clouds[3:]])
    assert frames[torch.tensor([4, 0, 2, 3, 1, 1])][:, 0, 0].tolist() == [4, 0, 2, 3, 1, 1]
    assert torch.equal(torch.cat(list(frames.pieces())), clouds)
    assert frames.numbers == 5 * 2 * 3
    whole = CloudFrames([clouds])
    assert torch.equal(whole[torch.tensor([3, 3])], clouds[[3, 3]])


@pytest.mark.parametrize("home", ["hdf5", "lerobot", "zarr"])
def test_clouds_in_a_file_are_those_in_memory(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_demonstrations(tmp_path / "d.hdf5")
    data = read_demonstrations(path, ["joint_pos"], ["point_cloud"])
    if home == "lerobot":
        pytest.importorskip("pyarrow")
        path = tmp_path / "set"
        write_lerobot_data(data, path, "toy")
    elif home == "zarr":
        zarr = pytest.importorskip("zarr")
        path = tmp_path / "d.zarr"
        group = zarr.open_group(str(path), mode="w", zarr_format=2)
        columns = {"action": [episode.actions for episode in data.episodes]}
        columns |= {
            key: [episode.observations[key] for episode in data.episodes] for key in ("joint_pos", "point_cloud")
        }
        for name, parts in columns.items():
            group.create_array(f"data/{name}", data=torch.cat(parts).numpy(), compressors=None)
        ends = np.cumsum([len(episode) for episode in data.episodes])
        group.create_array("meta/episode_ends", data=ends, compressors=None)
        page = "control_rate_hz: 10\nactions: {names: [a, b], units: rad}\nobservations:\n"
        page += (
            "  joint_pos: {column: joint_pos, units: rad}\n  point_cloud: {column: point_cloud, units: m, frame: tcp}\n"
        )
        (tmp_path / "d.yaml").write_text(page)
    _small_memory(monkeypatch)
    files: list[np.memmap] = []
    make = frames_module._mapped

    def remembered(path: Path, numbers: int) -> np.memmap:
        files.append(make(path, numbers))
        return files[-1]

    monkeypatch.setattr(frames_module, "_mapped", remembered)
    stored = read_any(path, ["joint_pos"], ["point_cloud"])
    assert all(np.shares_memory(episode.observations["point_cloud"].numpy(), files[0]) for episode in stored.episodes)
    for ours, theirs in zip(stored.episodes, data.episodes, strict=True):
        assert torch.equal(ours.observations["point_cloud"], theirs.observations["point_cloud"])
        assert torch.equal(ours.observations["joint_pos"], theirs.observations["joint_pos"])
    assert {item.name for item in tmp_path.iterdir()} <= {"d.hdf5", "set", "d.zarr", "d.yaml"}  # the file has no name


def test_a_policy_trains_the_same_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_demonstrations(tmp_path / "d.hdf5")
    weights = []
    for name in ("memory", "file"):
        if name == "file":
            _small_memory(monkeypatch)
        data = read_demonstrations(path, ["joint_pos"], ["point_cloud"])
        with (tmp_path / "log").open("w") as log:
            train_base_policy(data, tmp_path / name, tiny_cfg(), console=Console(file=log))
        weights.append((tmp_path / name / "policy.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_where_there_is_no_space_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _small_memory(monkeypatch)
    with pytest.raises(
        UserError, match=r"d\.hdf5 holds 7\.5 GiB of numbers besides clouds, more than fits into memory"
    ):
        CloudStore(tmp_path / "d.hdf5", 10**9 + 10**6, 0)  # 1.001e9 numbers of 8 bytes are 7.46 GiB
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=4 * 3455))
    path = write_demonstrations(tmp_path / "d.hdf5")
    with pytest.raises(UserError, match=r"GiB of clouds, which fit neither into memory nor beside it: .*TMPDIR"):
        read_demonstrations(path, ["joint_pos"], ["point_cloud"])
