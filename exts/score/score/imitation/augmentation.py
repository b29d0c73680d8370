# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Noise on training windows, so that the policy bears sensors and calibrations it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from score.policies.encoders import segment_ends
from score.policies.features import WindowFeatures
from score.policies.spec import JOINTS, CloudSegment
from score.policies.window_policy import WindowPolicy
from score.utils.errors import UserError


@dataclass(frozen=True)
class AugmentationCfg:
    """Magnitudes of the augmentation.

    The published ones, for tasks of centimetres: joint noise 0.05 rad independent on every frame, points 0.02 m,
    extrinsics 0.2 rad and 0.05 m, a random subset of 512 points. The defaults here suit an insertion of one millimetre.
    """

    joint_noise: float = 0.02
    """Standard deviation of the noise on the newest measured joints as the network sees them [rad]. The frame that
    offsets count from stays exact. Without noise, 7 exact joint angles tell one demonstration from another."""
    history_noise: float = 0.01
    """Standard deviation of independent noise on every older frame and past action, relative to the newest frame [rad].
    Without noise the history foretells the next actions so well that the network goes on with whatever the arm did
    last and hardly looks at the cloud, which no validation loss shows (docs: "copycat" problem of cloning)."""
    point_noise: float = 0.001
    """Half range of the uniform noise on every coordinate of every point [m]."""
    extrinsic_shift: float = 0.002
    """Half range of a uniform shift of what cameras see, per axis [m]: all of a cloud that does not say otherwise."""
    extrinsic_rotation: float = 0.01
    """Half range of uniform Euler angles that turn what cameras see about the origin of the cloud's frame [rad]."""
    points: int | None = 256
    """Size of a random subset of the points, other for each window; None keeps all. Fewer points also train faster, but
    the centroid of 64 of 256 points of a 5 cm object is wrong by 2 mm: keep all where millimetres matter."""

    def __post_init__(self) -> None:
        for name in ("joint_noise", "history_noise", "point_noise", "extrinsic_shift", "extrinsic_rotation"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"Setting augmentation.{name} is {getattr(self, name)}, and must be 0 or more.")
        if self.points is not None and self.points < 1:
            raise UserError(f"Setting augmentation.points is {self.points}, and must be at least 1, or none for all.")


def feature_noise(features: WindowFeatures, cfg: AugmentationCfg) -> Tensor:
    """Return the standard deviation of the noise on each feature, shape (F,) [the observations' own units].

    Zero for observations that are fed as they are.
    """
    deviation = torch.zeros(features.size)
    newest, relative = features.newest_size, features.relative_size
    deviation[:newest] = cfg.joint_noise
    deviation[newest : newest + relative] = cfg.history_noise
    return deviation


def condition_noise(policy: WindowPolicy, cfg: AugmentationCfg) -> Tensor:
    """Return the standard deviation of the noise on each entry of a condition, shape (C,) [normalised units].

    Zero for the cloud's embedding, whose noise is on the points, and for observations that are fed as they are.
    """
    scale = policy.feature_normaliser.scale
    deviation = feature_noise(policy.windows, cfg).to(scale.device) / scale
    return torch.cat([deviation.new_zeros(policy.condition_dim - len(deviation)), deviation])


def augment_cloud(
    cloud: Tensor, cfg: AugmentationCfg, generator: torch.Generator, segments: tuple[CloudSegment, ...] = ()
) -> Tensor:
    """Take a random subset of points; turn, shift and roughen what cameras see.

    A wrong calibration moves what a camera sees against what the robot knows from its joints. Moving both alike would
    change nothing that a policy could be misled by.

    Args:
        cloud: Shape (B, P, 3) [m].
        cfg: Magnitudes.
        generator: Source of the noise, on the CPU.
        segments: Segments of the cloud, whose order is then kept: the subset takes the share of each that
            :func:`~score.policies.encoders.segment_ends` says.

    Returns:
        Clouds of shape (B, min(P, cfg.points), 3) [m].
    """
    batch, count = cloud.shape[:2]
    sizes = [segment.points for segment in segments] or [count]
    ends = segment_ends(sizes, min(cfg.points or count, count))
    if ends[-1] < count:
        order = _subset(batch, sizes, ends, generator)
        cloud = cloud.gather(1, order.to(cloud.device).unsqueeze(-1).expand(-1, -1, 3))
    moved = cloud
    if cfg.extrinsic_rotation > 0:
        moved = moved @ _rotations(cfg.extrinsic_rotation * _symmetric((batch, 3), generator)).mT.to(cloud.device)
    if cfg.extrinsic_shift > 0:
        moved = moved + cfg.extrinsic_shift * _symmetric((batch, 1, 3), generator).to(cloud.device)
    if cfg.point_noise > 0:
        moved = moved + cfg.point_noise * _symmetric(tuple(cloud.shape), generator).to(cloud.device)
    parts = [
        (cloud if segment.seen_by == JOINTS else moved)[:, start:end]
        for segment, start, end in zip(segments, [0, *ends], ends, strict=False)
    ]
    return torch.cat(parts, dim=1) if parts else moved


def _subset(batch: int, sizes: list[int], ends: list[int], generator: torch.Generator) -> Tensor:
    """Draw the indices of a random subset of every segment, in the order of segments, shape (B, P)."""
    first, parts = 0, []
    for size, wanted in zip(sizes, [end - start for start, end in zip([0, *ends], ends, strict=False)], strict=True):
        # The largest of random keys are a uniform subset without repetition, and another one for each window.
        keys = torch.rand(batch, size, generator=generator)
        parts.append(first + keys.topk(wanted, dim=1, sorted=False).indices)
        first += size
    return torch.cat(parts, dim=1)


def _symmetric(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform in [-1, 1]."""
    return 2 * torch.rand(shape, generator=generator) - 1


def _rotations(angles: Tensor) -> Tensor:
    """Rotations about x, then y, then z by Euler angles (B, 3) [rad], shape (B, 3, 3)."""
    matrix = torch.eye(3).expand(len(angles), 3, 3)
    for axis in range(3):
        generator_of_axis = torch.zeros(3, 3)
        generator_of_axis[(axis + 2) % 3, (axis + 1) % 3] = 1
        generator_of_axis[(axis + 1) % 3, (axis + 2) % 3] = -1
        matrix = torch.linalg.matrix_exp(angles[:, axis, None, None] * generator_of_axis) @ matrix
    return matrix
