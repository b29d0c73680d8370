# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How a command ends: its exit code, and one line instead of a traceback for what the user can repair."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import ProcessLost, UserError

ENDINGS = "SCORE_ENDINGS"
"""Environment variable: folder where each of several processes writes how it ended; their parent says it once."""

_REMEDIES = {
    errno.ENOSPC: "no space left on the disk; free some, or write to another place",
    errno.EDQUOT: "the disk quota is used up; free some space, or write to another place",
    errno.EROFS: "the file system is read-only; write to another place",
    errno.EACCES: "permission denied; check who owns it, or use another place",
    errno.EPERM: "operation not permitted; check who owns it, or use another place",
}
"""What to do about an operating-system error that is about the user's disk and not about our code."""

_STOPPED = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
"""What stops a command; its exit code is then 128 + the signal's number, as shells report it."""


def run_command(main: Callable[[], int | None]) -> int:
    """Run the ``main`` of a script and turn the user's mistakes into one line on stderr.

    Used as ``if __name__ == "__main__": raise SystemExit(run_command(main))``.

    Args:
        main: The script. It returns its exit code, or None for success.

    Returns:
        What ``main`` returned (0 for None); 2 after a :class:`~score.utils.errors.UserError` or a full,
        read-only or forbidden disk; 130 after Ctrl-C and 143 after SIGTERM, which is a ``KeyboardInterrupt`` too.

    Raises:
        Exception: Whatever else ``main`` raises: that is a defect, and its traceback is wanted.
    """
    with _sigterm_as_ctrl_c() as received:
        try:
            return main() or 0
        except ProcessLost as error:
            return _fail(f"error: {_one_line(str(error))}", error.exit_code, error.left, lost=True)
        except UserError as error:
            return _fail(f"error: {_one_line(str(error))}", error.exit_code)
        except KeyboardInterrupt as interrupt:
            # A script that has saved something re-raises with a word on what it left.
            left, stopped = _one_line(str(interrupt)), received[-1] if received else signal.SIGINT
            line = f"interrupted by {_STOPPED[stopped]}" + (f": {left}" if left else "")
            return _fail(line, 128 + stopped, left)
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0)
            if remedy is None:
                raise
            where = f"{error.filename}: " if error.filename else ""
            return _fail(f"error: {where}{remedy}", UserError.exit_code)


@contextlib.contextmanager
def _sigterm_as_ctrl_c() -> Iterator[list[signal.Signals]]:
    """Let SIGTERM, by which schedulers end jobs, save as Ctrl-C does; yields the signals that came."""
    received: list[signal.Signals] = []

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut the saving short
        received.append(signal.Signals(number))
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(line: str, code: int, left: str = "", *, lost: bool = False) -> int:
    # Progress bars and logs may be waiting in stdout; they belong before the last line.
    sys.stdout.flush()
    folder = os.environ.get(ENDINGS)
    if folder is None:
        print(line, file=sys.stderr, flush=True)
    else:
        ending = {"line": line, "code": code, "left": left, "lost": lost}
        Path(folder, os.environ["RANK"]).write_text(json.dumps(ending), encoding="utf-8")
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split())
