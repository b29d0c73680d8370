# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reading JSON and YAML that a user hands in: of a sane size, and anything unreadable is one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .errors import UserError
from .fields import brief

LARGEST_YAML = 2**17
"""Longest YAML file that is read [bytes]; those of this project have some thousand, and reading is slow."""
LARGEST_JSON = 2**26
"""Longest JSON file that is read [bytes]; a report of many episodes is below one million."""

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)
"""What Python raises on bytes that are no text, ``!!int abc``, an impossible date, 5,000 digits or 10,000 brackets."""


class _Loader(yaml.SafeLoader):
    """Without aliases, with which a few lines can stand for a structure of any size."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*name), and settings need none")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> Any:
    """Read a YAML file that has no aliases.

    Raises:
        UserError: It is too long, or not readable.
    """
    text = _text(path, LARGEST_YAML)
    try:
        return yaml.load(text.decode("utf-8"), Loader=_Loader)
    except (yaml.YAMLError, *UNREADABLE) as error:
        raise UserError(f"{path} is not readable as YAML: {brief(error, 200)}. Restore the file.") from error


def read_json(path: Path, remedy: str = "restore the file") -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        remedy: What to do about one that cannot be read.

    Raises:
        UserError: It is too long, or not readable.
    """
    text = _text(path, LARGEST_JSON)
    try:
        return json.loads(text)
    except UNREADABLE as error:
        raise UserError(f"{path} is not JSON ({brief(error, 200)}): {remedy}.") from error


def require_own_report(path: Path, keys: Sequence[str], script: str) -> None:
    """Check that a file that would be replaced is a report of the command that is to write it; there may be none.

    Args:
        path: The file.
        keys: Some keys of such a report.
        script: The command, for the message.

    Raises:
        UserError: It is something else, and would be lost.
    """
    if not path.exists():
        return
    found = read_json(path, "name another file, or remove it")
    if not isinstance(found, dict) or any(key not in found for key in keys):
        raise UserError(f"{path} is not a report of {script}, and would be lost: name another file, or remove it.")


def _text(path: Path, largest: int) -> bytes:
    if not path.is_file():  # a named pipe would be waited for
        raise UserError(f"{path} is not a file: restore it.")
    size = path.stat().st_size
    if size > largest:
        raise UserError(f"{path} has {size} bytes, far more than it needs. Restore the file.")
    return path.read_bytes()
