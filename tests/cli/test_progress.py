# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Progress of long work, as a log file shows it."""

from __future__ import annotations

import pytest

from score.cli.progress import console_progress


def test_a_log_says_how_far_the_work_is_while_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with console_progress(log_interval_s=0.0) as progress:
        progress("episodes", 3, 8)
        assert "episodes: 3 of 8 after 0 min" in capsys.readouterr().out
        progress("episodes", 8, 8)
    assert "episodes: 8 of 8" in capsys.readouterr().out


def test_lines_of_a_log_are_no_closer_than_the_interval(capsys: pytest.CaptureFixture[str]) -> None:
    with console_progress() as progress:
        for done in range(100):
            progress("episodes", done, 100)
        assert "after" not in capsys.readouterr().out  # the first is due after a minute
