#!/usr/bin/env python3
# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Measures a capsule on the arm of loopback.py, and prints JSON: what README.md reports.

python measure.py capsule track             the recorded episode: how far the arm's joints are from the simulator's
python measure.py capsule stop              the arm's way and time to rest when the policy raises, ...
python measure.py capsule loop --seconds 600    jitter and lateness of the control loop

--slow 4 slows down the arm's clock and the loop alike, for computers that are busy: numbers are in the arm's time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from arm import FOLLOW, FrankaArm
from clouds import RecordedCloud
from loopback import LoopbackArm
from run_franka import Reader, connect, load_program

EVENT = 10
"""Control step in which something happens."""
AT_REST = 0.01
"""Speed of the fastest joint below which the arm is at rest [rad/s]."""
SETTLE = 1.0
"""Seconds that are recorded after a run."""


class Bench:
    """A capsule's program connected to a new arm on loopback, at the first posture of the recorded episode."""

    def __init__(self, capsule: Path, slow: float, follow: tuple[float, float, float]) -> None:
        """Start the arm and connect."""
        self.program: ModuleType = load_program(capsule)
        self.policy, self.manifest = self.program.load(capsule)
        self.period = 1.0 / self.manifest["control_rate_hz"]
        self.manifest["control_rate_hz"] /= slow
        self.slow = slow
        golden = self.program.read_safetensors(capsule / "golden.safetensors")
        self.joints = golden["inputs.joint_pos"]
        self.targets = golden["outputs.action"]
        self.loopback = LoopbackArm(self.joints[0].tolist(), slow)
        self.arm = FrankaArm(self.loopback.host, follow=follow, realtime=False)
        self.arm.require(self.manifest)
        self.read_cloud: Reader = RecordedCloud(golden["inputs.point_cloud"]).read
        self.reads: list[float] = []
        self.sends: list[float] = []

    def run(self, steps: int, policy: Any = None) -> str:
        """Run the capsule's loop, note when it reads and sends, and return how it ended."""
        connect(self.program, self.arm, lambda: self.read_cloud())
        read, send = self.program.read_robot, self.program.send_to_robot

        def noted_read(manifest: dict[str, Any]) -> Any:
            self.reads.append(time.monotonic())
            return read(manifest)

        def noted_send(action: torch.Tensor, manifest: dict[str, Any]) -> None:
            send(action, manifest)
            self.sends.append(time.monotonic())

        vars(self.program).update(read_robot=noted_read, send_to_robot=noted_send)
        with contextlib.redirect_stderr(None):
            try:
                self.program.run(policy or self.policy, self.manifest, steps)
            except (Exception, SystemExit) as error:
                return f"{type(error).__name__}: {str(error).splitlines()[-1]}"
        return "all steps"

    def record(self) -> np.ndarray[Any, Any]:
        """Let the arm settle and return what it did, (T, 15); see loopback.py."""
        time.sleep(SETTLE * self.slow)
        return self.loopback.close()


@contextlib.contextmanager
def bench(args: argparse.Namespace) -> Iterator[Bench]:
    """A bench whose arm is gone afterwards."""
    made = Bench(args.capsule, args.slow, tuple(args.follow))
    try:
        yield made
    finally:
        made.loopback.close()


def track(args: argparse.Namespace) -> dict[str, Any]:
    """The recorded episode: the arm's joints against the simulator's at the same control step, and some time later.

    Once with the recorded targets, which leaves the arm's way of following them, and once with the policy's, which
    sees the recorded clouds and the arm's own joints.
    """
    return {"recorded targets": track_once(args, recorded=True), "policy": track_once(args, recorded=False)}


def track_once(args: argparse.Namespace, *, recorded: bool) -> dict[str, Any]:
    """One episode."""
    with bench(args) as made:
        targets = iter(made.targets)
        policy = Acting(made.policy, lambda observations: next(targets)) if recorded else None
        ended = made.run(len(made.joints), policy)
        record = made.record()
    wanted = made.joints.numpy()[: len(made.reads)]
    delays = range(0, 301, 10)
    shifted = [np.abs(positions(record, made.reads, delay) - wanted).mean() for delay in delays]
    error = np.abs(positions(record, made.reads) - wanted)
    milliseconds = 1000.0 * (record[-1, 0] - record[0, 0]) / args.slow
    return {
        "ended": ended,
        "steps": len(made.reads),
        "targets_sent": len(made.sends),
        "mean_error_mrad": np.round(1000 * error.mean(0), 1).tolist(),
        "largest_error_mrad": np.round(1000 * error.max(0), 1).tolist(),
        "simulator_moves_mrad": np.round(1000 * np.ptp(wanted, axis=0)).tolist(),
        "mean_error_of_all_mrad": round(1000 * float(error.mean()), 2),
        "arm_is_behind_ms": delays[int(np.argmin(shifted))],
        "mean_error_at_that_delay_mrad": round(1000 * float(min(shifted)), 2),
        "arm_s_clock": round(len(record) / milliseconds, 2),
    }


def positions(record: np.ndarray[Any, Any], times: list[float], delay: int = 0) -> np.ndarray[Any, Any]:
    """Joint positions (n, 7) at times of time.monotonic(), and some milliseconds of the arm's clock after them."""
    rows = np.searchsorted(record[:, 0], times) + delay
    return record[np.minimum(rows, len(record) - 1), 1:8]


def stop(args: argparse.Namespace) -> dict[str, Any]:
    """What the arm does after the policy raised, the cloud stopped coming, the network was cut; times in ms."""
    return {name: stop_once(args, event) for name, event in EVENTS.items()}


def policy_raises(made: Bench) -> Any:
    """The policy raises in a step."""

    def act(observations: dict[str, torch.Tensor]) -> torch.Tensor:
        if len(made.reads) > EVENT:
            raise ValueError("not finite")
        return made.policy(observations)

    return act


def cloud_stops(made: Bench) -> Any:
    """The camera gives the same cloud again and again, with the time at which it was taken."""
    newest = made.read_cloud
    kept: list[Any] = []

    def read() -> Any:
        if len(made.reads) <= EVENT:
            kept[:] = [newest()]
        return kept[0]

    made.read_cloud = read
    return None


def network_is_cut(made: Bench) -> Any:
    """Nothing arrives any more, in either direction."""

    def act(observations: dict[str, torch.Tensor]) -> torch.Tensor:
        if len(made.reads) > EVENT:
            made.loopback.cut()
        return made.policy(observations)

    return act


EVENTS: dict[str, Callable[[Bench], Any]] = {
    "policy raises": policy_raises,
    "cloud stops": cloud_stops,
    "network is cut": network_is_cut,
}


class Acting:
    """A policy that calls a function, and is in all else the capsule's."""

    def __init__(self, policy: Any, act: Callable[[dict[str, torch.Tensor]], torch.Tensor]) -> None:
        """Keep both."""
        self.policy, self.act = policy, act

    def __call__(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """One control step."""
        return self.act(observations)

    def __getattr__(self, name: str) -> Any:
        """The capsule's."""
        return getattr(self.policy, name)


def stop_once(args: argparse.Namespace, event: Callable[[Bench], Any]) -> dict[str, Any]:
    """One run that ends by an event in its step EVENT."""
    with bench(args) as made:
        act = event(made)
        ended = made.run(len(made.joints), Acting(made.policy, act) if act else None)
        record = made.record()
    after = record[np.searchsorted(record[:, 0], made.reads[EVENT]) :]
    speed = np.abs(after[:, 8:]).max(1)
    moving = np.flatnonzero(speed > AT_REST)
    return {
        "ended": ended,
        "speed_rad_s": round(float(speed[0]), 3),
        "at_rest_after_ms": int(moving[-1]) + 1 if len(moving) else 0,
        "way_rad": round(float(np.abs(after[-1, 1:8] - after[0, 1:8]).max()), 4),
        "targets_sent_after": sum(sent > made.reads[EVENT] for sent in made.sends),
    }


def loop(args: argparse.Namespace) -> dict[str, Any]:
    """The control loop for some time: how evenly it reads, and how long a target takes from there."""
    with bench(args) as made:
        began, busy = time.monotonic(), time.process_time()
        ended = made.run(round(args.seconds / made.period / args.slow))
        wall, busy = time.monotonic() - began, time.process_time() - busy
    intervals = np.diff(made.reads)
    late = intervals - made.period * args.slow
    answers = [min(sent for sent in made.sends if sent > read) - read for read in made.reads[:200]]
    return {
        "ended": ended,
        "seconds": round(wall, 1),
        "steps": len(made.reads),
        "targets_sent": len(made.sends),
        "jitter_ms": spread(np.abs(late)),
        "late_ms": spread(np.maximum(late, 0.0)),
        "from_reading_to_sent_ms": spread(np.array(answers)),
        "share_of_a_core": round(busy / wall, 3),
        "load_of_the_computer": round(os.getloadavg()[0], 1),
    }


def spread(seconds: np.ndarray[Any, Any]) -> dict[str, float]:
    """Median, 99th percentile and largest, in ms."""
    return {
        name: round(1000.0 * float(np.quantile(seconds, share)), 2)
        for name, share in (("median", 0.5), ("p99", 0.99), ("largest", 1.0))
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("capsule", type=Path, help="folder that export.py wrote")
    suites = {"track": track, "stop": stop, "loop": loop}
    parser.add_argument("suite", choices=list(suites))
    parser.add_argument("--slow", type=float, default=1.0, help="how many times slower the arm's clock runs")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the suite loop")
    parser.add_argument("--follow", type=float, nargs=3, default=FOLLOW, help="see FOLLOW of arm.py")
    args = parser.parse_args()
    print(json.dumps(suites[args.suite](args), indent=2))


if __name__ == "__main__":
    main()
