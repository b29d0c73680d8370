# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A base policy that denoises: trained by diffusion (DDPM's loss), run by DDIM without noise on the way."""

# No `from __future__ import annotations`: TorchScript reads the annotations.
import torch
from torch import Tensor

from score.policies.ddim import Ddim, DdimCfg
from score.policies.normalisation import Statistic
from score.policies.settings import DiffusionNetworkCfg
from score.policies.spec import Chunk, PolicySpec
from score.policies.unet import UnetDenoiser, row_factor
from score.policies.velocity_network import VelocityNetwork
from score.policies.window_policy import WindowPolicy, count, encoder_sizes
from score.utils.errors import UserError


class MlpDenoiser(torch.nn.Module):
    """The residual MLP of flow matching with the noise level in the place of time."""

    def __init__(self, shape: tuple[int, int], condition_dim: int, cfg: DiffusionNetworkCfg, levels: int) -> None:
        """Set up.

        Args:
            shape: Rows and columns of a chunk.
            condition_dim: Length C of the condition.
            cfg: Sizes.
            levels: Noise levels in training.
        """
        super().__init__()
        self.network = VelocityNetwork(shape[0], shape[1], condition_dim, cfg, False)
        self.levels = float(levels)

    def forward(self, point: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        """Predict, (B, rows, columns), from points of that shape, at levels (B,) and conditions (B, C)."""
        return self.network(point, (level + 1.0) / self.levels, condition)

    @torch.jit.export
    def prepare(self, condition: Tensor) -> Tensor:
        """See :meth:`VelocityNetwork.prepare`."""
        return self.network.prepare(condition)

    @torch.jit.export
    def denoise(self, point: Tensor, level: float, prepared: Tensor) -> Tensor:
        """Like :meth:`forward` at one level, given what :meth:`prepare` returned."""
        return self.network.output(point, (level + 1.0) / self.levels, prepared)


class DiffusionPolicy(WindowPolicy):
    """A :class:`WindowPolicy` that denoises the latent into the chunk.

    A policy may denoise rows of the past and columns beyond its actions: ``chunk.first`` rows and the columns from A on
    are cut off at the end. :meth:`loss` is for policies without either.
    """

    def __init__(
        self,
        spec: PolicySpec,
        network: DiffusionNetworkCfg,
        sampler: DdimCfg,
        statistics: dict[str, Statistic],
        action_axes: Tensor | None = None,
        latent_shape: tuple[int, int] | None = None,
        chunk: Chunk | None = None,
    ) -> None:
        """Set up.

        Args:
            spec: The policy's interface.
            network: Sizes of the networks.
            sampler: Schedule of the noise.
            statistics: See :class:`WindowPolicy`.
            action_axes: See :class:`WindowPolicy`.
            latent_shape: Rows and columns of the latent: those of ``chunk``, and at least one column an action.
            chunk: See :class:`BasePolicy`.

        Raises:
            UserError: See :class:`WindowPolicy`; or latent, chunk and network do not fit together.
        """
        shape = denoised_shape(spec, network, latent_shape, chunk)
        super().__init__(spec, network, statistics, action_axes, shape, chunk)
        self.network_cfg = network
        self.sampler_cfg = sampler
        denoiser = _make_denoiser(shape, self.condition_dim, network, sampler)
        self.sampler = Ddim(denoiser, sampler)
        self.first_row = self.chunk.first
        self.columns = len(spec.actions.names)

    def sample(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See :meth:`WindowPolicy.sample`."""
        return self.sampler(condition, latent)[:, self.first_row :, : self.columns]

    def squared_error(self, end: Tensor, noise: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """See :meth:`WindowPolicy.squared_error`: of the noise, or what else the sampler says."""
        level = ((1.0 - time) * self.sampler_cfg.num_train_timesteps).long()
        return self.sampler.squared_error(
            end, noise, level.clamp(max=self.sampler_cfg.num_train_timesteps - 1), condition
        )


def denoised_shape(
    spec: PolicySpec, network: DiffusionNetworkCfg, latent_shape: tuple[int, int] | None, chunk: Chunk | None
) -> tuple[int, int]:
    """Rows and columns that a :class:`DiffusionPolicy` denoises.

    Raises:
        UserError: Latent, chunk and network do not fit together.
    """
    actions, rows = len(spec.actions.names), spec.horizon if chunk is None else chunk.rows
    shape = latent_shape or (rows, actions)
    if shape[0] != rows or shape[1] < actions:
        raise UserError(
            f"latent.shape {list(shape)} does not fit the policy: the chunk has {rows} rows, and an action"
            f" {actions} numbers."
        )
    if network.form == "unet" and rows % row_factor(network):
        raise UserError(
            f"The chunk has {rows} rows, and a U-Net with network.down_dims {list(network.down_dims)} needs a multiple"
            f" of {row_factor(network)}: give another horizon, or fewer down_dims."
        )
    return shape


def diffusion_parameter_count(
    spec: PolicySpec, network: DiffusionNetworkCfg, sampler: DdimCfg, shape: tuple[int, int]
) -> int:
    """Trainable parameters of a :class:`DiffusionPolicy`, counted without the memory for them."""
    encoder, condition_dim = encoder_sizes(spec, network)
    with torch.device("meta"):
        return encoder + count(_make_denoiser(shape, condition_dim, network, sampler))


def _make_denoiser(
    shape: tuple[int, int], condition_dim: int, network: DiffusionNetworkCfg, sampler: DdimCfg
) -> torch.nn.Module:
    if network.form == "unet":
        return UnetDenoiser(shape[1], condition_dim, network)
    return MlpDenoiser(shape, condition_dim, network, sampler.num_train_timesteps)
