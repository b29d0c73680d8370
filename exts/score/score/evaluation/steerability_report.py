# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A steerability report on the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def steerability_table(report: Mapping[str, Any]) -> RenderableType:
    """Render a report of :func:`~.steerability.measure_steerability` with its ``task`` and ``domain``."""
    title = (
        f"{report['task']}  domain {report['domain']}  physics {report['physics']}  {report['episodes']} search starts"
    )
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for heading in ("way to run the base policy", "success", "95 %", "numbers", "share of the answer"):
        table.add_column(heading, justify="left" if heading.startswith("way") else "right")
    for name, values in report["temperatures"].items():
        table.add_row(f"noise temperature {name}", *_cells(values), "", "")
    for name, values in report["bases"].items():
        kept = "" if values["keeps"] else ", loses success"
        row = (f"noise inside {name}{kept}", *_cells(values), str(values["numbers"]))
        table.add_row(*row, f"{100 * values['answer']:.0f} %")
    table.add_row("constant latent, searched", *_cells(report["constant"]), "", "")
    passes = ", ".join(f"pass@{count} {100 * rate:.0f} %" for count, rate in report["pass_at"].items())
    answer = report["sensitivity"]
    rows = ", ".join(f"{100 * share:.0f}" for share in answer["by_row"])
    lines = (
        f"{passes}; never solved {100 * report['never']:.0f} % of the starts.",
        f"Answer of the executed actions by row of the latent [%]: {rows};"
        f" {answer['directions_for_90_percent']} directions bring about 90 % of it.",
        "By action: " + ", ".join(f"{name} {value:.3g}" for name, value in answer["by_action"].items()),
        report["advice"],
    )
    return Group(table, *map(Text, lines))


def _cells(values: Mapping[str, Any]) -> tuple[str, str]:
    low, high = values["wilson95"]
    return f"{100 * values['rate']:.1f} %", f"{100 * low:.1f} to {100 * high:.1f}"
