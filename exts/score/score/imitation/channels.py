# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Where demonstrations and their replay in a task part, channel by channel, and what is the likely cause.

A cause is named if the demonstrated numbers, changed by it, follow the task's much closer than as they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_CLOSE = 0.3
"""Deviation of a channel from the replay, relative to how far it moves, that another engine or a real arm explains."""
_MUCH_CLOSER = 0.5
"""What a cause must make of the deviation, relative, to be named."""
_MOST_LAG = 5
"""Steps by which one may run behind the other."""
_LATE = 0.05
"""Deviation, as for :data:`_CLOSE`, from which on a lag is looked for."""
_FACTORS = {
    "rad": (("degrees", math.pi / 180.0),),
    "deg": (("rad", 180.0 / math.pi),),
    "m": (("millimetres", 1e-3), ("centimetres", 1e-2)),
    "mm": (("m", 1e3),),
}
"""Units of the task -> others, and task = demonstrated * factor."""


@dataclass(frozen=True)
class Finding:
    """What was found of a channel."""

    channel: str
    """Observation and number, or the actions."""
    red: bool
    """Whether it must be mended before anything is trained; else it is worth a look."""
    text: str
    """What it is, in words."""


def compare_vectors(
    key: str, names: Sequence[str], units: str, demonstrated: Sequence[Tensor], replayed: Sequence[Tensor]
) -> list[Finding]:
    """Compare what a robot measured in demonstrations with what the task measures when they are replayed.

    Args:
        key: The observation.
        names: Names of its numbers; may be empty.
        units: The task's units.
        demonstrated: Of each episode (T, D).
        replayed: Of each episode (T', D), T' <= T: its first steps.

    Returns:
        A finding for each channel that does not follow.
    """
    labels = [f"{key} '{name}'" for name in names] or [f"{key} number {i}" for i in range(demonstrated[0].shape[1])]
    ours, theirs = _aligned(demonstrated, replayed, 0)
    if not len(ours):
        return [Finding(key, True, "no episode could be replayed for more than a step: are its first actions sound?")]
    findings, lag = [], _lag(demonstrated, replayed)
    if lag:
        ours, theirs = _aligned(demonstrated, replayed, lag)
        behind = "behind" if lag > 0 else "ahead of"
        text = f"runs {abs(lag)} step{'s' if abs(lag) > 1 else ''} {behind} the task: delay, or rows of another time?"
        findings.append(Finding(key, abs(lag) > 1, text))
    done: set[int] = set()
    for columns, text in _quaternions(ours, theirs):
        findings.append(Finding(f"{key} numbers {columns[0]} to {columns[-1]}", True, text))
        done |= set(columns)
    for column, label in enumerate(labels):
        text = "" if column in done else _column(ours, theirs, column, labels, units)
        if text:
            findings.append(Finding(label, True, text))
    return findings


def _aligned(demonstrated: Sequence[Tensor], replayed: Sequence[Tensor], lag: int) -> tuple[Tensor, Tensor]:
    """Rows (N, D) that belong together if the demonstrations run ``lag`` steps behind."""
    ours, theirs = [], []
    for mine, other in zip(demonstrated, replayed, strict=True):
        count = min(len(mine), len(other)) - abs(lag)
        if count > 1:
            ours.append(mine[max(0, lag) :][:count])
            theirs.append(other[max(0, -lag) :][:count])
    width = demonstrated[0].shape[1]
    empty = [torch.empty(0, width)]
    return torch.cat(ours or empty).double(), torch.cat(theirs or empty).double()


def _spread(theirs: Tensor) -> Tensor:
    """How far each channel moves in the task, (D,); one that hardly does is measured by the others."""
    deviation = theirs.std(dim=0, correction=0)
    return deviation.clamp(min=max(1e-6, 0.05 * float(deviation.max())))


def _error(candidate: Tensor, theirs: Tensor, spread: Tensor) -> float:
    return float((candidate - theirs).square().mean().sqrt() / spread)


def _lag(demonstrated: Sequence[Tensor], replayed: Sequence[Tensor]) -> int:
    """Return the steps by which the demonstrations run behind; 0 if that explains nothing."""
    errors = {}
    for lag in range(-_MOST_LAG, _MOST_LAG + 1):
        ours, theirs = _aligned(demonstrated, replayed, lag)
        if len(ours):
            relative = (ours - theirs).square().mean(dim=0).sqrt() / _spread(theirs)
            errors[lag] = float(relative.median())
    best = min(errors, key=lambda lag: (errors[lag], abs(lag)))
    return best if errors[0] > _LATE and errors[best] < _MUCH_CLOSER * errors[0] else 0


def _quaternions(ours: Tensor, theirs: Tensor) -> Iterator[tuple[list[int], str]]:
    """Four numbers of length 1 that fit in the other order; q and -q are one rotation."""
    first = 0
    while first + 4 <= ours.shape[1]:
        columns = list(range(first, first + 4))
        mine, other = ours[:, columns], theirs[:, columns]
        if not all(bool(((part.norm(dim=1) - 1.0).abs() < 0.01).all()) for part in (mine, other)):
            first += 1
            continue
        now = _turned(mine, other)
        for shift, text in ((1, "x, y, z, w and the task w, x, y, z"), (-1, "w, x, y, z and the task x, y, z, w")):
            if _turned(mine.roll(shift, dims=1), other) < _MUCH_CLOSER * now and now > _LATE:
                yield columns, f"is a quaternion in another order: the demonstrations have {text}"
        first += 4


def _turned(mine: Tensor, other: Tensor) -> float:
    """Mean distance of two rotations, 0 to sqrt(2)."""
    return float((2.0 - 2.0 * (mine * other).sum(dim=1).abs().clamp(max=1.0)).sqrt().mean())


def _column(ours: Tensor, theirs: Tensor, column: int, labels: Sequence[str], units: str) -> str:
    """Return what is wrong with a channel, in words; empty if it follows."""
    wanted, spread, given = theirs[:, column], _spread(theirs)[column], ours[:, column]
    now = _error(given, wanted, spread)
    if now <= _CLOSE:
        return ""
    shift = float((wanted - given).mean())
    causes = [
        (_error(-given, wanted, spread), "has the other sign"),
        *(
            (_error(factor * given, wanted, spread), f"is in {words}, and the task has {units}")
            for words, factor in _FACTORS.get(units, ())
        ),
        *(
            (_error(ours[:, other], wanted, spread), f"is what the demonstrations call {labels[other]}: another order")
            for other in range(ours.shape[1])
            if other != column
        ),
        (_error(given + shift, wanted, spread), f"is off by {-shift:.3g}: another zero, or another frame"),
    ]
    least, text = min(causes, key=lambda cause: cause[0])
    if least <= _CLOSE and least < _MUCH_CLOSER * now:
        return text
    return (
        f"differs from the replay by {float((given - wanted).square().mean().sqrt()):.3g}, {now:.1f} times as far as it"
        " moves there, and no usual cause explains it: another robot, gripper or workspace?"
    )


def compare_clouds(key: str, demonstrated: Tensor, seen: Tensor, segments: Sequence[int]) -> list[Finding]:
    """Compare where point clouds lie, and how large they are; objects stand elsewhere in each episode.

    Args:
        key: The observation.
        demonstrated: Clouds of the demonstrations, (N, P, 3).
        seen: Clouds of the task, (M, P, 3).
        segments: Points of each segment; empty for a cloud without.

    Returns:
        At most one finding.
    """
    ours, theirs = (clouds.double().reshape(-1, 3) for clouds in (demonstrated, seen))
    size, wanted = (float(points.std(dim=0).norm()) for points in (ours, theirs))
    for words, factor in _FACTORS["m"]:
        if size * factor < 4.0 * wanted < 16.0 * size * factor:
            return [Finding(key, True, f"is in {words}, and the task has m")]
    parts = list(segments) or [demonstrated.shape[1]]
    mine, other = (
        torch.stack([part.double().mean(dim=(0, 1)) for part in clouds.split(parts, dim=1)])
        for clouds in (demonstrated, seen)
    )
    now = float((mine - other).norm(dim=1).mean()) / wanted
    if now <= 1.0:
        return []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            turned = mine[:, list(order)] * torch.tensor(signs, dtype=mine.dtype)
            if float((turned - other).norm(dim=1).mean()) / wanted < min(0.5, _MUCH_CLOSER * now):
                names = zip(order, signs, strict=True)
                axes = ", ".join(f"{'-' if sign < 0 else ''}{'xyz'[axis]}" for axis, sign in names)
                return [Finding(key, True, f"lies along other axes: the task's x, y, z are its {axes}")]
    where = [", ".join(f"{value:.2f}" for value in points.mean(dim=0).tolist()) for points in (ours, theirs)]
    return [Finding(key, True, f"lies around ({where[0]}) and the task's around ({where[1]}): another frame?")]
