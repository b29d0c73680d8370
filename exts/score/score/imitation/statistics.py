# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Normalisation statistics of training windows."""

from __future__ import annotations

import math

import torch

from score.imitation.augmentation import AugmentationCfg, feature_noise
from score.imitation.windows import WindowSet
from score.policies.features import WindowFeatures
from score.policies.normalisation import Statistic, checked_statistic, mean_std_statistic
from score.policies.settings import EncoderCfg
from score.policies.spec import PolicySpec


def fit_action_axes(windows: WindowSet, spec: PolicySpec) -> torch.Tensor:
    """Principal axes of the actions, for :class:`~score.policies.window_policy.WindowPolicy`.

    All rows of all chunks count alike, each about its row's mean.

    Args:
        windows: Training windows without augmentation.
        spec: The policy's interface.

    Returns:
        Orthonormal directions as columns, the one of the largest variance first, shape (A, A).
    """
    actions = _network_actions(windows, spec).double()
    centered = (actions - actions.mean(dim=0)).flatten(0, 1)
    _, axes = torch.linalg.eigh(centered.mT @ centered / len(centered))
    axes = axes.flip(1)
    # A direction is the same with either sign: its largest entry is positive.
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return (axes * largest.sign()).float()


def fit_statistics(
    windows: WindowSet,
    spec: PolicySpec,
    network: EncoderCfg,
    action_axes: torch.Tensor,
    augmentation: AugmentationCfg,
) -> dict[str, Statistic]:
    """Fit what a :class:`~score.policies.window_policy.WindowPolicy` needs.

    Features and action chunks get a mean and a deviation per dimension (actions: per row and axis, relative to the
    newest measured frame where the spec says so). A cloud gets a mean per axis and one deviation for all axes, as
    its shape must not be distorted.

    The deviation of a feature is that of what the network is trained on: of the demonstrations and of the noise that
    training adds. A finger that hardly moves in the demonstrations (2 mrad) is seen with 10 mrad of noise; measured
    in its own deviations, an angle that a contact bent would lie 800 of them away.

    Args:
        windows: Training windows without augmentation.
        spec: The policy's interface.
        network: The network, for how features are laid out.
        action_axes: Directions that actions are given along, shape (A, A).
        augmentation: Noise of the training.

    Raises:
        UserError: A dimension does not vary or is not finite. The message names it.
    """
    features = WindowFeatures(spec, network.relative_observations, network.frame_by_frame)
    actions = _sampler_actions(windows, spec, network, action_axes)
    plain = mean_std_statistic(features(windows.observations), "observations", features.labels(spec))
    statistics = {
        "features": Statistic(plain.offset, torch.hypot(plain.scale, feature_noise(features, augmentation))),
        "actions": mean_std_statistic(actions, "actions (row, axis)"),
    }
    if features.cloud_key:
        clouds = windows.clouds[features.cloud_key]
        sums = [piece.sum(dim=(0, 1), dtype=torch.float64) for piece in clouds.pieces()]
        mean = (3.0 * torch.stack(sums).sum(dim=0) / clouds.numbers).float()
        total = sum(float((piece - mean).double().square().sum()) for piece in clouds.pieces())
        deviation = torch.full((3,), (total / clouds.numbers) ** 0.5)
        statistics["cloud"] = checked_statistic(mean, deviation, f"observation '{features.cloud_key}'", (3,), "xyz")
    return statistics


def action_range(
    windows: WindowSet, spec: PolicySpec, network: EncoderCfg, action_axes: torch.Tensor, statistic: Statistic
) -> float:
    """Largest normalised action of the data, rounded up to a tenth: nothing that was demonstrated lies further out.

    Args:
        windows: Training windows without augmentation.
        spec: The policy's interface.
        network: The network, for how actions are given.
        action_axes: Directions that actions are given along, shape (A, A).
        statistic: That of the actions.
    """
    actions = _sampler_actions(windows, spec, network, action_axes)
    return math.ceil(10.0 * float(((actions - statistic.offset) / statistic.scale).abs().max())) / 10.0


def _sampler_actions(
    windows: WindowSet, spec: PolicySpec, network: EncoderCfg, action_axes: torch.Tensor
) -> torch.Tensor:
    """Actions (N, H, A) along the axes and compressed, before normalisation."""
    actions = _network_actions(windows, spec) @ action_axes
    return torch.asinh(actions / network.action_compression) if network.action_compression > 0.0 else actions


def _network_actions(windows: WindowSet, spec: PolicySpec) -> torch.Tensor:
    """Actions (N, H, A) as the network sees them: relative to the newest measured frame where the spec says so."""
    if spec.actions.relative_to is None:
        return windows.actions
    newest = spec.observations[spec.actions.relative_to].newest(windows.observations[spec.actions.relative_to])
    return windows.actions - newest.unsqueeze(1)
