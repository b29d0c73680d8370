# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Makes all scans of a batch, one process a core; what was made before with the same scan and settings is kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from score.reconstruction.asset_folder import REPORT_FILE
from score.reconstruction.batch.page import write_page
from score.reconstruction.batch.plan import BatchItem, BatchResult
from score.utils.errors import UserError
from score.utils.files import atomic_file, require_writable, sha256_of

__all__ = ["RECORD_FILE", "require_output", "run_batch"]

RECORD_FILE = "batch.json"
_FORMAT = "score-batch-record/1"
_WORKER = (sys.executable, "-m", "score.reconstruction.batch.worker")
_POLL = 0.05
"""Time between looks at the processes [s]."""
_GRACE = 10.0
"""Time that a process gets to end by itself [s]."""


@dataclass
class _Running:
    item: BatchItem
    key: str
    process: subprocess.Popen[str]
    since: float
    slot: int
    stem: Path


def run_batch(
    items: Sequence[BatchItem],
    output: Path,
    *,
    drop: bool = True,
    jobs: int | None = None,
    timeout: float = 1800.0,
    again: bool = False,
    progress: Callable[[str], None] = print,
    worker: Sequence[str] = _WORKER,
) -> list[BatchResult]:
    """Make the scans assets in ``output/NAME``, with ``batch.json`` and ``index.html`` beside them.

    Args:
        items: The scans.
        output: Folder to write to; results of an earlier run in it are kept.
        drop: Whether the drop tests are made.
        jobs: Processes at once; None: one for each core.
        timeout: Longest time of one scan [s].
        again: Whether scans that were not made, or failed a check, are tried again.
        progress: Gets a line for each scan that is done.
        worker: Command that is given a job and a place for its result.

    Returns:
        Results in the order of the scans.

    Raises:
        UserError: The folder cannot be written.
        KeyboardInterrupt: It was stopped; what was done is kept.
    """
    require_writable(output)
    results = _earlier(output)
    keys = {item.name: _key(item, drop) for item in items}
    waiting = []
    for item in items:
        known = results.get(item.name)
        settled = known is not None and known.key == keys[item.name] and (known.status == "passed" or not again)
        report = output / item.name / REPORT_FILE
        made = known is not None and (known.status not in ("passed", "failed") or report.is_file())
        if not (settled and made):
            results.pop(item.name, None)
            waiting.append(item)
    cores = sorted(os.sched_getaffinity(0))
    slots = list(range(min(jobs or len(cores), max(1, len(waiting)))))
    if len(waiting) < len(items):
        progress(f"{len(items) - len(waiting)} of {len(items)} were made before")
    running: list[_Running] = []
    with tempfile.TemporaryDirectory() as scratch:
        try:
            while waiting or running:
                while waiting and slots:
                    item, slot = waiting.pop(0), slots.pop(0)
                    core = cores[slot % len(cores)]
                    stem = Path(scratch) / item.name
                    process = _start(item, output, drop, stem, core, worker)
                    running.append(_Running(item, keys[item.name], process, time.monotonic(), slot, stem))
                done = [one for one in running if one.process.poll() is not None or _late(one, timeout)]
                for one in done:
                    running.remove(one)
                    slots.append(one.slot)
                    results[one.item.name] = _finish(one, timeout)
                    _write(output, items, results)
                    progress(_line(results[one.item.name], len(results), len(items)))
                if not done:
                    time.sleep(_POLL)
        finally:
            for one in running:
                _stop(one.process)
            _write(output, items, results)
    return [results[item.name] for item in items]


def _start(
    item: BatchItem, output: Path, drop: bool, stem: Path, core: int, worker: Sequence[str]
) -> subprocess.Popen[str]:
    job = {
        "scan": str(item.scan),
        "name": item.name,
        "output": str(output / item.name),
        "options": dict(item.options),
        "drop": drop,
    }
    source = stem.with_suffix(".job")
    source.write_text(json.dumps(job, default=str), encoding="utf-8")
    with stem.with_suffix(".log").open("w", encoding="utf-8") as log:
        # A group of its own, so that its engines end with it; one core, so that they do not start on all of them.
        process = subprocess.Popen(
            [*worker, str(source), str(stem.with_suffix(".result"))],
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    with contextlib.suppress(OSError):
        os.sched_setaffinity(process.pid, {core})
    return process


def _late(one: _Running, timeout: float) -> bool:
    return time.monotonic() - one.since > timeout


def _finish(one: _Running, timeout: float) -> BatchResult:
    seconds = time.monotonic() - one.since
    status, message, cpu = "crashed", "", 0.0
    if one.process.poll() is None:
        _stop(one.process)
        status, message = "timeout", f"it took longer than {timeout:g} s: reduce the scan, or give a larger --timeout"
    else:
        try:
            data = json.loads(one.stem.with_suffix(".result").read_text(encoding="utf-8"))
            status, message, cpu = str(data["status"]), str(data["message"]), float(data["cpu"])
        except (OSError, ValueError, KeyError, TypeError):
            log = one.stem.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
            lines = [line for line in log.splitlines() if line.strip()] or ["no output"]
            message = f"the process ended with code {one.process.returncode}: {lines[-1][:300]}"
    return BatchResult(one.item.name, str(one.item.scan), status, message, round(seconds, 1), one.key, round(cpu, 1))


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process and what it started, if it still runs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if process.poll() is None or number == signal.SIGKILL:
                os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE)


def _key(item: BatchItem, drop: bool) -> str:
    """Return what the asset depends on; a scan that is not there has a key too, so that its message is kept."""
    content = sha256_of(item.scan) if item.scan.is_file() else "missing"
    text = json.dumps([str(item.scan), content, dict(item.options), drop], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _earlier(output: Path) -> dict[str, BatchResult]:
    try:
        data = json.loads((output / RECORD_FILE).read_text(encoding="utf-8"))
        rows = [BatchResult(**row) for row in data["results"]] if data["format"] == _FORMAT else []
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {row.name: row for row in rows}


def _write(output: Path, items: Sequence[BatchItem], results: dict[str, BatchResult]) -> None:
    done = [results[item.name] for item in items if item.name in results]
    data: dict[str, Any] = {"format": _FORMAT, "results": [asdict(result) for result in done]}
    with atomic_file(output / RECORD_FILE) as beside:
        beside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    write_page(output, done, len(items))


def _line(result: BatchResult, done: int, total: int) -> str:
    rest = f": {result.message}" if result.message else ""
    times = f"{result.seconds:.0f} s ({result.cpu:.0f} s of CPU)"
    return f"[{done}/{total}] {result.name}: {result.status} in {times}{rest[:300]}"


def require_output(output: Path, directory: Path) -> None:
    """Check that the results do not go among the scans.

    Raises:
        UserError: They would be found as scans by the next run.
    """
    whole, scans = Path(os.path.abspath(output)), Path(os.path.abspath(directory))
    if whole == scans or whole.is_relative_to(scans):
        raise UserError(f"--output {output} lies in the folder of the scans: name one outside {directory}.")
