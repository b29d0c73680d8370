# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of the networks and the flow's integrator, as they stand in a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from score.policies.encoders import POOLS
from score.policies.integrators import make_schedule
from score.utils.errors import UserError, near_names
from score.utils.fields import whole_number

PREDICTIONS = ("action", "velocity")
"""What the network of a flow may predict, see :class:`~score.policies.velocity_network.VelocityNetwork`."""
FORMS = ("mlp", "unet")
"""Networks of a diffusion policy."""

MOST_WIDTH, MOST_LAYERS, MOST_POINTS = 16_384, 256, 10_000_000
"""Bounds far beyond any use: sizes come from files, and layers are made from them."""

_LARGEST = {
    "width": MOST_WIDTH,
    "depth": MOST_LAYERS,
    "expansion": 64,
    "time_frequencies": 512,
}


@dataclass(frozen=True)
class EncoderCfg:
    """How windows become a condition, and how actions are given to a sampler."""

    point_widths: tuple[int, ...] = (64, 64, 128)
    """Widths of PointNet's per-point layers. Published "fast": 64, 128."""
    global_widths: tuple[int, ...] = (128,)
    """Widths of PointNet's layers between pooling and embedding. Published "fast": none before the embedding."""
    embedding_dim: int = 128
    """Length of the cloud's embedding. Published "fast": 64."""
    pool: str = "max_mean"
    """``max_mean`` or ``max`` (published), see :class:`~score.policies.encoders.PointNet`."""
    segments: tuple[int, ...] = ()
    """Points of each segment of a segmented cloud, in its order; empty for a cloud without segments. With segments the
    encoder is :class:`~score.policies.encoders.SegmentedPointNet`, which always pools by maximum and mean."""
    action_compression: float = 0.0
    """c > 0 lets the sampler work on asinh(a / c) of (relative) actions a, in action units: motions of the size of c
    keep their resolution beside ones 30 times as large, which one scale for both would drown. 0 works on a itself."""
    relative_observations: tuple[str, ...] = ("joint_pos_target",)
    """Observations that enter relative to the newest ``relative_to`` frame; unused where actions are plain."""
    frame_by_frame: bool = False
    """Whether features are ordered by frame, all observations of one beside each other, as LeRobot and diffusion_policy
    do; else by observation. Needs windows of one length, and plain actions."""

    def __post_init__(self) -> None:
        # Lists come from YAML; a frozen dataclass wants tuples to compare and hash.
        for name in ("point_widths", "global_widths", "relative_observations", "segments"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        require_known("network.pool", self.pool, POOLS)
        if not self.point_widths:
            raise UserError("network.point_widths is empty: give at least one width.")
        whole_number("network.embedding_dim", self.embedding_dim, 1, MOST_WIDTH)
        if not 0.0 <= self.action_compression < float("inf"):
            raise UserError(
                f"network.action_compression is {self.action_compression}: give 0 for none, or a positive number."
            )
        if not isinstance(self.frame_by_frame, bool):
            raise UserError(f"network.frame_by_frame is {str(self.frame_by_frame)[:40]!r}: give true or false.")
        if len(self.segments) == 1:
            raise UserError("network.segments names one segment: give two or more, or none.")
        for name in ("point_widths", "global_widths", "segments"):
            require_widths(name, getattr(self, name), MOST_POINTS if name == "segments" else MOST_WIDTH)


@dataclass(frozen=True)
class MlpCfg(EncoderCfg):
    """Sizes of the networks. The defaults have 1.5 million parameters and decode in milliseconds on one CPU core."""

    width: int = 256
    """Width of the residual stream."""
    depth: int = 3
    """Residual blocks."""
    expansion: int = 2
    """Hidden width of a block as a multiple of ``width``."""
    time_frequencies: int = 16
    """Sine-cosine pairs that describe time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in _LARGEST.items():
            whole_number(f"network.{name}", getattr(self, name), 1, most)


@dataclass(frozen=True)
class FlowNetworkCfg(MlpCfg):
    """Networks of a flow-matching policy."""

    prediction: str = "action"
    """``action``: the network predicts the flow's end point, and the velocity follows; ``velocity`` (published): it
    predicts the velocity. See :class:`~score.policies.velocity_network.VelocityNetwork`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_known("network.prediction", self.prediction, PREDICTIONS)


@dataclass(frozen=True)
class DiffusionNetworkCfg(MlpCfg):
    """Networks of a diffusion policy."""

    form: str = "mlp"
    """``mlp``: the residual MLP of flow matching; ``unet``: the published 1-D U-Net over the rows of a chunk, which
    takes the weights of other people's diffusion policies. The sizes of the other form are not used."""
    down_dims: tuple[int, ...] = (64, 128)
    """Channels of the U-Net's stages; every one but the last halves the rows. Published: 256, 512, 1024 (63 million
    parameters, 0.4 s a decision on a CPU core) or 512, 1024, 2048."""
    kernel_size: int = 5
    """Rows that a convolution of the U-Net sees, odd."""
    n_groups: int = 8
    """Groups of channels that the U-Net normalises together."""
    step_embed_dim: int = 128
    """Length of the U-Net's description of the noise level, even."""
    film_scale: bool = True
    """Whether the condition scales the U-Net's features besides shifting them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "down_dims", tuple(self.down_dims))
        require_known("network.form", self.form, FORMS)
        whole_number("network.kernel_size", self.kernel_size, 1, 99)
        whole_number("network.step_embed_dim", self.step_embed_dim, 4, MOST_WIDTH)
        whole_number("network.n_groups", self.n_groups, 1, MOST_WIDTH)
        if not isinstance(self.film_scale, bool):
            raise UserError(f"network.film_scale is {str(self.film_scale)[:40]!r}: give true or false.")
        if self.kernel_size % 2 == 0 or self.step_embed_dim % 2:
            raise UserError(
                f"network.kernel_size is {self.kernel_size} and network.step_embed_dim {self.step_embed_dim}: give an"
                " odd and an even number."
            )
        require_widths("down_dims", self.down_dims, MOST_WIDTH)
        if not self.down_dims or any(size % self.n_groups for size in self.down_dims) or self.down_dims[0] % 8:
            raise UserError(
                f"network.down_dims {list(self.down_dims)}: give at least one, each a multiple of n_groups"
                f" ({self.n_groups}), the first also of 8."
            )


def require_known(key: str, value: Any, known: Sequence[str]) -> None:
    """Check a setting that has a few known values.

    Raises:
        UserError: It has another.
    """
    if value not in known:
        value = str(value)[:40]
        near = near_names(value, known) or f" Known are {', '.join(map(repr, known))}."
        raise UserError(f"{key} '{value}' is unknown.{near}")


def require_widths(name: str, widths: Sequence[Any], most: int) -> None:
    """Check a list of widths of layers in the settings of a network.

    Raises:
        UserError: There are too many, or one is out of bounds.
    """
    whole_number(f"Length of network.{name}", len(widths), 0, MOST_LAYERS)
    for width in widths:
        whole_number(f"network.{name}", width, 1, most)


@dataclass(frozen=True)
class IntegratorCfg:
    """How the flow is integrated."""

    method: str = "midpoint"
    """``midpoint`` (published) or ``euler``."""
    steps: int = 5
    """Uniform steps; published: 5, that is 10 network passes with the midpoint method."""

    def __post_init__(self) -> None:
        whole_number("integrator.steps", self.steps, 1, 1000)
        make_schedule(self.method, self.steps)
