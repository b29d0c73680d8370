# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""compare.py: what it refuses, that it goes on where it was interrupted, and that budgets become iterations."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.gym_task import detour, loop

from score.cli import comparisons
from score.cli.comparisons import Comparison, plan_comparison, run_comparison, run_script
from score.steering.checkpoint import load_checkpoint, save_checkpoint
from score.utils.errors import UserError

SMALL = ["agent.num_steps_per_env=2", "agent.algorithm.num_mini_batches=2", "agent.steering.evaluation_episodes=4"]
SMALL += ["agent.steering.warm_up_epochs=1", "agent.actor.hidden_dims=[8]", "agent.critic.hidden_dims=[8]"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detour.write_base_policy(tmp_path / "base")
    monkeypatch.setenv(detour.BUNDLE, str(tmp_path / "base"))
    monkeypatch.chdir(tmp_path)


def plan(**changes: Any) -> Comparison:
    flags = {
        "task": loop.NAME, "output": Path("out"), "budget": 64, "methods": "score,bc_ppo", "seeds": "1",
        "domains": "sim", "episodes": 4, "starts": "development", "seed": 0, "search": "none", "search_episodes": 64,
        "tries": 2, "num_envs": 8, "device": "cpu", "processes": 1, "base_policy": None,
    }  # fmt: skip
    return plan_comparison(argparse.Namespace(**{**flags, **changes}), SMALL)


class Scripts:
    """Runs the scripts in this process, up to the one that Ctrl-C hits."""

    def __init__(self, stop_before: int = 99) -> None:
        self.ran: list[str] = []
        self._left = stop_before

    def __call__(self, script: str, words: Sequence[str]) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
        self.ran.append(script.removesuffix(".py"))
        loop.run(self.ran[-1], *words)


def test_a_comparison_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    said: list[str] = []
    first, second, third = Scripts(stop_before=4), Scripts(), Scripts()
    with pytest.raises(KeyboardInterrupt):
        run_comparison(plan(), said.append, first)
    assert first.ran == ["evaluate", "train", "evaluate"]
    found = run_comparison(plan(), said.append, second)
    assert second.ran == ["train", "evaluate"]
    assert said[3:] == [
        "[4/5] train bc_ppo, seed 1, 1 iterations",
        "[1/5] evaluate free arms in sim: done before",
        "[2/5] train score, seed 1, 1 iterations: done before",
        "[3/5] evaluate score, seed 1, in sim: done before",
        "[4/5] train bc_ppo, seed 1, 1 iterations",
        "[5/5] evaluate bc_ppo, seed 1, in sim",
    ]
    assert list(found["domains"]["sim"]["methods"]) == ["score", "bc_ppo"]
    # 64 control steps are an iteration of 8 environments, 2 decisions, 4 steps.
    assert found["iterations"] == {"score": 1, "bc_ppo": 1}
    # The base policy ran once, and every report has it: a line of settings, and one for each of four starts.
    assert len((tmp_path / "out" / "base_sim.jsonl").read_text().splitlines()) == 5
    reports = [json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in
               ("free_sim", "score_seed1_sim", "bc_ppo_seed1_sim")]  # fmt: skip
    assert len({report["arms"]["base"]["solved"] for report in reports}) == 1
    assert ["base" in report["behaviour"]["loads"] for report in reports[1:]] == [False, False]
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == found
    assert (tmp_path / "out" / "comparison.png").is_file()
    # Another seed may be added; nothing of before is run again.
    run_comparison(plan(seeds="1,2", methods="score"), said.append, third)
    assert third.ran == ["train", "evaluate"]


def test_a_training_whose_last_evaluation_is_missing_goes_on_with_it() -> None:
    said: list[str] = []
    run_comparison(plan(methods="score"), said.append, Scripts())
    (last,) = Path("logs").glob("rsl_rl/*/*_score_seed1/model_1.pt")
    state = load_checkpoint(last)
    save_checkpoint({**state, "score": {**state["score"], "last": None}}, last)
    again = Scripts()
    run_comparison(plan(methods="score"), said.append, again)
    assert again.ran == ["train"]
    assert load_checkpoint(last)["score"]["last"]["iteration"] == 1


def test_a_method_whose_name_ends_in_another_is_not_taken_for_it() -> None:
    said: list[str] = []
    run_comparison(plan(methods="score_residual"), said.append, Scripts())
    added = Scripts()
    found = run_comparison(plan(methods="score_residual,residual"), said.append, added)
    assert added.ran == ["train", "evaluate"]
    assert list(found["domains"]["sim"]["methods"]) == ["score_residual", "residual"]


def test_other_settings_are_told() -> None:
    plan()
    with pytest.raises(UserError, match=r"other settings \(budget was 64, now 640; episodes was 4, now 5\).*--output"):
        plan(budget=640, episodes=5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": "score,pppo"}, "Unknown method 'pppo'. Did you mean 'ppo'"),
        ({"methods": "score,score"}, "--methods 'score,score': give one or more, joined by commas, none twice"),
        ({"seeds": "1,x"}, "--seeds: 'x' is not a seed"),
        ({"domains": "sim,real"}, "'Detour-v0' has no 'real' domain"),
        ({"episodes": 0}, "--episodes must be at least 1, got 0"),
        ({"search": "race"}, "--search: 'race' is unknown"),
        ({"budget": 63}, "--budget 63: an iteration of score is up to 64 control steps; give more"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        plan(**changes)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="--output out holds something else: give a new folder"):
        plan()


def test_scripts_are_those_of_this_checkout() -> None:
    """Not those of another checkout that happens to be installed."""
    assert comparisons._scripts() == Path(__file__).parents[2] / "scripts"


def test_a_command_that_fails_ends_the_comparison(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"train.py --taks ended with exit code 2, as it says above; what is done is"):
        run_script("train.py", ["--taks"])
    assert "error: " in capfd.readouterr().err
