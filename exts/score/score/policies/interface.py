# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The interface file: what somebody else's checkpoint does not know, in a page of YAML.

    inputs:
      observation.state:
        - {observation: joint_pos, units: deg}
        - {constant: [0.04]}
    actions:
      - {names: [joint1, joint2], units: deg}
      - {drop: 1}

All of it has defaults, taken from the task where that is possible in one way only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from score.utils.errors import UserError
from score.utils.fields import finite_number, finite_numbers, read_fields, whole_number
from score.utils.settings_files import read_yaml

INTERFACE_FILE = "interface.yaml"
QUATERNIONS = {"xyzw": (0, 1, 2, 3), "wxyz": (3, 0, 1, 2)}
"""Order of a quaternion's numbers -> which of the task's, x y z w, stands at each place."""
_LARGEST = 1e9
"""Bound on scales, offsets and constants."""


@dataclass(frozen=True)
class InputPart:
    """Some numbers of an input of the checkpoint: of an observation of the task, or constant."""

    observation: str = ""
    """Observation of the task."""
    names: tuple[str, ...] = ()
    """Which of its numbers, in the checkpoint's order; by default all."""
    units: str = ""
    """Units in the checkpoint, where they are not the task's."""
    scale: float = 1.0
    """task = checkpoint * scale + offset, for what no unit says."""
    offset: float = 0.0
    """See ``scale``."""
    frame: str = ""
    """Coordinate frame of positions in the checkpoint: another one than the task's is refused."""
    quaternion: str = ""
    """Order of a quaternion's four numbers in the checkpoint, ``wxyz`` or ``xyzw``; the task's is ``xyzw``."""
    pool: str = ""
    """``centroids``: of the segments of a point cloud that ``names`` names, by default all."""
    hold: bool = False
    """Whether the oldest frame that the task has stands for older ones."""
    constant: tuple[float, ...] = ()
    """Numbers that never change, in the checkpoint's units."""


@dataclass(frozen=True)
class ActionPart:
    """Some numbers of the checkpoint's action."""

    names: tuple[str, ...] = ()
    """What they are in the task."""
    units: str = ""
    """Units in the checkpoint, where they are not the task's."""
    scale: float = 1.0
    """task = checkpoint * scale + offset, for what no unit says."""
    offset: float = 0.0
    """See ``scale``."""
    quaternion: str = ""
    """Order of a quaternion's four numbers in the checkpoint; ``names`` are then those of x, y, z and w."""
    drop: int = 0
    """Numbers of the checkpoint that the task does not take."""
    constant: tuple[float, ...] = ()
    """Actions of the task that the checkpoint does not know, and what they are, in the task's units."""


@dataclass(frozen=True)
class Interface:
    """What a checkpoint does not know."""

    control_rate_hz: float | None = None
    """Steps per second of the checkpoint; the task's rate is a whole multiple. By default the same."""
    inference_steps: int | None = None
    """Steps of DDIM; by default the checkpoint's."""
    inputs: dict[str, tuple[InputPart, ...]] = field(default_factory=dict)
    """Parts of every input, in the checkpoint's order."""
    actions: tuple[ActionPart, ...] = ()
    """Parts of the action, in the checkpoint's order."""


def read_interface(path: Path) -> Interface:
    """Read an interface file; without one, all is default.

    Raises:
        UserError: It is not a valid interface. The message names file, key and remedy.
    """
    if not path.exists():
        return Interface()
    fields = read_fields(Interface, read_yaml(path), str(path))
    rate, steps, inputs = fields.get("control_rate_hz"), fields.get("inference_steps"), fields.get("inputs", {})
    if rate is not None and not finite_number(f"{path}: control_rate_hz", rate) > 0.0:
        raise UserError(f"{path}: control_rate_hz is {rate}: give a positive number.")
    if steps is not None:
        whole_number(f"{path}: inference_steps", steps, 1, 10_000)
    if not isinstance(inputs, dict):
        raise UserError(f"{path}: inputs is not a mapping from inputs of the checkpoint to lists of parts.")
    parts = {str(key): _parts(InputPart, items, f"{path}: inputs.{str(key)[:60]}") for key, items in inputs.items()}
    return Interface(rate, steps, parts, _parts(ActionPart, fields.get("actions", []), f"{path}: actions"))


def _parts(kind: type, items: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(items, list):
        raise UserError(f"{where} is not a list of parts, as in [{{observation: joint_pos}}].")
    result = []
    for index, item in enumerate(items):
        here = f"{where}[{index}]"
        values = read_fields(kind, item, here)
        for key in set(values) & {"scale", "offset"}:
            values[key] = _bounded(f"{here}.{key}", finite_number(f"{here}.{key}", values[key]))
        if "constant" in values:
            count = len(values["constant"]) if isinstance(values["constant"], list) else 0
            numbers = finite_numbers(f"{here}.constant", values["constant"], count or 1)
            values["constant"] = tuple(_bounded(f"{here}.constant", number) for number in numbers)
        if "names" in values:
            if not isinstance(values["names"], list):
                raise UserError(f"{here}.names is not a list of names.")
            values["names"] = tuple(map(str, values["names"]))
        for key in set(values) & {"observation", "units", "frame", "pool", "quaternion"}:
            values[key] = str(values[key])
        if (order := values.get("quaternion", "")) not in ("", *QUATERNIONS):
            raise UserError(f"{here}.quaternion is {order[:20]!r}: give {' or '.join(QUATERNIONS)}.")
        if not isinstance(values.get("hold", False), bool):
            raise UserError(f"{here}.hold is {str(values['hold'])[:20]!r}: give true or false.")
        whole_number(f"{here}.drop", values.get("drop", 0), 0, 1000)
        if abs(values.get("scale", 1.0)) < 1.0 / _LARGEST:
            raise UserError(f"{here}.scale is {values['scale']:g}: give another number.")
        result.append(kind(**values))
    return tuple(result)


def _bounded(where: str, number: float) -> float:
    """Far beyond any unit, and far below what single precision holds."""
    if abs(number) > _LARGEST:
        raise UserError(f"{where} is {number:g}: no unit is that large.")
    return number
