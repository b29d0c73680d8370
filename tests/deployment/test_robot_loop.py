# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The loop on the robot, with a robot that runs in real time: whatever happens, it is told to stop."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.deployment.doubles import network_pieces, observations

from score.deployment import GoldenEpisode, build_policy, export_capsule, run_policy

PERIOD = 0.2
"""Long, as the computer of these tests is not a robot's."""
MANIFEST: dict[str, Any] = {
    "control_rate_hz": 1.0 / PERIOD,
    "chunk": {"late": 0},
    "output": {"offset_from": "joint_pos", "max_offset": 0.1, "low": [-1.0, -1.0], "high": [1.0, 1.0]},
}


class Robot:
    """Notes what it is told and when, seconds after its start."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began = time.monotonic()
        self.said: list[tuple[str, float]] = []
        self.reads = 0
        self.before_reading: Callable[[int], object] = lambda step: None
        self.age: Callable[[int], float] = lambda step: 0.0
        for name, function in (("read_robot", self.read), ("send_to_robot", self.send), ("stop_robot", self.stop)):
            monkeypatch.setattr(run_policy, name, function)

    @property
    def words(self) -> list[str]:
        return [word for word, _ in self.said]

    def note(self, word: str) -> None:
        self.said.append((word, time.monotonic() - self.began))

    def read(self, manifest: dict) -> tuple[dict[str, torch.Tensor], float]:
        self.reads += 1
        self.before_reading(self.reads - 1)
        return {"joint_pos": torch.zeros(2)}, time.monotonic() - self.age(self.reads - 1)

    def send(self, action: torch.Tensor, manifest: dict) -> None:
        self.note("sent")

    def stop(self, manifest: dict) -> None:
        self.note("stop")


class Policy:
    """Calls a function with the number of the step."""

    def __init__(self, act: Callable[[int], torch.Tensor] = lambda step: torch.full((2,), 0.05)) -> None:
        self.act, self.steps = act, 0
        self.unfamiliarity: Callable[[], float] = lambda: 0.0

    def reset(self) -> None:
        self.steps = 0

    def decided(self) -> bool:
        return self.steps < 3

    def __call__(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        self.steps += 1
        return self.act(self.steps - 1)


def drive(policy: Any, manifest: dict[str, Any], steps: int) -> None:
    """Run the loop with a policy that only looks like a TorchScript module."""
    run_policy.run(policy, manifest, steps)


@pytest.fixture
def robot(monkeypatch: pytest.MonkeyPatch) -> Robot:
    return Robot(monkeypatch)


def test_an_episode_is_sent_at_the_control_rate_between_two_stops(robot: Robot) -> None:
    drive(Policy(), MANIFEST, 4)
    assert robot.words[:6] == ["stop", "sent", "sent", "sent", "sent", "stop"]
    # The fourth target is sent three periods after the first, 0.6 s.
    assert robot.said[4][1] - robot.said[1][1] == pytest.approx(3 * PERIOD, abs=PERIOD / 2)


def test_a_policy_that_raises_stops_the_robot(robot: Robot) -> None:
    def act(step: int) -> torch.Tensor:
        if step == 1:
            raise ValueError("Observation 'joint_pos' holds NaN or infinity.")
        return torch.zeros(2)

    with pytest.raises(ValueError, match="holds NaN"):
        drive(Policy(act), MANIFEST, 4)
    assert robot.words[:3] == ["stop", "sent", "stop"]


def test_a_robot_that_cannot_be_read_is_stopped(robot: Robot) -> None:
    def cut(step: int) -> None:
        raise ConnectionError("the network is cut")

    robot.before_reading = cut
    with pytest.raises(ConnectionError):
        drive(Policy(), MANIFEST, 4)
    assert robot.words[:2] == ["stop", "stop"]


def test_the_robot_is_stopped_while_the_loop_waits_for_a_cloud_that_does_not_come(robot: Robot) -> None:
    robot.before_reading = lambda step: time.sleep(5 * PERIOD if step == 1 else 0.0)
    with pytest.raises(SystemExit, match="stopped at step 1: no step for 2 periods"):
        drive(Policy(), MANIFEST, 4)
    assert robot.words[:3] == ["stop", "sent", "stop"]
    # Two periods after the last step, and not when the cloud comes, five periods after the next tick.
    assert robot.said[2][1] - robot.said[1][1] < 4 * PERIOD
    assert "sent" not in robot.words[2:]


def test_old_observations_move_nothing_and_end_the_run(robot: Robot, capsys: pytest.CaptureFixture[str]) -> None:
    robot.age = lambda step: 2 * PERIOD if step >= 1 else 0.0
    policy = Policy()
    with pytest.raises(SystemExit, match="stopped at step 3: 3 faults in 20 steps"):
        drive(policy, MANIFEST, 9)
    assert robot.words[:3] == ["stop", "sent", "stop"]
    assert policy.steps == 1
    assert capsys.readouterr().err.count("the observation is 4") == 3  # 400 ms and a little


@pytest.mark.parametrize("target", [0.11, float("nan")])
def test_targets_far_from_the_measured_position_are_not_sent(robot: Robot, target: float) -> None:
    with pytest.raises(SystemExit, match="stopped at step 2: 3 faults"):
        drive(Policy(lambda step: torch.tensor([0.0, target])), MANIFEST, 9)
    assert "sent" not in robot.words


def test_a_position_beyond_a_limit_is_led_back_to_it() -> None:
    observations = {"joint_pos": torch.tensor([1.5, 0.0])}
    assert not run_policy.is_far(torch.tensor([1.0, 0.1]), observations, MANIFEST["output"])
    assert run_policy.is_far(torch.tensor([1.0, 0.2]), observations, MANIFEST["output"])


def test_late_steps_are_counted_and_end_the_run(robot: Robot, capsys: pytest.CaptureFixture[str]) -> None:
    def act(step: int) -> torch.Tensor:
        time.sleep(1.3 * PERIOD)
        return torch.zeros(2)

    with pytest.raises(SystemExit, match="stopped at step 2: 3 faults"):
        drive(Policy(act), MANIFEST, 9)
    assert capsys.readouterr().err.count("late by") == 3
    assert robot.words[-1] == "stop"


class SlowPolicy:
    """Decides in every third step, which takes a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.steps, self.accepted = seconds, 0, 0

    def reset(self) -> None:
        self.steps = 0

    def observe(self, observations: dict[str, torch.Tensor]) -> bool:
        self.steps += 1
        return self.steps % 3 == 1

    def decide(self) -> torch.Tensor:
        time.sleep(self.seconds)
        return torch.zeros(3, 2)

    def accept(self, chunk: torch.Tensor) -> None:
        self.accepted += 1

    def act(self) -> torch.Tensor:
        return torch.zeros(2)

    def unfamiliarity(self) -> float:
        return 0.0


def test_decisions_that_take_longer_than_a_step_are_made_beside_the_loop(robot: Robot) -> None:
    policy = SlowPolicy(1.4 * PERIOD)
    drive(policy, MANIFEST | {"chunk": {"late": 2}}, 6)  # no fault: the third would end it
    assert robot.words.count("sent") == 6
    assert policy.accepted == 2
    sent = [at for word, at in robot.said if word == "sent"]
    # The first target waits for its decision; then there is one a period.
    assert sent[5] - sent[0] == pytest.approx(5 * PERIOD, abs=PERIOD / 2)


def test_decisions_that_are_later_than_that_are_faults(robot: Robot, capsys: pytest.CaptureFixture[str]) -> None:
    drive(SlowPolicy(1.7 * PERIOD), MANIFEST | {"chunk": {"late": 1}}, 6)
    # That of step 3 should be there in step 4, and comes before step 5.
    assert capsys.readouterr().err.splitlines() == ["step 4: the decision is late, so the last chunk goes on"]


def test_a_first_decision_that_does_not_come_moves_nothing(robot: Robot) -> None:
    with pytest.raises(SystemExit, match="the first decision takes more than 2 control steps, nothing was sent"):
        drive(SlowPolicy(2.5 * PERIOD), MANIFEST | {"chunk": {"late": 1}}, 6)
    assert set(robot.words) == {"stop"}


@pytest.mark.parametrize("stale", [1, 2])
def test_the_first_decision_is_waited_for_where_the_first_observations_were_too_old(
    robot: Robot, stale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot.age = lambda step: 2 * PERIOD if step < stale else 0.0
    policy = SlowPolicy(1.4 * PERIOD)
    accepted: list[int] = []

    def act() -> torch.Tensor:
        accepted.append(policy.accepted)
        return torch.zeros(2)

    monkeypatch.setattr(policy, "act", act)
    drive(policy, MANIFEST | {"chunk": {"late": 2}}, 4)
    assert robot.words.count("sent") == len(accepted) == 4 - stale
    assert min(accepted) == 1  # no target before there is a decision


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_capsule_decides_beside_the_loop_as_it_does_in_it(tmp_path: Path) -> None:
    pieces, raw = dataclasses.replace(network_pieces(), late_steps=1), observations(6)
    frames = [{name: value[t] for name, value in raw.items()} for t in range(6)]
    whole = build_policy(pieces.head, pieces.spec, max_offset=0.2, late_steps=1)
    actions = torch.stack([whole(frame) for frame in frames])
    export_capsule(pieces, GoldenEpisode(raw, actions, torch.arange(6) % 2 == 0), tmp_path / "capsule")
    policy, manifest = run_policy.load(tmp_path / "capsule")
    assert manifest["latency"]["decision_ms"] == pytest.approx(80.0)  # one period at 10 Hz, less a fifth
    steps = run_policy.Steps(policy, manifest["chunk"]["late"], PERIOD, threading.Event())
    for t, frame in enumerate(frames):
        target, fault = steps(t, frame)
        assert fault == ""
        torch.testing.assert_close(target, actions[t], atol=1e-6, rtol=0.0)
        if steps.decision is not None:
            steps.decision.result()


def test_seams_are_where_a_chunk_takes_over() -> None:
    """Decisions at 0, 2 and 4, used one step later: chunks begin at 0, 3 and 5; of two joints the larger counts."""
    first = torch.tensor([0.0, 0.1, 0.2, 0.9, 1.0, 0.5])
    actions = torch.stack([first, torch.zeros(6)], dim=1)
    decided = torch.tensor([1, 0, 1, 0, 1, 0])
    # From 0.2 to 0.9 and from 1.0 to 0.5; inside 0.1 each.
    assert run_policy.seams(actions, decided, 1) == pytest.approx((0.7, 0.1))
    assert run_policy.seams(actions[:1], decided[:1], 0) == (0.0, 0.0)


def test_what_is_unlike_the_training_is_told_and_stops_the_robot_where_that_is_wanted(
    robot: Robot, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody knocks the camera after the first chunk of two steps."""
    policy = Policy()
    policy.unfamiliarity = lambda: 0.9 if policy.steps <= 2 else 8.04
    drive(policy, MANIFEST, 4)
    assert robot.words.count("sent") == 4
    assert "what it saw was up to 8.0 times as far from its training" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="stopped at step 4: 3 faults"):
        run_policy.run(policy, MANIFEST, 9, unfamiliar=8.0)  # type: ignore[arg-type]
    assert robot.words.count("sent") == 4 + 2
    assert capsys.readouterr().err.count("what it sees is unlike its training, 8.0 times the limit") == 3
    policy.unfamiliarity = lambda: 0.9
    drive(policy, MANIFEST, 1)
    assert capsys.readouterr().out == ""


def test_two_faults_do_not_end_a_run(robot: Robot) -> None:
    robot.age = lambda step: 2 * PERIOD if step in (0, 2) else 0.0
    drive(Policy(), MANIFEST, 5)
    assert robot.words.count("sent") == 3


def test_a_dry_run_decides_and_sends_nothing(robot: Robot) -> None:
    policy = Policy()
    run_policy.run(policy, MANIFEST, 3, dry=True)  # type: ignore[arg-type]
    assert policy.steps == 3
    assert set(robot.words) == {"stop"}


def test_a_log_is_written_once_the_robot_has_stopped_however_the_run_ends(robot: Robot, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    policy = Policy(lambda step: torch.tensor([0.01 * step, 0.3 if step >= 2 else 0.0]))  # too far from step 2 on
    robot.before_reading = lambda step: robot.note("there" if path.exists() else "not there")
    with pytest.raises(SystemExit, match="3 faults"):
        run_policy.run(policy, MANIFEST, 9, log=path)  # type: ignore[arg-type]
    assert "there" not in robot.words
    tensors = run_policy.read_safetensors(path)
    assert tensors["sent"].tolist() == [1, 1, 0, 0, 0]
    assert tensors["decision"].tolist() == [1, 1, 0, 0, 0]
    assert torch.allclose(tensors["outputs.action"][:, 0], torch.tensor([0.0, 0.01, 0.02, 0.03, 0.04]))
    assert tensors["inputs.joint_pos"].shape == (5, 2)
    # Decisions at 0 and 1: one seam, of 0.01; then joint b goes from 0 to 0.3 inside of a chunk.
    assert tensors["seams"].tolist() == pytest.approx([0.01, 0.3])
    assert [item.name for item in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_robot_that_cannot_be_told_to_stop_leaves_a_log(
    robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(manifest: dict) -> None:
        if robot.words.count("sent") == 2:
            raise ConnectionError("the network is cut")

    monkeypatch.setattr(run_policy, "stop_robot", stop)
    with pytest.raises(ConnectionError):
        run_policy.run(Policy(), MANIFEST, 2, log=tmp_path / "run.safetensors")  # type: ignore[arg-type]
    assert run_policy.read_safetensors(tmp_path / "run.safetensors")["sent"].tolist() == [1, 1]


def test_clouds_of_other_lengths_come_back_as_they_were(tmp_path: Path) -> None:
    log, path = run_policy.Log(), tmp_path / "run.safetensors"
    clouds = [torch.rand(count, 3) for count in (4, 0, 7)]
    for cloud in clouds:
        log.add({"point_cloud/peg": cloud, "joint_pos": torch.zeros(2)}, torch.zeros(2), True, True)
    log.write(path)
    inputs = run_policy.inputs_of(run_policy.read_safetensors(path))
    assert all(torch.equal(a, b) for a, b in zip(inputs["point_cloud/peg"], clouds, strict=True))
    assert [value.shape for value in inputs["joint_pos"]] == [(2,)] * 3


def test_a_run_without_a_step_leaves_no_log(robot: Robot, tmp_path: Path) -> None:
    run_policy.run(Policy(), MANIFEST, 0, log=tmp_path / "run.safetensors")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_robot(tmp_path: Path, number: signal.Signals) -> None:
    source = Path(run_policy.__file__).read_text()
    filled = """
def read_robot(manifest): return {"joint_pos": torch.zeros(2)}, time.monotonic()
def send_to_robot(action, manifest): print("sent", flush=True)
def stop_robot(manifest): print("stop", flush=True)
class Policy:
    def reset(self): pass
    def unfamiliarity(self): return 0.0
    def __call__(self, observations): return torch.zeros(2)
def load(folder): return Policy(), MANIFEST
"""
    head, tail = source.split("def main() -> None:")
    program = tmp_path / "run_policy.py"
    program.write_text(f"{head}MANIFEST = {MANIFEST!r}\n{filled}\ndef main() -> None:{tail}")
    process = subprocess.Popen(
        [sys.executable, str(program), "--steps", "500"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert [process.stdout.readline().strip() for _ in range(2)] == ["stop", "sent"]
    os.kill(process.pid, number)
    said, _ = process.communicate(timeout=60)
    assert re.fullmatch(r"(sent\n)*(stop\n)+", said)
    assert process.returncode != 0
