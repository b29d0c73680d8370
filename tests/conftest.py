# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of all tests."""

import signal


def pytest_configure() -> None:
    """Undo an ignored Ctrl-C: a shell's background jobs ignore it, and the commands under test would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
