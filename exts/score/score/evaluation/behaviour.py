# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What arms do on their way: how hard and how roughly they move the robot, and how many ways they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from score.rollout.paths import Path

PERCENTILES = (50, 95, 99)
"""Percentiles of loads over all steps."""

LOADS = ("effort", "jerk", "contact")
"""What is measured of how hard a robot is moved."""

POINTS = 16
"""Points that stand for a path when ways are compared."""

MOST_MODES = 8
"""Most ways that are looked for."""

FEWEST_PATHS = 8
"""Paths below which nobody can tell."""

SILHOUETTE = 0.5
"""Least mean silhouette of two or more ways; below it there is one way, broad or narrow."""


def summarize_behavior(
    paths: Mapping[str, Mapping[int, Path]], key: str, rate_hz: float, positions: bool
) -> dict[str, Any]:
    """Return what a report says of the behaviour of arms.

    Args:
        paths: Arm -> episode -> path.
        key: Observation that the paths are made of.
        rate_hz: Control steps per second.
        positions: Whether actions are targets for what is measured.

    Returns:
        ``observation`` (``key``), ``loads`` (arm -> what :func:`loads_of` says, and ``episodes``), and ``modes``
        (:func:`count_modes` of all arms together; None for too few paths).
    """
    moved = {arm: [path for path in of.values() if len(path.targets) > 1] for arm, of in paths.items()}
    loads = {arm: {"episodes": len(of), **loads_of(of, rate_hz, positions)} for arm, of in moved.items()}
    shapes = {
        arm: np.stack([shape_of(path.measured.double().numpy()) for path in of]) for arm, of in moved.items() if of
    }
    return {"observation": key, "loads": loads, "modes": count_modes(shapes)}


def loads_of(paths: Sequence[Path], rate_hz: float, positions: bool) -> dict[str, Any]:
    """How hard and how roughly paths move a robot, over all their steps; of the joints the worst in each.

    Args:
        paths: Paths.
        rate_hz: Control steps per second.
        positions: Whether actions are targets for what is measured: a position controller's effort is proportional to
            how far what is measured stays behind them, whatever holds it back.

    Returns:
        ``effort`` (:data:`PERCENTILES` of the distance between a target and what is measured a step later [action
        units], None without such targets) and ``jerk`` (of the third difference of targets, or without such targets of
        what is measured [units / s^3]); None where no path is long enough. ``contact``: of the largest contact force at
        the end of a step [N]; None where it is not sensed.
    """
    effort: list[NDArray[np.float64]] = []
    jerk: list[NDArray[np.float64]] = []
    contact = [path.forces.double().numpy() for path in paths if path.forces is not None]
    for path in paths:
        measured, targets = path.measured.double().numpy(), path.targets.double().numpy()
        if positions:
            effort.append(np.abs(targets[:-1] - measured[1:]).max(axis=1))
        jerk.append(np.abs(np.diff(targets if positions else measured, n=3, axis=0)).max(axis=1, initial=0.0))
    found = (effort, [rate_hz**3 * part for part in jerk], contact)
    return {load: _percentiles(parts) for load, parts in zip(LOADS, found, strict=True)}


def shape_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a path as :data:`POINTS` points at equal distances along it, counted from its beginning.

    Args:
        points: (T, D), T at least 1.

    Returns:
        (POINTS, D), flat. A path that does not move stays where it is.
    """
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    places = np.linspace(0.0, along[-1], POINTS)
    # Equal places along a path would be a division by zero for the interpolation.
    keep = np.concatenate([[True], np.diff(along) > 0])
    columns = [np.interp(places, along[keep], column[keep]) for column in (points - points[0]).T]
    return np.stack(columns, axis=1).ravel()


def count_modes(shapes: Mapping[str, NDArray[np.float64]]) -> dict[str, Any] | None:
    """Ways of all arms together, and how each arm's episodes are spread over them.

    Paths are joined into groups by their mean distances. The number of groups, 2 to :data:`MOST_MODES`, is that with
    the greatest mean silhouette; if that is below :data:`SILHOUETTE` there is one.

    Args:
        shapes: Arm -> shapes of its paths, (E, n).

    Returns:
        ``found`` (groups), ``silhouette``, ``shares`` (arm -> share of each group), ``effective`` (arm -> exp of the
        entropy of its shares: 1 for one way, ``found`` for all of them equally often); None for too few paths.
    """
    every = np.concatenate(list(shapes.values())) if shapes else np.empty((0, 1))
    if len(every) < FEWEST_PATHS:
        return None
    distances = pdist(every)
    tree, square = linkage(distances, "average"), squareform(distances)
    cuts = [fcluster(tree, number, "maxclust") for number in range(2, min(MOST_MODES, len(every) - 1) + 1)]
    scores = [mean_silhouette(square, labels) for labels in cuts]
    best = int(np.argmax(scores))
    labels = cuts[best] if scores[best] >= SILHOUETTE else np.ones(len(every), dtype=int)
    found = len(np.unique(labels))
    ends = np.cumsum([len(of) for of in shapes.values()])[:-1]
    shares = {
        arm: np.bincount(of, minlength=found + 1)[1:] / len(of)
        for arm, of in zip(shapes, np.split(labels, ends), strict=True)
    }
    return {
        "found": found,
        "silhouette": float(scores[best]),
        "shares": {arm: share.tolist() for arm, share in shares.items()},
        "effective": {arm: float(np.exp(-np.sum(p[p > 0] * np.log(p[p > 0])))) for arm, p in shares.items()},
    }


def mean_silhouette(distances: NDArray[np.float64], labels: NDArray[Any]) -> float:
    """How much nearer points are to their own group than to the next: mean of (b - a) / max(a, b), 0 for one alone.

    Args:
        distances: Distances between points, (E, E).
        labels: Group of each, (E,).
    """
    groups, own = np.unique(labels, return_inverse=True)
    if len(groups) < 2:
        return 0.0
    members = np.eye(len(groups))[own]
    sums, counts = distances @ members, members.sum(axis=0)
    rows = np.arange(len(labels))
    inside = sums[rows, own] / np.maximum(counts[own] - 1, 1)
    means = sums / counts
    means[rows, own] = np.inf
    outside = means.min(axis=1)
    largest = np.maximum(inside, outside)
    values = np.where((counts[own] > 1) & (largest > 0), (outside - inside) / np.where(largest > 0, largest, 1.0), 0.0)
    return float(values.mean())


def _percentiles(parts: Sequence[NDArray[np.float64]]) -> list[float] | None:
    values = np.concatenate(parts) if parts else np.empty(0)
    return np.percentile(values, PERCENTILES).tolist() if values.size else None
