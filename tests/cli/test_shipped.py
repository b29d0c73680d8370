# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Steering policies that come with a task: how one is made, found, and refused. The loop with one: tests/gym_task."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.evaluation.test_paired import make_results
from tests.gym_task import detour
from tests.hostile.subjects import _make_checkpoint
from tests.steering.scripted_task import TwoWayPolicy

from score.cli.artefacts import check_policies, find_checkpoint
from score.cli.exports import read_evaluations, training_of, write_steering_policy
from score.cli.shipped import evaluation_lines
from score.evaluation import EvaluationCfg
from score.evaluation.summary import make_report
from score.steering.checkpoint import load_checkpoint
from score.steering.policy import load_steering_policy
from score.utils.errors import UserError
from score_assets import ASSETS_DIR, base_policy_dir

TASK = f"{detour.__name__}:Detour-v0"
SHIPPED = sorted(ASSETS_DIR.glob("steering_policies/*/steering.pt"))


def write_report(path: Path, task: str = "Detour-v0", domain: str = "sim", *, steered: bool = True) -> Path:
    """A report of two episodes: the base policy solves one, the steered one both."""
    results = {"base": make_results([("success", 40), ("lost", 9)])}
    if steered:
        results["steered"] = make_results([("success", 20), ("success", 30)])
    cfg = EvaluationCfg(task=task, domain=domain, physics="scripted", episodes=2, starts="final")
    path.write_text(json.dumps(make_report(results, cfg, num_envs=2, chunk_steps=4)))
    return path


def write(folder: Path, *reports: Path, overwrite: bool = False) -> Path:
    """Make a steering policy of a run that was two iterations long; returns its checkpoint."""
    run = folder / "2026-01-02_03-04-05"
    if not run.exists():
        run.mkdir()
        _make_checkpoint(run)
        metadata = {"seed": "3", "git_commit": "abc", "bundle_sha256": "not needed", "physics": "scripted"}
        (run / "run.json").write_text(json.dumps({"metadata": metadata}))
    args = argparse.Namespace(task=TASK, evaluation=reports, output=folder / "shipped", overwrite=overwrite)
    write_steering_policy(args, run / "model_0.pt", training_of(run / "model_0.pt")[1])
    return folder / "shipped" / "steering.pt"


def test_it_decides_as_the_checkpoint_that_it_was_made_of(tmp_path: Path) -> None:
    made, whole = write(tmp_path), tmp_path / "2026-01-02_03-04-05" / "model_0.pt"
    assert sorted(load_checkpoint(made)) == ["actor_state_dict", "infos", "iter", "score"]
    assert made.stat().st_size < whole.stat().st_size / 2
    condition, noise = torch.randn(9, 2), torch.randn(9, *TwoWayPolicy().latent_shape)
    latents = [
        load_steering_policy(path, TwoWayPolicy())(condition, noise, torch.zeros(9, 0), False)[0]
        for path in (whole, made)
    ]
    assert torch.equal(*latents)


def test_it_says_what_run_it_comes_from(tmp_path: Path) -> None:
    expected = {
        "run": "2026-01-02_03-04-05",
        "checkpoint": "model_0.pt",
        "seed": "3",
        "git_commit": "abc",
        "physics": "scripted",
        "iteration": 0,
    }
    assert training_of(write(tmp_path)) == ("score", expected)


def test_what_somebody_wrote_in_place_of_the_run_is_left_out(tmp_path: Path) -> None:
    made = write(tmp_path)
    state = load_checkpoint(made)
    state["score"]["run"] = {"seed": torch.zeros(3), "checkpoint": ["x"], "other": "y"}
    torch.save(state, made)
    assert training_of(made) == ("score", {"iteration": 0})


def test_its_evaluations_go_with_it_and_are_said(tmp_path: Path) -> None:
    reports = [write_report(tmp_path / f"{domain}.json", domain=domain) for domain in ("sim", "real")]
    made = write(tmp_path, *reports)
    assert sorted(file.name for file in made.parent.iterdir()) == [
        "evaluation_real.json", "evaluation_sim.json", "steering.pt",
    ]  # fmt: skip
    assert evaluation_lines(made) == [
        "Evaluated in real, 2 final starts: base policy 50.0%, steered 100.0%",
        "Evaluated in sim, 2 final starts: base policy 50.0%, steered 100.0%",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "Other-v0"}, "sim.json is of task 'Other-v0', or of the base policy alone: give one of this"),
        ({"steered": False}, "is of task 'Detour-v0', or of the base policy alone"),
    ],
)
def test_reports_of_something_else_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        write(tmp_path, write_report(tmp_path / "sim.json", **changes))
    assert not (tmp_path / "shipped").exists()


def test_two_reports_of_one_domain_are_refused(tmp_path: Path) -> None:
    reports = [write_report(tmp_path / name) for name in ("a.json", "b.json")]
    with pytest.raises(UserError, match="two reports are of the domain 'sim': give one of each"):
        read_evaluations(reports, "Detour-v0")


def test_only_another_steering_policy_is_overwritten(tmp_path: Path) -> None:
    made = write(tmp_path)
    with pytest.raises(UserError, match="shipped already exists"):
        write(tmp_path)
    write(tmp_path, overwrite=True)
    (made.parent / "thesis.tex").write_text("kept")
    with pytest.raises(UserError, match=r"holds other things than what is to be written there \(thesis.tex\)"):
        write(tmp_path, overwrite=True)


def test_the_word_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = write(tmp_path)
    monkeypatch.setenv(detour.STEERING, str(made.parent))
    assert find_checkpoint("shipped", TASK, "detour") == made
    with pytest.raises(UserError, match=r"steering.pt holds a steering policy alone, from which no training can go on"):
        find_checkpoint("shipped", TASK, "detour", resume=True)


def test_a_task_without_one_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(detour.STEERING, raising=False)
    with pytest.raises(UserError) as caught:
        find_checkpoint("shipped", TASK, "detour")
    assert str(caught.value) == (
        f"--checkpoint shipped: task '{TASK}' comes without a steering policy. DETOUR_STEERING is not set. Train one"
        f" (scripts/train.py --task {TASK}) and use --checkpoint best, or use --checkpoint none for the base policy"
        " alone."
    )


def test_the_word_is_near_a_mistyped_one() -> None:
    with pytest.raises(UserError, match=r"shiped does not exist\. Did you mean 'shipped'"):
        find_checkpoint("shiped", TASK, "detour")


@pytest.mark.parametrize("checkpoint", SHIPPED, ids=lambda path: path.parent.name)
def test_those_of_the_project_fit_their_base_policies_and_beat_them(checkpoint: Path) -> None:
    check_policies(base_policy_dir(checkpoint.parent.name), checkpoint)
    assert "optimizer_state_dict" not in load_checkpoint(checkpoint)
    assert checkpoint.stat().st_size < 4e6
    for domain in ("sim", "real"):
        arms = json.loads((checkpoint.parent / f"evaluation_{domain}.json").read_text())["arms"]
        assert arms["steered"]["success"]["rate"] > arms["base"]["success"]["rate"]
