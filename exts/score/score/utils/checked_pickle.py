# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""An unpickler for files that a user hands in, which takes no key that is costly to hash."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any, ClassVar

_PYTHONS: Any = pickle._Unpickler


def require_plain_keys(keys: Iterable[Any]) -> None:
    """Refuse keys that hold tuples or sets: nested in one another, a few bytes take for ever to hash, or all stack.

    Raises:
        pickle.UnpicklingError: There is such a key.
    """
    for key in keys:
        if isinstance(key, frozenset) or (
            isinstance(key, tuple) and any(isinstance(part, (tuple, frozenset)) for part in key)
        ):
            raise pickle.UnpicklingError("a key of tuples or sets in one another")


class CheckedUnpickler(pickle._Unpickler):
    """The one written in Python: that in C makes room for whatever place in its memory a file names, 32 GB say."""

    stack: list[Any]

    def _set_item(self) -> None:
        require_plain_keys(self.stack[-2:-1])
        _PYTHONS.load_setitem(self)

    def _set_items(self) -> None:
        require_plain_keys(self.stack[::2])
        _PYTHONS.load_setitems(self)

    def _make_dict(self) -> None:
        require_plain_keys(self.stack[::2])
        _PYTHONS.load_dict(self)

    def _add_items(self) -> None:
        require_plain_keys(self.stack)
        _PYTHONS.load_additems(self)

    def _make_frozenset(self) -> None:
        require_plain_keys(self.stack)
        _PYTHONS.load_frozenset(self)

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.DICT[0]: _make_dict,
        pickle.ADDITEMS[0]: _add_items,
        pickle.FROZENSET[0]: _make_frozenset,
    }
