# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How a command ends: its exit code, and one line instead of a traceback for what the user can repair."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

from .errors import UserError

_REMEDIES = {
    errno.ENOSPC: "no space left on the disk; free some, or write to another place",
    errno.EDQUOT: "the disk quota is used up; free some space, or write to another place",
    errno.EROFS: "the file system is read-only; write to another place",
    errno.EACCES: "permission denied; check who owns it, or use another place",
    errno.EPERM: "operation not permitted; check who owns it, or use another place",
}
"""What to do about an operating-system error that is about the user's disk and not about our code."""

_INTERRUPTED = 130
"""Exit code of a command stopped by Ctrl-C: 128 + SIGINT, as shells report it."""


def run_command(main: Callable[[], int | None]) -> int:
    """Run the ``main`` of a script and turn the user's mistakes into one line on stderr.

    Used as ``if __name__ == "__main__": raise SystemExit(run_command(main))``.

    Args:
        main: The script. It returns its exit code, or None for success.

    Returns:
        What ``main`` returned (0 for None); 2 after a :class:`~score.utils.errors.UserError` or a full,
        read-only or forbidden disk; 130 after Ctrl-C.

    Raises:
        Exception: Whatever else ``main`` raises: that is a defect, and its traceback is wanted.
    """
    try:
        return main() or 0
    except UserError as error:
        return _fail(f"error: {_one_line(str(error))}", error.exit_code)
    except KeyboardInterrupt as interrupt:
        # A script that has saved something re-raises with a word on what it left.
        left = _one_line(str(interrupt))
        return _fail("interrupted by Ctrl-C" + (f": {left}" if left else ""), _INTERRUPTED)
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"error: {where}{remedy}", UserError.exit_code)


def _fail(line: str, code: int) -> int:
    # Progress bars and logs may be waiting in stdout; they belong before the last line.
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split())
