# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a command shows while it works, and at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LOG_INTERVAL_S = 60.0
"""Least time between two lines of progress in a file or a pipe, where a bar would show only once all is done [s]."""


@contextmanager
def console_progress(log_interval_s: float = LOG_INTERVAL_S) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each piece of work, with the time that it took and the time that is left.

    What is no terminal gets a line now and then instead, and the bars as they are in the end.

    Args:
        log_interval_s: Least time between two such lines [s].

    Yields:
        A function to be called with the name of the work at hand, how much of it is done, and of how much.
    """
    columns = (
        TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns) as bars:
        jobs: dict[str, TaskID] = {}
        start = said = time.monotonic()

        def progress(name: str, done: int, total: int) -> None:
            nonlocal said
            if name not in jobs:
                jobs[name] = bars.add_task(name, total=total)
            bars.update(jobs[name], completed=done)
            now = time.monotonic()
            if not bars.console.is_terminal and now - said >= log_interval_s:
                bars.console.print(
                    f"{name}: {done} of {total} after {(now - start) / 60.0:.0f} min", highlight=False, markup=False
                )
                said = now

        yield progress


def print_whole(shown: Any) -> None:
    """Print a table; a file or a pipe gets all of it, not one cut to 80 columns."""
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(shown)
