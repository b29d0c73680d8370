# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A vectorised task without a simulator: two joints that follow their targets, seen through windows and a cloud."""

from typing import Any

import torch

from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec

JOINTS = ("shoulder", "elbow")
POINTS = 16


def reach_spec(horizon: int = 4) -> PolicySpec:
    """Windows as in SCORE-Insert-v0, actions relative to the newest joint position inside the network."""
    return PolicySpec(
        observations={
            "joint_pos": ObservationSpec(shape=(2,), history=4, units="rad", names=JOINTS),
            "joint_pos_target": ObservationSpec(shape=(2,), history=3, units="rad", names=JOINTS),
            "point_cloud": ObservationSpec(shape=(POINTS, 3), history=1, units="m", frame="tool"),
        },
        actions=ActionSpec(names=JOINTS, units="rad", low=(-2.0, -2.0), high=(2.0, 2.0), relative_to="joint_pos"),
        control_rate_hz=10.0,
        horizon=horizon,
    )


class ReachTask:
    """Succeeds after ``success_steps`` control steps in episodes whose seed allows it, else times out.

    Targets are clamped as the tasks do: to the measured position +- max_offset, then to the limits.
    """

    num_envs = 2
    device = "cpu"
    step_dt = 0.1
    max_episode_length = 14

    def __init__(self, success_steps: int = 11, failures: int = 0) -> None:
        self.success_steps = success_steps
        self.failures_left = failures
        self.asked: list[torch.Tensor] = []
        """Actions of every step, before they are clamped."""
        self._ended = dict.fromkeys(("success", "guard", "time_out"), torch.zeros(self.num_envs, dtype=torch.bool))
        self._seed = 0
        self.spec = reach_spec()
        self.command_limits = (torch.tensor([-0.5, -0.4]), torch.tensor([0.5, 0.4]), 0.2)
        self.episode_length_buf = torch.zeros(self.num_envs, dtype=torch.long)

    def reset(self, seed: int | None = None) -> dict[str, Any]:
        """First observations of a new episode in every environment."""
        self._generator = torch.Generator().manual_seed(self._seed if seed is None else seed)
        self._fails = self.failures_left > 0
        self.failures_left -= 1
        self.episode_length_buf.zero_()
        self._joints = 0.3 * torch.randn(self.num_envs, 2, generator=self._generator)
        self._commanded = self._joints.clone()
        self._seen = [self._joints.clone()] * 4
        self._past = [self._joints.clone()] * 3
        return self._observe()

    def seed_episodes(self, seeds: torch.Tensor, restart: torch.Tensor) -> None:
        """All environments begin together, from the seed of the first."""
        self._seed = int(seeds[0])

    def step(self, action: torch.Tensor) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor, torch.Tensor, dict]:
        """One control step; all environments end together."""
        self.asked.append(action.clone())
        low, high, offset = self.command_limits
        self._commanded = action.clamp(self._joints - offset, self._joints + offset).clamp(low, high)
        self._joints = self._joints + 0.6 * (self._commanded - self._joints)
        self._seen = [*self._seen[1:], self._joints.clone()]
        self._past = [*self._past[1:], self._commanded.clone()]
        self.episode_length_buf += 1
        succeeded = (self.episode_length_buf >= self.success_steps) & (not self._fails)
        timed_out = (self.episode_length_buf >= self.max_episode_length) & ~succeeded
        self._ended = {"success": succeeded, "guard": torch.zeros_like(succeeded), "time_out": timed_out}
        observations = self._observe()
        if bool((succeeded | timed_out).all()):
            observations = self.reset(seed=1)
        return observations, succeeded.float(), succeeded, timed_out, {}

    def after_waiting(self, waited: torch.Tensor, observations: dict[str, Any]) -> dict[str, Any]:
        return observations

    def hold_action(self) -> torch.Tensor:
        """Where the joints are."""
        return self._joints.clone()

    def commanded(self) -> torch.Tensor:
        """Clamped targets."""
        return self._commanded

    def ended_by(self) -> dict[str, torch.Tensor]:
        """Terms of the last step."""
        return self._ended

    def _observe(self) -> dict[str, Any]:
        cloud = 0.1 * torch.randn(self.num_envs, POINTS, 3, generator=self._generator)
        windows = {
            "joint_pos": torch.stack(self._seen, dim=1),
            "joint_pos_target": torch.stack(self._past, dim=1),
            "point_cloud": cloud + torch.nn.functional.pad(self._joints, (0, 1))[:, None],
        }
        return {"policy": windows, "critic": self._joints.clone()}
