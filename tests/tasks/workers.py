# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Starts a worker that opens a task and prints what it saw: a process can open one task only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def facts_of(worker: str, *words: str) -> dict[str, Any]:
    """What a worker of this folder says on its line ``FACTS {...}``.

    Args:
        worker: Name of the module, such as ``sim_worker``.
        words: Its arguments.
    """
    result = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "tasks" / f"{worker}.py"), *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("FACTS ")]
    assert lines, result.stderr[-3000:]
    return json.loads(lines[-1][6:])
