# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Measurements in processes of their own, which share no engine state and have a peak memory of their own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from score.utils.errors import UserError

_ERROR_LINES = 5


def run_worker(command: Callable[[Path], Sequence[str]], timeout: float | None = None) -> dict[str, Any]:
    """Run a worker in a process of its own.

    Args:
        command: Makes its command from the JSON file that it is to write.
        timeout: Seconds after which it is ended.

    Returns:
        What it wrote; with ``error`` where it failed or was ended, beside what it had written until then.

    Raises:
        UserError: The worker found a mistake of the user, which would be the same in all others.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "row.json"
        try:
            process = subprocess.run(command(output), capture_output=True, text=True, check=False, timeout=timeout)
        except subprocess.TimeoutExpired:
            return _written(output) | {"error": f"ended after {timeout:.0f} s"}
        if process.returncode == UserError.exit_code:
            message = process.stderr.strip().splitlines() or ["the worker gave no message."]
            raise UserError(message[-1].removeprefix("error: "))
        if process.returncode == 0 and output.is_file():
            return _written(output)
        tail = " | ".join((process.stderr or process.stdout).strip().splitlines()[-_ERROR_LINES:])
        return _written(output) | {"error": f"exit code {process.returncode}: {tail}"}


def _written(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
