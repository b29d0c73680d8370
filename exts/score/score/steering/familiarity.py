# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Whether a steering policy has met observations like the present one: how far they are from those of its training."""

# No `from __future__ import annotations` here: TorchScript reads the annotations.
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from score.rollout.arms import Arm, Decision
from score.rollout.queue import NOBODY
from score.utils import ranks
from score.utils.errors import UserError

KEPT = 0.99
"""Share of the variance that the principal axes hold."""

QUANTILE = 0.99
"""Share of held-out decisions of training that lie within the limit."""

FOLDS = 8
"""Parts of the episodes that are held out in turn."""

FEWEST_EPISODES, FEWEST_DECISIONS = FOLDS, 32
"""With fewer, nothing can be said."""

_LEAST_SCALE = 0.1
"""A feature that hardly varies in the simulator counts in units of so much of the median deviation of all."""

_TENSORS = ("mean", "scale", "axes", "variances", "rest", "limit")
_EXTENTS = "extents"


class Distance(torch.nn.Module):
    """Distance of numbers from those of training, in units of a limit.

    The numbers x are taken for draws of a probabilistic PCA (Tipping and Bishop, 1999): in units of each one's
    deviation they have the covariance C = U diag(variances) U^T + rest (I - U U^T), U being the principal axes. The
    distance is that of Mahalanobis, sqrt((x - mean)^T C^-1 (x - mean)), over the limit.
    """

    mean: Tensor
    scale: Tensor
    axes: Tensor
    variances: Tensor
    rest: Tensor
    limit: Tensor

    def __init__(
        self, mean: Tensor, scale: Tensor, axes: Tensor, variances: Tensor, rest: Tensor, limit: Tensor
    ) -> None:
        """Set up.

        Args:
            mean: Mean of the features, shape (F,).
            scale: Units of the features, shape (F,).
            axes: Principal axes U in these units, shape (F, K).
            variances: Variances along them, shape (K,).
            rest: Variance along every other axis, shape ().
            limit: Distance that counts as 1, shape ().
        """
        super().__init__()
        for name, value in zip(_TENSORS, (mean, scale, axes, variances, rest, limit), strict=True):
            self.register_buffer(name, value.detach().float().clone())

    def forward(self, features: Tensor) -> Tensor:
        """Distances (B,) of features (B, F), 1 at the limit."""
        offset = (features - self.mean) / self.scale
        along = offset @ self.axes
        beside = (offset.square().sum(dim=1) - along.square().sum(dim=1)).clamp_min(0.0)
        return ((along.square() / self.variances).sum(dim=1) + beside / self.rest).sqrt() / self.limit


class Familiarity(torch.nn.Module):
    """Distance of what a steering policy sees from what it saw in training, in units of a limit.

    The larger of two: that of the features, and that of the sizes of what is seen where the features leave them out
    (:meth:`score.policies.base_policy.BasePolicy.extents`). :data:`QUANTILE` of held-out decisions keep the limit:
    above 1 lies one in a hundred of the simulator's own.
    """

    def __init__(self, features: Distance, extents: Distance | None = None) -> None:
        """Set up.

        Args:
            features: Of the features (B, F).
            extents: Of the sizes (B, E); None where they are not known.
        """
        super().__init__()
        self.features = features
        self.extents = extents

    def forward(self, features: Tensor, extents: Tensor) -> Tensor:
        """Distances (B,) of features (B, F) and sizes (B, E), 1 at the limit."""
        distance = self.features(features)
        if self.extents is not None:
            distance = torch.maximum(distance, self.extents(extents))
        return distance


def fit_familiarity(features: Tensor, extents: Tensor, episodes: Tensor) -> Familiarity | None:
    """Describe what was met, and set the limits by cross-validation: every episode is held out once.

    Args:
        features: What was seen at each decision, shape (M, F).
        extents: The sizes of it, shape (M, E); E may be 0.
        episodes: Episode of each decision, shape (M,), int64.

    Returns:
        The distance from them; None where they are too few.
    """
    different, numbers = episodes.unique(return_inverse=True)
    if len(different) < FEWEST_EPISODES or len(features) < FEWEST_DECISIONS:
        return None
    parts = [numbers % FOLDS == fold for fold in range(FOLDS)]
    kinds = [features, extents] if extents.shape[1] else [features]
    found, distances = [], []
    for values in kinds:
        held_out = torch.cat([_fit(values[~part])(values[part]) for part in parts])
        found.append(_fit(values))
        found[-1].limit.copy_(held_out.quantile(QUANTILE).clamp_min(1e-6))
        distances.append(held_out / found[-1].limit)
    both = torch.stack(distances).amax(dim=0).quantile(QUANTILE).clamp_min(1e-6)  # two limits are passed more often
    for distance in found:
        distance.limit.mul_(both)
    return Familiarity(*found)


def _fit(features: Tensor) -> Distance:
    """Mean, units and axes of features (M, F); the limit is 1."""
    features = features.double()
    mean, deviation = features.mean(dim=0), features.std(dim=0)
    scale = deviation.clamp_min(float(_LEAST_SCALE * deviation.median())).clamp_min(1e-9)
    _, singular, axes = torch.linalg.svd((features - mean) / scale, full_matrices=False)
    variances = singular.square() / (len(features) - 1)
    total = variances.sum().clamp_min(1e-12)
    # Never more axes than a quarter of the decisions: the last ones would fit their noise.
    count = min(int((variances.cumsum(0) < KEPT * total).sum()) + 1, max(1, len(features) // 4))
    others = max(1, features.shape[1] - count)
    rest = (variances[count:].sum() / others).clamp_min(float(1e-6 * total / features.shape[1]))
    kept = variances[:count].clamp_min(float(rest))
    return Distance(mean, scale, axes[:count].T, kept, rest, torch.ones(()))


class FeatureRecorder:
    """Keeps what a steering policy sees at each decision of an arm."""

    def __init__(self, plan: Any) -> None:
        """Set up.

        Args:
            plan: The :class:`~score.steering.plan.Plan`, whose features are what the policy sees.
        """
        self._plan = plan
        self._features: list[Tensor] = []
        self._extents: list[Tensor] = []
        self._episodes: list[Tensor] = []

    def watch(self, arm: Arm) -> Arm:
        """Return the same arm, watched."""

        def act(decision: Decision) -> tuple[Tensor, Tensor | None]:
            rows = decision.episodes != NOBODY
            assert decision.windows is not None
            features, extents = self._plan.features(decision.condition), self._plan.extents(decision.windows)
            self._features.append(features[rows.to(features.device)].float().cpu())
            self._extents.append(extents[rows.to(extents.device)].float().cpu())
            self._episodes.append(decision.episodes[rows].clone())
            return arm.act(decision)

        return Arm(arm.name, act)

    def fit(self) -> Familiarity | None:
        """:func:`fit_familiarity` of the decisions of all processes; the same in all of them."""
        lists = (self._features, self._extents, self._episodes)
        kept = tuple(torch.cat(values) for values in lists) if self._features else None
        parts = [part for part in ranks.gather(kept) if part is not None]
        return fit_familiarity(*(torch.cat(of_all) for of_all in zip(*parts, strict=True))) if parts else None


def familiarity_state(familiarity: Familiarity | None) -> dict[str, Any] | None:
    """Return what a checkpoint keeps of it."""
    if familiarity is None:
        return None
    state: dict[str, Any] = dict(familiarity.features.state_dict())
    return state if familiarity.extents is None else state | {_EXTENTS: dict(familiarity.extents.state_dict())}


def load_familiarity(values: Mapping[str, Any] | None, widths: tuple[int, int], where: str) -> Familiarity | None:
    """Read what :func:`familiarity_state` wrote.

    Args:
        values: The value in the file; None where there is none. That of an early version has no sizes.
        widths: Features that the policy sees, and sizes.
        where: The place, for the message.

    Raises:
        UserError: It is not what was written.
    """
    if values is None:
        return None
    kept, extents = dict(values) if isinstance(values, Mapping) else {}, None
    if _EXTENTS in kept:
        extents = _load_distance(kept.pop(_EXTENTS), widths[1], f"{where}: familiarity.{_EXTENTS}")
    return Familiarity(_load_distance(kept, widths[0], f"{where}: familiarity"), extents)


def _load_distance(values: Any, width: int, where: str) -> Distance:
    named = isinstance(values, Mapping) and set(values) == set(_TENSORS)
    if not named or not all(isinstance(value, Tensor) and value.is_floating_point() for value in values.values()):
        raise UserError(f"{where} was edited: it needs the tensors {', '.join(_TENSORS)}.")
    axes = values["axes"].shape[1] if values["axes"].dim() == 2 else 0
    wanted = {"mean": (width,), "scale": (width,), "axes": (width, axes), "variances": (axes,), "rest": (), "limit": ()}
    for name, shape in wanted.items():
        if values[name].shape != shape:
            raise UserError(f"{where}.{name} has the shape {list(values[name].shape)}, not {list(shape)}.")
        if name not in ("mean", "axes") and not bool((values[name] > 0.0).all()):
            raise UserError(f"{where}.{name} must be positive.")
    return Distance(**values)
