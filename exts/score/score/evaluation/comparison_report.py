# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A comparison of methods as one table and one figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from score.utils.files import atomic_file

from .behaviour import LOADS, PERCENTILES
from .picture import COLOURS, INK, clean

_METHODS = ("#0f766e", "#b91c1c", "#1d4ed8", "#a16207", "#be185d", "#4b5563", "#15803d", "#6d28d9")


def comparison_table(comparison: Mapping[str, Any]) -> RenderableType:
    """Render a comparison for the console: a table of rates, and of loads and difficulty for domains that have them."""
    domains = comparison["domains"]
    table = Table(title=f"{comparison['task']}: success, mean over seeds (interval of the starts; each seed)",
                  box=box.SIMPLE, title_justify="left")  # fmt: skip
    for heading in ("", *(f"{name} ({_words(name)}{values['physics']})" for name, values in domains.items())):
        table.add_column(heading)
    for kind in ("free", "methods"):
        names = list(dict.fromkeys(name for values in domains.values() for name in values[kind]))
        for name in names:
            table.add_row(name, *(_cell(values[kind].get(name)) for values in domains.values()))
        table.add_section()
    loads = [_loads_table(name, values) for name, values in domains.items()]
    levels = [_levels_table(name, values["levels"]) for name, values in domains.items() if values["levels"]]
    return Group(table, *(of for of in loads if of.row_count), *levels)


def save_comparison_picture(comparison: Mapping[str, Any], path: Path) -> None:
    """Draw a comparison as a PNG: success in one domain against the other, or bars where there is one domain.

    Args:
        comparison: What :func:`~.comparison.compare_methods` made, with ``task`` and ``budget``.
        path: The PNG file.
    """
    domains = comparison["domains"]
    figure = Figure(figsize=(8.5, 6.0), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = dict(zip(next(iter(domains.values()))["methods"], _METHODS, strict=False))
    if len(domains) == 2:
        first, second = domains.values()
        _draw_against(axes, first, second, colours)
        names = [f"{name} [%]" + (" (a stand-in)" if name == "real" else "") for name in domains]
        axes.set(xlabel=f"success in {names[0]}", ylabel=f"success in {names[1]}", xlim=(-2, 102), ylim=(-2, 102))
        axes.plot([0, 100], [0, 100], color="#d1d5db", lw=1, zorder=0)
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        _draw_bars(axes, next(iter(domains.values())), colours)
        axes.set(xlim=(0, 102), xlabel=f"success in {next(iter(domains))} [%]")
    clean(axes, grid="both")
    axes.set_title(
        f"{comparison['task']} · {comparison['budget']:,} control steps · Wilson 95 %", fontsize=11, color=INK
    )
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw_against(axes: Axes, first: Mapping[str, Any], second: Mapping[str, Any], colours: Mapping[str, str]) -> None:
    for kind in ("free", "methods"):
        for name in first[kind]:
            if name not in second[kind]:
                continue
            pair = (first[kind][name], second[kind][name])
            rates, low, high = (100 * np.array(values) for values in zip(*map(_interval, pair), strict=True))
            colour = colours.get(name, COLOURS.get(name, "#6b7280"))
            bars = [[[rates[i] - low[i]], [high[i] - rates[i]]] for i in range(2)]
            marker, size = ("o", 8) if kind == "methods" else ("s", 4)
            axes.errorbar(rates[:1], rates[1:], xerr=bars[0], yerr=bars[1], fmt=marker, ms=size, color=colour, lw=1,
                          capsize=2, label=name)  # fmt: skip
            seeds = [[100 * run["success"]["rate"] for run in values.get("runs", [])] for values in pair]
            axes.plot(*seeds, marker=".", ls="", ms=5, alpha=0.6, color=colour)


def _draw_bars(axes: Axes, values: Mapping[str, Any], colours: Mapping[str, str]) -> None:
    entries = {**values["free"], **values["methods"]}
    for row, (name, entry) in enumerate(entries.items()):
        rate, low, high = (100 * value for value in _interval(entry))
        colour = colours.get(name, COLOURS.get(name, "#6b7280"))
        axes.barh(row, rate, color=colour, height=0.6, xerr=[[rate - low], [high - rate]], ecolor=INK, capsize=3)
        runs = [100 * run["success"]["rate"] for run in entry.get("runs", [])]
        axes.plot(runs, [row] * len(runs), ".", color=INK, ms=5)
    axes.set(yticks=range(len(entries)), yticklabels=list(entries), ylim=(len(entries) - 0.5, -0.5))


def _interval(entry: Mapping[str, Any]) -> tuple[float, float, float]:
    return entry["rate"], *entry["wilson95"]


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "-"
    rate, low, high = (100 * value for value in _interval(entry))
    text = f"{rate:.1f} % ({low:.1f} to {high:.1f}"
    runs = entry.get("runs", [])
    return (
        text + ("" if len(runs) < 2 else "; " + ", ".join(f"{100 * run['success']['rate']:.1f}" for run in runs)) + ")"
    )


def _loads_table(domain: str, values: Mapping[str, Any]) -> Table:
    table = Table(title=f"{domain}: how hard it moves the robot, {PERCENTILES[-1]}th percentile (mean over seeds)",
                  box=box.SIMPLE, title_justify="left")  # fmt: skip
    for heading in ("", "effort", "jerk", "contact force [N]"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, entry in {**values["free"], **values["methods"]}.items():
        watched = [run["loads"] for run in entry.get("runs", [entry]) if run["loads"] is not None]
        if watched:
            # Reports of before contact forces were sensed lack them.
            highest = ([of[load][-1] for of in watched if of.get(load) is not None] for load in LOADS)
            table.add_row(name, *(f"{np.mean(of):.3g}" if of else "-" for of in highest))
    return table


def _levels_table(domain: str, levels: Mapping[str, Any]) -> Table:
    table = Table(title=f"{domain}: success by difficulty [%]; starts", box=box.SIMPLE, title_justify="left")
    table.add_column("")
    for name, level in levels.items():
        table.add_column(f"{name}\n{level['starts']}", justify="right")
    for arm in next(iter(levels.values()))["rate"]:
        table.add_row(arm, *(f"{100 * level['rate'][arm]:.1f}" for level in levels.values()))
    return table


def _words(domain: str) -> str:
    return "a stand-in, " if domain == "real" else ""
