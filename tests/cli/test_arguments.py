# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The flags that commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from score.cli.arguments import Command, task_options
from score.utils.errors import UserError


def command() -> Command:
    found = Command("Does something.", prog="some.py")
    found.add_task(num_envs="1")
    found.add_domain()
    found.add_base_policy()
    return found


def test_flags_and_overrides_are_parted() -> None:
    args, overrides = command().parse(
        ["--task", "Line-v0", "physics=newton_mjwarp", "--num_envs", "3", "agent.max_iterations=2"]
    )
    assert (args.task, args.num_envs, args.seed, args.domain) == ("Line-v0", 3, 0, "sim")
    assert overrides == ["physics=newton_mjwarp", "agent.max_iterations=2"]
    options = task_options(args, overrides, num_envs=5, visualizers=["viser"])
    assert options == {
        "task": "Line-v0",
        "overrides": overrides,
        "domain": "sim",
        "num_envs": 5,
        "seed": 0,
        "device": None,
        "visualizers": ["viser"],
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "x", "--num_env", "3"], r"Unknown argument '--num_env'. Did you mean '--num_envs'"),
        (["--task", "x", "--num_envs", "many"], r"some.py: argument --num_envs: invalid int value: 'many'; --help"),
        (["--task", "x", "--num_envs", "0"], r"--num_envs must be at least 1, got 0"),
        ([], r"some.py: the following arguments are required: --task"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        command().parse(words)


def test_commands_below_a_command_take_no_abbreviations_either() -> None:
    parent = Command("Many.", prog="many.py")
    child = parent.add_subparsers(dest="command").add_parser("one")
    child.add_argument("--output", type=Path)
    with pytest.raises(UserError, match="unrecognized arguments: --out x"):
        parent.parse_args(["one", "--out", "x"])


def test_a_device_that_is_not_there() -> None:
    args = argparse.Namespace(task="x", device="cuda:77")
    with pytest.raises(UserError, match=r"Device 'cuda:77' cannot be used \(.*\): give --device cpu"):
        task_options(args, [])
