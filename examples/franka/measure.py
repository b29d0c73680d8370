#!/usr/bin/env python3
# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Measures a capsule on the arm of loopback.py, and prints JSON: what README.md reports.

python measure.py capsule track             the recorded episode: how far the arm's joints are from the simulator's
python measure.py capsule stop              the arm's way and time to rest when the policy raises, ...
python measure.py capsule loop --seconds 600    jitter and lateness of the control loop

--slow 100 lets everything follow the arm's own clock, up to so many times slower than that of a busy computer.
All numbers but those of the suite loop are in the arm's time.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import arm
import clouds
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
OVER = 50
"""Milliseconds over which a speed is taken from positions: the server's own speeds hold the shaking of a held joint."""
NO_ANSWER = 5.0
"""Seconds without an answer after which the arm's clock counts as stopped."""
SLOWEST = 60.0
"""How many times slower than the computer's the arm's clock is taken to be where it does not answer."""
SETTLE = 1.0
"""Seconds that are recorded after a run."""


class ArmClock:
    """What the loop takes for the module ``time``: the arm's clock, ``slow`` times faster than it is."""

    def __init__(self, robot: Any, slow: float) -> None:
        """Begin with what the arm's clock says."""
        self.robot, self.slow = robot, slow
        self.stamp, self.wall = 0.0, time.monotonic()

    def monotonic(self) -> float:
        """Seconds; where the arm does not answer, the computer's clock goes on after a while."""
        stamp, wall = self.stamp, time.monotonic()
        with contextlib.suppress(Exception):
            stamp = self.robot.state.time.to_sec()
        if stamp != self.stamp:
            self.stamp, self.wall = stamp, wall
        alone = max(wall - self.wall - NO_ANSWER, 0.0) * max(1.0, self.slow / SLOWEST)
        return self.slow * self.stamp + alone

    def sleep(self, seconds: float) -> None:
        """Wait."""
        end = self.monotonic() + seconds
        while self.monotonic() < end:
            time.sleep(0.001)


@dataclasses.dataclass
class Run:
    """One run of the capsule's loop; times of time.monotonic()."""

    ended: str = ""
    """How it ended."""
    reads: list[float] = dataclasses.field(default_factory=list)
    """When each control step began."""
    sends: list[float] = dataclasses.field(default_factory=list)
    """When each target was sent."""


class Bench:
    """A capsule's program connected to an arm on loopback."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Start the arm at the first posture of the recorded episode, and connect."""
        self.program: ModuleType = load_program(args.capsule)
        golden = self.program.read_safetensors(args.capsule / "golden.safetensors")
        self.joints, self.targets = golden["inputs.joint_pos"], golden["outputs.action"]
        self.clouds = golden["inputs.point_cloud"]
        self.loopback = LoopbackArm(self.joints[0].tolist())
        self.policy, self.manifest = self.program.load(args.capsule)
        self.period, self.slow = 1.0 / self.manifest["control_rate_hz"], args.slow
        self.manifest["control_rate_hz"] /= args.slow
        self.arm = FrankaArm(self.loopback.host, follow=tuple(args.follow), realtime=False)
        self.arm.require(self.manifest)
        self.clock: Any = time
        if args.slow != 1.0:
            self.clock = ArmClock(self.arm.robot, args.slow)
            for module in (self.program, arm, clouds):
                vars(module)["time"] = self.clock
        self.current = Run()
        self.read_cloud: Reader = RecordedCloud(self.clouds).read

    def run(self, steps: int, event: Event | None = None) -> Run:
        """Move to the start, run the capsule's loop, and let the arm settle."""
        self.arm.move_to(self.joints[0].tolist(), 0.3)
        self.current, self.read_cloud = Run(), RecordedCloud(self.clouds).read
        act = event(self) if event is not None else None
        connect(self.program, self.arm, lambda: self.read_cloud())
        read, send = self.program.read_robot, self.program.send_to_robot

        def noted_read(manifest: dict[str, Any]) -> Any:
            self.current.reads.append(time.monotonic())
            return read(manifest)

        def noted_send(action: torch.Tensor, manifest: dict[str, Any]) -> None:
            send(action, manifest)
            self.current.sends.append(time.monotonic())

        vars(self.program).update(read_robot=noted_read, send_to_robot=noted_send)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            try:
                self.program.run(Acting(self.policy, act) if act else self.policy, self.manifest, steps)
                self.current.ended = "all steps"
            except (Exception, SystemExit) as error:
                self.current.ended = f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"
        self.clock.sleep(SETTLE * self.slow)
        return self.current

    @property
    def late(self) -> bool:
        """Whether the event's step has begun."""
        return len(self.current.reads) > EVENT


Act = Callable[[dict[str, torch.Tensor]], torch.Tensor]
Event = Callable[[Bench], Act | None]
"""Prepares what happens in step EVENT; returns what acts instead of the policy, None if the policy does."""


class Acting:
    """A policy that calls a function, and is in all else the capsule's."""

    def __init__(self, policy: Any, act: Act) -> None:
        """Keep both."""
        self.policy, self.act = policy, act

    def __call__(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """One control step."""
        return self.act(observations)

    def __getattr__(self, name: str) -> Any:
        """Return the capsule's."""
        return getattr(self.policy, name)


def track(bench: Bench, args: argparse.Namespace) -> dict[str, Any]:
    """Play the recorded episode: the arm's joints against the simulator's at the same control step, and some later.

    Once with the recorded targets, which leaves the arm's way of following them, and once with the policy's, which
    sees the recorded clouds and the arm's own joints.
    """

    def recorded_targets(bench: Bench) -> Act:
        targets = iter(bench.targets)
        return lambda observations: next(targets)

    runs = {"recorded targets": bench.run(len(bench.joints), recorded_targets), "policy": bench.run(len(bench.joints))}
    record = bench.loopback.close()
    return {name: compare(run, record, bench) for name, run in runs.items()}


def compare(run: Run, record: np.ndarray[Any, Any], bench: Bench) -> dict[str, Any]:
    """One episode's joints, in mrad, against the simulator's."""
    wanted = bench.joints.numpy()[: len(run.reads)]
    delays = range(0, 301, 10)
    shifted = [np.abs(positions(record, run.reads, delay) - wanted).mean() for delay in delays]
    error = np.abs(positions(record, run.reads) - wanted)
    rows = np.searchsorted(record[:, 0], [run.reads[0], run.reads[-1]])
    return {
        "ended": run.ended,
        "steps": len(run.reads),
        "targets_sent": len(run.sends),
        "mean_error": np.round(1000 * error.mean(0), 1).tolist(),
        "largest_error": np.round(1000 * error.max(0), 1).tolist(),
        "simulator_moves": np.round(1000 * np.ptp(wanted, axis=0)).tolist(),
        "mean_error_of_all": round(1000 * float(error.mean()), 2),
        "arm_is_behind_ms": delays[int(np.argmin(shifted))],
        "mean_error_of_all_at_that_delay": round(1000 * float(min(shifted)), 2),
        "largest_acceleration_rad_s2": round(float(np.abs(np.diff(record[rows[0] : rows[1], 8:], axis=0)).max()) * 1e3),
        "arm_s_ms_of_a_step": round(float(np.ptp(rows)) / (len(run.reads) - 1), 1),
    }


def positions(record: np.ndarray[Any, Any], times: list[float], delay: int = 0) -> np.ndarray[Any, Any]:
    """Joint positions (n, 7) at times of time.monotonic(), and some milliseconds of the arm's clock after them."""
    rows = np.searchsorted(record[:, 0], times) + delay
    return record[np.minimum(rows, len(record) - 1), 1:8]


def policy_raises(bench: Bench) -> Act:
    """Make the policy raise in a step."""

    def act(observations: dict[str, torch.Tensor]) -> torch.Tensor:
        if bench.late:
            raise ValueError("not finite")
        return bench.policy(observations)

    return act


def cloud_stops(bench: Bench) -> None:
    """Make the camera give the same cloud again and again, with the time at which it was taken."""
    newest = bench.read_cloud
    kept: list[Any] = []

    def read() -> Any:
        if not bench.late:
            kept[:] = [newest()]
        return kept[0]

    bench.read_cloud = read


def network_is_cut(bench: Bench) -> Act:
    """Let nothing arrive any more, in either direction."""

    def act(observations: dict[str, torch.Tensor]) -> torch.Tensor:
        if bench.late:
            bench.loopback.cut()
        return bench.policy(observations)

    return act


EVENTS: dict[str, Event] = {
    "policy raises": policy_raises,
    "cloud stops": cloud_stops,
    "network is cut": network_is_cut,
}


def stop(bench: Bench, args: argparse.Namespace) -> dict[str, Any]:
    """Measure what the arm does after the policy raised, the cloud stopped coming, the network was cut."""
    runs = {name: bench.run(len(bench.joints), event) for name, event in EVENTS.items()}
    record = bench.loopback.close()
    ends = [run.reads[0] for run in list(runs.values())[1:]] + [float("inf")]
    return {name: at_rest(run, record[record[:, 0] < end]) for (name, run), end in zip(runs.items(), ends, strict=True)}


def at_rest(run: Run, record: np.ndarray[Any, Any]) -> dict[str, Any]:
    """How the arm moved from the event on, in its own time; it is at rest before the next run moves it."""
    after = record[np.searchsorted(record[:, 0], run.reads[EVENT]) :]
    speed = np.abs(after[OVER:, 1:8] - after[:-OVER, 1:8]).max(1) / (0.001 * OVER)
    resting = np.flatnonzero(speed < AT_REST)
    return {
        "ended": run.ended,
        "speed_rad_s": round(float(speed[0]), 3),
        "at_rest_after_ms": int(resting[0]) if len(resting) else None,
        "way_rad": round(float(np.abs(after[: int(1000 * SETTLE), 1:8] - after[0, 1:8]).max()), 4),
        "targets_sent_after": sum(sent > run.reads[EVENT] for sent in run.sends),
    }


def loop(bench: Bench, args: argparse.Namespace) -> dict[str, Any]:
    """Run the control loop for some time: how evenly it reads, and how long a target takes from there."""
    began, busy = time.monotonic(), time.process_time()
    run = bench.run(round(args.seconds / bench.period / bench.slow))
    wall, busy = time.monotonic() - began, time.process_time() - busy
    late = np.diff(run.reads) - bench.period * bench.slow
    sends = np.array(run.sends)
    following = np.searchsorted(sends, run.reads)
    answers = sends[following[following < len(sends)]] - np.array(run.reads)[following < len(sends)]
    return {
        "ended": run.ended,
        "seconds": round(wall, 1),
        "steps": len(run.reads),
        "targets_sent": len(run.sends),
        "jitter_ms": spread(np.abs(late)),
        "late_ms": spread(np.maximum(late, 0.0)),
        "from_reading_to_sent_ms": spread(answers),
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
    bench = Bench(args)
    try:
        print(json.dumps(suites[args.suite](bench, args), indent=2))
    finally:
        bench.loopback.close()


if __name__ == "__main__":
    main()
