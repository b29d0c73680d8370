# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Recordings of one and of two processes on a scripted task: which episodes they hold, and what a file says of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

from score.imitation.recording import record_demonstrations
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.utils import ranks
from score.utils.errors import UserError


class CountTask:
    """An episode lasts 2 to 4 steps, by its environment; every joint value is the seed of its reset."""

    task, domain, engine, device, max_episode_length = "Count-v0", "real", "script", "cpu", 10

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.command_limits = torch.tensor([-100.0]), torch.tensor([100.0]), 200.0
        self.spec = PolicySpec(
            observations={"joint_pos": ObservationSpec(shape=(1,), history=1, units="rad")},
            actions=ActionSpec(names=("x",), units="rad", low=(-100.0,), high=(100.0,), relative_to=None),
            control_rate_hz=10.0,
            horizon=1,
        )
        self.reset(0)

    def reset(self, seed: int) -> dict[str, Any]:
        self._joints = torch.full((self.num_envs, 1), float(seed))
        self._steps = 0
        return {"policy": {"joint_pos": self._joints}}

    def hold_action(self) -> torch.Tensor:
        return torch.zeros(self.num_envs, 1)

    def step(self, action: torch.Tensor) -> tuple[Any, ...]:
        self._steps += 1
        self._done = torch.arange(self.num_envs) % 3 == self._steps - 2
        observations = {"policy": {"joint_pos": self._joints}}
        return observations, torch.ones(self.num_envs), self._done, torch.zeros_like(self._done), {}

    def ended_by(self) -> dict[str, torch.Tensor]:
        return {"success": self._done & (self._steps < 4), "guard": torch.zeros_like(self._done)}


class Still:
    """Sends zeros."""

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs

    def reset(self) -> None:
        """Has no habits."""

    def act(self) -> torch.Tensor:
        return torch.zeros(self.num_envs, 1)


def record(path: Path, episodes: int, num_envs: int) -> dict[str, float]:
    return record_demonstrations(CountTask(num_envs), Still(num_envs), episodes, path, seed=10, keys=("joint_pos",))


def read(path: Path) -> list[tuple[int, int, bool, float]]:
    """Seed, steps, success and joint value of every episode, in their order."""
    with h5py.File(path) as file:
        data = file["data"]
        assert json.loads(data.attrs["env_args"])["env_name"] == "Count-v0"
        demos = [data[f"demo_{number}"] for number in range(len(data))]
        assert data.attrs["total"] == sum(demo.attrs["num_samples"] for demo in demos)
        facts = [(int(demo.attrs["seed"]), len(demo["actions"]), bool(demo.attrs["success"])) for demo in demos]
        return [(*fact, float(demo["obs/joint_pos"][0, 0])) for fact, demo in zip(facts, demos, strict=True)]


def test_one_process_records_batch_after_batch(tmp_path: Path) -> None:
    summary = record(tmp_path / "demos.hdf5", 5, 3)
    # Batches of seeds 10 and 11, of 3 environments; lengths 2, 3, 4, of which the last fails.
    assert read(tmp_path / "demos.hdf5") == [
        (10, 2, True, 10), (10, 3, True, 10), (10, 4, False, 10), (11, 2, True, 11), (11, 3, True, 11),
    ]  # fmt: skip
    assert summary == {
        "episodes": 5, "success_rate": 0.8, "mean_steps": 14 / 5, "success_steps": 10 / 4, "guard_resets": 0,
    }  # fmt: skip


def work(rank: int, port: int, path: Path, answers: Any) -> None:
    """One of two processes."""
    torch.set_num_threads(1)
    told = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    os.environ.update({key: str(value) for key, value in told.items()}, GLOO_SOCKET_IFNAME="lo")
    with ranks.process_group("cpu"):
        answers.put((rank, record(path, 7, 3)))


def test_two_processes_share_the_episodes_and_fill_one_file(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")  # a fresh interpreter would import for seconds
    answers: Any = context.Queue()
    path = tmp_path / "demos.hdf5"
    processes = [context.Process(target=work, args=(rank, port, path, answers)) for rank in range(2)]
    for process in processes:
        process.start()
    found = dict(answers.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(timeout=60)
    # Of 7 episodes the first process has 4 (numbers 0, 2, 4, 6) and batches 10, 12; the second 3 and batch 11.
    assert read(path) == [
        (10, 2, True, 10), (10, 3, True, 10), (10, 4, False, 10), (12, 2, True, 12),
        (11, 2, True, 11), (11, 3, True, 11), (11, 4, False, 11),
    ]  # fmt: skip
    assert found[0] == found[1] == {
        "episodes": 7, "success_rate": 5 / 7, "mean_steps": 20 / 7, "success_steps": 12 / 5, "guard_resets": 0,
    }  # fmt: skip
    assert [file.name for file in tmp_path.iterdir()] == ["demos.hdf5"]


def test_what_cannot_be_recorded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--episodes must be at least 1, one for each process, got 0"):
        record(tmp_path / "demos.hdf5", 0, 1)
    with pytest.raises(UserError, match=r"--output must end with .hdf5"):
        record(tmp_path / "demos.json", 1, 1)
    assert not list(tmp_path.iterdir())
