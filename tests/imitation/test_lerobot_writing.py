# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrations as a LeRobot data set: read again they are the same, and laid out as LeRobot 0.6.1 lays one out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from score.imitation import DemonstrationSet, lerobot_tables, read_demonstrations
from score.imitation.lerobot_writing import recording_file, require_output, require_rate, write_lerobot_data
from score.imitation.read import read_any
from score.policies.interface import read_interface
from score.utils.errors import UserError

from .conftest import write_demonstrations

parquet = pytest.importorskip("pyarrow.parquet")

THEIRS = Path(__file__).parent / "fixtures" / "lerobot_v3"
SEGMENTS = [{"name": "peg", "points": 6, "seen_by": "left"}, {"name": "hole", "points": 10, "seen_by": "left"}]


@pytest.fixture
def data(tmp_path: Path) -> DemonstrationSet:
    path = write_demonstrations(
        tmp_path / "demos.hdf5", frames={"point_cloud": "tcp"}, segments={"point_cloud": SEGMENTS}
    )
    return read_demonstrations(path, ["joint_pos"], ["point_cloud"])


def test_read_again_it_is_the_same_without_a_line_to_write(
    data: DemonstrationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lerobot_tables, "_FILE_BYTES", 6000)  # an episode has 12 * (16 * 3 + 20) numbers, 3 kB
    write_lerobot_data(data, tmp_path / "set", "insert")
    assert len(list((tmp_path / "set" / "data").rglob("*.parquet"))) > 1
    again = read_any(tmp_path / "set", ["joint_pos"], ["point_cloud"])
    assert (again.control_rate_hz, again.action_names) == (data.control_rate_hz, data.action_names)
    assert (again.units, again.frames, again.segments) == (data.units, data.frames, data.segments)
    assert again.names["joint_pos"] == ("a", "b")
    for ours, theirs in zip(data.episodes, again.episodes, strict=True):
        assert ours.success is theirs.success
        assert torch.equal(ours.actions, theirs.actions)
        assert all(torch.equal(ours.observations[key], theirs.observations[key]) for key in ours.observations)


def test_it_is_laid_out_as_lerobot_does(data: DemonstrationSet, tmp_path: Path) -> None:
    write_lerobot_data(data, tmp_path / "set", "insert")
    ours, theirs = (json.loads((root / "meta" / "info.json").read_text()) for root in (tmp_path / "set", THEIRS))
    assert set(ours) == set(theirs)
    assert (ours["total_episodes"], ours["total_frames"], ours["splits"]) == (6, 72, {"train": "0:6"})
    place = Path("data") / "chunk-000" / "file-000.parquet"
    schema, known = (parquet.read_schema(root / place) for root in (tmp_path / "set", THEIRS))
    pairs = {"observation.state": "action", "point_cloud": "observation.points"}
    for name in schema.names:
        if name != "observation.environment_state":
            found, wanted = schema.field(name), known.field(pairs.get(name, name))
            assert found.type == wanted.type, name
            assert set(found.metadata or {}) == set(wanted.metadata or {}), name
    episodes = parquet.read_table(tmp_path / "set" / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    assert episodes["dataset_from_index"].to_pylist() == [0, 12, 24, 36, 48, 60]
    assert episodes["dataset_to_index"].to_pylist() == [12, 24, 36, 48, 60, 72]
    assert episodes["tasks"].to_pylist()[5] == ["insert"]
    tasks = parquet.read_schema(tmp_path / "set" / "meta" / "tasks.parquet")
    assert json.loads(tasks.metadata[b"pandas"])["index_columns"] == ["task"]
    # What LeRobot's trainings take for an input begins with "observation": the cloud itself must not.
    assert [name for name in ours["features"] if name.startswith("observation")] == [
        "observation.state", "observation.environment_state",
    ]  # fmt: skip


def test_statistics_and_centroids_by_hand(data: DemonstrationSet, tmp_path: Path) -> None:
    write_lerobot_data(data, tmp_path / "set", "insert")
    stats = json.loads((tmp_path / "set" / "meta" / "stats.json").read_text())
    every = torch.cat([episode.actions for episode in data.episodes]).double()
    np.testing.assert_allclose(stats["action"]["mean"], every.mean(dim=0), rtol=1e-9)
    np.testing.assert_allclose(stats["action"]["std"], every.std(dim=0, correction=0), rtol=1e-9)
    assert stats["action"]["max"] == every.amax(dim=0).tolist()
    assert stats["action"]["count"] == [72]
    np.testing.assert_allclose(stats["action"]["q90"], every.quantile(0.9, dim=0), rtol=1e-6)
    cloud = torch.cat([episode.observations["point_cloud"] for episode in data.episodes])
    assert stats["point_cloud"]["min"] == cloud.amin(dim=(0, 1)).tolist()
    table = parquet.read_table(tmp_path / "set" / "data" / "chunk-000" / "file-000.parquet")
    places = torch.tensor(table["observation.environment_state"].to_pylist())
    torch.testing.assert_close(places, torch.cat([cloud[:, :6].mean(dim=1), cloud[:, 6:].mean(dim=1)], dim=1))
    page = read_interface(tmp_path / "set" / "interface.yaml")
    assert page.inputs["observation.environment_state"][0].pool == "centroids"
    assert (page.control_rate_hz, page.actions[0].names) == (10.0, ("a", "b"))


def test_what_stands_still_in_the_cloud_is_a_constant_of_the_page(data: DemonstrationSet, tmp_path: Path) -> None:
    first, second = (segment.name for segment in data.segments["point_cloud"])
    for episode in data.episodes:
        episode.observations["point_cloud"][:, :6] = torch.tensor([0.1, -0.2, 0.3])
    write_lerobot_data(data, tmp_path / "set", "insert")
    still, moving = read_interface(tmp_path / "set" / "interface.yaml").inputs["observation.environment_state"]
    assert still.constant == pytest.approx((0.1, -0.2, 0.3))
    assert (moving.pool, moving.names, moving.hold) == ("centroids", (second,), True)
    assert first not in moving.names


def test_places_that_are_taken_and_rates_that_lerobot_has_not(data: DemonstrationSet, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match=r"there already exists"):
        require_output(Path(f"lerobot:{tmp_path / 'there'}"))
    with pytest.raises(UserError, match=r"--output must name a .hdf5 file"):
        require_output(tmp_path / "demos.zip")
    path = write_demonstrations(tmp_path / "slow.hdf5", control_rate_hz=12.5)
    require_rate(tmp_path / "demos.hdf5", 12.5)
    require_rate(Path("lerobot:demos"), 15.0 - 2e-15)
    with pytest.raises(UserError, match=r"new: 12.5 steps a second, and LeRobot takes whole numbers only: give HDF5"):
        write_lerobot_data(read_demonstrations(path, ["joint_pos"]), tmp_path / "new", "insert")
    assert not (tmp_path / "new").exists()


def test_a_recording_becomes_a_data_set_and_leaves_nothing_else(tmp_path: Path) -> None:
    with recording_file(Path(f"lerobot:{tmp_path / 'set'}"), "insert") as file:
        write_demonstrations(file)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert len(read_any(tmp_path / "set", ["joint_pos"]).episodes) == 6
    with recording_file(tmp_path / "demos.hdf5", "insert") as file:
        assert file == tmp_path / "demos.hdf5"

    class StoppedError(Exception):
        pass

    def stopped() -> None:
        with recording_file(Path(f"lerobot:{tmp_path / 'other'}"), "insert") as file:
            write_demonstrations(file)
            raise StoppedError

    with (
        pytest.raises(UserError, match=r"whole numbers only: give HDF5. What was recorded is in .*\.slow\.hdf5\."),
        recording_file(Path(f"lerobot:{tmp_path / 'slow'}"), "insert") as file,
    ):
        write_demonstrations(file, control_rate_hz=12.5)
    file.unlink()
    with pytest.raises(StoppedError):
        stopped()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
