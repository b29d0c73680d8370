# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The 1-D U-Net of diffusion policies (Chi et al., "Diffusion Policy", 2023), in a form that TorchScript compiles.

diffusion_policy, robomimic, LeRobot and ManiSkill share it: a U-Net over the rows of a chunk whose every block is
scaled and shifted (FiLM) by the condition and the noise level. They differ in the names of their tensors only.
"""

# No `from __future__ import annotations`: TorchScript reads the annotations.
import itertools
import math

import torch
from torch import Tensor

from score.policies.settings import DiffusionNetworkCfg

_HEAD_GROUPS = 8
"""Groups of the last normalisation: in all of them 8, whatever ``n_groups`` says."""


class LevelEmbedding(torch.nn.Module):
    """Sines and cosines of the noise level, and a two-layer MLP."""

    rates: Tensor
    """Angular frequencies, shape (dim / 2,) [rad per level]."""

    def __init__(self, dim: int) -> None:
        """Set up for embeddings of length ``dim``."""
        super().__init__()
        half = dim // 2
        self.register_buffer("rates", torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1))), persistent=False)
        self.mlp = torch.nn.Sequential(torch.nn.Linear(dim, dim * 4), torch.nn.Mish(), torch.nn.Linear(dim * 4, dim))

    def forward(self, level: Tensor) -> Tensor:
        """Levels (B,) to embeddings (B, dim)."""
        angles = level.unsqueeze(-1) * self.rates
        return self.mlp(torch.cat([angles.sin(), angles.cos()], dim=-1))


class ConvBlock(torch.nn.Module):
    """Convolution over rows -> GroupNorm -> Mish."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int) -> None:
        """Set up.

        Args:
            inputs: Channels in.
            outputs: Channels out.
            kernel: Rows that are seen, odd.
            groups: Groups of channels that are normalised together.
        """
        super().__init__()
        self.conv = torch.nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = torch.nn.GroupNorm(groups, outputs)

    def forward(self, stream: Tensor) -> Tensor:
        """Streams (B, inputs, rows) to (B, outputs, rows)."""
        return torch.nn.functional.mish(self.norm(self.conv(stream)))


class FilmBlock(torch.nn.Module):
    """Two :class:`ConvBlock` with scale and shift by the condition between them, and a way around."""

    def __init__(self, inputs: int, outputs: int, condition_dim: int, cfg: DiffusionNetworkCfg) -> None:
        """Set up.

        Args:
            inputs: Channels in.
            outputs: Channels out.
            condition_dim: Length of the condition, noise level included.
            cfg: Sizes.
        """
        super().__init__()
        self.scales = cfg.film_scale
        self.first = ConvBlock(inputs, outputs, cfg.kernel_size, cfg.n_groups)
        self.second = ConvBlock(outputs, outputs, cfg.kernel_size, cfg.n_groups)
        self.film = torch.nn.Linear(condition_dim, outputs * (2 if cfg.film_scale else 1))
        self.around = torch.nn.Conv1d(inputs, outputs, 1) if inputs != outputs else torch.nn.Identity()

    def forward(self, stream: Tensor, condition: Tensor) -> Tensor:
        """Streams (B, inputs, rows), conditions (B or 1, C) behind their Mish; to (B, outputs, rows)."""
        inner = self.first(stream)
        film = self.film(condition).unsqueeze(-1)
        if self.scales:
            scale, shift = film.chunk(2, dim=1)
            inner = torch.addcmul(shift, scale, inner)
        else:
            inner = inner + film
        return self.second(inner) + self.around(stream)


class Stage(torch.nn.Module):
    """Two :class:`FilmBlock`, then half or twice as many rows."""

    def __init__(self, first: FilmBlock, second: FilmBlock, resample: torch.nn.Module) -> None:
        """Set up of its parts."""
        super().__init__()
        self.first = first
        self.second = second
        self.resample = resample

    def forward(self, stream: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Return the stream before and after the number of rows changes."""
        stream = self.second(self.first(stream, condition), condition)
        return stream, self.resample(stream)


class UnetDenoiser(torch.nn.Module):
    """What a noisy chunk was made of, given the noise level and the condition."""

    def __init__(self, columns: int, condition_dim: int, cfg: DiffusionNetworkCfg) -> None:
        """Set up.

        Args:
            columns: Numbers in a row of the chunk; rows must be a multiple of :func:`row_factor`.
            condition_dim: Length C of the condition.
            cfg: Sizes.
        """
        super().__init__()
        dims, total = list(cfg.down_dims), condition_dim + cfg.step_embed_dim
        self.level = LevelEmbedding(cfg.step_embed_dim)
        self.down = torch.nn.ModuleList()
        for index, (inputs, outputs) in enumerate(zip([columns, *dims[:-1]], dims, strict=True)):
            last = index == len(dims) - 1
            halve = torch.nn.Identity() if last else torch.nn.Conv1d(outputs, outputs, 3, 2, 1)
            blocks = FilmBlock(inputs, outputs, total, cfg), FilmBlock(outputs, outputs, total, cfg)
            self.down.append(Stage(*blocks, halve))
        self.middle = torch.nn.ModuleList(FilmBlock(dims[-1], dims[-1], total, cfg) for _ in range(2))
        self.up = torch.nn.ModuleList()
        for outputs, inputs in reversed(list(itertools.pairwise(dims))):
            blocks = FilmBlock(2 * inputs, outputs, total, cfg), FilmBlock(outputs, outputs, total, cfg)
            self.up.append(Stage(*blocks, torch.nn.ConvTranspose1d(outputs, outputs, 4, 2, 1)))
        self.head = ConvBlock(dims[0], dims[0], cfg.kernel_size, _HEAD_GROUPS)
        self.leave = torch.nn.Conv1d(dims[0], columns, 1)

    def forward(self, point: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        """Predict, where each row of the batch may have its own level.

        Args:
            point: Noisy chunks, shape (B, rows, columns).
            level: Noise levels, shape (B,) or (1,).
            condition: Shape (B, C).

        Returns:
            Shape (B, rows, columns).
        """
        embedding = self.level(level).expand(condition.shape[0], -1)
        steer = torch.nn.functional.mish(torch.cat([embedding, condition], dim=-1))
        stream = point.mT
        kept: list[Tensor] = []
        for stage in self.down:
            full, stream = stage(stream, steer)
            kept.append(full)
        for block in self.middle:
            stream = block(stream, steer)
        for stage in self.up:
            _, stream = stage(torch.cat([stream, kept.pop()], dim=1), steer)
        return self.leave(self.head(stream)).mT

    @torch.jit.export
    def prepare(self, condition: Tensor) -> Tensor:
        """Return the condition itself: what it does to the blocks is little beside the convolutions."""
        return condition

    @torch.jit.export
    def denoise(self, point: Tensor, level: float, prepared: Tensor) -> Tensor:
        """Like :meth:`forward` at one level, given what :meth:`prepare` returned."""
        levels = torch.full((1,), level, dtype=point.dtype, device=point.device)
        return self.forward(point, levels, prepared)


def row_factor(cfg: DiffusionNetworkCfg) -> int:
    """Return what the rows of a chunk must be a multiple of: each stage but the last halves them."""
    return 2 ** (len(cfg.down_dims) - 1)
