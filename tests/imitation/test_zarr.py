# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Replay buffers of diffusion_policy: written here byte by byte, as zarr writes arrays that it does not pack."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from score.imitation import DemonstrationSet
from score.imitation.read import read_any
from score.utils.errors import UserError

PAGE = """
observations:
  joint_pos: {column: state, units: rad}
  point_cloud: {column: cloud, units: m, frame: tcp}
actions: {names: [a, b], units: rad}
control_rate_hz: 20
"""
STATE = np.arange(14, dtype=np.float32).reshape(7, 2)
CLOUD = 0.01 * np.arange(84, dtype=np.float64).reshape(7, 4, 3)
ARRAYS: dict[str, np.ndarray] = {
    "data/state": STATE,
    "data/cloud": CLOUD,
    "data/action": STATE + 1.0,
    "meta/episode_ends": np.array([3, 7]),
}


@pytest.fixture
def buffer(tmp_path: Path) -> Path:
    return write_buffer(tmp_path)


def write_buffer(place: Path) -> Path:
    """Write a buffer of two episodes and its page; returns its folder."""
    folder = place / "demos.zarr"
    for name, array in ARRAYS.items():
        (folder / name).mkdir(parents=True)
        facts = {"zarr_format": 2, "shape": array.shape, "chunks": array.shape, "dtype": array.dtype.str, "order": "C"}
        _write(folder / name / ".zarray", {**facts, "compressor": None, "filters": None, "fill_value": 0})
        (folder / name / ".".join("0" * array.ndim)).write_bytes(array.tobytes())
    for group in ("", "data", "meta"):
        _write(folder / group / ".zgroup", {"zarr_format": 2})
    (place / "demos.yaml").write_text(PAGE)
    return folder


def _write(path: Path, facts: Any) -> None:
    path.write_text(json.dumps(facts))


def _read(path: Path) -> DemonstrationSet:
    return read_any(path, ["joint_pos"], ["point_cloud"])


def _zipped(folder: Path) -> Path:
    path = folder.with_name("demos.zarr.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_a_replay_buffer_is_read_number_by_number(buffer: Path, zipped: bool) -> None:
    pytest.importorskip("zarr")
    data = _read(_zipped(buffer) if zipped else buffer)
    assert [len(episode) for episode in data.episodes] == [3, 4]
    torch.testing.assert_close(data.episodes[1].observations["joint_pos"], torch.from_numpy(STATE[3:]))
    torch.testing.assert_close(data.episodes[1].actions, torch.from_numpy(STATE[3:] + 1.0))
    torch.testing.assert_close(data.episodes[0].observations["point_cloud"], torch.from_numpy(CLOUD[:3]).float())
    assert (data.control_rate_hz, data.action_names, data.frames) == (20.0, ("a", "b"), {"point_cloud": "tcp"})
    # The columns of state + 1, rows 0 to 6: 1, 3, ... 13 and 2, 4, ... 14.
    assert (data.action_low, data.action_high) == ((1.0, 2.0), (13.0, 14.0))
    assert data.episodes[0].success is None


def _facts(place: str, **changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / place / ".zarray"
        _write(path, {**json.loads(path.read_text()), **changes})

    return edit


def _page(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: _replace(folder.with_suffix(".yaml"), old, new)


def _replace(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        # What zarr would call to unpack a chunk: pickle, among others.
        (_facts("data/state", filters=[{"id": "pickle"}]), r"data/state is packed with 'pickle': only numbers that"),
        (_facts("data/state", compressor={"id": "imagecodecs_jpegxl"}), r"is packed with 'imagecodecs_jpegxl'"),
        (_facts("data/state", dtype="|O"), r"data/state is of type object: only numbers"),
        (_facts("data/state", chunks=[2**30, 2]), r"data/state has chunks out of all bounds"),
        (_facts("data/state", shape=[2**40, 2]), r"more than fits into memory"),
        (_facts("data/state", shape=[-1, 2]), r"data/state/.zarray is damaged"),
        (_facts("data/state", zarr_format=3), r"data/state/.zarray is damaged \(no array of version 2"),
        (_page("state,", "stat,"), r"data/stat is not there. Did you mean 'state'"),
        (_page("state,", "../data/state,"), r"no name of an array"),
        (
            _page("cloud, u", "state, u"),
            r"point_cloud is data/state, and has the shape \(7, 2\): \(T, P, 3\) is needed",
        ),
        (_page("[a, b]", "[a]"), r"actions is data/action, and has the shape \(7, 2\): \(T, 1\) is needed"),
        (_page("control_rate_hz: 20", ""), r"knows no rate and no names: give control_rate_hz and actions.names"),
        (lambda folder: folder.with_suffix(".yaml").unlink(), r"demos.yaml is missing: it says what the data set does"),
    ],
)
def test_what_is_not_sound_is_refused_before_zarr_reads_it(
    buffer: Path, edit: Callable[[Path], None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    edit(buffer)
    with pytest.raises(UserError, match=message):
        _read(buffer)


def test_where_zarr_is_not_installed_its_extra_is_named(buffer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(UserError, match=r"need zarr: install it \(pip install 'score-isaaclab\[zarr\]'\)"):
        _read(buffer)


def test_episodes_that_do_not_add_up_are_refused(buffer: Path) -> None:
    pytest.importorskip("zarr")
    (buffer / "meta/episode_ends/0").write_bytes(np.array([7, 3]).tobytes())
    with pytest.raises(UserError, match=r"meta/episode_ends does not rise to the number of frames \(data/action 7"):
        _read(buffer)
    for kind in ("<u8", "<f8"):  # of unsigned numbers the difference of a falling pair is positive
        _facts("meta/episode_ends", dtype=kind, shape=[3], chunks=[3])(buffer)
        (buffer / "meta/episode_ends/0").write_bytes(np.array([2, 5, 7], kind).tobytes())
        assert [len(episode) for episode in _read(buffer).episodes] == [2, 3, 2]
        (buffer / "meta/episode_ends/0").write_bytes(np.array([6, 3, 7], kind).tobytes())
        with pytest.raises(UserError, match=r"does not rise"):
            _read(buffer)
