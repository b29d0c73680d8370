# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Each fault planted in sound demonstrations is said in one line, and sound ones are passed without a word."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

from score.imitation import DemonstrationSet, Episode, read_demonstrations, train_base_policy
from score.imitation.plausibility import implausible

from .conftest import tiny_cfg


@pytest.fixture
def data(demonstrations: Path) -> DemonstrationSet:
    return read_demonstrations(demonstrations, ["joint_pos"], ["point_cloud"])


def _shorten(data: DemonstrationSet) -> DemonstrationSet:
    first = data.episodes[0]
    short = Episode("demo_0", {key: frames[:1] for key, frames in first.observations.items()}, first.actions[:1], True)
    return dataclasses.replace(data, episodes=(short, *data.episodes[1:]))


def _each(change: Callable[[Episode], object]) -> Callable[[DemonstrationSet], DemonstrationSet]:
    def planted(data: DemonstrationSet) -> DemonstrationSet:
        for episode in data.episodes:
            change(episode)
        return data

    return planted


def _wrap(episode: Episode) -> None:
    # The angle passes pi after the fourth step and goes on from -pi.
    joint = episode.observations["joint_pos"]
    joint[:, 0] = torch.linspace(2.9, 3.5, len(joint))
    joint[4:, 0] -= 2 * math.pi


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (_each(lambda episode: episode.actions.mul_(180.0)), "are these degrees? Convert them."),
        (_each(lambda episode: episode.observations["joint_pos"].mul_(180.0)), "joint_pos 'a' reaches"),
        (_each(_wrap), "joint_pos 'a' jumps by -6.23 rad at step 4 of demo_0: an angle that wraps?"),
        (_each(lambda episode: episode.actions.mul_(10.0).round_()), "actions holds whole numbers only"),
        (_each(lambda episode: episode.actions.copy_(episode.actions > 0.0)), "actions holds whole numbers only"),
        (
            _each(lambda episode: episode.observations["joint_pos"][:, 1].fill_(0.3)),
            "'b' is 0.3 in every step",
        ),
        (_each(lambda episode: episode.actions.copy_(episode.actions.flip(1))), "action 'a' follows number 1 of"),
        (_shorten, "1 episodes have a single step (demo_0)"),
    ],
)
def test_each_planted_fault_is_said(
    data: DemonstrationSet, plant: Callable[[DemonstrationSet], DemonstrationSet], words: str
) -> None:
    assert implausible(data) == []
    findings = implausible(plant(data))
    assert any(words in finding for finding in findings), findings
    assert not any("\n" in finding for finding in findings)


def test_an_action_that_stands_still_is_in_no_doubt_about_its_joint(data: DemonstrationSet) -> None:
    """A finger that is held: another joint that stands still lies nearer to it than its own, which gives way."""
    for episode in data.episodes:
        episode.actions[:, 0] = 0.5
        # of its own joint 0.1 away in every second step, of the other 0.01
        wobble = torch.arange(len(episode)) % 2
        episode.observations["joint_pos"][:, 0] = 0.5 - 0.1 * wobble
        episode.observations["joint_pos"][:, 1] = 0.2 + 0.01 * wobble
    assert not [finding for finding in implausible(data) if "action 'a'" in finding]


def test_fingers_that_move_alike_are_in_no_doubt_about_their_order(data: DemonstrationSet) -> None:
    """Two fingers are told to close alike, and one is held up by what it grasps: no action follows that one."""
    for episode in data.episodes:
        closing = torch.linspace(0.0, 1.0, len(episode))
        episode.actions[:] = closing[:, None]
        episode.observations["joint_pos"][:, 0] = 0.1 * (closing > 0.5)
        episode.observations["joint_pos"][:, 1] = closing
    assert not [finding for finding in implausible(data) if "follows number" in finding]


def test_warnings_are_printed_and_kept_in_the_bundle(data: DemonstrationSet, tmp_path: Path) -> None:
    _each(_wrap)(data)
    out = io.StringIO()
    train_base_policy(data, tmp_path / "base", tiny_cfg(updates=1), console=Console(file=out))
    assert "Warning: demos.hdf5: joint_pos 'a' jumps by" in out.getvalue()
    facts = yaml.safe_load((tmp_path / "base" / "policy.yaml").read_text())["training"]
    assert facts["warnings"] == implausible(data)
