# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of base-policy training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from score.imitation.augmentation import AugmentationCfg
from score.policies.ddim import DdimCfg
from score.policies.settings import DiffusionNetworkCfg, FlowNetworkCfg, IntegratorCfg
from score.utils.errors import UserError

_LONGEST_CHUNK = 1000
"""Most steps of a chunk: networks grow with it, and demonstrations of some hundred steps cannot fill more."""


@dataclass(frozen=True)
class PretrainCfg:
    """What a base policy reads and predicts, and how it is trained. The defaults are those of SCORE-Insert-v0."""

    histories: dict[str, int] = field(default_factory=lambda: {"joint_pos": 4})
    """Vector observations of the data set to read, with the frames of each window."""
    point_cloud: str | None = "point_cloud"
    """Point cloud to read (current frame only); None for a policy without one."""
    past_actions: str | None = "joint_pos_target"
    """Name under which past commanded actions are observed; None for a policy that does not see them."""
    past_action_history: int = 3
    """Past actions in a window. Published: 3."""
    measured: str = "joint_pos"
    """Observation that measures what actions command; its first frame stands for past actions before the start."""
    relative: bool = True
    """Whether the network predicts offsets from the newest ``measured`` frame instead of absolute actions."""
    principal_axes: bool = True
    """Whether the policy works along the principal axes of the demonstrated actions instead of joint by joint, see
    :class:`~score.policies.window_policy.WindowPolicy`. Published: joint by joint."""
    horizon: int = 8
    """Steps in an action chunk. Published: 16."""
    network: FlowNetworkCfg | DiffusionNetworkCfg = field(default_factory=FlowNetworkCfg)
    """Sizes of the networks; their type decides the kind of policy."""
    integrator: IntegratorCfg = field(default_factory=IntegratorCfg)
    """How a trained flow is integrated."""
    sampler: DdimCfg = field(default_factory=DdimCfg)
    """Noise of a diffusion policy, and how it is taken out. ``clip_sample_range`` is set to what the data need."""
    augmentation: AugmentationCfg = field(default_factory=AugmentationCfg)
    """Noise on the training windows."""
    updates: int = 8000
    """Optimiser steps."""
    batch_size: int = 64
    """Observation windows in an update, each encoded once."""
    draws: int = 4
    """Noise and time draws per window: the velocity network sees ``batch_size * draws`` samples (published: 256)."""
    emphasis: float = 0.0
    """c > 0 weights small motions more, see ``WindowPolicy.loss`` [action units]. Published: none."""
    learning_rate: float = 1e-3
    """Peak learning rate. Published: 1e-4, for a network 40 times as large."""
    betas: tuple[float, float] = (0.95, 0.999)
    """AdamW's betas, as published."""
    weight_decay: float = 1e-6
    """AdamW's weight decay, as published."""
    warmup: int = 500
    """Updates of linear warm-up, as published; a cosine to zero follows."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    ema_power: float = 0.75
    """Exponent of the averaging schedule, as published."""
    ema_max: float = 0.9999
    """Greatest averaging decay, as published."""
    validation_fraction: float = 0.05
    """Share of episodes kept for validation, at least one, as published."""
    validation_every: int = 500
    """Updates between validations."""
    validation_windows: int = 512
    """Most windows in a validation, spread evenly over the validation episodes."""
    checkpoint_every: int = 1000
    """Updates between writing checkpoint and bundle."""
    seed: int = 42
    """Seed of the split, the initial weights, the batches and the noise."""
    device: str = "cpu"
    """Torch device to train on."""

    def __post_init__(self) -> None:
        for name in ("past_action_history", "horizon", "updates", "batch_size", "draws", "validation_every"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(self.horizon <= _LONGEST_CHUNK, "horizon", self.horizon, f"at most {_LONGEST_CHUNK}")
        for name in ("validation_windows", "checkpoint_every"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(0 <= self.emphasis < float("inf"), "emphasis", self.emphasis, "0 or more")
        _require(self.warmup >= 0, "warmup", self.warmup, "0 or more")
        for name in ("learning_rate", "max_grad_norm", "ema_power"):
            _require(0 < getattr(self, name) < float("inf"), name, getattr(self, name), "more than 0, and finite")
        _require(0 < self.validation_fraction < 1, "validation_fraction", self.validation_fraction, "between 0 and 1")
        _require(0 <= self.ema_max < 1, "ema_max", self.ema_max, "at least 0 and less than 1")
        for key, history in self.histories.items():
            _require(history >= 1, f"histories[{key}]", history, "at least 1")
        if (self.relative or self.past_actions) and self.measured not in self.histories:
            raise UserError(f"Setting measured '{self.measured}' is none of the observations {list(self.histories)}.")


def parse_histories(words: Sequence[str]) -> dict[str, int]:
    """Observations as a command line names them.

    Args:
        words: ``NAME`` for one frame, or ``NAME:FRAMES``.

    Returns:
        Name -> frames of its window.

    Raises:
        UserError: A number of frames is none, or a name comes twice.
    """
    histories: dict[str, int] = {}
    for word in words:
        name, _, frames = word.partition(":")
        if not name or name in histories or not (frames or "1").isdecimal():
            raise UserError(f"--observations {word}: give NAME or NAME:FRAMES, each name once.")
        histories[name] = int(frames or "1")
    return histories


def updates_for_epochs(epochs: int, steps: int, batch_size: int) -> int:
    """Return the updates that show each of ``steps`` windows ``epochs`` times on average.

    Raises:
        UserError: ``epochs`` is less than 1.
    """
    _require(epochs >= 1, "epochs", epochs, "at least 1")
    return max(1, round(epochs * steps / max(1, batch_size)))


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise UserError(f"Setting {name} is {value}, and must be {wanted}.")
