# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Keeps what libraries say while a simulator starts off the console."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator

from .errors import UserError

VERBOSE = "SCORE_VERBOSE"
"""Environment variable: whether libraries, and processes other than the first, print too."""

_ERROR = re.compile(r"\berrors?\b|\bfatal\b|\btraceback\b", re.IGNORECASE)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hide what is printed in the block, from Python and from C, unless ``SCORE_VERBOSE`` is set.

    Lines that speak of an error are shown on stderr when the block ends. All of them are if it raises, unless that is a
    :class:`~score.utils.errors.UserError`, which says what is wrong by itself, or the user's own wish to end.
    """
    if VERBOSE in os.environ:
        yield
        return
    with tempfile.TemporaryFile() as kept, contextlib.ExitStack() as restored:
        said = io.StringIO()
        _divert(kept.fileno(), said, restored)
        raised: BaseException | None = None
        try:
            yield
        except BaseException as error:
            raised = error
            raise
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            restored.close()
            kept.seek(0)
            lines = (kept.read().decode(errors="replace") + said.getvalue()).splitlines(keepends=True)
            if not isinstance(raised, Exception):
                lines = [line for line in lines if raised is None and _ERROR.search(line)]
            if not isinstance(raised, UserError):
                sys.stderr.write("".join(lines))


def _divert(descriptor: int, said: io.StringIO, restored: contextlib.ExitStack) -> None:
    """Send stdout and stderr to a file, and Python's own where they are something else, as in a notebook."""
    for number, stream, redirect in (
        (1, sys.stdout, contextlib.redirect_stdout),
        (2, sys.stderr, contextlib.redirect_stderr),
    ):
        stream.flush()
        try:
            before = os.dup(number)
        except OSError:  # closed
            continue
        os.dup2(descriptor, number)
        restored.callback(_restore, before, number)
        # The same objects where possible: a library may keep them for its log.
        if _number(stream) != number:
            restored.enter_context(redirect(said))


def _restore(before: int, number: int) -> None:
    os.dup2(before, number)
    os.close(before)


def _number(stream: object) -> int:
    try:
        return int(stream.fileno())  # type: ignore[attr-defined]
    except (OSError, AttributeError, ValueError):
        return -1
