# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reading the settings that a file holds: the fields of a dataclass, and numbers that are finite."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from score.utils.errors import UserError, near_names


def read_fields(kind: type, data: Any, where: str) -> dict[str, Any]:
    """Check that a mapping has the fields of a dataclass: all that have no default, and no others.

    Args:
        kind: The dataclass.
        data: What a file holds in its place.
        where: Where in the file, for the message.

    Returns:
        A copy of ``data``.

    Raises:
        UserError: ``data`` is not a mapping, or a key is missing or unknown.
    """
    if not isinstance(data, Mapping):
        raise UserError(f"{where} is not a mapping of settings.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in data:
        if key not in fields:
            near = near_names(key, fields) or f" It may have {', '.join(map(repr, fields))}."
            raise UserError(f"{where} has an unknown key {brief(key)}.{near}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in data:
            raise UserError(f"{where} lacks the key '{name}'.")
    return dict(data)


def brief(value: Any, most: int = 60) -> str:
    """Tell what a file holds, for a message: on one line, cut to ``most`` letters; an error stands for what it says."""
    try:
        text = str(value) if isinstance(value, Exception) else repr(value)
    except (ValueError, RecursionError):  # Python refuses to print an integer of some thousand digits
        text = "a huge value"
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]}..."


def finite_number(key: str, value: Any) -> float:
    """Check a number that a file holds.

    Args:
        key: Where in the file, for the message.
        value: What the file holds there.

    Returns:
        The number.

    Raises:
        UserError: It is no finite number.
    """
    if not _is_finite_number(value):
        raise UserError(f"{key} holds {brief(value)}: give a finite number.")
    return float(value)


def finite_numbers(key: str, values: Any, count: int) -> tuple[float, ...]:
    """Check a list of numbers that a file holds.

    Args:
        key: Where in the file, for the message.
        values: What the file holds there.
        count: Numbers that belong there.

    Returns:
        The numbers.

    Raises:
        UserError: It is no list of that many finite numbers.
    """
    numbers = values if isinstance(values, list | tuple) else ()
    if len(numbers) != count or not all(_is_finite_number(value) for value in numbers):
        raise UserError(f"{key} holds {brief(values)}: give {count} finite numbers.")
    return tuple(float(value) for value in numbers)


def whole_number(key: str, value: Any, least: int, most: int) -> int:
    """Check a whole number that a file holds, before anything is made in its size.

    Args:
        key: Where in the file, for the message.
        value: What the file holds there.
        least: Least allowed value.
        most: Greatest allowed value.

    Returns:
        The number.

    Raises:
        UserError: It is no whole number, or out of bounds.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UserError(f"{key} holds {brief(value)}: give a whole number of at least {least}, at most {most}.")
    return value


def _is_finite_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond 1e308
        return False


def plain(value: Any) -> Any:
    """Dicts, lists and plain values of what ``dataclasses.asdict`` returned, ready for YAML or JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
