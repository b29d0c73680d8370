# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How many processes a command has, and the one line that says how they failed; see tests/steering for real ones."""

from __future__ import annotations

import os

import pytest
import torch

from score.cli.arguments import Command
from score.cli.processes import choose_processes, explain
from score.utils.errors import UserError


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with six cores and no GPU, on which nothing was started by torchrun."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


@pytest.mark.parametrize(
    ("num_envs", "device", "number"),
    # Six cores; at least 8 environments each; as many in each: 64 = 4 x 16, 48 = 6 x 8, 30 = 3 x 10, 31 is a prime.
    [(64, None, 4), (48, "cpu", 6), (30, None, 3), (31, None, 1), (15, None, 1), (1, None, 1), (64, "cuda:0", 1)],
)
@pytest.mark.usefixtures("cores")
def test_the_number_by_default(num_envs: int, device: str | None, number: int) -> None:
    assert choose_processes(None, num_envs, device) == number


@pytest.mark.usefixtures("cores")
def test_what_the_user_asks_for_counts() -> None:
    assert choose_processes(3, 6, "cpu") == 3
    assert choose_processes(1, 64, None) == 1


@pytest.mark.parametrize(
    ("asked", "num_envs", "device", "message"),
    [
        (5, 4, "cpu", r"--processes 5: there are only 4 environments, and each process needs one; give at most"),
        (3, 64, "cpu", r"--processes 3: 64 environments do not divide among them; .* such as --num_envs 63"),
        (2, 64, "cuda", r"--processes 2: there are \d GPUs on this machine, and each process needs one"),
    ],
)
@pytest.mark.usefixtures("cores")
def test_numbers_that_do_not_fit(asked: int, num_envs: int, device: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_processes(asked, num_envs, device)


def test_torchrun_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert choose_processes(None, 64, None) == choose_processes(4, 64, "cpu") == 4
    with pytest.raises(UserError, match=r"--processes is 2, and torchrun started 4: leave the flag out under torchrun"):
        choose_processes(2, 64, "cpu")
    with pytest.raises(UserError, match=r"62 environments do not divide"):
        choose_processes(None, 62, "cpu")


def test_no_processes_are_a_mistake() -> None:
    command = Command("Does something.", prog="some.py")
    command.add_processes()
    with pytest.raises(UserError, match=r"--processes must be at least 1, got 0"):
        command.parse(["--processes", "0"])


def test_one_line_says_who_failed_and_what_is_left() -> None:
    followed = {"line": "error: another process", "code": 2, "left": "saved a.pt", "lost": True}
    stopped = {"line": "interrupted by SIGTERM: saved a.pt", "code": 143, "left": "saved a.pt", "lost": False}
    refused = {"line": "error: No such file.", "code": 2, "left": "", "lost": False}
    assert explain(2, {0: 2, 1: 2}, {0: refused, 1: refused}) == "No such file."
    assert explain(2, {0: 2, 1: 2}, {0: followed, 1: refused}) == "No such file; saved a.pt"
    assert explain(2, {0: 143, 1: -9}, {0: stopped}) == (
        "Process 2 of 2 was killed by SIGKILL (did memory run out?); saved a.pt"
    )
    assert explain(3, {1: 1}, {}) == "Process 2 of 3 failed (exit code 1): its traceback is above"
