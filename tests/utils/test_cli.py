# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Exit codes and last lines of a command."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from score.utils import UserError, run_command


def raiser(error: BaseException) -> Callable[[], int]:
    def main() -> int:
        raise error

    return main


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_exit_code_is_what_main_returned(returned: int | None, code: int) -> None:
    assert run_command(lambda: returned) == code


def test_user_error_is_one_line_without_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raiser(UserError("No task 'x':\n  list them with --help."))) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: No task 'x': list them with --help.\n"
    assert captured.out == ""


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission denied"),
        (errno.ENAMETOOLONG, "the name is too long"),
    ],
)
def test_disk_errors_name_the_file_and_a_remedy(number: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raiser(OSError(number, os.strerror(number), "logs/model.pt"))) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: logs/model.pt: {words}")
    assert message.count("\n") == 1


def test_disk_error_without_a_file_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raiser(OSError(errno.ENOSPC, "No space left on device"))) == 2
    assert capsys.readouterr().err.startswith("error: no space left on the disk; free some")


@pytest.mark.parametrize("error", [ValueError("a defect"), OSError(errno.EIO, "I/O error"), OSError("no number")])
def test_defects_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error.args[-1])):
        run_command(raiser(error))


def test_interrupt_says_what_was_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raiser(KeyboardInterrupt("checkpoint model_7.pt is whole"))) == 130
    assert capsys.readouterr().err == "interrupted by Ctrl-C: checkpoint model_7.pt is whole\n"


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGUSR1, 138, "SIGUSR1")],
)
def test_signals_let_a_command_save_and_end_in_one_line(number: signal.Signals, code: int, name: str) -> None:
    """A second one from a scheduler, while the command saves, changes nothing."""
    script = (
        "import os, time; from score.utils import run_command\n"
        "def main():\n"
        "    try:\n        print('started', flush=True); time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        f"        os.kill(os.getpid(), {int(signal.SIGTERM)}); time.sleep(0.1)\n"
        "        raise KeyboardInterrupt('model_7.pt is whole') from None\n"
        "raise SystemExit(run_command(main))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(number)
    _, message = process.communicate(timeout=30)
    assert (process.returncode, message) == (code, f"interrupted by {name}: model_7.pt is whole\n")


def test_what_a_library_makes_of_an_interrupt_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("core failed to import") from None
        return 0

    assert run_command(main) == 143
    assert capsys.readouterr().err == "interrupted by SIGTERM: ImportError: core failed to import\n"
