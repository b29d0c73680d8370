# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Command lines of evaluate.py and benchmark.py: what is refused before a simulator starts, and finding of files."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from score.cli.artefacts import default_output, find_checkpoint
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
        (["--seed", "1000000"], "Seed 1000000 is out of range"),
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
    assert (
        default_output("Line-v0", "real", "final", 3, checkpoint)
        == checkpoint.parent / "evaluation/model_best_real_final_seed3.json"
    )
    assert default_output("Line-v0", "sim", "development", 0, None) == Path(
        "logs/evaluation/Line-v0_base_sim_development_seed0.json"
    )


def test_commit_and_command_are_one_line() -> None:
    assert len(source_commit().splitlines()) == 1
    assert command_line().startswith("./isaaclab.sh -p ")
