# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The exception for a user's mistake, with the list of near names it may carry, and that for a lost process."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that the user can repair: bad input, a missing file, a setting that does not fit.

    The message is one line (it may be long) and says what is wrong, where (file, key, stage) and what to do.
    :func:`score.utils.cli.run_command` prints it without a traceback and exits with :attr:`exit_code`.
    """

    exit_code: int = 2


class ProcessLost(UserError):
    """Another process of the same run has ended, so that this one cannot go on; its message is not the cause.

    Attributes:
        left: What this process has saved, and how to go on; empty if nothing.
    """

    def __init__(self, left: str = "") -> None:
        """Say what is left."""
        super().__init__("another process of this run has ended" + (f": {left}" if left else "") + ".")
        self.left = left


def near_names(name: object, candidates: Iterable[object]) -> str:
    """Suggest what a mistyped name may have meant, ready to be appended to a message.

    Args:
        name: The name that was not found.
        candidates: The names that exist.

    Returns:
        An empty string when nothing is near, else for example ``" Did you mean 'train' or 'trains'?"``:
        at most three names, the nearest first. Case and the choice of ``-`` or ``_`` count as near.
    """
    # What a file holds in the place of a name may be anything, and of any length.
    name = str(name)[:100]
    known = [str(candidate)[:100] for candidate in itertools.islice(candidates, 10_000)]
    # Candidates that differ only in case or dash share a key, so keep each one's own spelling.
    spellings: dict[str, list[str]] = {}
    for candidate in dict.fromkeys(known):
        spellings.setdefault(_fold(candidate), []).append(candidate)
    keys = difflib.get_close_matches(_fold(name), list(spellings), n=3, cutoff=0.6)
    near = [spelling for key in keys for spelling in spellings[key] if spelling != name][:3]
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(spelling) for spelling in near)}?"


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_")
