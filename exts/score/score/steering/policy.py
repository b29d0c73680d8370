# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A trained steering policy, apart from the runner that trained it: for evaluation, playing and export."""

from __future__ import annotations

from pathlib import Path

import torch
from rsl_rl.models import MLPModel
from tensordict import TensorDict

from score.policies.base_policy import BasePolicy

from .checkpoint import load_checkpoint, require_same, weights_sha256
from .config import OBSERVATION_GROUPS
from .distribution import BoundedGaussianDistribution
from .latent import LatentBasis


class SteeringPolicy:
    """Chooses latents for the base policy; implements ``score.rollout.arms.SteeringActor``.

    Attributes:
        actor: rsl_rl's model of the steering policy.
        basis: What its code means.
        chunk_steps: Control steps per decision that it was trained with.
        iteration: Iterations it was trained for.
    """

    def __init__(self, actor: MLPModel, basis: LatentBasis, chunk_steps: int, iteration: int = 0) -> None:
        """Wrap a model; its distribution has to be a :class:`BoundedGaussianDistribution`."""
        assert isinstance(actor.distribution, BoundedGaussianDistribution)
        self.actor = actor
        self.basis = basis
        self.chunk_steps = chunk_steps
        self.iteration = iteration
        self._distribution = actor.distribution

    @property
    def network(self) -> torch.nn.Module:
        """Condition (B, C) to the unbounded mean u (B, d); can be compiled to TorchScript."""
        return torch.nn.Sequential(self.actor.obs_normalizer, self.actor.mlp)

    @property
    def bound(self) -> float:
        """B of z = b tanh(u / b) / scale."""
        return self._distribution.bound

    @property
    def scale(self) -> float:
        """Divisor that gives the bounded code of u ~ N(0, 1) a unit variance."""
        return self._distribution.scale

    @property
    def limit(self) -> float:
        """Largest absolute value of a code, b / scale."""
        return self._distribution.limit

    @property
    def std(self) -> torch.Tensor:
        """Standard deviation of u, shape (d,)."""
        distribution = self._distribution
        if distribution.std_type == "log":
            return distribution.log_std_param.detach().clamp(*distribution.log_std_range).exp()
        return distribution.std_param.detach().clamp(*distribution.std_range)

    @torch.no_grad()
    def latent(self, condition: torch.Tensor, noise: torch.Tensor, *, sample: bool) -> torch.Tensor:
        """Make the latents of one decision.

        Args:
            condition: Condition of the base policy, shape (N, C).
            noise: N(0, I) noise, shape (N, H, A), the only source of randomness. Only used when sampling: its part
                inside the basis moves the code, the rest fills the complement.
            sample: Whether the code is sampled. If not, the latent is its mean, and the complement of a reduced basis
                stays 0.

        Returns:
            Latents, shape (N, H, A).
        """
        mean = self.network(condition)
        if not sample:
            return self.basis.expand(self._distribution.squash(mean))
        inside = torch.einsum("hk,bha->bka", self.basis.columns, noise).reshape(mean.shape)
        return self.basis.expand(self._distribution.squash(mean + self.std * inside), noise)


def load_steering_policy(
    path: Path | str, base_policy: BasePolicy, device: torch.device | str = "cpu"
) -> SteeringPolicy:
    """Read the steering policy of a checkpoint.

    Args:
        path: A model_<i>.pt of a steering run.
        base_policy: The base policy that it is to steer.
        device: Where it runs.

    Returns:
        The policy in evaluation mode, frozen.

    Raises:
        UserError: The file is no checkpoint, or steers another base policy.
    """
    state = load_checkpoint(path, device)
    identity = state["score"]["identity"]
    horizon, action_dim = base_policy.latent_shape
    require_same(path, identity, {"base_policy_sha256": weights_sha256(base_policy), "horizon": horizon})
    basis = LatentBasis(identity["basis"], horizon, action_dim, identity["knots"], device)
    observations = TensorDict({"policy": torch.zeros(1, identity["condition_dim"])}, batch_size=[1])
    # The class is named here and not in the file: a file must not choose what is imported.
    distribution = {"class_name": BoundedGaussianDistribution, "bound": identity["bound"]}
    actor = MLPModel(
        observations,
        OBSERVATION_GROUPS,
        "actor",
        basis.code_dim,
        hidden_dims=identity["actor_hidden_dims"],
        activation=identity["actor_activation"],
        obs_normalization=identity["actor_obs_normalization"],
        distribution_cfg=distribution,
    )
    actor.load_state_dict(state["actor_state_dict"])
    actor.to(device).eval().requires_grad_(False)
    return SteeringPolicy(actor, basis, identity["chunk_steps"], state["iter"])
