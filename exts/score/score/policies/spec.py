# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a base policy reads and writes, in names, shapes, units and rates, and whether a task offers just that."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from score.utils.errors import UserError, near_names
from score.utils.fields import plain, read_fields, whole_number

if TYPE_CHECKING:
    from torch import Tensor

_RATE_TOLERANCE = 1e-3
"""Relative difference of two control rates that still counts as equal: rounding of 1 / step length, no more."""


MOST_STEPS, MOST_NUMBERS = 10_000, 100_000_000
"""Bounds far beyond any use on frames and steps, and on the numbers of one window: a spec may come from any file."""

JOINTS = "joints"
"""Source of a segment that the robot knows from its joint angles."""


@dataclass(frozen=True)
class CloudSegment:
    """One body of a segmented point cloud; its points have no order and no identity."""

    name: str
    """What it is, for example ``peg``."""
    points: int
    """Points in the cloud, at least 1."""
    seen_by: str
    """:data:`JOINTS`, or the cameras that see it, joined by ``+``."""

    def __post_init__(self) -> None:
        whole_number(f"Points of segment '{self.name}'", self.points, 1, MOST_NUMBERS)


@dataclass(frozen=True)
class ObservationSpec:
    """One named observation and the window of it that a policy reads."""

    shape: tuple[int, ...]
    """Shape of one frame, for example ``(7,)`` or ``(512, 3)``."""
    history: int
    """Frames in the window, at least 1. One frame comes without a frame axis."""
    units: str
    """Units of the numbers, for example ``rad`` or ``m``."""
    frame: str = ""
    """Coordinate frame of positions, for example ``panda_tcp``; empty where it has no meaning."""
    names: tuple[str, ...] = ()
    """Names along the last axis in order, for example joints; empty where it has no names."""
    segments: tuple[CloudSegment, ...] = ()
    """Segments of a point cloud in its order; empty for a cloud without segments."""

    def __post_init__(self) -> None:
        if not self.shape or min(self.shape) < 1:
            raise UserError(f"Observation shape {self.shape} is invalid: give at least one axis, each at least 1 long.")
        whole_number("Observation history", self.history, 1, MOST_STEPS)
        whole_number("Observation shape times history", math.prod(self.window_shape), 1, MOST_NUMBERS)
        if self.segments and sum(segment.points for segment in self.segments) != self.shape[0]:
            raise UserError(
                f"Segments {[(item.name, item.points) for item in self.segments]} do not add up to the cloud's"
                f" {self.shape[0]} points."
            )
        if self.names and len(self.names) != self.shape[-1]:
            raise UserError(
                f"Observation has {len(self.names)} names for {self.shape[-1]} numbers: give one name each."
            )

    @property
    def window_shape(self) -> tuple[int, ...]:
        """Shape of the window without the batch axis: ``(history, *shape)``, or ``shape`` for a single frame."""
        return (self.history, *self.shape) if self.history > 1 else self.shape

    def newest(self, window: Tensor) -> Tensor:
        """Return the newest frames (N, *shape) of windows (N, *window_shape)."""
        return window[:, -1] if self.history > 1 else window


@dataclass(frozen=True)
class ActionSpec:
    """The action of one control step."""

    names: tuple[str, ...]
    """Name of each number in order, for example joints."""
    units: str
    """Units of the action as it leaves the policy."""
    low: tuple[float, ...]
    """Least allowed value of each number [units]. A declaration: whoever executes the action clamps it."""
    high: tuple[float, ...]
    """Greatest allowed value of each number [units]."""
    relative_to: str | None
    """Observation whose newest frame is added to the network's output inside ``decode``; None for plain outputs."""

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise UserError(f"Action names {list(self.names)} are invalid: give at least one, and none twice.")
        whole_number("Number of action names", len(self.names), 1, 1000)
        if not len(self.names) == len(self.low) == len(self.high):
            raise UserError(
                f"Action has {len(self.names)} names, {len(self.low)} low and {len(self.high)} high limits:"
                " give one of each per number."
            )
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            if not low < high:  # written so that NaN fails too
                raise UserError(f"Action '{name}' has limits {low} to {high}: low must be less than high.")


@dataclass(frozen=True)
class Chunk:
    """The rows that a policy generates at once, and what is executed of them."""

    rows: int
    """Rows that are generated; some policies generate rows of the past too."""
    first: int
    """Index of the row for the coming step. ``decode`` returns this one and all later ones."""
    executed: int
    """Steps of a chunk that its makers executed before they asked again, 1 to ``rows - first``."""

    def __post_init__(self) -> None:
        whole_number("chunk.rows", self.rows, 1, MOST_STEPS)
        whole_number("chunk.first", self.first, 0, self.rows - 1)
        whole_number("chunk.executed", self.executed, 1, self.rows - self.first)


@dataclass(frozen=True)
class PolicySpec:
    """The whole interface of a base policy, or of what a task offers to one."""

    observations: dict[str, ObservationSpec]
    """Observation windows by name."""
    actions: ActionSpec
    """The action of one control step."""
    control_rate_hz: float
    """Control steps per second [Hz]."""
    horizon: int
    """Steps H in one action chunk as ``decode`` returns it."""

    def __post_init__(self) -> None:
        if not self.observations:
            raise UserError("A policy needs at least one observation: the spec names none.")
        if not (math.isfinite(self.control_rate_hz) and self.control_rate_hz > 0):
            raise UserError(f"control_rate_hz {self.control_rate_hz} is invalid: give a positive number.")
        whole_number("horizon", self.horizon, 1, MOST_STEPS)

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain dicts, lists, strings and numbers, ready for YAML or JSON."""
        return plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PolicySpec:
        """Read what :meth:`to_dict` wrote.

        Raises:
            UserError: A key is missing, unknown or of the wrong type, or a value is invalid.
        """
        fields = read_fields(cls, data, "spec")
        if not isinstance(fields["observations"], Mapping):
            raise UserError("spec.observations is not a mapping from names to observations.")
        try:
            observations = {}
            for name, entry in fields["observations"].items():
                values = read_fields(ObservationSpec, entry, f"spec.observations.{name}")
                values["shape"] = tuple(int(size) for size in values["shape"])
                values["history"] = int(values["history"])
                values["names"] = tuple(values.get("names", ()))
                values["segments"] = read_segments(values.get("segments", ()), f"spec.observations.{name}.segments")
                observations[str(name)] = ObservationSpec(**values)
            values = read_fields(ActionSpec, fields["actions"], "spec.actions")
            values["names"] = tuple(values["names"])
            values["low"] = tuple(float(value) for value in values["low"])
            values["high"] = tuple(float(value) for value in values["high"])
            return cls(
                observations=observations,
                actions=ActionSpec(**values),
                control_rate_hz=float(fields["control_rate_hz"]),
                horizon=int(fields["horizon"]),
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise UserError(f"The spec holds a value of the wrong type: {error}.") from error


def read_segments(entries: Any, where: str) -> tuple[CloudSegment, ...]:
    """Read the segments of a cloud from a list of mappings.

    Raises:
        UserError: An entry is no segment.
    """
    if not isinstance(entries, (list, tuple)):
        raise UserError(f"{where} is not a list of segments.")
    return tuple(CloudSegment(**read_fields(CloudSegment, entry, where)) for entry in entries)


def require_match(policy: PolicySpec, task: PolicySpec) -> None:
    """Check that a task offers every observation a policy reads and executes the actions that it writes.

    The task may offer more observations than the policy reads. Horizon, action limits and ``relative_to`` are the
    policy's own business and are not compared.

    Args:
        policy: What the policy was trained on.
        task: What the task offers.

    Raises:
        UserError: They differ. The message names every difference.
    """
    problems = []
    for name, needed in policy.observations.items():
        if name in task.observations:
            problems += _observation_problems(name, needed, task.observations[name])
        else:
            near = near_names(name, task.observations) or f" (it has {', '.join(map(repr, task.observations))})"
            problems.append(f"observation '{name}' is missing in the task{'.' if '?' in near else ''}{near}")
    problems += _name_problems("action names", policy.actions.names, task.actions.names)
    if policy.actions.units != task.actions.units:
        problems.append(f"actions are in '{policy.actions.units}' and the task takes '{task.actions.units}'")
    if not math.isclose(policy.control_rate_hz, task.control_rate_hz, rel_tol=_RATE_TOLERANCE):
        problems.append(f"control rate is {policy.control_rate_hz:g} Hz and the task's {task.control_rate_hz:g} Hz")
    if problems:
        raise UserError(
            f"The base policy does not fit the task: {'; '.join(problems)}; use the base policy of this task, or change"
            " the task's observations and actions to what the policy was trained on."
        )


def _observation_problems(name: str, needed: ObservationSpec, offered: ObservationSpec) -> list[str]:
    problems = []
    for label in ("shape", "history", "units", "frame"):
        ours, theirs = getattr(needed, label), getattr(offered, label)
        # A frame that either side leaves open cannot be compared.
        if ours != theirs and not (label == "frame" and "" in (ours, theirs)):
            problems.append(f"observation '{name}' has {label} {ours!r} and the task's {theirs!r}")
    if needed.segments and offered.segments and needed.segments != offered.segments:
        ours, theirs = (
            [f"{item.name} {item.points} by {item.seen_by}" for item in side.segments] for side in (needed, offered)
        )
        problems.append(f"observation '{name}' has segments {ours} and the task's {theirs}")
    if needed.names and offered.names:
        problems += _name_problems(f"names of observation '{name}'", needed.names, offered.names)
    return problems


def _name_problems(what: str, ours: tuple[str, ...], theirs: tuple[str, ...]) -> list[str]:
    if ours == theirs:
        return []
    if sorted(ours) == sorted(theirs):
        return [f"{what} are the same in another order: {list(ours)} and the task's {list(theirs)}"]
    missing = [f"'{name}'{near_names(name, theirs)}" for name in ours if name not in theirs]
    extra = [f"'{name}'" for name in theirs if name not in ours]
    detail = "".join(
        [
            f"; not in the task: {', '.join(missing)}" if missing else "",
            f"; not in the policy: {', '.join(extra)}" if extra else "",
        ]
    )
    return [f"{what} differ ({len(ours)} and the task's {len(theirs)}{detail})"]
