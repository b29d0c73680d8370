# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What libraries say while a simulator starts: hidden, but not what speaks of an error."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from score.utils.console import VERBOSE, quiet_libraries
from score.utils.errors import UserError

PROGRAM = """
import os, sys
from score.utils.console import quiet_libraries
print("before")
with quiet_libraries():
    print("a table of {what}")
    print("a warning", file=sys.stderr)
    os.write(1, b"from C, on stdout\\n")
    os.write(2, b"from C, on stderr: {what}\\n")
    {then}
print("after")
"""


@pytest.fixture(autouse=True)
def not_verbose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VERBOSE, raising=False)


def run(what: str, then: str = "pass", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program that says much; with ``-S``, as nothing is needed and it starts at once."""
    home = Path(__file__).parents[2] / "exts" / "score"
    environment = {**os.environ, "PYTHONPATH": str(home), **variables}
    program = PROGRAM.format(what=what, then=then)
    return subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, check=False
    )


def test_all_is_hidden_and_what_comes_after_is_not() -> None:
    done = run("nothing")
    assert (done.stdout, done.stderr, done.returncode) == ("before\nafter\n", "", 0)


def test_lines_that_speak_of_an_error_are_shown() -> None:
    done = run("an ERROR")
    assert done.stdout == "before\nafter\n"
    assert sorted(done.stderr.splitlines()) == ["a table of an ERROR", "from C, on stderr: an ERROR"]


@pytest.mark.parametrize(
    ("then", "shown"),
    [
        ("raise RuntimeError", True),
        ("raise KeyboardInterrupt", False),
        ("raise SystemExit", False),
        ("from score.utils.errors import UserError; raise UserError", False),
    ],
)
def test_a_defect_shows_all_of_it_and_a_mistake_of_the_user_does_not(then: str, shown: bool) -> None:
    done = run("nothing", then)
    assert done.stdout == "before\n"
    assert ("a warning" in done.stderr, "from C, on stdout" in done.stderr) == (shown, shown)


def test_it_can_be_asked_for() -> None:
    done = run("nothing", **{VERBOSE: "1"})
    assert "from C, on stdout" in done.stdout
    assert "a warning" in done.stderr


def test_streams_that_are_no_files_are_hidden_too() -> None:
    """As in a notebook, where print goes elsewhere."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        with quiet_libraries():
            print("a table")
            print("an error", file=sys.stderr)
        print("after")
        with pytest.raises(UserError), quiet_libraries():
            raise UserError("mistake")
    assert (out.getvalue(), err.getvalue()) == ("after\n", "an error\n")


def test_it_may_be_nested(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_libraries():
        with quiet_libraries():
            os.write(1, b"inner\n")
        os.write(2, b"outer\n")
    os.write(1, b"after\n")
    assert capfd.readouterr() == ("after\n", "")
