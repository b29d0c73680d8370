# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Puts somebody else's checkpoint into the words of a task, by its interface file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from score.policies.adapted import AdaptedPolicy, Wire, Wiring
from score.policies.foreign import ForeignPolicy
from score.policies.interface import QUATERNIONS, ActionPart, InputPart, Interface
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.utils.errors import UserError, near_names

_FACTORS = {("rad", "deg"): math.pi / 180.0, ("m", "mm"): 0.001, ("m", "cm"): 0.01}
"""(units of the task, of the checkpoint) -> task = checkpoint * factor."""
_FURTHEST = 2.0
"""Actions this many times beyond the task's limits were not recorded in its units."""


def adapt(foreign: ForeignPolicy, interface: Interface, path: Path | str, task: PolicySpec) -> AdaptedPolicy:
    """Put a checkpoint into the words of a task.

    Args:
        foreign: The checkpoint.
        interface: What it does not know.
        path: The interface's file, for messages.
        task: What the task offers.

    Raises:
        UserError: It does not fit the task; the message says what to write.
    """
    inner, where = foreign.policy.spec, str(path)
    repeat = _repeat(interface.control_rate_hz, task.control_rate_hz, where)
    unknown = [key for key in interface.inputs if key not in inner.observations]
    if unknown:
        raise UserError(
            f"{where}: the checkpoint has no input '{unknown[0]}'; it has {', '.join(inner.observations)}."
            f"{near_names(unknown[0], inner.observations)}"
        )
    used: dict[str, ObservationSpec] = {}
    inputs = {}
    for key, entry in inner.observations.items():
        parts = interface.inputs.get(key) or (_default_part(key, entry.shape, task, used, where),)
        wires = []
        for part in parts:
            wires.append(_wire(part, entry, repeat, task, f"{where}: inputs.{key}"))
            if part.observation:
                used[part.observation] = task.observations[part.observation]
        _require_columns(key, entry.shape[-1], wires, foreign.inputs[key].still, where)
        inputs[key] = tuple(wires)
    columns, scale, offset = _actions(interface.actions, len(inner.actions.names), task.actions, where)
    actions = ActionSpec(task.actions.names, task.actions.units, task.actions.low, task.actions.high, None)
    _require_plausible(foreign, columns, scale, offset, actions, where)
    spec = PolicySpec(used, actions, task.control_rate_hz, inner.horizon * repeat)
    return AdaptedPolicy(foreign.policy, spec, Wiring(inputs, columns, scale, offset, repeat)).eval()


def _repeat(rate: float | None, task_rate: float, where: str) -> int:
    repeat = 1 if rate is None else round(task_rate / rate)
    if repeat < 1 or (rate is not None and not math.isclose(repeat * rate, task_rate, rel_tol=1e-3)):
        raise UserError(
            f"{where}: control_rate_hz is {rate:g}, and the task's {task_rate:g} is not a whole multiple of it: change"
            " the task's rate."
        )
    return repeat


def _default_part(
    key: str, shape: tuple[int, ...], task: PolicySpec, used: dict[str, ObservationSpec], where: str
) -> InputPart:
    """Return the only observation of the task that can be meant; for what a robot measures of itself, joint_pos."""
    fitting = [name for name, entry in task.observations.items() if entry.shape == shape and name not in used]
    for name in (key, "joint_pos") if key == "observation.state" else (key,):
        fitting = [name] if name in fitting else fitting
    if len(fitting) != 1:
        offered = ", ".join(f"{name} {entry.shape}" for name, entry in task.observations.items())
        raise UserError(
            f"{where}: which observations make '{key}' ({_sizes(shape)})? The task has {offered}. Write, for example,"
            f" inputs: {{{key}: [{{observation: {fitting[0] if fitting else next(iter(task.observations))}}}]}}."
        )
    return InputPart(observation=fitting[0])


def _sizes(shape: tuple[int, ...]) -> str:
    return f"{' x '.join(map(str, shape))} numbers"


def _wire(part: InputPart, inner: ObservationSpec, repeat: int, task: PolicySpec, where: str) -> Wire:
    frames = inner.history
    if part.constant:
        if part.observation or part.names:
            raise UserError(f"{where}: a part is constant or of an observation, not both.")
        count = len(part.constant)
        return Wire("", (0,) * frames, (-1,) * count, (), (1.0,) * count, part.constant)
    entry = task.observations.get(part.observation)
    if entry is None:
        near = near_names(part.observation, task.observations) or f" It has {', '.join(task.observations)}."
        raise UserError(f"{where}: the task has no observation '{part.observation}'.{near}")
    if part.frame and entry.frame not in ("", part.frame):
        raise UserError(
            f"{where}: '{part.observation}' is in the frame '{part.frame}' in the checkpoint and in '{entry.frame}' in"
            " the task: give the task an observation in the checkpoint's frame."
        )
    segments = _segments(part, entry, inner, where)
    width = entry.shape[-1] * max(1, len(segments))
    own = f"{where}: observation '{part.observation}'"
    named = bool(segments and entry.segments)
    columns = _of_segments(part, entry, own) if named else _columns(part.names, entry, width, own)
    columns = _ordered(columns, part, where)
    wanted = [entry.history - 1 - repeat * back for back in reversed(range(frames))]
    if wanted[0] < 0 and not part.hold:
        raise UserError(
            f"{where}: the checkpoint reads {frames} frames of '{part.observation}', {repeat} steps apart, and the task"
            f" keeps {entry.history}: give env.observations.policy.{part.observation}.history_length="
            f"{1 + repeat * (frames - 1)}, or 'hold: true' to let the oldest stand for older ones."
        )
    scale = _factor(part.units, entry.units, where) * part.scale
    indices = tuple(max(0, index) for index in wanted)
    return Wire(part.observation, indices, columns, segments, (scale,) * len(columns), (part.offset,) * len(columns))


def _segments(part: InputPart, entry: ObservationSpec, inner: ObservationSpec, where: str) -> tuple[int, ...]:
    if part.pool not in ("", "centroids"):
        raise UserError(f"{where}: pool '{part.pool}' is unknown.{near_names(part.pool, ['centroids'])}")
    cloud = len(entry.shape) == 2 and entry.shape[1] == 3
    if not part.pool and len(inner.shape) > 1 and entry.shape == inner.shape:
        return ()  # a cloud or image as it is
    if (part.pool and not cloud) or (not part.pool and len(entry.shape) != 1):
        raise UserError(
            f"{where}: '{part.observation}' has frames of shape {entry.shape}:"
            f" {'pool is for point clouds' if part.pool else 'give pool: centroids for a point cloud'}."
        )
    return (tuple(segment.points for segment in entry.segments) or (entry.shape[0],)) if part.pool else ()


def _of_segments(part: InputPart, entry: ObservationSpec, where: str) -> tuple[int, ...]:
    """Coordinates of the centroids that a part names, all by default."""
    known = [segment.name for segment in entry.segments]
    for name in part.names:
        if name not in known:
            near = near_names(name, known) or f" It has {', '.join(known)}."
            raise UserError(f"{where} has no segment '{name}'.{near}")
    chosen = [known.index(name) for name in part.names or known]
    return tuple(3 * index + axis for index in chosen for axis in range(3))


def _columns(names: Sequence[str], entry: ObservationSpec, width: int, where: str) -> tuple[int, ...]:
    if not names:
        return tuple(range(width))
    for name in names:
        if name not in entry.names:
            near = near_names(name, entry.names) or f" It has {', '.join(entry.names) or 'no names'}."
            raise UserError(f"{where} has no '{name}'.{near}")
    return tuple(entry.names.index(name) for name in names)


def _ordered[T](items: tuple[T, ...], part: InputPart | ActionPart, where: str) -> tuple[T, ...]:
    """Return what a part is made of, in the checkpoint's order of a quaternion."""
    if part.quaternion and len(items) != 4:
        raise UserError(f"{where}: a quaternion has four numbers, and this part {len(items)}: name those, x y z w.")
    return tuple(items[index] for index in QUATERNIONS[part.quaternion]) if part.quaternion else items


def _factor(units: str, task_units: str, where: str) -> float:
    if units in ("", task_units):
        return 1.0
    if (task_units, units) not in _FACTORS:
        known = [theirs for ours, theirs in _FACTORS if ours == task_units]
        raise UserError(
            f"{where}: units '{units}' cannot be turned into the task's '{task_units}'; known are"
            f" {', '.join(known) or 'none'}. Give scale and offset instead.{near_names(units, known)}"
        )
    return _FACTORS[task_units, units]


def _require_columns(key: str, size: int, wires: Sequence[Wire], still: dict[int, float], where: str) -> None:
    columns = [wire.observation for wire in wires for _ in wire.columns]
    if len(columns) != size:
        raise UserError(
            f"{where}: the parts of inputs.{key} have {len(columns)} numbers, and the checkpoint reads {size}: name the"
            " numbers, or give constants for what the task does not measure."
        )
    for index, value in still.items():
        if columns[index]:
            raise UserError(
                f"{where}: number {index} of '{key}' never moved in the training data, so a small motion of"
                f" '{columns[index]}' would look huge: write {{constant: [{value:.6g}]}} in its place in inputs.{key}."
            )


def _actions(
    parts: Sequence[ActionPart], count: int, task: ActionSpec, where: str
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    """For each action of the task: column of the checkpoint or -1, scale and offset."""
    found: dict[str, tuple[int, float, float]] = {}
    column = 0
    for part in parts or (ActionPart(names=task.names),):
        column += part.drop
        if part.constant and len(part.constant) != len(part.names):
            raise UserError(f"{where}: actions names {len(part.names)} and has {len(part.constant)} constants.")
        scale = _factor(part.units, task.units, f"{where}: actions") * part.scale
        for index, name in enumerate(_ordered(part.names, part, f"{where}: actions")):
            if name not in task.names or name in found:
                problem = "names twice" if name in found else "names the unknown"
                raise UserError(f"{where}: actions {problem} '{name}'.{near_names(name, task.names)}")
            found[name] = (-1, 1.0, part.constant[index]) if part.constant else (column, scale, part.offset)
            column += 0 if part.constant else 1
    missing = [name for name in task.names if name not in found]
    if column != count or missing:
        raise UserError(
            f"{where}: the checkpoint's action has {count} numbers, and actions accounts for {column}"
            f"{', without ' + ', '.join(missing) if missing else ''}: give the task's names in the checkpoint's order,"
            " {drop: N} for numbers that the task does not take, and constants for what the checkpoint does not know."
        )
    rows = [found[name] for name in task.names]
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows), tuple(row[2] for row in rows)


def _require_plausible(
    foreign: ForeignPolicy,
    columns: Sequence[int],
    scale: Sequence[float],
    offset: Sequence[float],
    task: ActionSpec,
    where: str,
) -> None:
    """Compare what the checkpoint was trained to command with what the task allows."""
    low, high = foreign.actions.low.tolist(), foreign.actions.high.tolist()
    for index, name in enumerate(task.names):
        column = columns[index]
        if column < 0 or not math.isfinite(high[column] - low[column]):
            continue
        ends = sorted(value * scale[index] + offset[index] for value in (low[column], high[column]))
        limit = _FURTHEST * max(abs(task.low[index]), abs(task.high[index]))
        if max(abs(ends[0]), abs(ends[1])) > limit:
            raise UserError(
                f"{where}: '{name}' went from {ends[0]:.4g} to {ends[1]:.4g} {task.units} in the training data, far"
                f" beyond the task's {task.low[index]:.4g} to {task.high[index]:.4g}: other units? Write"
                " 'units: deg' (or the like), or other names, in actions."
            )
