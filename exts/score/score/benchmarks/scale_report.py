# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Report of the scale suite: file, table, picture."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from score.utils.errors import UserError
from score.utils.files import atomic_file

from .scale import RATES, ScaleCfg
from .scale_parts import PARTS

_INK, _GRID = "#1f2933", "#e5e7eb"
_COLOURS = ("#0f766e", "#b45309", "#7c5cbf", "#2563eb", "#be123c", "#4d7c0f", "#9ca3af")
"""One for each part."""
_LINES = {"engine": ":", "task": "-.", "steering": "--", "training": "-"}


def scale_report(
    cfg: ScaleCfg, *, task: str, domain: str, seed: int, overrides: Sequence[str], commit: str, command: str
) -> dict[str, Any]:
    """Begin a report without rows.

    Args:
        cfg: Settings.
        task: Gym id.
        domain: ``sim`` or ``real``.
        seed: Seed of starts and codes.
        overrides: Hydra overrides.
        commit: Commit of the source.
        command: Command of this process.
    """
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "suite": "scale",
        "task": task,
        "domain": domain,
        "seed": seed,
        "overrides": list(overrides),
        "settings": asdict(cfg),
        "rows": [],
        "machine": {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpus": gpus},
        "commit": commit,
        "command": command,
    }


def resume_report(new: dict[str, Any], path: Path) -> dict[str, Any]:
    """Take over the rows of an earlier report of the same suite.

    Args:
        new: The report that was begun.
        path: The file of the earlier one.

    Returns:
        ``new`` with its rows.

    Raises:
        UserError: There is no such file, or it measured something else.
    """
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(old["rows"], list)
    except FileNotFoundError:
        raise UserError(f"{path}: there is nothing to resume; leave out --resume.") from None
    except (OSError, ValueError, TypeError, KeyError, AssertionError):
        raise UserError(f"{path} is not a report of the scale suite: give another --output.") from None
    for name in ("suite", "task", "domain", "seed", "overrides", "commit", "machine"):
        if old.get(name) != new[name]:
            raise UserError(
                f"{path} was measured with another {name} ({old.get(name)}, now {new[name]}): rows of the two do not"
                " compare. Give another --output."
            )
    for name in ("rounds", "seconds", "decisions"):
        if (before := old.get("settings", {}).get(name)) != new["settings"][name]:
            raise UserError(f"{path} was measured with --{name} {before}, now {new['settings'][name]}: give the same.")
    return new | {"rows": old["rows"]}


def scale_table(report: Mapping[str, Any]) -> Table:
    """Render the report for the console."""
    gpus = ", ".join(report["machine"]["gpus"]) or "no GPU"
    errors = [f"{_place(row)}: {row['error']}" for row in report["rows"] if "error" in row]
    table = Table(
        caption="\n".join(errors),
        caption_justify="left",
        title=f"{report['task']}  domain {report['domain']}  {report['machine']['cores']} cores, {gpus}"
        "  [control steps / s; % of the time of a training]",
        box=box.SIMPLE,
        title_justify="left",
    )
    for heading in ("environments", "physics", "device", "engine", "task", "steering", "training"):
        table.add_column(heading, justify="right")
    for heading in (*PARTS, "syncs / step", "memory, host", "device"):
        table.add_column(heading, justify="right")
    for row in report["rows"]:
        table.add_row(str(row["num_envs"]), row["physics"], row["device"], *_cells(row))
    return table


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['num_envs']} environments, {row['physics']} on {row['device']}"


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Numbers of a row; a process that was ended leaves gaps."""
    rates = [f"{row[name]:.0f}" if name in row else "" for name in RATES]
    shares = [f"{100 * row['parts'][part]:.0f} %" if "parts" in row else "" for part in PARTS]
    waits = "" if "synchronizations" not in row else _or_none(row["synchronizations"], "{:.1f}")
    host = f"{row['peak_memory_mb']:.0f} MB" if "peak_memory_mb" in row else ""
    device = row.get("device_memory")
    return [*rates, *shares, waits, host, f"{device['used']:.0f} MB" if device else "n/a"]


def _or_none(value: float | None, form: str) -> str:
    return "n/a" if value is None else form.format(value)


def save_scale_picture(report: Mapping[str, Any], path: Path) -> None:
    """Draw rates against environments, and where the time of a training goes, as a PNG."""
    rows = [row for row in report["rows"] if "parts" in row]
    places = sorted({(row["physics"], row["device"]) for row in rows})
    figure = Figure(figsize=(12.0, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    rates, shares = figure.subplots(1, 2, width_ratios=[1.0, 1.2])
    for index, place in enumerate(places):
        _draw_rates(rates, [row for row in rows if (row["physics"], row["device"]) == place], _COLOURS[index % 7])
    rates.set(xscale="log", yscale="log", xlabel="environments", ylabel="control steps / s")
    _draw_shares(shares, rows)
    for axes in (rates, shares):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        if axes.has_data():
            axes.legend(fontsize=7, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    rates.grid(color=_GRID, lw=0.8)
    figure.suptitle(f"{report['task']}   ·   {report['domain']}", fontsize=11, color=_INK)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw_rates(axes: Axes, rows: Sequence[Mapping[str, Any]], colour: str) -> None:
    for name, line in _LINES.items():
        counts, values = [row["num_envs"] for row in rows], [row[name] for row in rows]
        label = f"{rows[0]['physics']} {rows[0]['device']}: {name}"
        axes.plot(counts, values, line, color=colour, marker="o", ms=3, lw=1.4, label=label)


def _draw_shares(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """One stacked bar a row."""
    names = [f"{row['num_envs']}\n{row['physics'].split('_')[0]}\n{row['device']}" for row in rows]
    bottom = np.zeros(len(rows))
    for part, colour in zip(PARTS, _COLOURS, strict=True):
        height = np.array([100 * row["parts"][part] for row in rows])
        axes.bar(np.arange(len(rows)), height, bottom=bottom, color=colour, width=0.7, label=part)
        bottom += height
    axes.set(xticks=np.arange(len(rows)), xticklabels=names, ylabel="time of a training [%]", ylim=(0, 100))
