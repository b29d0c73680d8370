# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One picture of an evaluation: success with intervals, time to success, the paired table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from score.rollout.arms import CONSTANT_ARMS
from score.rollout.results import EpisodeResults
from score.utils.files import atomic_file

from .report import ordered_arms
from .statistics import success_curve

COLOURS = {
    "base": "#6b7280",
    "steered": "#0f766e",
    "steered_sampled": "#5eb5a6",
    "base_t0": "#b45309",
    "base_t05": "#e0a458",
    "random_map": "#9ca3af",
    **dict(zip(CONSTANT_ARMS, ("#4c1d95", "#6d28d9", "#7c5cbf", "#9f7aea", "#b794f4", "#d6bcfa"), strict=True)),
}
"""A colour for each arm: greens are steered, warm ones cooler noise, violet ones constants."""

INK, _GRID = "#1f2933", "#e5e7eb"
_DPI = 110


def save_picture(report: Mapping[str, Any], results: Mapping[str, EpisodeResults], path: Path) -> None:
    """Draw an evaluation as a PNG of under 200 kB.

    Args:
        report: A valid report.
        results: Episodes of its arms.
        path: The PNG file.
    """
    figure = Figure(figsize=(12.0, 4.2), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    names = ordered_arms(report["arms"])
    panels = [
        (1.25, lambda axes: _draw_success(axes, report, names)),
        (1.45, lambda axes: _draw_curves(axes, results, names)),
    ]
    if report["difficulty"] is not None:
        panels.append((1.1, lambda axes: _draw_difficulty(axes, report["difficulty"], names)))
    if report["paired"] is not None:
        panels.append((0.85, lambda axes: _draw_table(axes, report["paired"])))
    figure.set_figwidth(12.0 if len(panels) < 4 else 15.5)
    for axes, (_, draw) in zip(
        figure.subplots(1, len(panels), width_ratios=[width for width, _ in panels]), panels, strict=True
    ):
        draw(axes)
    domain = "real (stand-in)" if report["domain"] == "real" else report["domain"]
    figure.suptitle(
        "   ·   ".join(
            (report["task"], domain, report["physics"], f"{report['episodes']} starts, the same for all arms")
        ),
        fontsize=11,
        color=INK,
    )
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw_success(axes: Axes, report: Mapping[str, Any], names: list[str]) -> None:
    """Bars of success rates with Wilson intervals, in percent."""
    successes = [report["arms"][name]["success"] for name in names]
    rates = np.array([100 * success["rate"] for success in successes])
    bounds = 100 * np.array([success["wilson95"] for success in successes])
    rows = np.arange(len(names))
    axes.barh(rows, rates, height=0.62, color=[COLOURS[name] for name in names])
    axes.errorbar(
        rates, rows, xerr=[rates - bounds[:, 0], bounds[:, 1] - rates], fmt="none", ecolor=INK, capsize=3, lw=1.2
    )
    for row, rate, high in zip(rows, rates, bounds[:, 1], strict=True):
        axes.text(high + 2, int(row), f"{rate:.1f} %", va="center", fontsize=9, color=INK)
    axes.set(yticks=rows, yticklabels=names, xlim=(0, 122), xticks=range(0, 101, 25), xlabel="success [%], Wilson 95 %")
    # Few arms get no thicker bars than many.
    axes.set_ylim(max(len(names), 4) - 0.5, -0.5)
    clean(axes, grid="x")


def _draw_curves(axes: Axes, results: Mapping[str, EpisodeResults], names: list[str]) -> None:
    """Kaplan-Meier curves of the fraction solved by each control step."""
    horizon = max(results[name].horizon for name in names)
    for name in names:
        times, solved = success_curve(results[name].success, results[name].steps, results[name].horizon)
        wide = 2.2 if name in ("base", "steered") else 1.3
        axes.step(times, 100 * solved, where="post", color=COLOURS[name], lw=wide, label=name)
    axes.set(xlim=(0, horizon), ylim=(0, 103), xlabel="control steps", ylabel="solved by then [%]")
    axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    clean(axes, grid="both")


def _draw_difficulty(axes: Axes, difficulty: Mapping[str, Any], names: list[str]) -> None:
    """Success of each arm on the starts of each level of difficulty that there is."""
    levels = {name: level for name, level in difficulty["levels"].items() if level["starts"]}
    for arm in names:
        rates = [100 * level["k"][arm] / level["starts"] for level in levels.values()]
        wide = 2.2 if arm in ("base", "steered") else 1.3
        axes.plot(range(len(levels)), rates, marker="o", ms=4, color=COLOURS[arm], lw=wide)
    axes.set(xticks=range(len(levels)), ylim=(-3, 103), ylabel="solved [%]")
    axes.set_xticklabels([f"{name}\n{level['starts']}" for name, level in levels.items()], fontsize=8)
    axes.set_xlabel(f"solved by the base policy in {difficulty['tries']} tries; starts")
    clean(axes, grid="both")


def _draw_table(axes: Axes, paired: Mapping[str, Any]) -> None:
    """Draw the 2x2 table of outcomes on the same starts; columns are the steered policy, rows the base policy."""
    counts = np.array([[paired["both"], paired["base_only"]], [paired["steered_only"], paired["neither"]]])
    axes.imshow(counts, cmap="Greens", vmin=0, vmax=max(1, counts.max()) * 1.6)
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center", fontsize=15, color=INK)
    axes.set(xticks=[0, 1], yticks=[0, 1], xlabel="steered", ylabel="base")
    axes.set_xticklabels(["solved", "failed"])
    axes.set_yticklabels(["solved", "failed"], rotation=90, va="center")
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    ratio = paired["steps_ratio"]
    steps = "" if ratio is None else f"\nsteps, both solve: {ratio:.2f} x base"
    axes.set_title(f"exact McNemar p = {paired['mcnemar_p']:.1g}{steps}", fontsize=9, color=INK)


def clean(axes: Axes, grid: str) -> None:
    """Take away what a reader does not need; ``grid`` is ``x`` or ``both``."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.set_axisbelow(True)
    axes.grid(axis="both" if grid == "both" else "x", color=_GRID, lw=0.8)
