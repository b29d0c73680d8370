#!/usr/bin/env python3
# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A server on this machine that speaks a Franka arm's network protocol, to try things without an arm.

python loopback.py          prints its address and runs until Ctrl-C (requirements-loopback.txt)
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

__all__ = ["LoopbackArm"]

LOST_PACKETS = 20
"""Milliseconds without a command after which an arm stops by itself."""


class LoopbackArm:
    """The server in a process of its own, with a record of every millisecond, and a cable that can be pulled.

    The arm's clock is that of the server: it runs slower than the computer's where that is too slow for 1000 messages a
    second.
    """

    def __init__(self, start: list[float]) -> None:
        """Start the server with the arm at joint positions (7,) [rad].

        Before anything in this process has started a thread, as the server's process is a copy of it.
        """
        context = multiprocessing.get_context("fork")
        self._cut, self._end = context.Event(), context.Event()
        self._ours, theirs = context.Pipe()
        arguments = (theirs, start, self._cut, self._end)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        self.host = str(self._ours.recv())
        self._record: np.ndarray[Any, Any] | None = None

    def cut(self) -> None:
        """Pull the cable: nothing arrives any more, in either direction."""
        self._cut.set()

    def close(self) -> np.ndarray[Any, Any]:
        """Stop the server and return its record (T, 15): time.monotonic(), positions, velocities of each ms."""
        if self._record is None:
            self._end.set()
            self._record = np.asarray(self._ours.recv())
            self._process.join()
        return self._record


def _serve(pipe: Connection, start: list[float], cut: Any, end: Any) -> None:
    from franky_sim import SimulationServer
    from franky_sim.mujoco_simulator import MujocoSimulator

    record: list[tuple[float, ...]] = []
    silent = 0
    with MujocoSimulator() as simulator:
        model = simulator.add_robot(initial_q=start)
        with SimulationServer(simulator) as server:
            (robot,) = server.robot_servers
            pipe.send(robot.hostname)
            while not end.is_set():
                if cut.is_set():
                    # What came last is still commanded, until the arm misses too many messages.
                    silent += 1
                    if silent == LOST_PACKETS:
                        robot.stop_motion(send_preemption_signal=False)
                    robot._post_process_commands()
                    simulator.step()
                    time.sleep(0.001)
                else:
                    server.run_once()
                record.append((time.monotonic(), *model.state.q, *model.state.dq))
    pipe.send(np.array(record))


if __name__ == "__main__":
    home = [0.0, 0.1, 0.0, -2.35, 0.0, 2.45, 0.785]
    arm = LoopbackArm(home)
    print(f"An arm at {arm.host}, joints {home}; Ctrl-C ends it.", flush=True)
    try:
        while True:
            time.sleep(1.0)
    except KeyboardInterrupt:
        pass
