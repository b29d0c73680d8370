# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings changed on the command line: ``agent.steering.knots=3``, in the notation of Hydra."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Sequence
from typing import Any

from score.utils.errors import UserError, near_names

_WORDS = {"true": True, "false": False, "none": None, "null": None}


def split_overrides(overrides: Sequence[str], root: str) -> tuple[list[str], list[str]]:
    """Part the overrides of one root, for example ``agent``, from all others.

    Args:
        overrides: ``key=value`` each.
        root: First word of the keys.

    Returns:
        Those of the root, and the rest, in their order.

    Raises:
        UserError: One has no ``=``.
    """
    for override in overrides:
        if "=" not in override or override.startswith("-"):
            raise UserError(
                f"Unknown argument '{override}'. Hydra overrides have the form key=value, e.g. agent.max_iterations=50."
            )
    ours = [text for text in overrides if text.split("=")[0].split(".")[0] == root]
    return ours, [text for text in overrides if text not in ours]


def require_known_keys(overrides: Sequence[str], root: str, settings: Any) -> None:
    """Check that settings exist before a library accepts any key that is written to it.

    Args:
        overrides: ``key=value`` each; a key without a dot is a preset, which the library knows.
        root: First word of the keys, for example ``env``.
        settings: What it stands for: nested objects, dicts and lists.

    Raises:
        UserError: There is no such setting; near names are listed.
    """
    for override in overrides:
        key = override.split("=", 1)[0]
        first, *names = key.split(".")
        if not first.isidentifier() or (names and first != root):
            near = near_names(first, (root, "agent")) or f" Settings begin with {root}. or agent."
            raise UserError(f"Override '{key}': there is no group '{first}'.{near}")
        target = settings
        for name in names:
            known = _children(target)
            if name not in known:
                near = near_names(name, known) or (f" There are: {', '.join(list(known)[:30])}." if known else "")
                raise UserError(f"Override '{key}': there is no setting '{name}'.{near}")
            target = known[name]


def _children(settings: Any) -> dict[str, Any]:
    if isinstance(settings, dict):
        return {str(name): value for name, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return {str(index): value for index, value in enumerate(settings)}
    values = getattr(settings, "__dict__", {})
    return {name: value for name, value in values.items() if not name.startswith("_")}


def parse_value(text: str) -> Any:
    """Read a value: a number, true, false, none, a list or dict of Python, and otherwise the text itself."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def apply_overrides(settings: Any, overrides: Sequence[str]) -> None:
    """Set fields of nested dataclasses in place.

    Args:
        settings: The dataclass.
        overrides: ``root.field.field=value`` each; the root stands for ``settings``.

    Raises:
        UserError: There is no such field (near names are listed), or the value is of another type.
    """
    for override in overrides:
        key, text = override.split("=", 1)
        *parents, leaf = key.split(".")[1:] or [""]
        target = settings
        for name in parents:
            target = getattr(_require_field(target, name, key), name)
        present = getattr(_require_field(target, leaf, key), leaf)
        setattr(target, leaf, _fitting(present, parse_value(text), override))


def _require_field(settings: Any, name: str, key: str) -> Any:
    names = [field.name for field in dataclasses.fields(settings)] if dataclasses.is_dataclass(settings) else []
    if name not in names:
        near = near_names(name, names) or (f" There are: {', '.join(names)}." if names else "")
        raise UserError(f"Override '{key}': there is no setting '{name}'.{near}")
    return settings


def _fitting(present: Any, value: Any, override: str) -> Any:
    """The value, as the type that the present one has; what is None at present takes anything."""
    if isinstance(present, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if present is None or type(value) is type(present):
        return value
    wanted = "a group of settings" if dataclasses.is_dataclass(present) else f"of type {type(present).__name__}"
    raise UserError(f"Override '{override}' does not fit: it is {wanted}, such as {present!r}.")
