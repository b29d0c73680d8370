# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One contract for every kind of base policy, and one planted fault for each of its clauses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from score.policies import BasePolicy
from score.policies.bundle import load_bundle, save_bundle
from score.policies.contract import contract_problems
from score.policies.flow_matching import FlowMatchingPolicy
from score.policies.kinds import KINDS
from score.policies.normalisation import Statistic
from score.policies.settings import FlowNetworkCfg, IntegratorCfg
from score.policies.torchscript import TorchScriptPolicy
from score.policies.window_policy import statistic_shapes

from .conftest import Foreign, insert_spec, make_diffusion, make_policy
from .contract import PolicyContract


def _segmented() -> BasePolicy:
    """Beside the windows it tells the sizes of two segments."""
    spec = insert_spec()
    points = spec.observations["point_cloud"].shape[0]
    network = FlowNetworkCfg(
        point_widths=(8, 16), global_widths=(16,), embedding_dim=24, width=24, depth=2, segments=(16, points - 16)
    )
    shapes = statistic_shapes(spec, network)
    statistics = {name: Statistic(torch.zeros(shape), torch.ones(shape)) for name, shape in shapes.items()}
    torch.manual_seed(0)
    policy = FlowMatchingPolicy(spec, network, IntegratorCfg("midpoint", 5), statistics)
    for parameter in policy.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    assert policy.extents_dim == 6
    return policy.eval().requires_grad_(False)


def _torchscript() -> BasePolicy:
    return TorchScriptPolicy.from_module(Foreign(), insert_spec(cloud=False), latent_shape=(9, 8))


POLICIES: dict[str, Callable[[], BasePolicy]] = {
    "flow_matching": make_policy,
    "flow_matching, a segmented cloud": _segmented,
    "torchscript": _torchscript,
    "diffusion": make_diffusion,
    "diffusion, U-Net with two past rows and three padded columns": lambda: make_diffusion("unet", False, 2, 3),
}


def test_every_kind_is_here() -> None:
    assert set(KINDS) <= set(POLICIES)


@pytest.fixture(scope="module", params=list(POLICIES))
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BasePolicy:
    """As a script gets it: from a bundle."""
    folder = tmp_path_factory.mktemp("bundles") / request.param
    save_bundle(POLICIES[request.param](), folder)
    return load_bundle(folder)


class TestEveryKind(PolicyContract):
    """All that :class:`PolicyContract` says, for each kind in the registry."""


class Double(BasePolicy):
    """A policy without faults, on plain tensors: subclasses have one each."""

    def __init__(self) -> None:
        super().__init__(insert_spec(cloud=False), 28)
        self.mix = torch.nn.Linear(28 + 56, 56)

    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        return observations["joint_pos"].flatten(1)

    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return self.mix(torch.cat([condition, latent.flatten(1)], dim=-1)).view(-1, 8, 7)

    def forward(self, observations: dict[str, Tensor], latent: Tensor) -> Tensor:
        return self.decode(self.encode(observations), latent)


class DrawsNoise(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return super().decode(condition, latent + 0.001 * torch.randn_like(latent))


class SeedsItself(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        torch.manual_seed(0)
        return super().decode(condition, latent + 0.001 * torch.randn_like(latent))


class MixesRows(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return super().decode(condition, latent - 0.001 * latent.mean(dim=0, keepdim=True))


class MixesRowsInEncode(Double):
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        condition = super().encode(observations)
        return condition - 0.001 * condition[-1:]


class IgnoresLatent(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return super().decode(condition, 0.0 * latent)


class WrongShape(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return super().decode(condition, latent)[:, :-1]


class WrongCondition(Double):
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        return observations["joint_pos"]


class WrongExtents(Double):
    def extents(self, observations: dict[str, Tensor]) -> Tensor:
        return observations["joint_pos"][:, 0, :3]


class MixesRowsInExtents(Double):
    def __init__(self) -> None:
        super().__init__()
        self.extents_dim = 7

    def extents(self, observations: dict[str, Tensor]) -> Tensor:
        frame = observations["joint_pos"][:, 0]
        return frame - 0.001 * frame.mean(dim=0)


class CutsGradient(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return super().decode(condition, latent.detach())


class KeepsState(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        self.last = getattr(self, "last", 0.0 * latent) + 0.001 * latent
        return super().decode(condition, self.last)


class GivesNan(Double):
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        return super().encode(observations).sqrt()


class Raises(Double):
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        raise KeyError("camera\nof another lab")


class NoScript(Double):
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        return super().decode(condition, latent) + len({"a": 1} | {"b": 2})


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (DrawsNoise, "it draws noise or keeps state"),
        (SeedsItself, "it uses or seeds the global random generators"),
        (MixesRows, "rows of a batch touch each other: 1 alone"),
        (MixesRowsInEncode, "rows of a batch touch each other: 2 alone"),
        (IgnoresLatent, "the latent does not change the actions"),
        (WrongShape, r"decode returns the shape (7, 7, 7), and (7, 8, 7) is declared"),
        (WrongCondition, r"encode returns the shape (7, 4, 7), and (7, 28) is declared"),
        (WrongExtents, r"extents returns the shape (7, 3), and (7, 0) is declared"),
        (MixesRowsInExtents, "rows of a batch touch each other: 1 alone"),
        (CutsGradient, "decode is not differentiable with respect to the latent"),
        (KeepsState, "it draws noise or keeps state"),
        (GivesNan, "encode returns numbers that are not finite"),
        (Raises, "it fails with KeyError: 'camera\\nof another lab'"),
        (NoScript, "it does not go through torch.jit.script"),
    ],
)
def test_each_planted_fault_is_found(fault: type[Double], words: str) -> None:
    torch.manual_seed(3)
    problems = contract_problems(fault())
    assert any(words in problem for problem in problems), problems


def test_global_random_state_is_as_before_also_after_a_fault() -> None:
    policy, before = SeedsItself(), torch.get_rng_state()
    contract_problems(policy)
    assert torch.equal(torch.get_rng_state(), before)
