# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One training in two real processes on a CPU: what is equal, what differs, how it ends and goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.steering import point_run
from tests.steering.scripted_task import PointTask, TwoWayPolicy
from tests.steering.test_training import curves, same

from score.steering.checkpoint import load_checkpoint
from score.steering.train import train
from score.utils.errors import UserError


@pytest.fixture(autouse=True)
def project_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes import the tests' own modules."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]), prepend=":")


def run(folder: Path, *words: str) -> list[dict[str, Any]]:
    """Train in two processes; returns what each found."""
    point_run.main([str(folder), "--processes", "2", *words])
    return [json.loads((folder / f"facts_{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """An uninterrupted run: four iterations of 8 decisions in 2 x 8 environments."""
    folder = tmp_path_factory.mktemp("processes") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]), prepend=":")
        return folder, run(folder)


def test_networks_are_equal_and_what_is_drawn_differs(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    _, (one, two) = whole
    for shared in ("weights", "moments", "normaliser_count", "totals", "rewards"):
        assert one[shared] == two[shared], shared
    for own in ("noise", "sampled", "starts"):
        assert not set(one[own]) & set(two[own]), own
    # The critic saw 4 iterations x 8 decisions of all 16 environments.
    assert one["normaliser_count"] == 4 * 8 * 16


def test_totals_are_sums_over_processes(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, found = whole
    totals = found[0]["totals"]
    assert totals["decisions"] == 4 * 8 * 16
    assert totals["steps"] == sum(part["own"]["steps"] for part in found) > max(part["own"]["steps"] for part in found)
    logged = curves(folder)
    assert sum(logged["Steering/episodes"].values()) == sum(part["own"]["ended"] for part in found)
    assert logged["Steps/env_steps"][4] == totals["steps"]
    assert len(found[0]["rewards"]) == min(100, sum(part["own"]["ended"] for part in found))
    assert load_checkpoint(folder / "model_4.pt")["score"]["last"]["episodes"] == 16


def test_there_is_one_folder(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, _ = whole
    assert [path.name for path in folder.parent.iterdir()] == ["whole"]
    assert len(list(folder.glob("events.*"))) == 1
    facts = json.loads((folder / "run.json").read_text())["metadata"]
    assert (facts["processes"], facts["num_envs"]) == ("2", "16")


def test_a_killed_process_ends_the_run_which_resumes_bit_for_bit(
    whole: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    # 8 decisions an iteration: the 20th is in iteration 3.
    with pytest.raises(UserError) as ended:
        run(folder, "--end", "killed", "1", "20")
    message = str(ended.value)
    assert message.startswith("Process 2 of 2 was killed by SIGKILL (did memory run out?); saved")
    assert message.endswith("model_2.pt; --checkpoint latest goes on from iteration 3")
    resumed = run(folder, "--checkpoint", str(folder / "model_2.pt"))
    assert same(*(load_checkpoint(path / "model_4.pt") for path in (whole[0], folder)))
    assert resumed[1]["weights"] == whole[1][1]["weights"]
    assert curves(folder) == curves(whole[0])


def test_it_resumes_in_another_number_of_processes_and_says_so(
    whole: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    lines: list[str] = []
    cfg = point_run.settings(learn=False)
    cfg.max_iterations = 5
    last = whole[0] / "model_4.pt"
    summary = train(
        PointTask(16), TwoWayPolicy(), cfg, tmp_path / "run", last, task_name="SCORE-Point-v0", report=lines.append
    )
    assert (summary.iterations, summary.decisions) == (5, 5 * 8 * 16)
    assert any("was trained in 2 processes and goes on in 1: that is right, but not bit for bit" in x for x in lines)


def test_ctrl_c_saves_once(tmp_path: Path) -> None:
    # The 30th decision is in iteration 4; Ctrl-C reaches the process that started them.
    with pytest.raises(KeyboardInterrupt, match=r"^saved .*model_3.pt; --checkpoint latest goes on from iteration 4$"):
        run(tmp_path / "run", "--end", "SIGINT", "1", "30")
    assert load_checkpoint(tmp_path / "run" / "model_3.pt")["iter"] == 3


def test_the_mistake_of_any_process_is_the_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^The disc of this machine is too warm; saved .*model_1.pt; --checkpoint"):
        run(tmp_path / "run", "--end", "refused", "1", "10")


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    """2 x 16 environments against 1 x 32 of the same task, settings and budget."""
    torch.set_num_threads(1)
    run(tmp_path / "two", "--learn", "--num_envs", "32")
    one, two = [], curves(tmp_path / "two")["Steering/success"]
    for seed in (1, 2, 3):
        cfg = point_run.settings(learn=True)
        cfg.seed = seed
        folder = tmp_path / f"one_{seed}"
        train(PointTask(32), TwoWayPolicy(), cfg, folder, task_name="SCORE-Point-v0", report=lambda line: None)
        one.append(curves(folder)["Steering/success"])
    rates = torch.tensor([[curve[i] for i in range(1, 11)] for curve in one])
    found = torch.tensor([two[i] for i in range(1, 11)])
    # Means over five iterations of some 60 episodes each: two standard errors of a rate of a half are .06.
    for part in (slice(0, 5), slice(5, 10)):
        means = rates[:, part].mean(dim=1)
        assert means.min() - 0.06 < found[part].mean() < means.max() + 0.06, (rates, found)
    assert found[-1] > 0.8
