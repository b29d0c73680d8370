# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A small flow policy with the interface of SCORE-Insert-v0."""

from __future__ import annotations

import pytest
import torch

from score.policies import (
    ActionSpec,
    Chunk,
    DdimCfg,
    DiffusionNetworkCfg,
    DiffusionPolicy,
    FlowMatchingPolicy,
    FlowNetworkCfg,
    IntegratorCfg,
    ObservationSpec,
    PolicySpec,
)
from score.policies.normalisation import Statistic
from score.policies.window_policy import statistic_shapes

JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))


def insert_spec(relative: bool = True, cloud: bool = True) -> PolicySpec:
    """The interface of SCORE-Insert-v0, with a cloud of 32 points."""
    observations = {
        "joint_pos": ObservationSpec((7,), 4, "rad", names=JOINTS),
        "joint_pos_target": ObservationSpec((7,), 3, "rad", names=JOINTS),
    }
    if cloud:
        observations["point_cloud"] = ObservationSpec((32, 3), 1, "m", "panda_tcp")
    actions = ActionSpec(JOINTS, "rad", (-2.9,) * 7, (2.9,) * 7, "joint_pos" if relative else None)
    return PolicySpec(observations, actions, control_rate_hz=10.0, horizon=8)


def make_policy(relative: bool = True, cloud: bool = True, method: str = "midpoint") -> FlowMatchingPolicy:
    """A tiny policy with random weights everywhere, so that nothing it computes is zero by its initialisation."""
    torch.manual_seed(0)
    spec = insert_spec(relative, cloud)
    network = FlowNetworkCfg(point_widths=(8, 16), global_widths=(16,), embedding_dim=12, width=24, depth=2)
    statistics = {
        name: Statistic(0.2 * torch.randn(shape), 0.05 + 0.1 * torch.rand(shape))
        for name, shape in statistic_shapes(spec, network).items()
    }
    policy = FlowMatchingPolicy(spec, network, IntegratorCfg(method, 5), statistics)
    for parameter in policy.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return policy.eval().requires_grad_(False)


def make_diffusion(form: str = "mlp", cloud: bool = True, past: int = 0, padding: int = 0) -> DiffusionPolicy:
    """A tiny diffusion policy with random weights; ``past`` rows and ``padding`` columns of its latent are cut off."""
    torch.manual_seed(0)
    spec = insert_spec(cloud=cloud)
    network = DiffusionNetworkCfg(
        point_widths=(8, 16), global_widths=(16,), embedding_dim=12, width=24, depth=2, form=form, down_dims=(8, 16),
        kernel_size=3, n_groups=4, step_embed_dim=8,
    )  # fmt: skip
    statistics = {
        name: Statistic(0.2 * torch.randn(shape), 0.05 + 0.1 * torch.rand(shape))
        for name, shape in statistic_shapes(spec, network).items()
    }
    sampler = DdimCfg(num_inference_steps=4, clip_sample_range=20.0)
    chunk = Chunk(8 + past, past, 8)
    policy = DiffusionPolicy(spec, network, sampler, statistics, None, (8 + past, 7 + padding), chunk)
    for parameter in policy.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return policy.eval().requires_grad_(False)


def make_observations(batch: int, seed: int = 1, cloud: bool = True) -> dict[str, torch.Tensor]:
    """Random windows for :func:`insert_spec`."""
    generator = torch.Generator().manual_seed(seed)
    newest = torch.randn(batch, 1, 7, generator=generator)
    windows = {
        "joint_pos": newest + 0.05 * torch.randn(batch, 4, 7, generator=generator),
        "joint_pos_target": newest + 0.05 * torch.randn(batch, 3, 7, generator=generator),
    }
    if cloud:
        windows["point_cloud"] = 0.1 * torch.randn(batch, 32, 3, generator=generator)
    return windows


@pytest.fixture
def policy() -> FlowMatchingPolicy:
    """A tiny relative policy with a point cloud."""
    return make_policy()


class Foreign(torch.nn.Module):
    """Another lab's network for :func:`insert_spec` without a cloud, whose latent is no chunk: (9, 8) numbers.

    It has dropout and a transformer layer, and its parameters require gradients, as trained ones do.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.enter = torch.nn.Linear(7, 8)
        self.attend = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.drop = torch.nn.Dropout(0.5)
        self.leave = torch.nn.Linear(29 + 72, 56)

    def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Shape (B, 8 + 3 * 7)."""
        attended = self.attend(torch.relu_(self.enter(observations["joint_pos"])))
        return self.drop(torch.cat([attended[:, -1], observations["joint_pos_target"].flatten(1)], dim=-1))

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """Shape (B, 8, 7)."""
        return self.leave(torch.cat([condition, latent.flatten(1)], dim=-1)).view(-1, 8, 7)
