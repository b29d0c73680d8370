# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The network of flow matching and diffusion: a residual MLP steered by condition and time."""

import math

import torch
from torch import Tensor

from score.policies.settings import MlpCfg

CONDITION_LIMIT = 6.0
"""Bound on condition entries inside the network [standard deviations]: nothing learnt lies further out."""


class ResidualBlock(torch.nn.Module):
    """LayerNorm -> scale and shift (FiLM) -> two-layer MLP -> add. Starts as the identity."""

    def __init__(self, width: int, hidden: int) -> None:
        """Set up.

        Args:
            width: Width of the stream.
            hidden: Width between the two layers.
        """
        super().__init__()
        self.norm = torch.nn.LayerNorm(width, elementwise_affine=False)
        self.widen = torch.nn.Linear(width, hidden)
        self.narrow = torch.nn.Linear(hidden, width)
        torch.nn.init.zeros_(self.narrow.weight)
        torch.nn.init.zeros_(self.narrow.bias)

    def forward(self, stream: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Update the stream (B, W) with scale and shift of shape (B, W)."""
        modulated = torch.addcmul(shift, self.norm(stream), 1.0 + scale)
        return stream + self.narrow(torch.nn.functional.silu(self.widen(modulated)))


class VelocityNetwork(torch.nn.Module):
    """Velocity of a chunk at time t given the condition.

    In the manner of DiT (Peebles & Xie 2023) every block is scaled and shifted by condition and time. The two enter
    as a *sum of separate projections*, so the condition's part is computed once per decode (:meth:`prepare`)
    and the time's part once for the whole batch; the ten passes of an integration pay for the blocks alone. A
    U-Net as published (68 million parameters) would take seconds on a CPU.

    With ``predicts_action`` the network predicts the end point, a = E[action | x_t, condition], and the
    velocity is ``v(x_t, t) = (a - x_t) / (1 - t)``, the same field in exact arithmetic (Salimans & Ho, "Progressive
    Distillation", 2022, section 4: x-prediction). A network that predicts the velocity itself has to reproduce minus
    the noise at t = 0 before anything else, and its error at that ends up in the action: where the action that matters
    is a tenth of the noise, as in a correction of a millimetre, it drowns. Here the noise never has to be copied.
    """

    frequencies: Tensor
    """Angular frequencies of the time features, shape (time_frequencies,) [rad]."""

    def __init__(
        self, horizon: int, action_dim: int, condition_dim: int, cfg: MlpCfg, predicts_action: bool = True
    ) -> None:
        """Set up.

        Args:
            horizon: Rows H of a chunk.
            action_dim: Columns A of a chunk.
            condition_dim: Length C of the condition.
            cfg: Sizes.
            predicts_action: Whether it predicts the end point, see above; else what :meth:`velocity` returns.
        """
        super().__init__()
        width = cfg.width
        self.horizon = horizon
        self.action_dim = action_dim
        self.depth = cfg.depth
        self.predicts_action = predicts_action
        self.condition_limit = CONDITION_LIMIT
        # A quarter turn to 8 turns over t in [0, 1]: smooth enough for five integration steps to follow.
        frequencies = 2 * math.pi * 2.0 ** torch.linspace(-2, 3, cfg.time_frequencies)
        self.register_buffer("frequencies", frequencies, persistent=False)
        modulation = 2 * width * cfg.depth
        self.condition_mlp = torch.nn.Sequential(
            torch.nn.Linear(condition_dim, width), torch.nn.SiLU(), torch.nn.Linear(width, width), torch.nn.SiLU()
        )
        self.condition_modulation = torch.nn.Linear(width, modulation)
        self.time_mlp = torch.nn.Sequential(torch.nn.Linear(2 * cfg.time_frequencies, width // 2), torch.nn.SiLU())
        self.time_modulation = torch.nn.Linear(width // 2, modulation)
        self.enter = torch.nn.Linear(horizon * action_dim, width)
        self.blocks = torch.nn.ModuleList(ResidualBlock(width, cfg.expansion * width) for _ in range(cfg.depth))
        self.norm = torch.nn.LayerNorm(width)
        self.leave = torch.nn.Linear(width, horizon * action_dim)
        torch.nn.init.zeros_(self.leave.weight)
        torch.nn.init.zeros_(self.leave.bias)

    def forward(self, point: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Predict the end point or the velocity, for training, where each row has its own time.

        Args:
            point: Shape (B, H, A).
            time: In [0, 1], shape (B,).
            condition: Shape (B, C).

        Returns:
            Prediction, shape (B, H, A).
        """
        return self._predict(point, self.prepare(condition) + self._time(time))

    @torch.jit.export
    def prepare(self, condition: Tensor) -> Tensor:
        """Compute the condition's share of all modulations, shape (B, depth * 2 * width)."""
        bounded = condition.clamp(-self.condition_limit, self.condition_limit)
        return self.condition_modulation(self.condition_mlp(bounded))

    @torch.jit.export
    def output(self, point: Tensor, time: float, prepared: Tensor) -> Tensor:
        """Predict (B, H, A) at one time, given what :meth:`prepare` returned."""
        times = torch.full((1,), time, dtype=point.dtype, device=point.device)
        return self._predict(point, prepared + self._time(times))

    @torch.jit.export
    def velocity(self, point: Tensor, time: float, prepared: Tensor) -> Tensor:
        """Velocity (B, H, A) of points (B, H, A) at one time below 1, given what :meth:`prepare` returned."""
        prediction = self.output(point, time, prepared)
        if self.predicts_action:
            prediction = (prediction - point) / (1.0 - time)
        return prediction

    def _time(self, time: Tensor) -> Tensor:
        phase = time.unsqueeze(-1) * self.frequencies
        return self.time_modulation(self.time_mlp(torch.cat([phase.sin(), phase.cos()], dim=-1)))

    def _predict(self, point: Tensor, modulation: Tensor) -> Tensor:
        scales_shifts = modulation.chunk(2 * self.depth, dim=-1)
        stream = self.enter(point.flatten(1))
        for i, block in enumerate(self.blocks):
            stream = block(stream, scales_shifts[2 * i], scales_shifts[2 * i + 1])
        return self.leave(self.norm(stream)).view(-1, self.horizon, self.action_dim)
