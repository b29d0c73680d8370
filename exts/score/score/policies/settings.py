# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of a flow-matching policy, as they stand in a bundle."""

from __future__ import annotations

from dataclasses import dataclass

from score.policies.encoders import POOLS
from score.policies.integrators import make_schedule
from score.utils.errors import UserError, near_names
from score.utils.fields import whole_number

PREDICTIONS = ("action", "velocity")
"""What the network of a flow may predict, see :class:`~score.policies.velocity_network.VelocityNetwork`."""


MOST_WIDTH, MOST_LAYERS, MOST_POINTS = 16_384, 256, 10_000_000
"""Bounds far beyond any use: sizes come from files, and layers are made from them."""

_LARGEST = {
    "embedding_dim": MOST_WIDTH,
    "width": MOST_WIDTH,
    "depth": MOST_LAYERS,
    "expansion": 64,
    "time_frequencies": 512,
}


@dataclass(frozen=True)
class FlowNetworkCfg:
    """Sizes of the networks. The defaults have 1.5 million parameters and decode in milliseconds on one CPU core."""

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
    """c > 0 lets the flow work on asinh(a / c) of (relative) actions a, in action units: motions of the size of c keep
    their resolution beside ones 30 times as large, which one scale for both would drown. 0 works on a itself."""
    prediction: str = "action"
    """``action``: the network predicts the flow's end point, and the velocity follows; ``velocity`` (published): it
    predicts the velocity. See :class:`~score.policies.velocity_network.VelocityNetwork`."""
    width: int = 256
    """Width of the velocity network's residual stream."""
    depth: int = 3
    """Residual blocks of the velocity network."""
    expansion: int = 2
    """Hidden width of a block as a multiple of ``width``."""
    time_frequencies: int = 16
    """Sine-cosine pairs that describe the flow time."""
    relative_observations: tuple[str, ...] = ("joint_pos_target",)
    """Observations that enter relative to the newest ``relative_to`` frame; unused where actions are plain."""

    def __post_init__(self) -> None:
        # Lists come from YAML; a frozen dataclass wants tuples to compare and hash.
        for name in ("point_widths", "global_widths", "relative_observations", "segments"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.pool not in POOLS:
            near = near_names(self.pool, POOLS) or f" Known are {', '.join(map(repr, POOLS))}."
            raise UserError(f"network.pool '{self.pool}' is unknown.{near}")
        if self.prediction not in PREDICTIONS:
            near = near_names(self.prediction, PREDICTIONS) or f" Known are {', '.join(map(repr, PREDICTIONS))}."
            raise UserError(f"network.prediction '{self.prediction}' is unknown.{near}")
        if not self.point_widths:
            raise UserError("network.point_widths is empty: give at least one width.")
        for name, most in _LARGEST.items():
            whole_number(f"network.{name}", getattr(self, name), 1, most)
        if not 0.0 <= self.action_compression < float("inf"):
            raise UserError(
                f"network.action_compression is {self.action_compression}: give 0 for none, or a positive number."
            )
        if len(self.segments) == 1:
            raise UserError("network.segments names one segment: give two or more, or none.")
        for name in ("point_widths", "global_widths", "segments"):
            whole_number(f"Length of network.{name}", len(getattr(self, name)), 0, MOST_LAYERS)
            for width in getattr(self, name):
                whole_number(f"network.{name}", width, 1, MOST_POINTS if name == "segments" else MOST_WIDTH)


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
