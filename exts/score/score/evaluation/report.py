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

from .behaviour import LOADS, PERCENTILES


def report_table(report: Mapping[str, Any]) -> RenderableType:
    """Render a report for the console.

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
    below: list[RenderableType] = [search_sentence(name, facts) for name, facts in report["searches"].items()]
    if report["difficulty"] is not None:
        below.append(difficulty_table(report))
    if report["support"] is not None:
        below.append(support_sentence(report["support"]))
    if report.get("behaviour") is not None:
        below += behavior_sentences(report["behaviour"])
    if report["paired"] is not None:
        below.append(paired_sentence(report["paired"]))
    return Group(table, *(Text(item) if isinstance(item, str) else item for item in below))


def search_sentence(arm: str, facts: Mapping[str, Any]) -> str:
    """Say where a constant latent comes from, and how it did on search starts that did not choose it."""
    confirmed, best = facts["confirmed"], facts["last_round_best"]
    where = "the full latent" if facts["space"] == "full" else f"the steering basis ({facts['basis']})"
    return (
        f"{arm}: {facts['numbers']} numbers of {where}, found in {facts['episodes']} episodes on other starts; the best"
        f" of its last round had {best['k']}/{best['n']}, what was found {confirmed['k']}/{confirmed['n']} on new ones."
    )


def support_sentence(support: Mapping[str, Any]) -> str:
    """Say whether the steered policy did what the base policy could have done."""
    text = (
        f"Support: {100 * support['outside']:.1f} % of {support['decisions']} chunks of the steered policy lie outside"
        f" of what the base policy would do (of its own, {100 * support['expected']:.1f} %)"
    )
    if support["norm_quantile"] is not None:
        text += f"; quantile of the latent's norm {support['norm_quantile']:.2f}, KS {support['ks']:.2f}"
    text += ": it has left the support of its base policy." if support["left"] else "."
    unfamiliar = support.get("unfamiliar")
    if unfamiliar is None:
        return text
    return f"{text} {100 * unfamiliar:.1f} % of what it saw is unlike its training (there, 1 %)."


def behavior_sentences(behaviour: Mapping[str, Any]) -> list[str]:
    """Say how many ways the arms have, and how hard they move the robot."""
    lines, modes = [], behaviour["modes"]
    if modes is not None:
        spread = ", ".join(f"{arm} {number:.1f}" for arm, number in modes["effective"].items())
        lines.append(f"Ways ({behaviour['observation']}): {modes['found']} found; in effect {spread}.")
    for load in LOADS:
        # Reports of before contact forces were sensed lack them.
        values = {arm: of[load] for arm, of in behaviour["loads"].items() if of.get(load) is not None}
        if values:
            told = "; ".join(f"{arm} {' / '.join(f'{value:.3g}' for value in of)}" for arm, of in values.items())
            name = "Contact force [N]" if load == "contact" else load.capitalize()
            lines.append(f"{name}, percentiles {' / '.join(map(str, PERCENTILES))}: {told}.")
    return lines


def difficulty_table(report: Mapping[str, Any]) -> Table:
    """Successes of every arm by how often the base policy solves a start."""
    difficulty = report["difficulty"]
    passes = ", ".join(f"pass@{count} {100 * rate:.1f} %" for count, rate in difficulty["pass_at"].items())
    table = Table(title=f"Starts by how many of {difficulty['tries']} tries of the base policy solve them: {passes}",
                  box=box.SIMPLE, title_justify="left")  # fmt: skip
    table.add_column("arm")
    levels = {name: level for name, level in difficulty["levels"].items() if level["starts"]}
    for name in levels:
        table.add_column(name, justify="right")
    for arm in ordered_arms(report["arms"]):
        table.add_row(arm, *(f"{level['k'][arm]}/{level['starts']}" for level in levels.values()))
    return table


def ordered_arms(arms: Mapping[str, Any]) -> list[str]:
    """Names of arms in the order of reports."""
    return sorted(arms, key=ARM_NAMES.index)


def paired_sentence(paired: Mapping[str, Any]) -> str:
    """Say in words how base and steered policy compare on the same starts."""
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
