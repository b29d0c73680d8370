# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Command lines of evaluate.py and benchmark.py: what is refused before a simulator starts, and finding of files."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from score.cli.artefacts import default_output, find_checkpoint, results_folder
from score.utils.errors import UserError
from score.utils.provenance import command_line, source_commit

SCRIPTS = Path(__file__).parents[2] / "scripts"


def load_main(name: str) -> Callable[[list[str]], int]:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--episodes", "0"], "--episodes must be at least 1, got 0"),
        (["--num_envs", "0"], "--num_envs must be at least 1, got 0"),
        (["--seed", "1000000", "--checkpoint", "none"], "Seed 1000000 is out of range"),
        (["--checkpint", "best"], r"Unknown argument '--checkpint'\. Did you mean '--checkpoint'"),
        (["physics"], "Unknown argument 'physics'.*key=value"),
    ],
)
def test_evaluate_refuses_bad_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_main("evaluate")(["--task", "SCORE-Insert-v0", *arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "sped"], r"Unknown suite 'sped'\. Did you mean 'speed'\? There are: speed, scale, soak"),
        (["--num_envs", "16", "0"], "--num_envs must be at least 1, got 0"),
        (["--output", "speed.txt"], r"--output must name a \.json file, got speed\.txt"),
        (["--second", "1"], r"Unknown argument '--second'\. Did you mean '--seconds'"),
    ],
)
def test_benchmark_refuses_bad_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_main("benchmark")(arguments)


def test_no_checkpoint_is_asked_for() -> None:
    assert find_checkpoint("none", "Line-v0", "line") is None


def test_a_missing_checkpoint_is_refused_early(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model_9\.pt does not exist"):
        find_checkpoint(str(tmp_path / "model_9.pt"), "Line-v0", "line")


def test_a_foreign_checkpoint_is_refused_early(tmp_path: Path) -> None:
    torch.save({"model_state_dict": {}, "iter": 3}, tmp_path / "model_3.pt")
    with pytest.raises(UserError, match="is a plain rsl_rl checkpoint"):
        find_checkpoint(str(tmp_path / "model_3.pt"), "Line-v0", "line")


def test_reports_lie_in_the_folder_of_the_run() -> None:
    checkpoint = Path("logs/rsl_rl/insert/run/model_best.pt")
    args = argparse.Namespace(checkpoint="best", domain="real", starts="final", seed=3)
    output = default_output(args, "Line-v0", checkpoint)
    assert output == checkpoint.parent / "evaluation/model_best_real_final_seed3.json"
    args.checkpoint = "none"
    assert default_output(args, "Line-v0", None) == Path("logs/evaluation/Line-v0_base_real_final_seed3.json")


def test_nothing_is_written_beside_a_shipped_policy() -> None:
    args = argparse.Namespace(checkpoint="shipped", domain="sim", starts="development", seed=0)
    installed = Path("/site-packages/score_assets/steering_policies/line/steering.pt")
    output = default_output(args, "Line-v0", installed)
    assert output == Path("logs/evaluation/Line-v0_shipped_sim_development_seed0.json")
    assert results_folder("shipped", installed) == Path("logs")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("scripts/train.py", "./isaaclab.sh -p scripts/train.py --run_name 'a b'"),
        ("HERE/scripts/train.py", "./isaaclab.sh -p scripts/train.py --run_name 'a b'"),
        ("/elsewhere/train.py", "./isaaclab.sh -p /elsewhere/train.py --run_name 'a b'"),
        ("/bin/score-train", "score-train --run_name 'a b'"),
    ],
)
def test_commit_and_command_are_one_line(
    script: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert len(source_commit().splitlines()) == 1
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [script.replace("HERE", str(tmp_path)), "--run_name", "a b"])
    assert command_line() == said
