# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Distribution of the steering code: a bounded Gaussian with an exact density.

The bound sits inside the distribution, not in the environment: PPO stores what it sampled, and a code that is clamped
later has a log-probability that belongs to another code.
"""

import math

import torch
from rsl_rl.modules.distribution import GaussianDistribution

from .squash import Squash

_ENTROPY_NODES = 16
"""Nodes of the Gauss-Hermite rule for the entropy; exact to 1e-6 for standard deviations up to 1 and a bound of 3."""


class BoundedGaussianDistribution(GaussianDistribution):
    """z = :class:`Squash` of u ~ N(mean, std); std 1 and mean 0 give z unit variance.

    The head of the network starts at zero, so that training starts at a distribution with mean 0 in every state. With
    an initial std of 1 that is the base policy's own noise (but for tails beyond the bound), with less it is cooler
    noise.

    The last layer's output, :attr:`params` and :attr:`std` are those of u; :attr:`mean` is the deterministic code.
    """

    def __init__(
        self,
        output_dim: int,
        init_std: float = 0.5,
        std_range: tuple[float, float] = (1e-3, 10.0),
        std_type: str = "log",
        learn_std: bool = True,
        bound: float = 3.0,
    ) -> None:
        """Initialize the distribution.

        Args:
            output_dim: Length of a code, d.
            init_std: Initial standard deviation of u.
            std_range: Range that the standard deviation of u is clamped to.
            std_type: Parametrisation of the standard deviation, "log" or "scalar".
            learn_std: Whether the standard deviation is learned.
            bound: Bound of the code, see :class:`Squash`.
        """
        super().__init__(output_dim, init_std=init_std, std_range=std_range, std_type=std_type, learn_std=learn_std)
        self.squash = Squash(bound)
        nodes, weights = _gauss_hermite(_ENTROPY_NODES)
        self.register_buffer("_nodes", nodes, persistent=False)
        self.register_buffer("_weights", weights, persistent=False)

    @property
    def fixed_std(self) -> torch.Tensor:
        """Standard deviation of u, shape (d,): the same in every state."""
        if self.std_type == "log":
            return self.log_std_param.detach().clamp(*self.log_std_range).exp()
        return self.std_param.detach().clamp(*self.std_range)

    def sample(self) -> torch.Tensor:
        """Sample codes, shape (B, d)."""
        return self.squash(super().sample())

    def deterministic_output(self, mlp_output: torch.Tensor) -> torch.Tensor:
        """Return the code of the mean of u, shape (B, d): the median of z, called "mean latent" in the documents."""
        return self.squash(mlp_output)

    def as_deterministic_output_module(self) -> torch.nn.Module:
        """Return the deterministic output as a module that TorchScript can compile."""
        return self.squash

    @property
    def mean(self) -> torch.Tensor:
        """Deterministic code of the current distribution, shape (B, d)."""
        return self.squash(super().mean)

    @property
    def params(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation of u, both (B, d): what rollouts store, and divergences are computed from."""
        return super().mean, self.std

    @property
    def entropy(self) -> torch.Tensor:
        """Differential entropy of z in nats, summed over the code, shape (B,).

        H[z] = H[u] + E[log |dz/du|], with the expectation by Gauss-Hermite quadrature.
        """
        mean, std = self.params
        u = mean.unsqueeze(-1) + std.unsqueeze(-1) * self._nodes
        stretch = (_log_sech2(u / self.squash.bound) * self._weights).sum(-1) - math.log(self.squash.scale)
        return super().entropy + stretch.sum(-1)

    def log_prob(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the log-density of codes (B, d) under the current distribution, shape (B,)."""
        u = self.squash.inverse(outputs)
        return super().log_prob(u) - (_log_sech2(u / self.squash.bound) - math.log(self.squash.scale)).sum(-1)

    def init_mlp_weights(self, mlp: torch.nn.Module) -> None:
        """Start the head at zero, so that the first mean is 0 in every state."""
        torch.nn.init.zeros_(mlp[-1].weight)  # type: ignore[index]
        torch.nn.init.zeros_(mlp[-1].bias)  # type: ignore[index]


def kl_from_prior(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Return KL(N(mean, std) || N(0, I)) of u in nats, summed over the last dimension.

    Because z is a bijection of u, this is as well the divergence of the code from the code that an untrained head
    with std 1 has.

    Args:
        mean: Mean of u, shape (..., d).
        std: Standard deviation of u, shape (..., d).
    """
    return 0.5 * (mean**2 + std**2 - 1.0 - 2.0 * std.log()).sum(-1)


def _log_sech2(x: torch.Tensor) -> torch.Tensor:
    """Return log(1 - tanh(x)^2) without cancellation."""
    return 2.0 * (math.log(2.0) - x.abs() - torch.nn.functional.softplus(-2.0 * x.abs()))


def _gauss_hermite(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return nodes and weights, shape (count,), of E[f(x)] for x ~ N(0, 1), by the Golub-Welsch eigenvalue method."""
    off_diagonal = torch.arange(1, count, dtype=torch.float64).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(off_diagonal, 1) + torch.diag(off_diagonal, -1))
    return nodes.float(), (vectors[0] ** 2).float()
