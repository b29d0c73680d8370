# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a command shows while it works, and at its end."""

from __future__ import annotations

import sys
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


@contextmanager
def console_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each piece of work, with the time that it took and the time that is left.

    Yields:
        A function to be called with the name of the work at hand, how much of it is done, and of how much.
    """
    columns = (
        TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns) as bars:
        jobs: dict[str, TaskID] = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in jobs:
                jobs[name] = bars.add_task(name, total=total)
            bars.update(jobs[name], completed=done)

        yield progress


def print_whole(shown: Any) -> None:
    """Print a table; a file or a pipe gets all of it, not one cut to 80 columns."""
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(shown)
