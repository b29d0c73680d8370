# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Each fault planted between demonstrations and a task is named, and sound ones are passed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.deployment.reach_task import JOINTS, ReachTask

from score.imitation import DemonstrationSet, Episode
from score.imitation.channels import compare_clouds, compare_vectors
from score.imitation.contract_check import check_contract, replay
from score.policies.contract_mark import MARK_FILE, require_no_red_mark, write_mark
from score.utils.errors import UserError


class Arm(ReachTask):
    """Two joints that follow their targets for a long time, from random starts."""

    num_envs = 3
    max_episode_length = 200

    def __init__(self) -> None:
        super().__init__(success_steps=10**6)


def _demonstrate(steps: int = 40) -> DemonstrationSet:
    """What an :class:`Arm` measures as it follows two waves, another in each episode; 0.4 rad is its limit."""
    arm = Arm()
    arm.reset(seed=1)
    phase = torch.arange(3.0)

    def wave(step: int) -> torch.Tensor:
        return torch.stack([0.3 * torch.sin(0.5 * step + phase), 0.2 * torch.cos(0.3 * step - 2.0 * phase)], dim=1)

    for _ in range(30):
        observations = arm.step(wave(0))[0]["policy"]
    frames: dict[str, list[torch.Tensor]] = {"joint_pos": [], "point_cloud": [], "actions": []}
    for step in range(steps):
        frames["joint_pos"].append(observations["joint_pos"][:, -1])
        frames["point_cloud"].append(observations["point_cloud"])
        observations = arm.step(wave(step))[0]["policy"]
        frames["actions"].append(arm.commanded())
    stacked = {key: torch.stack(parts, dim=1) for key, parts in frames.items()}
    episodes = tuple(
        Episode(f"demo_{i}", {key: stacked[key][i].clone() for key in ("joint_pos", "point_cloud")}, actions, True)
        for i, actions in enumerate(stacked["actions"].clone())
    )
    return DemonstrationSet(
        path=Path("demos.hdf5"), sha256="0" * 64, episodes=episodes, control_rate_hz=10.0, action_names=JOINTS,
        units={"actions": "rad", "joint_pos": "rad", "point_cloud": "m"}, frames={"point_cloud": "tool"}, segments={},
        action_low=(-2.0, -2.0), action_high=(2.0, 2.0),
    )  # fmt: skip


def _each(key: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[DemonstrationSet], DemonstrationSet]:
    def planted(data: DemonstrationSet) -> DemonstrationSet:
        for episode in data.episodes:
            frames = episode.actions if key == "actions" else episode.observations[key]
            frames.copy_(change(frames.clone()))
        return data

    return planted


def _column(column: int, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    def changed(frames: torch.Tensor) -> torch.Tensor:
        frames[:, column] = change(frames[:, column])
        return frames

    return changed


def _with(**changes: Any) -> Callable[[DemonstrationSet], DemonstrationSet]:
    return lambda data: dataclasses.replace(data, **changes)


def test_sound_demonstrations_pass() -> None:
    assert check_contract(Arm(), _demonstrate()) == []


@pytest.mark.parametrize(
    ("plant", "channel", "words"),
    [
        (_each("joint_pos", _column(0, lambda q: -q)), "joint_pos 'shoulder'", "has the other sign"),
        (_each("joint_pos", _column(1, torch.rad2deg)), "joint_pos 'elbow'", "is in degrees, and the task has rad"),
        (_each("joint_pos", lambda q: q.flip(1)), "joint_pos 'shoulder'", "is what the demonstrations call joint_pos"),
        (_each("joint_pos", _column(1, lambda q: q + 0.5)), "joint_pos 'elbow'", "is off by 0.5: another zero"),
        (_each("joint_pos", lambda q: q.roll(3, dims=0)), "joint_pos", "runs 3 steps behind the task"),
        (_each("joint_pos", lambda q: q.roll(-2, dims=0)), "joint_pos", "runs 2 steps ahead of the task"),
        (_each("actions", torch.rad2deg), "action 'shoulder'", "leaves the task's limits"),
        (_each("actions", _column(0, lambda a: -a)), "joint_pos 'shoulder'", "has the other sign"),
        (_each("point_cloud", lambda cloud: 1000.0 * cloud), "point_cloud", "is in millimetres, and the task has m"),
        (_each("point_cloud", lambda cloud: cloud + 3.0), "point_cloud", "another frame?"),
        (_with(action_names=JOINTS[::-1]), "actions", "are in another order than the task's"),
        (_with(control_rate_hz=30.0), "actions", "are 30 a second and the task's 10"),
        (_with(units={"actions": "rad", "joint_pos": "deg"}), "joint_pos", "is in 'deg' and the task's in 'rad'"),
        (_with(frames={"point_cloud": "base"}), "point_cloud", "is in the frame 'base' and the task's in 'tool'"),
    ],
)  # fmt: skip
def test_each_planted_fault_is_named(
    plant: Callable[[DemonstrationSet], DemonstrationSet], channel: str, words: str
) -> None:
    findings = check_contract(Arm(), plant(_demonstrate()))
    found = [finding for finding in findings if finding.channel == channel and words in finding.text]
    assert found, findings
    assert found[0].red
    assert not any("\n" in finding.text for finding in findings)


def test_one_step_of_delay_is_no_fault_but_is_said() -> None:
    findings = check_contract(Arm(), _each("joint_pos", lambda q: q.roll(1, dims=0))(_demonstrate()))
    assert [(finding.red, finding.text[:20]) for finding in findings] == [(False, "runs 1 step behind t")]


def test_a_replay_begins_where_the_demonstration_does_and_ends_with_the_task() -> None:
    data = _demonstrate()
    parts = replay(Arm(), data.episodes[:2], seed=5)["joint_pos"]
    assert [tuple(part.shape) for part in parts] == [(40, 2), (40, 2)]
    # The first target is held until the arm is there: 0.4^30 of the way is left.
    torch.testing.assert_close(parts[1][0], data.episodes[1].actions[0], atol=1e-5, rtol=0.0)
    short = Arm()
    short.max_episode_length = 7  # the task ends in its seventh step, which is the last with frames of its own
    assert [len(part) for part in replay(short, data.episodes[:2], seed=5)["joint_pos"]] == [7, 7]


def _rotations(steps: int) -> torch.Tensor:
    """Quaternions w, x, y, z of a turn about an axis that turns too."""
    angle, tilt = torch.linspace(0.2, 2.5, steps), torch.linspace(0.0, 1.0, steps)
    axis = torch.stack([tilt.cos(), tilt.sin() * 0.6, tilt.sin() * 0.8], dim=1)
    return torch.cat([(angle / 2).cos().unsqueeze(1), (angle / 2).sin().unsqueeze(1) * axis], dim=1)


def test_the_order_of_quaternions() -> None:
    theirs = torch.cat([torch.linspace(0.0, 1.0, 30).unsqueeze(1), _rotations(30)], dim=1)
    ours = torch.cat([theirs[:, :1], -theirs[:, [2, 3, 4, 1]]], dim=1)  # -q is the same rotation
    findings = compare_vectors("eef", (), "m", [ours], [theirs])
    assert [finding.channel for finding in findings] == ["eef numbers 1 to 4"]
    assert findings[0].text.endswith("in another order: the demonstrations have x, y, z, w and the task w, x, y, z")
    assert compare_vectors("eef", (), "m", [theirs], [theirs]) == []


def test_clouds_along_other_axes() -> None:
    generator = torch.Generator().manual_seed(0)
    cloud = 0.05 * torch.randn(20, 8, 3, generator=generator) + torch.tensor([0.6, 0.1, 0.3])
    assert compare_clouds("cloud", cloud, cloud + 0.02, []) == []
    turned = torch.stack([cloud[..., 1], -cloud[..., 0], cloud[..., 2]], dim=-1)
    # x of the task is -y of the demonstrations, y is their x.
    assert (
        compare_clouds("cloud", turned, cloud, [])[0].text
        == "lies along other axes: the task's x, y, z are its -y, x, z"
    )


def test_what_no_cause_explains_is_red_all_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(50, 1, generator=generator) for _ in range(2))
    (finding,) = compare_vectors("joint_pos", ("a",), "rad", [ours], [theirs])
    assert finding.red
    assert "no usual cause explains it" in finding.text
    (finding,) = compare_vectors("joint_pos", ("a",), "rad", [ours], [theirs[:1]])
    assert "no episode could be replayed" in finding.text


def test_a_red_mark_stops_the_training_of_its_task_alone(tmp_path: Path) -> None:
    require_no_red_mark(tmp_path, "A-v0")
    write_mark(tmp_path, "A-v0", "0" * 64, ["joint_pos 'a' has the other sign", "x"], [])
    write_mark(tmp_path, "B-v0", "0" * 64, [], ["joint_pos runs 1 step behind"])
    with pytest.raises(UserError, match=r"joint_pos 'a' has the other sign \(and 1 more\)\. Correct the data"):
        require_no_red_mark(tmp_path, "A-v0")
    require_no_red_mark(tmp_path, "B-v0")
    write_mark(tmp_path, "A-v0", "0" * 64, [], [])
    require_no_red_mark(tmp_path, "A-v0")
    for text in ("{", "[]"):
        (tmp_path / MARK_FILE).write_text(text)
        with pytest.raises(UserError, match=r"contract.json .*remove it, and run check_contract.py again"):
            require_no_red_mark(tmp_path, "A-v0")


def test_degrees_are_the_factor_of_the_table() -> None:
    wave = torch.sin(torch.linspace(0.0, 6.0, 40)).unsqueeze(1)
    (finding,) = compare_vectors("q", ("a",), "deg", [wave], [wave * 180.0 / math.pi])
    assert finding.text == "is in rad, and the task has deg"
    (finding,) = compare_vectors("eef", ("x",), "m", [1000.0 * wave], [wave])
    assert finding.text == "is in millimetres, and the task has m"
