# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Small base policies and steering networks for the tests: real modules that TorchScript compiles."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from score.deployment import CapsulePieces, GoldenEpisode
from score.policies.base_policy import BasePolicy
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.steering.latent import NO_BASIS, LatentBasis
from score.steering.plan import Plan, SteeringHead
from score.steering.squash import Squash

HORIZON = 3
POINTS = 5
JOINTS = ("a", "b")


def make_spec() -> PolicySpec:
    """Two joints with limits of +-1 rad, a history of two, three past targets and a cloud of five points."""
    return PolicySpec(
        observations={
            "joint_pos": ObservationSpec(shape=(2,), history=2, units="rad", names=JOINTS),
            "joint_pos_target": ObservationSpec(shape=(2,), history=3, units="rad", names=JOINTS),
            "point_cloud": ObservationSpec(shape=(POINTS, 3), history=1, units="m", frame="tool"),
        },
        actions=ActionSpec(names=JOINTS, units="rad", low=(-1.0, -1.0), high=(1.0, 1.0), relative_to=None),
        control_rate_hz=10.0,
        horizon=HORIZON,
    )


class PlainBase(BasePolicy):
    """Condition: all windows, flattened, and the cloud's mean. Action of row h: newest joint_pos + latent + h / 10."""

    def __init__(self) -> None:
        super().__init__(make_spec(), 4 + 6 + 3)

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """(B, 4 + 6 + 3)."""
        joints, targets = observations["joint_pos"].flatten(1), observations["joint_pos_target"].flatten(1)
        return torch.cat([joints, targets, observations["point_cloud"].mean(1)], dim=1)

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """(B, 3, 2)."""
        rows = torch.arange(latent.shape[1], device=latent.device)[None, :, None] / 10.0
        return condition[:, None, 2:4] + latent + rows


class EchoBase(PlainBase):
    """Row h repeats past target h of the window, so that a test can read what the policy remembered."""

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """(B, 3, 2)."""
        return condition[:, 4:10].reshape(-1, 3, 2) + 0.0 * latent


class NetworkBase(PlainBase):
    """A small flow: two Euler steps of a network that sees the condition, the latent and the time."""

    def __init__(self) -> None:
        super().__init__()
        self.field = nn.Sequential(nn.Linear(13 + 6 + 1, 32), nn.GELU(), nn.Linear(32, 6))

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """(B, 3, 2)."""
        point = latent.flatten(1)
        for step in range(2):
            time = torch.full([point.shape[0], 1], 0.5 * step)
            point = point + 0.5 * self.field(torch.cat([condition, point, time], dim=1))
        return 0.3 * point.reshape(-1, 3, 2)


class ConstantNetwork(nn.Module):
    """A steering network that answers the same numbers to every condition."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = nn.Parameter(answer)

    def forward(self, condition: Tensor) -> Tensor:
        """(B, d)."""
        return self.answer.expand(condition.shape[0], -1)


def make_head(
    base: nn.Module, network: nn.Module | None = None, basis: str = "full", bound: float = 3.0, **settings: Any
) -> SteeringHead:
    """A head that steers the latent; without a network the latent is zero always."""
    plan = Plan(base, LatentBasis(basis, HORIZON, 2), LatentBasis(NO_BASIS, HORIZON, 2))
    network = ConstantNetwork(torch.zeros(plan.code_dim)) if network is None else network
    options = {"std": torch.ones(plan.code_dim), "chunk_steps": 3, **settings}
    return SteeringHead(plan, network, Squash(bound), **options)


def network_pieces(seed: int = 0) -> CapsulePieces:
    """A capsule's pieces with random networks."""
    torch.manual_seed(seed)
    actor = nn.Sequential(nn.Linear(13, 16), nn.ELU(), nn.Linear(16, 6))
    return CapsulePieces(
        head=make_head(NetworkBase(), actor, chunk_steps=2),
        spec=make_spec(),
        task="SCORE-Test-v0",
        max_offset=0.2,
        base_policy={"sha256": "0" * 64},
    )


def observations(steps: int, seed: int = 1) -> dict[str, Tensor]:
    """Random raw observations of an episode, (T, *shape) each."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "joint_pos": 0.3 * torch.randn(steps, 2, generator=generator),
        "point_cloud": torch.randn(steps, POINTS, 3, generator=generator),
    }


def reference_rollout(pieces: CapsulePieces, raw: dict[str, Tensor]) -> GoldenEpisode:
    """What the simulator does, written down straight: lists as histories, plain Python for clamping.

    Shares no code with the runtime but the networks.
    """
    spec, head, max_offset = pieces.spec, pieces.head, cast(float, pieces.max_offset)
    base = head.plan.base
    steps = raw["joint_pos"].shape[0]
    past_length = spec.observations["joint_pos_target"].history
    seen = {key: [frames[0]] * spec.observations[key].history for key, frames in raw.items()}
    past, actions, chunk = [raw["joint_pos"][0]] * past_length, [], torch.empty(0)
    low, high = torch.tensor(spec.actions.low), torch.tensor(spec.actions.high)
    with torch.no_grad():
        for step in range(steps):
            for key, frames in raw.items():
                seen[key] = [*seen[key][1:], frames[step]]
            if step % head.chunk_steps == 0:
                windows = {key: torch.stack(frames)[None] for key, frames in seen.items()}
                windows["joint_pos_target"] = torch.stack(past)[None]
                for key, item in spec.observations.items():
                    windows[key] = windows[key][:, -1] if item.history == 1 else windows[key]
                condition = base.encode(windows)
                code = 3.0 * torch.tanh(head.network(condition) / 3.0) / head.squash.scale
                chunk = base.decode(condition, code.reshape(1, HORIZON, 2))[0]
            measured = raw["joint_pos"][step]
            target = chunk[step % head.chunk_steps].clamp(measured - max_offset, measured + max_offset)
            actions.append(target.clamp(low, high))
            past = [*past[1:], actions[-1]]
    return GoldenEpisode(raw, torch.stack(actions), torch.arange(steps) % head.chunk_steps == 0)
