# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What somebody else's demonstrations do not say, in a page of YAML: ``data.yaml`` in the data set or beside its file.

observations:
joint_pos: {column: observation.state, names: [joint1, joint2], units: rad}
point_cloud: {column: observation.points, units: m, frame: tcp}
actions: {column: action, units: rad}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from score.policies.spec import CloudSegment, read_segments
from score.utils.errors import UserError, near_names
from score.utils.fields import finite_number, read_fields
from score.utils.settings_files import read_yaml

DATA_INTERFACE_FILE = "data.yaml"


@dataclass(frozen=True)
class Column:
    """Where the numbers of an observation or of the actions come from, and what they are."""

    units: str
    """Units of the numbers."""
    column: str = ""
    """Name in the data set; by default the same name, and for actions that of the format."""
    names: tuple[str, ...] = ()
    """Which of the column's numbers, in this order, or their names where the data set has none."""
    frame: str = ""
    """Coordinate frame."""


@dataclass(frozen=True)
class DataInterface:
    """The page."""

    actions: Column
    """The commanded actions."""
    observations: dict[str, Column]
    """Observations by the task's names."""
    control_rate_hz: float | None = None
    """Steps per second; by default what the data set says."""
    segments: dict[str, tuple[CloudSegment, ...]] = field(default_factory=dict)
    """Segments of point clouds."""

    def column(self, key: str, path: Path) -> Column:
        """Return the column of an observation.

        Raises:
            UserError: The page does not name it.
        """
        if key not in self.observations:
            near = near_names(key, self.observations) or f" It has {', '.join(self.observations)}."
            raise UserError(f"{path}: observations lacks '{key}', which the training reads.{near}")
        return self.observations[key]


def read_data_interface(path: Path) -> DataInterface:
    """Read the page.

    Raises:
        UserError: It is missing or unsound. The message names file, key and remedy.
    """
    if not path.is_file():
        raise UserError(
            f"{path} is missing: it says what the data set does not know, as in 'actions: {{units: rad}}' and"
            " 'observations: {joint_pos: {column: observation.state, units: rad}}' (docs/OWN_POLICY.md)."
        )
    fields = read_fields(DataInterface, read_yaml(path), str(path))
    rate, segments = fields.get("control_rate_hz"), fields.get("segments", {})
    if rate is not None and finite_number(f"{path}: control_rate_hz", rate) <= 0.0:
        raise UserError(f"{path}: control_rate_hz is {rate}: give a positive number.")
    for key, value in (("observations", fields["observations"]), ("segments", segments)):
        if not isinstance(value, Mapping):
            raise UserError(f"{path}: {key} is not a mapping.")
    return DataInterface(
        _column(fields["actions"], "", f"{path}: actions"),
        {
            str(key): _column(entry, str(key), f"{path}: observations.{str(key)[:60]}")
            for key, entry in fields["observations"].items()
        },
        None if rate is None else float(rate),
        {str(key): read_segments(items, f"{path}: segments.{str(key)[:60]}") for key, items in segments.items()},
    )


def _column(data: Any, default: str, where: str) -> Column:
    fields = read_fields(Column, data, where)
    names = fields.get("names", [])
    if not isinstance(names, list) or len(set(map(str, names))) < len(names):
        raise UserError(f"{where}.names is not a list of names, each once.")
    texts = {key: str(fields[key]) for key in ("units", "column", "frame") if key in fields}
    return Column(**{"column": default, **texts}, names=tuple(map(str, names)))
