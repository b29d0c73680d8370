# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The paired evaluation: its report, its refusals, and that an interrupted one continues to the same report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from tests.rollout.scripted import LinePolicy, LineTask, PushActor

from score.evaluation import (
    EvaluationCfg,
    evaluate_paired,
    read_report,
    report_table,
    validate_report,
)
from score.evaluation.picture import save_picture
from score.evaluation.summary import compare_arms, make_report, summarize_arm
from score.rollout.results import EpisodeResults
from score.utils.errors import UserError


def make_cfg(tmp_path: Path, **changes: Any) -> EvaluationCfg:
    cfg = EvaluationCfg(
        task="Line-v0", domain="real", physics="scripted", episodes=15, seed=3, search_episodes=64, all_arms=True,
        output=tmp_path / "report.json", commit="abc", command="evaluate.py",
    )  # fmt: skip
    return replace(cfg, **changes)


def make_results(outcomes: list[tuple[str, int]]) -> EpisodeResults:
    names = tuple(name for name, _ in outcomes)
    steps = np.array([count for _, count in outcomes], dtype=np.int64)
    return EpisodeResults(np.array([name == "success" for name in names]), steps, names, horizon=150)


def test_all_arms_give_a_valid_report(tmp_path: Path) -> None:
    cfg = make_cfg(tmp_path)
    evaluation = evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg)
    report = evaluation.report
    found = "constant_racing_full"
    assert set(report["arms"]) == {
        "base", "steered", "steered_sampled", "base_t0", "base_t05", "random_map", found
    }  # fmt: skip
    assert read_report(tmp_path / "report.json") == report
    assert not (tmp_path / "report.json.partial").exists()
    # A latent of one is 1 m in ten steps or so; the latent zero stays where it is.
    assert report["arms"]["steered"]["success"] == {
        "k": 15, "n": 15, "rate": 1.0, "wilson95": pytest.approx([0.7961, 1.0], abs=1e-4)
    }  # fmt: skip
    assert report["arms"]["base_t0"]["failures"] == {"time_out": 15}
    assert report["arms"]["base_t0"]["steps_to_success"] == {"median": None, "mean": None, "censored": 15}
    assert report["paired"]["both"] + report["paired"]["steered_only"] == 15
    assert report["seeds"]["starts"] == report["seed"] == 3
    assert report["seeds"]["num_envs"] == 6
    assert (report["searches"][found]["seed"], report["searches"][found]["episodes"]) == (2_000_003, 64)
    assert evaluation.constants[found].shape == (4, 1)
    assert report["difficulty"] is None


def test_without_all_arms_only_base_and_steered_run(tmp_path: Path) -> None:
    report = evaluate_paired(LineTask(), LinePolicy(), PushActor(), make_cfg(tmp_path, all_arms=False)).report
    assert list(report["arms"]) == ["base", "steered"]


def test_the_base_policy_alone_has_no_pairs(tmp_path: Path) -> None:
    report = evaluate_paired(LineTask(), LinePolicy(), None, make_cfg(tmp_path, all_arms=False, output=None)).report
    assert list(report["arms"]) == ["base"]
    assert report["paired"] is None


def test_summary_and_comparison_by_hand() -> None:
    base = make_results([("success", 40), ("success", 60), ("lost", 9), ("time_out", 150), ("guard", 3), ("lost", 8)])
    steered = make_results(
        [("success", 20), ("success", 30), ("success", 50), ("lost", 5), ("success", 70), ("lost", 4)]
    )
    summary = summarize_arm(base)
    # z^2 = 3.841459, k 2 of n 6: centre (1/3 + .3201216) / 1.6402432 = .3983911,
    # half = 1.959964 / 1.6402432 * sqrt((2/9) / 6 + 3.841459 / 144) = 1.1949228 * .2524164 = .3016182
    assert summary["success"]["wilson95"] == pytest.approx([0.0967714, 0.7000067], abs=1e-5)
    assert summary["steps_to_success"] == {"median": None, "mean": 50.0, "censored": 4}
    assert summary["failures"] == {"lost": 2, "time_out": 1, "guard": 1}
    assert summary["guard_resets"] == 1
    paired = compare_arms(base, steered)
    assert [paired[key] for key in ("both", "base_only", "steered_only", "neither")] == [2, 0, 2, 2]
    # Two discordant starts, both for steering: 2 / 2^2. Steps (20 + 30) / (40 + 60).
    assert paired["mcnemar_p"] == 0.5
    assert paired["steps_ratio"] == 0.5


class Interrupt:
    """Presses Ctrl-C after some calls of the progress."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, name: str, ended: int, total: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("after", "num_envs"), [(1, 6), (9, 4), (40, 15), (80, 6)])
def test_an_interrupted_evaluation_continues_to_the_same_report(tmp_path: Path, after: int, num_envs: int) -> None:
    """With another number of environments too: the report differs in that number alone."""
    cfg = make_cfg(tmp_path)
    whole_task = LineTask()
    whole = evaluate_paired(whole_task, LinePolicy(), PushActor(), replace(cfg, output=None)).report
    interrupted, resumed = LineTask(), LineTask(num_envs)
    with pytest.raises(KeyboardInterrupt):
        evaluate_paired(interrupted, LinePolicy(), PushActor(), cfg, Interrupt(after))
    done = len((tmp_path / "report.json.partial").read_text().splitlines()) - 1
    assert not (tmp_path / "report.json").exists()
    report = evaluate_paired(resumed, LinePolicy(), PushActor(), cfg).report
    # What was done before the interruption was watched by nobody who is still there.
    seen = {"behaviour": report["behaviour"]}
    assert seen["behaviour"] is None or set(seen["behaviour"]["loads"]) < {"base", "steered"} or after < 3
    assert report == whole | {"seeds": whole["seeds"] | {"num_envs": num_envs}} | seen
    # Those that were done are not run again.
    assert len(resumed.begun) == len(whole_task.begun) - done
    assert done > 0 or after < 3


def test_a_line_cut_by_a_kill_is_run_again(tmp_path: Path) -> None:
    cfg = make_cfg(tmp_path)
    whole = evaluate_paired(LineTask(), LinePolicy(), PushActor(), replace(cfg, output=None)).report
    with pytest.raises(KeyboardInterrupt):
        evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg, Interrupt(30))
    partial = tmp_path / "report.json.partial"
    partial.write_text(partial.read_text()[:-25])
    with pytest.raises(KeyboardInterrupt):
        evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg, Interrupt(40))
    assert all(json.loads(line) for line in partial.read_text().splitlines())
    report = evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg).report
    assert report == whole | {"behaviour": report["behaviour"]}


def test_other_settings_are_told_and_no_resume_starts_anew(tmp_path: Path) -> None:
    cfg = make_cfg(tmp_path, identity={"checkpoint": "aaa"})
    with pytest.raises(KeyboardInterrupt):
        evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg, Interrupt(30))
    other = replace(cfg, seed=4, identity={"checkpoint": "bbb"})
    message = "other settings \\(seed was 3, now 4, checkpoint was 'aaa', now 'bbb'\\).*--output.*--no-resume"
    with pytest.raises(UserError, match=message):
        evaluate_paired(LineTask(), LinePolicy(), PushActor(), other)
    moved = LineTask()
    moved.files = {"scene.yaml": "12ab"}
    with pytest.raises(UserError, match=r"other settings \(file scene.yaml was None, now '12ab'\)"):
        evaluate_paired(moved, LinePolicy(), PushActor(), cfg)
    report = evaluate_paired(LineTask(), LinePolicy(), PushActor(), replace(other, resume=False)).report
    assert report["seed"] == 4


def test_base_episodes_of_other_settings_are_to_be_removed(tmp_path: Path) -> None:
    cfg = replace(make_cfg(tmp_path), base_results=tmp_path / "base.jsonl")
    evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg)
    moved = LineTask()
    moved.files = {"scene.yaml": "12ab"}
    for resume in (True, False):  # neither --output nor --no-resume is about this file
        with pytest.raises(UserError, match=r"base\.jsonl holds .*: remove it to run the base policy anew, or give an"):
            evaluate_paired(moved, LinePolicy(), PushActor(), replace(cfg, resume=resume))


@pytest.mark.parametrize("content", ["", "no json", "[1, 2]", '{"task": "Line-v0"}'])
def test_a_foreign_partial_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json.partial").write_text(content)
    with pytest.raises(
        UserError, match=r"report\.json\.partial (is not an interrupted evaluation|holds episodes .*other settings)"
    ):
        evaluate_paired(LineTask(), LinePolicy(), PushActor(), make_cfg(tmp_path))
    assert (tmp_path / "report.json.partial").read_text() == content


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1_000_000}, "Seed 1000000 is out of range \\(development\\): choose one from 0 to 999999"),
        ({"seed": -1, "starts": "final"}, "Seed -1 is out of range \\(final\\)"),
        ({"starts": "finals"}, "--starts is 'finals': use one of development, final. Did you mean 'final'"),
        ({"episodes": 0}, "--episodes must be at least 1, got 0"),
        ({"chunk_steps": 0}, "must be at least 1, got 0"),
        ({"output": Path("report.txt")}, "--output must name a .json file, got report.txt"),
    ],
)
def test_bad_settings_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_cfg(tmp_path, **changes)


def test_a_chunk_longer_than_the_horizon_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="5 steps of every chunk cannot be executed: the base policy's horizon is 4"):
        evaluate_paired(LineTask(), LinePolicy(), None, make_cfg(tmp_path, chunk_steps=5))


def test_starts_of_searches_and_reports_never_meet() -> None:
    for starts, first in (("development", 0), ("final", 4_000_000)):
        cfg = EvaluationCfg(task="Line-v0", seed=7, starts=starts)
        assert cfg.start_seed == first + 7
        (search,) = replace(cfg, searches=("racing",)).search_cfgs(["full"])
        assert search.start_seed == 2_000_007


def test_final_starts_are_others_and_the_report_says_so(tmp_path: Path) -> None:
    reports = [
        evaluate_paired(LineTask(), LinePolicy(), None, make_cfg(tmp_path, all_arms=False, output=None, starts=starts))
        for starts in ("development", "final")
    ]
    assert [item.report["starts"] for item in reports] == ["development", "final"]
    steps = [item.results["base"].steps.tolist() for item in reports]
    assert steps[0] != steps[1]


@pytest.fixture(name="report")
def _report(tmp_path: Path) -> dict[str, Any]:
    cfg = make_cfg(tmp_path, all_arms=False, output=None, tries=2)
    return evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg).report


def _drop(report: dict[str, Any], *path: str) -> None:
    for key in path[:-1]:
        report = report[key]
    del report[path[-1]]


def _set(report: dict[str, Any], value: Any, *path: str) -> None:
    for key in path[:-1]:
        report = report[key]
    report[path[-1]] = value


def test_validation_names_the_place(report: dict[str, Any]) -> None:
    cases: list[tuple[Any, str]] = [
        (lambda r: _drop(r, "physics"), r"report: missing \['physics'\]"),
        (lambda r: _drop(r, "arms", "base"), "arms: needs 'base'"),
        (lambda r: _set(r, r["arms"]["base"], "arms", "guess"), "arms: needs 'base' and only"),
        (lambda r: _drop(r, "arms", "base", "guard_resets"), r"arms.base: missing \['guard_resets'\]"),
        (lambda r: _set(r, 2.0, "arms", "base", "success", "rate"), "arms.base.success: n is not 15, or the rate"),
        (lambda r: _set(r, {"lost": 99}, "arms", "base", "failures"), "and 99 failures do not make 15 episodes"),
        (lambda r: _set(r, 3, "arms", "base", "guard_resets"), "arms.base.guard_resets: differs"),
        (lambda r: _set(r, None, "paired"), "paired: must be there exactly if"),
        (lambda r: _set(r, {}, "searches", "constant_racing_full"), "searches: must name exactly the constant arms"),
        (lambda r: _set(r, 1, "difficulty", "levels", "never", "starts"), "difficulty: its levels do not add up to 15"),
        (lambda r: _set(r, 99, "difficulty", "levels", "never", "k", "base"), "difficulty: .* of the arm 'base'"),
        (lambda r: _set(r, 99, "paired", "neither"), "paired: the table does not add up to 15"),
    ]
    for damage, message in cases:
        damaged = json.loads(json.dumps(report))
        damage(damaged)
        with pytest.raises(ValueError, match=message):
            validate_report(damaged)
    swapped = json.loads(json.dumps(report))
    swapped["paired"]["both"] += 1
    swapped["paired"]["steered_only"] -= 1
    with pytest.raises(ValueError, match="disagrees with the successes"):
        validate_report(swapped)


@pytest.mark.parametrize("content", ["{", "[]", '{"task": 1}'])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(
        UserError, match=r"report\.json is not (an evaluation report|JSON).*[Mm]ake it again with scripts/evaluate\.py"
    ):
        read_report(path)


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist: give a file that scripts/evaluate\.py wrote"):
        read_report(tmp_path / "none.json")


def _render(report: dict[str, Any]) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    console.print(report_table(report))
    return console.export_text()


def test_the_table_shows_the_numbers() -> None:
    cfg = EvaluationCfg(task="Line-v0", domain="real", physics="scripted", episodes=3)
    base = make_results([("success", 40), ("lost", 9), ("guard", 3)])
    steered = make_results([("success", 20), ("success", 50), ("lost", 9)])
    text = _render(make_report({"base": base, "steered": steered}, cfg, num_envs=3, chunk_steps=4))
    for expected in (
        "Line-v0  domain real (a stand-in, not a robot)  physics scripted  3 development starts",
        "1/3 = 33.3 %",
        "2/3 = 66.7 %",
        "lost 1, guard 1",
        "both 1, base only 0, steered only 1, neither 1; exact McNemar p = 1.",
        "steered / base = 0.50.",
    ):
        assert expected in text, text


def test_the_table_says_where_constants_come_from_and_splits_by_difficulty(tmp_path: Path) -> None:
    cfg = make_cfg(tmp_path, output=None, tries=4, searches=("cem_zero", "racing"), basis=("repeat", 1))
    report = evaluate_paired(LineTask(), LinePolicy(), PushActor(), cfg).report
    text = " ".join(_render(report).split())
    assert "constant_racing_basis: 1 numbers of the steering basis (repeat), found in 64 episodes on other" in text
    assert "constant_cem_zero_full: 4 numbers of the full latent, found in 64 episodes on other starts" in text
    assert "Starts by how many of 4 tries of the base policy solve them: pass@1" in text
    levels = {name: level for name, level in report["difficulty"]["levels"].items() if level["starts"]}
    never = levels["never"]
    # Its latent of one solves every start.
    assert f"steered {never['starts']}/{never['starts']}" in text


def test_the_table_without_common_success_says_so() -> None:
    cfg = EvaluationCfg(task="Line-v0", episodes=1)
    results = {"base": make_results([("lost", 9)]), "steered": make_results([("success", 20)])}
    assert "No start is solved by both" in _render(make_report(results, cfg, num_envs=1, chunk_steps=4))


def test_the_picture_is_a_small_png(tmp_path: Path) -> None:
    evaluation = evaluate_paired(LineTask(), LinePolicy(), PushActor(), make_cfg(tmp_path, tries=2))
    save_picture(evaluation.report, evaluation.results, tmp_path / "report.png")
    content = (tmp_path / "report.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 200_000
