# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The evaluation report as a table on the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from score.rollout.arms import ARM_NAMES


def report_table(report: Mapping[str, Any]) -> RenderableType:
    """Renders a report for the console.

    Args:
        report: A valid report.

    Returns:
        A table of the arms, and the comparison of base and steered policy below it.
    """
    domain = "real (a stand-in, not a robot)" if report["domain"] == "real" else report["domain"]
    table = Table(
        title=f"{report['task']}  domain {domain}  physics {report['physics']}"
        f"  {report['episodes']} {report['starts']} starts  seed {report['seed']}",
        box=box.SIMPLE,
        title_justify="left",
    )
    table.add_column("arm")
    for heading in ("success", "95 %", "steps to success\nmedian", "\nmean", "failures", "guard"):
        table.add_column(heading, justify="left" if heading == "failures" else "right")
    for name in ordered_arms(report["arms"]):
        table.add_row(name, *_arm_cells(report["arms"][name]))
    if report["paired"] is None:
        return table
    return Group(table, Text(paired_sentence(report["paired"])))


def ordered_arms(arms: Mapping[str, Any]) -> list[str]:
    """Names of arms in the order of reports."""
    return sorted(arms, key=ARM_NAMES.index)


def paired_sentence(paired: Mapping[str, Any]) -> str:
    """Says in words how base and steered policy compare on the same starts."""
    text = (
        f"Same starts: both {paired['both']}, base only {paired['base_only']}, steered only {paired['steered_only']},"
        f" neither {paired['neither']}; exact McNemar p = {paired['mcnemar_p']:.2g}."
    )
    ratio, interval = paired["steps_ratio"], paired["steps_ratio_interval95"]
    if ratio is None:
        return text + " No start is solved by both, so steps are not compared."
    within = "" if interval is None else f" (95 % {interval[0]:.2f} to {interval[1]:.2f})"
    return text + f" Steps on starts that both solve: steered / base = {ratio:.2f}{within}."


def _arm_cells(arm: Mapping[str, Any]) -> list[str]:
    success, steps = arm["success"], arm["steps_to_success"]
    low, high = success["wilson95"]
    failures = ", ".join(f"{name} {count}" for name, count in arm["failures"].items())
    return [
        f"{success['k']}/{success['n']} = {100 * success['rate']:.1f} %",
        f"{100 * low:.1f} to {100 * high:.1f}",
        _number(steps["median"]),
        _number(steps["mean"]),
        failures or "-",
        str(arm["guard_resets"]),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
