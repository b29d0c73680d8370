# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Commands that are refused, run without a process of their own: starting one takes longer than all they do."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a script in an empty folder, and returns the one line that it ends with."""
    import score.cli.processes
    import score.open_task

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the simulator was opened")

    start: Any = subprocess.Popen.__init__

    def started(process: subprocess.Popen[str], words: list[str], *rest: object, **options: object) -> None:
        assert sys.executable not in words, f"{words} was started"
        start(process, words, *rest, **options)

    monkeypatch.setattr(score.open_task, "open_task", opened)
    monkeypatch.setattr(score.cli.processes, "run_in_processes", opened)
    monkeypatch.setattr(subprocess.Popen, "__init__", started)
    monkeypatch.chdir(tmp_path)

    def run(script: str, *words: object) -> str:
        path = ROOT / "scripts" / f"{script}.py"
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, words)])
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
        assert ended.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        left = [item for item in sorted(tmp_path.rglob("*")) if item not in before and item.is_file()]
        assert left == []
        return lines[0]

    return run
