# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What stops a command from outside: Ctrl-C, and the signals by which schedulers end jobs or warn them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

STOPPING = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGUSR1: "SIGUSR1"}
"""Signal -> what messages call it. The exit code of a command that one of them stopped is 128 + its number."""


@contextlib.contextmanager
def stopping_signals() -> Iterator[list[signal.Signals]]:
    """Let SIGTERM and SIGUSR1 save and end as Ctrl-C does, by a ``KeyboardInterrupt``.

    Only the first counts: a scheduler repeats it, or sends it to parent and child, and that must not cut the saving
    short. Ctrl-C still does.

    Yields:
        The signals that came, in their order.
    """
    received: list[signal.Signals] = []

    def stop(number: int, frame: object) -> None:
        received.append(signal.Signals(number))
        if len(received) == 1 or number == signal.SIGINT:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
