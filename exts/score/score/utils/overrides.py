# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings changed on the command line: ``agent.steering.knots=3``, in the notation of Hydra."""

from __future__ import annotations

import ast
import dataclasses
import types
import typing
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
        setattr(target, leaf, _fitting(present, _field_types(target, leaf), parse_value(text), override))


def _require_field(settings: Any, name: str, key: str) -> Any:
    names = [field.name for field in dataclasses.fields(settings)] if dataclasses.is_dataclass(settings) else []
    if name not in names:
        near = near_names(name, names) or (f" There are: {', '.join(names)}." if names else "")
        raise UserError(f"Override '{key}': there is no setting '{name}'.{near}")
    return settings


def _field_types(settings: Any, name: str) -> tuple[type, ...]:
    """Return the types that a field may have, without what they hold: (float, NoneType) for ``float | None``."""
    try:
        hint = typing.get_type_hints(type(settings))[name]
    except (NameError, TypeError):  # a name that exists for type checkers only
        return ()
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    members = [typing.get_origin(item) or item for item in (typing.get_args(hint) if union else (hint,))]
    return tuple(members) if all(isinstance(item, type) for item in members) else ()


def _fitting(present: Any, allowed: tuple[type, ...], value: Any, override: str) -> Any:
    """Read the value as one of the field's types. Where those are not known it takes the type of the present value."""
    if isinstance(value, int) and not isinstance(value, bool):
        whole = int in allowed or isinstance(present, int)
        if not whole and (float in allowed or isinstance(present, float)):
            return float(value)
    if type(value) is type(present) or type(value) in allowed or (present is None and not set(allowed) - {type(None)}):
        return value
    if dataclasses.is_dataclass(present):
        raise UserError(f"Override '{override}' does not fit: it is a group of settings, such as {present!r}.")
    names = [item.__name__ for item in allowed if item is not type(None)] or [type(present).__name__]
    names += ["null"] if type(None) in allowed else []
    raise UserError(
        f"Override '{override}' does not fit: it is of type {' or '.join(names)}"
        + (f", such as {present!r}." if present is not None else ".")
    )
