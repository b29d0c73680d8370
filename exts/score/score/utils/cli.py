# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How a command ends: its exit code, and one line instead of a traceback for what the user can repair."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import ProcessLost, UserError
from .signals import STOPPING, stopping_signals

ENDINGS = "SCORE_ENDINGS"
"""Environment variable: folder where each of several processes writes how it ended; their parent says it once."""

_REMEDIES = {
    errno.ENOSPC: "no space left on the disk; free some, or write to another place",
    errno.EDQUOT: "the disk quota is used up; free some space, or write to another place",
    errno.EROFS: "the file system is read-only; write to another place",
    errno.EACCES: "permission denied; check who owns it, or use another place",
    errno.EPERM: "operation not permitted; check who owns it, or use another place",
    errno.EFBIG: "the file would be larger than allowed here (ulimit -f); raise the limit, or write to another place",
    errno.ENAMETOOLONG: "the name is too long; give a shorter one",
    errno.ENOTDIR: "a file is in the place of a folder; check the path",
    errno.ELOOP: "links that lead to each other; check the path",
}
"""What to do about an operating-system error that is about the user's disk and not about our code."""

_OURS = ("score", "score_tasks", "score_assets")


def run_command(main: Callable[[], int | None]) -> int:
    """Run the ``main`` of a script and turn the user's mistakes into one line on stderr.

    Used as ``if __name__ == "__main__": raise SystemExit(run_command(main))``.

    Args:
        main: The script. It returns its exit code, or None for success.

    Returns:
        What ``main`` returned (0 for None); 2 after a :class:`~score.utils.errors.UserError`, a full, read-only or
        forbidden disk, or where a package is missing; 130 after Ctrl-C, 143 after SIGTERM, 138 after SIGUSR1.

    Raises:
        Exception: Whatever else ``main`` raises: that is a defect, and its traceback is wanted.
    """
    with stopping_signals() as received:
        try:
            return main() or 0
        except ProcessLost as error:
            return _fail(f"error: {_one_line(str(error))}", error.exit_code, error.left, lost=True)
        except UserError as error:
            return _fail(f"error: {_one_line(str(error))}", error.exit_code)
        except KeyboardInterrupt as interrupt:
            # A script that has saved something re-raises with a word on what it left.
            left, stopped = _one_line(str(interrupt)), received[0] if received else signal.SIGINT
            return _stopped(stopped, left)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in _OURS:
                raise
            return _fail(f"error: {missing_package(error)}", UserError.exit_code)
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0)
            if remedy is None:
                raise
            where = f"{str(error.filename)[:300]}: " if error.filename else ""
            return _fail(f"error: {where}{remedy}", UserError.exit_code)
        except Exception as error:
            if not received:
                raise
            # A library that is interrupted while it loads raises what it likes.
            return _stopped(received[0], f"{type(error).__name__}: {_one_line(str(error))}")


def _stopped(by: signal.Signals, left: str) -> int:
    return _fail(f"interrupted by {STOPPING[by]}" + (f": {left}" if left else ""), 128 + by, left)


def missing_package(error: ModuleNotFoundError) -> str:
    """Say what to do where a Python lacks what a command needs; a library may say that in words of its own."""
    if error.name is None:
        return f"{_one_line(str(error)).rstrip('.')}: install it for this Python ({sys.executable}), or do without."
    return (
        f"this Python ({sys.executable}) has no package '{error.name}': start the command with ./isaaclab.sh -p"
        f" {sys.argv[0]} ..., which makes an environment that has it."
    )


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
