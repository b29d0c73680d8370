# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A folder of scans: which they are, all of them made though some are bad, going on where it stopped, the page."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.reconstruction.shapes import block, export

from score.reconstruction.batch.page import batch_table
from score.reconstruction.batch.plan import BatchItem, read_plan
from score.reconstruction.batch.run import RECORD_FILE, require_output, run_batch
from score.reconstruction.batch.worker import run
from score.utils.errors import UserError

WORKER = """
import json, os, pathlib, sys, time
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
with open(job["options"]["log"], "a") as log:
    log.write(job["name"] + "\\n")
kind = pathlib.Path(job["scan"]).read_text()
if kind == "crash":
    print("out of memory", flush=True)
    os.abort()
if kind == "hang":
    time.sleep(600)
folder = pathlib.Path(job["output"])
folder.mkdir(exist_ok=True)
steps = {"object": {"size": [0.06, 0.04, 0.05]}, "mass": {"mass": 0.2}, "collision": {"kind": "hull", "pieces": 1}}
steps["notes"] = ["<b>bold</b>"]
measured = {"drop": {"ovphysx": {"set down": {"shift": 0.0004}}, "newton_mjwarp": {"set down": {"shift": 0.0011}}}}
checks = [{"name": "usd", "passed": True, "detail": "valid"}]
report = {"steps": steps, "measured": measured, "checks": checks, "pictures": ["collision.png"]}
if kind != "refused":
    (folder / "report.json").write_text(json.dumps(report))
status = kind if kind in ("refused", "failed") else "passed"
result = {"status": status, "message": "" if status == "passed" else "why", "cpu": 3.04}
pathlib.Path(sys.argv[2]).write_text(json.dumps(result))
"""
"""Stands for the worker, and does at once what the scan's text says."""


def batch(folder: Path, **kinds: str) -> tuple[list[BatchItem], list[str]]:
    """Scans of one word each, and the command of the worker above."""
    (folder / "worker.py").write_text(WORKER)
    items = []
    for name, kind in kinds.items():
        (folder / f"{name}.obj").write_text(kind)
        items.append(BatchItem(name, folder / f"{name}.obj", {"log": str(folder / "log.txt")}))
    return items, [sys.executable, str(folder / "worker.py")]


def started(folder: Path) -> list[str]:
    log = folder / "log.txt"
    names = log.read_text().split() if log.is_file() else []
    log.unlink(missing_ok=True)
    return sorted(names)


def test_one_bad_scan_does_not_stop_the_others(tmp_path: Path) -> None:
    items, worker = batch(tmp_path, good="ok", bad="refused", boom="crash", flawed="failed", last="ok")
    lines: list[str] = []
    results = run_batch(items, tmp_path / "out", jobs=2, worker=worker, progress=lines.append)
    assert [(result.name, result.status) for result in results] == [
        ("good", "passed"), ("bad", "refused"), ("boom", "crashed"), ("flawed", "failed"), ("last", "passed"),
    ]  # fmt: skip
    assert results[2].message == "the process ended with code -6: out of memory"
    assert sum("passed" in line for line in lines) == 2
    assert len(lines) == 5


def test_a_scan_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    items, worker = batch(tmp_path, slow="hang")
    (result,) = run_batch(items, tmp_path / "out", timeout=0.5, worker=worker, progress=lambda line: None)
    assert result.status == "timeout"
    assert result.message == "it took longer than 0.5 s: reduce the scan, or give a larger --timeout"


def test_a_second_run_makes_only_what_changed(tmp_path: Path) -> None:
    items, worker = batch(tmp_path, good="ok", bad="refused", other="ok")
    first = run_batch(items, tmp_path / "out", worker=worker, progress=lambda line: None)
    assert started(tmp_path) == ["bad", "good", "other"]
    lines: list[str] = []
    assert run_batch(items, tmp_path / "out", worker=worker, progress=lines.append) == first
    assert (started(tmp_path), lines) == ([], ["3 of 3 were made before"])
    # Tried again where told, made again where the scan, a setting or the result is another.
    run_batch(items, tmp_path / "out", worker=worker, again=True, progress=lambda line: None)
    assert started(tmp_path) == ["bad"]
    items[0].scan.write_text("ok ")
    run_batch(items, tmp_path / "out", worker=worker, progress=lambda line: None)
    assert started(tmp_path) == ["good"]
    items[2] = BatchItem("other", items[2].scan, {**items[2].options, "mass": "250g"})
    run_batch(items, tmp_path / "out", worker=worker, progress=lambda line: None)
    assert started(tmp_path) == ["other"]
    (tmp_path / "out" / "good" / "report.json").unlink()
    run_batch(items, tmp_path / "out", worker=worker, progress=lambda line: None)
    assert started(tmp_path) == ["good"]


def test_what_was_done_when_it_was_stopped_is_kept(tmp_path: Path) -> None:
    items, worker = batch(tmp_path, a="ok", b="ok", c="ok")

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(items, tmp_path / "out", jobs=1, worker=worker, progress=stop)
    rows = json.loads((tmp_path / "out" / RECORD_FILE).read_text())["results"]
    assert [row["name"] for row in rows] == ["a"]
    started(tmp_path)
    run_batch(items, tmp_path / "out", jobs=1, worker=worker, progress=lambda line: None)
    assert started(tmp_path) == ["b", "c"]


def test_the_page_shows_every_passport_and_no_markup_of_a_scan(tmp_path: Path) -> None:
    items, worker = batch(tmp_path, good="ok", bad="refused")
    results = run_batch(items, tmp_path / "out", worker=worker, progress=lambda line: None)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<h1>1 of 2 scans passed</h1>" in page
    assert '<img src="good/collision.png"' in page
    # The worse of the two engines: 1.1 mm.
    assert "<td>60 x 40 x 50</td><td>0.2</td><td>hull, 1</td><td>1.10</td>" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold</b>" not in page
    assert "<p>why</p>" in page
    assert batch_table(tmp_path / "out", results).row_count == 2
    assert (results[0].cpu, "<td>3</td><td></td></tr>" in page) == (3.0, True)


def test_without_a_file_every_mesh_is_a_scan_with_a_name_of_its_own(tmp_path: Path) -> None:
    for name in ("mug/textured.obj", "mug/textured.stl", "003_box/scan.PLY", "my cup.glb", "a/cup.obj", "b/cup.obj"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    items = {item.name: item for item in read_plan(tmp_path, {"unit": "mm"})}
    assert {name: str(item.scan.relative_to(tmp_path)) for name, item in items.items()} == {
        "scan_003_box": "003_box/scan.PLY",
        "cup": "a/cup.obj",
        "cup_2": "b/cup.obj",
        "mug": "mug/textured.obj",
        "my_cup": "my cup.glb",
    }
    assert items["mug"].options == {"unit": "mm"}


def test_a_file_says_what_is_known_of_each(tmp_path: Path) -> None:
    (tmp_path / "batch.yaml").write_text(
        "format: score-batch/1\ndefaults: {unit: mm, friction: 0.4}\nscans:\n"
        "  mug: {file: mug.obj, mass: 250g}\n  plate: {file: plate.stl, unit: cm}\n"
    )
    mug, plate = read_plan(tmp_path, {"unit": "m", "points": 100})
    assert (mug.name, mug.scan) == ("mug", tmp_path / "mug.obj")
    assert mug.options == {"unit": "mm", "points": 100, "friction": 0.4, "mass": "250g"}
    assert plate.options["unit"] == "cm"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format: other/1\n", r"format is 'other/1', and this version reads 'score-batch/1'"),
        ("[]\n", "format is none"),
        ("scan: {}\n", r"unknown key 'scan'. Did you mean 'scans'"),
        ("scans: {}\n", "'scans' must map 1 to 10,000 names"),
        ("scans: {mug: {mass: 1}}\n", r"scans.mug lacks 'file'"),
        ("scans: {my mug: {file: a.obj}}\n", "An asset cannot have the name 'my mug'"),
        ("scans: {mug: {file: a.obj, mas: 1}}\n", r"scans.mug has an unknown key 'mas'. Did you mean 'mass'"),
        ("scans: {mug: {file: ../a.obj}}\n", "lies outside"),
        ("defaults: [1]\nscans: {mug: {file: a.obj}}\n", "defaults is not a mapping"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    head = "" if text.startswith(("format", "[")) else "format: score-batch/1\n"
    (tmp_path / "batch.yaml").write_text(head + text)
    with pytest.raises(UserError, match=message):
        read_plan(tmp_path, {})


def test_a_folder_without_scans_and_results_among_scans_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no scan"):
        read_plan(tmp_path, {})
    with pytest.raises(UserError, match="is not a folder"):
        read_plan(tmp_path / "gone", {})
    with pytest.raises(UserError, match="lies in the folder of the scans"):
        require_output(tmp_path / "out", tmp_path)
    require_output(tmp_path.parent / "elsewhere", tmp_path)


def test_the_worker_makes_an_asset_or_says_why_not(tmp_path: Path) -> None:
    scan = export(block(60.0, 40.0, 50.0), tmp_path / "box.obj")
    job = {"scan": str(scan), "name": "box", "output": str(tmp_path / "box"), "drop": False}
    assert run({**job, "options": {"unit": "mm", "mass": "200g"}}) == {"status": "passed", "message": ""}
    assert (tmp_path / "box" / "box.usdc").is_file()
    result = run({**job, "options": {"unit": "mm", "mass": 200}})
    assert result["status"] == "refused"
    assert "(--mass 200g)" in result["message"]
