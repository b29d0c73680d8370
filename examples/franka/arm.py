# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A Franka arm for the loop of a capsule: measured joints in, a target every 0.1 s, hold."""

from __future__ import annotations

import time
from typing import Any

import franky
import numpy as np
import torch

__all__ = ["FOLLOW", "FrankaArm"]

FOLLOW = (0.6, 0.3, 0.1)
"""Share of the arm's largest joint velocity, acceleration and jerk that a motion to a target may use: more follows
sooner, but starts and stops at each target, less lags behind (docs/ROBOT.md of the project has both measured)."""


class FrankaArm:
    """The arm, through its own motion generator: a new motion replaces the one that is running.

    A motion ends at rest at its target, so an arm that gets no further one is never further off than the last. When
    the commands of this computer stop coming at all (a cut network, a killed process), the arm stops by itself.
    """

    def __init__(self, host: str, *, follow: tuple[float, float, float] = FOLLOW, realtime: bool = True) -> None:
        """Connect.

        Args:
            host: Name or address of the arm.
            follow: Share of the largest velocity, acceleration and jerk for motions to targets, each in (0, 1].
            realtime: Whether the kernel has to be a real-time one, as an arm wants it.

        Raises:
            SystemExit: There is no arm at this address, or another program has it.
        """
        config = franky.RealtimeConfig.Enforce if realtime else franky.RealtimeConfig.Ignore
        try:
            self.robot = franky.Robot(host, realtime_config=config)
        except (franky.NetworkException, franky.IncompatibleVersionException, franky.RealtimeException) as error:
            raise SystemExit(f"error: no arm at {host}: {error}") from None
        self.follow = franky.RelativeDynamicsFactor(*follow)
        self._stamp, self._taken = -1, 0.0

    def require(self, manifest: dict[str, Any]) -> None:
        """Compare what a capsule commands with an arm.

        Raises:
            SystemExit: It is not seven absolute joint positions in the arm's order.
        """
        output = manifest["output"]
        numbers = [name[-1] for name in output["names"]]
        if numbers != list("1234567") or output["units"] != "rad" or "absolute" not in output["meaning"]:
            raise SystemExit(
                f"error: the capsule commands {', '.join(output['names'])} in {output['units']}, {output['meaning']};"
                " this example takes absolute positions of the joints 1 to 7 in rad"
            )

    def move_to(self, joints: list[float], share: float = 0.1) -> None:
        """Move slowly to a posture [rad] (7,) and wait until it is there; the way is not checked for obstacles.

        Args:
            joints: Where to.
            share: Share of the arm's largest velocity, acceleration and jerk.
        """
        self.robot.recover_from_errors()
        self.robot.move(franky.JointMotion(joints, relative_dynamics_factor=share))

    def read_joints(self) -> tuple[torch.Tensor, float]:
        """Measured joint positions [rad] (7,) and the time.monotonic() at which they arrived.

        A state that was read before keeps its time: if no new one came, the observation grows old, which the loop
        counts.

        Raises:
            franky.Exception: The running motion ended: a reflex of the arm, or a lost connection.
        """
        self.robot.poll_motion()
        state = self.robot.state
        stamp = state.time.to_msec()
        if stamp != self._stamp:
            self._stamp, self._taken = stamp, time.monotonic()
        return torch.tensor(np.asarray(state.q), dtype=torch.float32), self._taken

    def tcp_pose(self) -> np.ndarray[Any, Any]:
        """Measured pose of the tool centre point in the base frame, (4, 4); the hand as set in the arm's Desk."""
        return np.asarray(self.robot.state.O_T_EE.matrix, dtype=float)

    def send(self, action: torch.Tensor, manifest: dict[str, Any]) -> None:
        """Move to a target [rad] (7,) from wherever the arm is, with whatever velocity it has, and hold there."""
        motion = franky.JointMotion(action.tolist(), relative_dynamics_factor=self.follow, return_when_finished=False)
        self.robot.move(motion, asynchronous=True)

    def stop(self, manifest: dict[str, Any]) -> None:
        """Brake as hard as the arm may and hold. An arm that is not moved by this computer holds already."""
        if self.robot.is_in_control:
            self.robot.move(franky.JointStopMotion(), asynchronous=True)
