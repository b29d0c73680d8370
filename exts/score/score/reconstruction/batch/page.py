# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The passports of a batch on one page, and as a table."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from score.reconstruction.asset_folder import REPORT_FILE
from score.reconstruction.batch.plan import BatchResult
from score.utils.files import atomic_file

__all__ = ["PAGE_FILE", "batch_table", "write_page"]

PAGE_FILE = "index.html"
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1240px;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.3em .7em;text-align:left;border-bottom:1px solid #ddd}"
    "section{border-top:2px solid #ccc;margin-top:2em}img{max-width:100%}"
    ".passed{color:#1a7f37}.failed,.crashed,.timeout{color:#b42318}.refused{color:#9a6700}"
    "li.bad{color:#b42318}small{color:#666}"
)


def batch_table(output: Path, results: Sequence[BatchResult]) -> Table:
    """Return the results as a table for the console."""
    table = Table()
    for column in ("asset", "result", "size mm", "mass kg", "collision", "rest mm", "s", "CPU s", "what is wrong"):
        table.add_column(column, justify="right" if column in ("mass kg", "s", "CPU s") else "left")
    for result in results:
        row = _facts(_report(output, result))
        times = (f"{result.seconds:.0f}", f"{result.cpu:.0f}")
        table.add_row(result.name, result.status, *row, *times, result.message[:160])
    return table


def write_page(output: Path, results: Sequence[BatchResult], total: int) -> None:
    """Write ``index.html``: a table, and under it the passport of every asset with its pictures.

    Args:
        output: The batch's folder.
        results: What is done so far.
        total: Scans of the batch.
    """
    passed = sum(result.status == "passed" for result in results)
    rows, sections = [], []
    for result in results:
        report = _report(output, result)
        cells = "".join(f"<td>{_safe(value)}</td>" for value in _facts(report))
        name, status = _safe(result.name), _safe(result.status)
        rows.append(
            f'<tr><td><a href="#{name}">{name}</a></td><td class="{status}">{status}</td>{cells}'
            f"<td>{result.seconds:.0f}</td><td>{result.cpu:.0f}</td><td>{_safe(result.message)}</td></tr>"
        )
        sections.append(_section(result, report))
    head = "".join(
        f"<th>{title}</th>"
        for title in ("asset", "result", "size, mm", "mass, kg", "collision", "rest, mm", "s", "CPU s", "what is wrong")
    )
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Assets</title><style>{_STYLE}</style>'
        f"<h1>{passed} of {total} scans passed</h1><p>{len(results)} of {total} are done.</p>"
        f"<table><tr>{head}</tr>{''.join(rows)}</table>{''.join(sections)}</html>\n"
    )
    with atomic_file(output / PAGE_FILE) as beside:
        beside.write_text(text, encoding="utf-8")


def _section(result: BatchResult, report: dict[str, Any]) -> str:
    name = _safe(result.name)
    parts = [f'<section id="{name}"><h2>{name} <span class="{_safe(result.status)}">{_safe(result.status)}</span></h2>']
    parts.append(f"<small>{_safe(result.scan)}</small>")
    if result.message and not report:
        parts.append(f"<p>{_safe(result.message)}</p>")
    pictures = report.get("pictures")
    if isinstance(pictures, list) and "collision.png" in pictures:
        parts.append(f'<p><img src="{name}/collision.png" alt="{name}: seen, collides, section"></p>')
    notes = (report.get("steps") or {}).get("notes") if isinstance(report.get("steps"), dict) else None
    lines = [f"<li>{_safe(note)}</li>" for note in notes or []]
    for check in report.get("checks") or []:
        if isinstance(check, dict):
            mark = "" if check.get("passed") else ' class="bad"'
            lines.append(f"<li{mark}><b>{_safe(check.get('name'))}</b> {_safe(check.get('detail'))}</li>")
    parts.append(f"<ul>{''.join(lines)}</ul></section>")
    return "".join(parts)


def _facts(report: dict[str, Any]) -> tuple[str, str, str, str]:
    """Size, mass, collision and rest of a passport, as texts; empty where it says nothing."""
    steps, measured = report.get("steps") or {}, report.get("measured") or {}
    try:
        size = " x ".join(f"{1e3 * float(extent):.0f}" for extent in steps["object"]["size"])
        mass = f"{float(steps['mass']['mass']):.4g}"
        collision = f"{steps['collision']['kind']}, {steps['collision']['pieces']}"
    except (KeyError, TypeError, ValueError):
        return "", "", "", ""
    try:
        shifts = [float(way["shift"]) for engine in measured["drop"].values() for way in engine.values()]
        rest = f"{1e3 * max(shifts):.2f}"
    except (KeyError, TypeError, ValueError, AttributeError):
        rest = ""
    return size, mass, collision, rest


def _report(output: Path, result: BatchResult) -> dict[str, Any]:
    """Return the passport of an asset; empty where none was made."""
    if result.status not in ("passed", "failed"):
        return {}
    try:
        data = json.loads((output / result.name / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _safe(value: object) -> str:
    return html.escape(str(value), quote=True)
