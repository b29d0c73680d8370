# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of all tests."""

import os
import signal

import pytest

if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
    # One core for each worker and what it starts; torch reads this when it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Undo an ignored Ctrl-C: a shell's background jobs ignore it, and the commands under test would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``-n``, the tests of a file stay in one worker, as do those of a simulated task that was opened for them."""
    for item in items:
        spec = getattr(item, "callspec", None)
        opened = f"-{spec.params['facts']}" if spec is not None and "facts" in spec.params else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}{opened}"))
    # What takes longest begins first, so that no worker waits for it at the end; order is kept otherwise.
    items.sort(key=lambda item: item.get_closest_marker("simulator") is None)
