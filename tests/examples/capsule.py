# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A capsule of a policy that keeps an arm moving, with the joints of a Franka arm."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from score.deployment import CapsulePieces, GoldenEpisode, build_policy, export_capsule
from score.policies.base_policy import BasePolicy
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.steering.latent import NO_BASIS, LatentBasis
from score.steering.plan import Plan, SteeringHead
from score.steering.squash import Squash

HOME = (0.0, 0.1, 0.0, -2.35, 0.0, 2.45, 0.785)
STEPS, HORIZON, POINTS = 24, 4, 6
NAMES = tuple(f"panda_joint{number}" for number in range(1, 8))


class Turning(BasePolicy):
    """Each target is 0.04 rad further than the measured joints."""

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__(spec, 7)

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """(B, 7)."""
        return observations["joint_pos"]

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """(B, 4, 7)."""
        return condition[:, None] + 0.04 * torch.arange(1.0, 5.0)[None, :, None] + 0.0 * latent


class Nothing(nn.Module):
    """A steering network that says zero."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.zeros(size))

    def forward(self, condition: Tensor) -> Tensor:
        """(B, d)."""
        return self.answer.expand(condition.shape[0], -1)


def write_capsule(path: Path) -> Path:
    """Write it."""
    spec = PolicySpec(
        observations={
            "joint_pos": ObservationSpec(shape=(7,), history=1, units="rad", names=NAMES),
            "point_cloud": ObservationSpec(shape=(POINTS, 3), history=1, units="m", frame="panda_tcp"),
        },
        actions=ActionSpec(names=NAMES, units="rad", low=(-2.7,) * 7, high=(2.7,) * 7, relative_to=None),
        control_rate_hz=10.0,
        horizon=HORIZON,
    )
    plan = Plan(Turning(spec), LatentBasis("full", HORIZON, 7), LatentBasis(NO_BASIS, HORIZON, 7))
    head = SteeringHead(plan, Nothing(plan.code_dim), Squash(3.0), std=torch.ones(plan.code_dim), chunk_steps=HORIZON)
    pieces = CapsulePieces(head=head, spec=spec, task="SCORE-Test-v0", max_offset=0.2, base_policy={"sha256": "0" * 64})
    policy = build_policy(head, spec, max_offset=0.2)
    joints = torch.tensor(HOME).repeat(STEPS, 1)
    cloud = torch.zeros(STEPS, POINTS, 3)
    actions = [policy({"joint_pos": joints[step], "point_cloud": cloud[step]}) for step in range(STEPS)]
    decisions = torch.arange(STEPS) % HORIZON == 0
    episode = GoldenEpisode({"joint_pos": joints, "point_cloud": cloud}, torch.stack(actions), decisions)
    return export_capsule(pieces, episode, path)
