# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""An evaluation in several processes is that of one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluation.test_paired import Interrupt, make_cfg
from tests.evaluation.test_support import head_of
from tests.rollout.scripted import LinePolicy, LineTask, PushActor

from score.evaluation import evaluate_paired, read_report

ROOT = Path(__file__).resolve().parents[2]


def evaluate_in_two_processes(folder: Path, actor: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.evaluation.shared_worker", str(folder), actor],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]


def test_two_processes_write_the_report_of_one(tmp_path: Path) -> None:
    evaluate_in_two_processes(tmp_path, "push")
    whole = evaluate_paired(LineTask(6), LinePolicy(), PushActor(), make_cfg(tmp_path, output=None)).report
    assert read_report(tmp_path / "report.json") == whole  # 2 x 3 environments
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.json"]


def test_the_support_meter_sees_what_all_processes_do(tmp_path: Path) -> None:
    evaluate_in_two_processes(tmp_path, "head")
    found = read_report(tmp_path / "report.json")["support"]
    cfg = make_cfg(tmp_path, output=None)
    whole = evaluate_paired(LineTask(6), LinePolicy(), head_of("score", 0.5), cfg).report["support"]
    assert found["decisions"] == whole["decisions"]
    assert found["ks"] == pytest.approx(whole["ks"])


def test_what_several_processes_left_is_taken_over_by_one(tmp_path: Path) -> None:
    cfg, partial = make_cfg(tmp_path), tmp_path / "report.json.partial"
    whole = evaluate_paired(LineTask(), LinePolicy(), PushActor(), replace(cfg, output=None)).report
    with pytest.raises(KeyboardInterrupt):
        evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg, Interrupt(30))
    settings, *lines = partial.read_text().splitlines(keepends=True)
    partial.write_text(settings + "".join(lines[0::2]))
    partial.with_name("report.json.partial.1").write_text(settings + "".join(lines[1::2]))
    task = LineTask()
    report = evaluate_paired(task, LinePolicy(), PushActor(), cfg).report
    assert report == whole | {"behaviour": report["behaviour"]}
    again = LineTask()
    evaluate_paired(again, LinePolicy(), PushActor(), replace(cfg, output=None))
    assert len(task.begun) == len(again.begun) - len(lines)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.json"]
