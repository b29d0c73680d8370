# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Methods side by side, from hand-made reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from tests.evaluation.test_paired import make_results

from score.evaluation import EvaluationCfg, make_report, wilson_interval
from score.evaluation.comparison import Cell, compare_methods
from score.evaluation.comparison_report import comparison_table, save_comparison_picture
from score.utils.errors import UserError


def report_of(domain: str, tries: list[int] | None = None, **arms: str) -> dict[str, Any]:
    """A report of arms whose starts are solved as the marks say."""
    episodes = len(arms["base"])
    cfg = EvaluationCfg(task="Line-v0", domain=domain, physics="scripted", episodes=episodes, tries=4 if tries else 0)
    results = {
        name: make_results([("success", 10) if mark == "1" else ("lost", 9) for mark in marks])
        for name, marks in arms.items()
    }
    return make_report(results, cfg, num_envs=4, chunk_steps=4, solved=None if tries is None else np.array(tries))


def watched(**contact: list[float]) -> dict[str, Any]:
    """What a report says of arms whose contact forces were sensed."""
    return {"loads": {arm: {"effort": None, "jerk": [3.0] * 3, "contact": of} for arm, of in contact.items()}}


def compared(*domains: str) -> dict[str, Any]:
    cells, free = [], {}
    for domain in domains:
        free[domain] = report_of(domain, [0, 4, 0, 2], base="0101", base_t0="0100")
        free[domain]["behaviour"] = watched(base=[1.0, 2.0, 8.0])
        for seed, marks in ((1, "0111"), (2, "1111")):
            report = report_of(domain, base="0101", steered=marks)
            cells.append(Cell("score", seed, 1000, report | {"behaviour": watched(steered=[1.0, 2.0, 9.0 + seed])}))
        for seed, marks in ((1, "0101"), (2, "0001")):
            cells.append(Cell("ppo", seed, 900, report_of(domain, base="1101", steered=marks)))
    return compare_methods(cells, free) | {"task": "Line-v0", "budget": 1000}


def test_a_comparison_by_hand() -> None:
    values = compared("sim")["domains"]["sim"]
    score, ppo = values["methods"]["score"], values["methods"]["ppo"]
    # 3 and 4 of 4; 2 and 1 of 4.
    assert (score["rate"], ppo["rate"]) == (7 / 8, 3 / 8)
    # 3.5 of 4 starts is 4, as Python rounds it; 1.5 is 2: the interval is that of the four starts, not of eight.
    assert score["wilson95"] == list(wilson_interval(4, 4))
    assert ppo["wilson95"] == list(wilson_interval(2, 4))
    # Of eight pairs the base policy alone solves none, score alone three. Start by start score is ahead by 1 of two
    # runs on the first, by 2 on the third: of the sums 3, 1, -1, -3 two are as far from 0.
    assert score["against_base"] == {"only_other": 0, "only_this": 3, "p": 0.5}
    # Every run against every other: 0101 lacks one of 0111 and two of 1111, 0001 two and three. Start by start -1, -1,
    # -2, 0 of two runs: two of eight sums are as far from 0 as 4.
    assert ppo["against_score"] == {"only_other": 8, "only_this": 0, "p": 0.25}
    assert [run["env_steps"] for run in ppo["runs"]] == [900, 900]
    # Solved in 0, 4, 0, 2 of 4 tries: two never, one always, one sometimes.
    assert values["levels"]["never"] == {
        "starts": 2, "rate": {"base": 0.0, "base_t0": 0.0, "score": 0.75, "ppo": 0.0}
    }  # fmt: skip
    assert values["levels"]["sometimes"]["rate"] == {"base": 1.0, "base_t0": 0.0, "score": 1.0, "ppo": 1.0}
    assert values["free"]["base"]["rate"] == 0.5


def test_reports_of_other_starts_are_refused() -> None:
    free = {"sim": report_of("sim", base="0101")}
    cell = Cell("score", 1, 9, report_of("sim", base="0101", steered="1111") | {"seed": 5})
    with pytest.raises(UserError, match=r"seed of score, seed 1, is 5, of the base policy 0. Give another --output"):
        compare_methods([cell], free)


def test_reports_of_before_contact_forces_are_shown_without_them() -> None:
    comparison = compared("sim")
    free = comparison["domains"]["sim"]["free"]
    del free["base"]["loads"]["contact"]
    console = Console(width=160, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    console.print(comparison_table(comparison))
    assert "base - 3 - score - 3 10.5" in " ".join(console.export_text().split())


@pytest.mark.parametrize("domains", [("sim",), ("sim", "real")])
def test_the_table_and_the_picture_show_it(domains: tuple[str, ...], tmp_path: Path) -> None:
    comparison = compared(*domains)
    console = Console(width=160, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    console.print(comparison_table(comparison))
    text = " ".join(console.export_text().split())
    assert "score 87.5 % (51.0 to 100.0; 75.0, 100.0)" in text
    assert ("real (a stand-in, scripted)" in text) == ("real" in domains)
    assert "sim: success by difficulty [%]; starts" in text
    # Seeds 1 and 2 have 10 and 11 N; nobody watched ppo.
    forces = text.partition("sim: how hard it moves the robot")[2].partition("sim: success by")[0]
    assert "base - 3 8 score - 3 10.5" in forces
    assert "ppo" not in forces.partition("real:")[0]
    save_comparison_picture(comparison, tmp_path / "comparison.png")
    content = (tmp_path / "comparison.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 200_000
