# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""DDIM without noise on the way (Song et al., "Denoising Diffusion Implicit Models", 2021; eta 0).

Settings have the names and meanings that they have in ``DDIMScheduler`` of diffusers, with which most policies were
trained and are run: the same settings give the same actions.
"""

# No `from __future__ import annotations`: TorchScript reads the annotations.
import hashlib
import itertools
import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from score.policies.settings import require_known
from score.utils.errors import UserError
from score.utils.fields import finite_number, whole_number

BETA_SCHEDULES = ("squaredcos_cap_v2", "linear", "scaled_linear")
SPACINGS = ("leading", "trailing", "linspace")
PREDICTION_TYPES = ("epsilon", "sample", "v_prediction")
"""What a network predicts: the noise, the clean chunk, or v (Salimans & Ho 2022)."""

SETTINGS_HASH = "settings_sha256"
"""Buffer with the hash of the schedule: two policies of the same weights and other schedules are not the same."""

MOST_LEVELS = 10_000
"""Bound far beyond any use on noise levels."""


@dataclass(frozen=True)
class DdimCfg:
    """The schedule of the training, and how it is gone through backwards."""

    num_train_timesteps: int = 100
    """Noise levels in training."""
    beta_schedule: str = "squaredcos_cap_v2"
    """``squaredcos_cap_v2`` (cosine), ``linear`` or ``scaled_linear``."""
    beta_start: float = 0.0001
    """Variance added at the first level; not used by the cosine."""
    beta_end: float = 0.02
    """Variance added at the last level; not used by the cosine."""
    num_inference_steps: int = 10
    """Network passes of a decision."""
    timestep_spacing: str = "leading"
    """Which levels: ``leading`` (multiples of the stride, so that the last level is never visited), ``trailing`` or
    ``linspace``."""
    steps_offset: int = 0
    """Added to the levels of ``leading``."""
    prediction_type: str = "epsilon"
    """What the network predicts: ``epsilon``, ``sample`` or ``v_prediction``."""
    clip_sample: bool = True
    """Whether the clean chunk is clipped at every step."""
    clip_sample_range: float = 1.0
    """Where [normalised units]."""
    set_alpha_to_one: bool = True
    """Whether the last step ends at no noise at all; else at the first level's."""
    thresholding: bool = False
    """Dynamic thresholding, made for pictures: must be off."""
    rescale_betas_zero_snr: bool = False
    """Must be off: noise could not be told from data at the last level."""
    eta: float = 0.0
    """Must be 0: more draws fresh noise on the way."""

    def __post_init__(self) -> None:
        for name, most in (("num_train_timesteps", MOST_LEVELS), ("num_inference_steps", self.num_train_timesteps)):
            whole_number(f"sampler.{name}", getattr(self, name), 1, most)
        whole_number("sampler.steps_offset", self.steps_offset, 0, self.num_train_timesteps - 1)
        require_known("sampler.beta_schedule", self.beta_schedule, BETA_SCHEDULES)
        require_known("sampler.timestep_spacing", self.timestep_spacing, SPACINGS)
        require_known("sampler.prediction_type", self.prediction_type, PREDICTION_TYPES)
        for name in ("beta_start", "beta_end", "clip_sample_range", "eta"):
            finite_number(f"sampler.{name}", getattr(self, name))
        for field in fields(self):
            if field.type is bool and not isinstance(getattr(self, field.name), bool):
                raise UserError(f"sampler.{field.name} is {str(getattr(self, field.name))[:40]!r}: give true or false.")
        if not 0.0 < self.beta_start <= self.beta_end < 1.0:
            raise UserError(
                f"sampler.beta_start {self.beta_start} and beta_end {self.beta_end}: give two rising numbers between 0"
                " and 1."
            )
        if not self.clip_sample_range > 0.0:
            raise UserError(f"sampler.clip_sample_range is {self.clip_sample_range}: give a positive number.")
        if self.eta != 0.0:
            raise UserError(
                f"sampler.eta {self.eta} draws fresh noise at every step, so the latent does not decide the action and"
                " cannot be steered. Use DDIM with eta 0 and the same weights."
            )
        for name in ("thresholding", "rescale_betas_zero_snr"):
            if getattr(self, name):
                raise UserError(f"sampler.{name} is on, and this sampler does not know it: policies do without.")
        make_schedule(self)


class Schedule(NamedTuple):
    """DDIM as a list of network passes."""

    levels: list[int]
    """Noise level of each pass, falling."""
    signals: list[float]
    """Share of the clean chunk in a noisy one at that level, the square root of alpha-bar."""
    spreads: list[float]
    """Share of the noise."""
    next_signals: list[float]
    """Share of the clean chunk at the level that the pass leads to."""
    next_spreads: list[float]
    """Share of the noise there."""


def signal_shares(cfg: DdimCfg) -> Tensor:
    """Alpha-bar of every level of the training, shape (num_train_timesteps,), float32 as in diffusers."""
    count = cfg.num_train_timesteps
    if cfg.beta_schedule == "linear":
        betas = torch.linspace(cfg.beta_start, cfg.beta_end, count, dtype=torch.float32)
    elif cfg.beta_schedule == "scaled_linear":
        betas = torch.linspace(cfg.beta_start**0.5, cfg.beta_end**0.5, count, dtype=torch.float32) ** 2
    else:
        bars = [math.cos((step / count + 0.008) / 1.008 * math.pi / 2) ** 2 for step in range(count + 1)]
        betas = torch.tensor(
            [min(1 - after / now, 0.999) for now, after in itertools.pairwise(bars)], dtype=torch.float32
        )
    return torch.cumprod(1.0 - betas, dim=0)


def make_schedule(cfg: DdimCfg) -> Schedule:
    """List the passes.

    Each leads one stride further, whatever the next level of the list is; that is how diffusers counts, and it matters
    where the stride does not divide the levels.

    Raises:
        UserError: The settings name a level that the training does not have.
    """
    count, steps = cfg.num_train_timesteps, cfg.num_inference_steps
    stride = count // steps
    if cfg.timestep_spacing == "leading":
        levels = [step * stride + cfg.steps_offset for step in reversed(range(steps))]
    elif cfg.timestep_spacing == "trailing":
        passes = math.ceil(count / (count / steps))  # as NumPy's arange counts: at times one more than steps
        levels = [round(count - step * (count / steps)) - 1 for step in range(passes)]
    else:
        levels = [round(step * ((count - 1) / max(1, steps - 1))) for step in reversed(range(steps))]
    if min(levels) < 0 or max(levels) >= count:
        raise UserError(
            f"sampler.num_inference_steps {steps} with steps_offset {cfg.steps_offset} needs the noise level"
            f" {max(levels)}, and num_train_timesteps is {count}: give fewer steps."
        )
    bars = signal_shares(cfg)
    last = torch.ones(()) if cfg.set_alpha_to_one else bars[0]
    after = torch.stack([bars[level - stride] if level >= stride else last for level in levels])
    # In float32 as in diffusers: where hardly any noise is left, its rounding is as large as the difference of two.
    shares = [share.sqrt().tolist() for bar in (bars[levels], after) for share in (bar, 1.0 - bar)]
    return Schedule(levels, *shares)


class Ddim(torch.nn.Module):
    """Takes the noise out of a latent, step by step.

    The denoiser is a module with ``prepare(condition) -> Tensor``, called once, and
    ``denoise(point, level, prepared) -> Tensor`` with a float level, called once a step.
    """

    levels: list[int]
    signals: list[float]
    spreads: list[float]
    next_signals: list[float]
    next_spreads: list[float]
    bars: Tensor
    """Alpha-bar of every level, shape (num_train_timesteps,)."""

    def __init__(self, denoiser: torch.nn.Module, cfg: DdimCfg) -> None:
        """Set up.

        Args:
            denoiser: The network, see above.
            cfg: The schedule.
        """
        super().__init__()
        self.denoiser: Any = denoiser  # TorchScript knows no protocol for its two methods
        schedule = make_schedule(cfg)
        self.levels = schedule.levels
        self.signals = schedule.signals
        self.spreads = schedule.spreads
        self.next_signals = schedule.next_signals
        self.next_spreads = schedule.next_spreads
        self.prediction_type = cfg.prediction_type
        self.limit = float(cfg.clip_sample_range) if cfg.clip_sample else 0.0
        self.register_buffer("bars", signal_shares(cfg), persistent=False)
        digest = hashlib.sha256(repr(cfg).encode()).digest()
        self.register_buffer(SETTINGS_HASH, torch.tensor(list(digest), dtype=torch.uint8))

    def forward(self, condition: Tensor, latent: Tensor) -> Tensor:
        """Denoise.

        Args:
            condition: Shape (B, C).
            latent: Shape (B, rows, columns).

        Returns:
            Clean chunk, same shape.
        """
        prepared = self.denoiser.prepare(condition)
        point = latent
        for i in range(len(self.levels)):
            signal = self.signals[i]
            spread = self.spreads[i]
            output = self.denoiser.denoise(point, float(self.levels[i]), prepared)
            if self.prediction_type == "epsilon":
                clean = (point - spread * output) / signal
                noise = output
            elif self.prediction_type == "sample":
                clean = output
                noise = (point - signal * output) / spread
            else:
                clean = signal * point - spread * output
                noise = signal * output + spread * point
            if self.limit > 0.0:
                clean = clean.clamp(-self.limit, self.limit)
            point = self.next_signals[i] * clean + self.next_spreads[i] * noise
        return point

    def squared_error(self, clean: Tensor, noise: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        """Mean squared error of what the network predicts for a chunk (B, rows, columns) at levels (B,), shape (B,)."""
        bar = self.bars[level].view(-1, 1, 1)
        point = bar.sqrt() * clean + (1.0 - bar).sqrt() * noise
        targets = {
            "epsilon": noise,
            "sample": clean,
            "v_prediction": bar.sqrt() * noise - (1.0 - bar).sqrt() * clean,
        }
        prediction = self.denoiser(point, level.to(point.dtype), condition)
        return (prediction - targets[self.prediction_type]).square().mean(dim=(1, 2))
