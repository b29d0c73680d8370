# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The steerability report: what the decoder answers to, what bases keep, and the advice that follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tests.gym_task import detour, loop
from tests.rollout.scripted import LinePolicy, LineTask

from score.evaluation.sensitivity import measure_sensitivity
from score.evaluation.steerability import SteerabilityCfg, advice, measure_steerability
from score.evaluation.steerability_report import steerability_table
from score.steering.latent import LatentBasis
from score.utils.errors import UserError


class RowsPolicy(LinePolicy):
    """Its chunk is three times the first row of the latent, and four times the second, in every row."""

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return (3.0 * latent[:, :1] + 4.0 * latent[:, 1:2]).expand(-1, 4, -1)


def test_the_answer_of_a_decoder_by_hand() -> None:
    found = measure_sensitivity(RowsPolicy(), torch.zeros(5, 1), 2, torch.Generator().manual_seed(0))
    # Two executed rows of 3 and 4: squares 18 and 32 of 50 in all; one direction, (3, 4, 0, 0) / 5, is everything.
    assert found.by_row().tolist() == pytest.approx([0.36, 0.64, 0.0, 0.0], abs=1e-4)
    assert found.by_column().tolist() == pytest.approx([1.0])
    assert found.directions_for(0.9) == 1
    # A standard deviation of every number: each executed action moves by sqrt(9 + 16).
    assert found.by_action.tolist() == pytest.approx([5.0], rel=1e-3)
    # The constant column (1, 1, 1, 1) / 2 shares ((3 + 4) / 2)^2 of 25 with it.
    assert found.share_of(LatentBasis("repeat", 4, 1)) == pytest.approx(0.49, abs=1e-4)
    assert found.share_of(LatentBasis("full", 4, 1)) == pytest.approx(1.0)


def test_a_report_on_the_line() -> None:
    seen: list[str] = []
    cfg = SteerabilityCfg(12, 4, 64, chunk_steps=4)
    task = LineTask(12, limit=40)
    report = measure_steerability(task, LinePolicy(), cfg, lambda name, done, total: seen.append(name))
    # The mean of four draws moves the point; the latent zero never does.
    assert report["temperatures"]["0"]["rate"] == 0.0
    assert report["temperatures"]["1"]["rate"] > 0.1
    # The constant column is all that moves the point on in the end: it keeps what the base policy does.
    assert report["bases"]["repeat"]["numbers"] == 1
    assert report["bases"]["repeat"]["keeps"]
    assert report["bases"]["full"]["answer"] == pytest.approx(1.0)
    assert list(report["pass_at"]) == ["1", "4"]
    assert 0.0 <= report["never"] < 0.9
    assert {"base", "base_t05", "basis_repeat1", "constant search", "tries"} <= set(seen)
    console = Console(width=160, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    console.print(steerability_table(report | {"task": "Line-v0", "domain": "sim", "physics": "none"}))
    text = " ".join(console.export_text().split())
    assert report["advice"][:40] in text
    assert "noise inside repeat" in text


def rates(**changes: Any) -> dict[str, Any]:
    def rate(value: float) -> dict[str, Any]:
        return {"rate": value, "wilson95": [value - 0.1, value + 0.1]}

    found: dict[str, Any] = {
        "temperatures": {"0": rate(0.3), "0.5": rate(0.4), "1": rate(0.4)},
        "bases": {"repeat": rate(0.1) | {"keeps": False, "numbers": 7}, "dct 2": rate(0.4) | {"keeps": True,
                  "numbers": 14}, "full": rate(0.4) | {"keeps": True, "numbers": 56}},
        "constant": rate(0.45), "pass_at": {"1": 0.4, "16": 0.9}, "never": 0.1,
    }  # fmt: skip
    for name, value in changes.items():
        found[name] = rate(value) if name == "constant" else value
        if name == "cool":
            found["temperatures"]["0.5"] = rate(value)
    return found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Steer, with agent.steering.basis=dct agent.steering.knots=2: its 14 numbers keep"),
        ({"never": 0.6}, "Collect broader demonstrations: no try solves 60 % of the starts"),
        ({"cool": 0.85}, "Use noise temperature 0.5 and stop: 85 %, and all tries together reach 90 %"),
        ({"constant": 0.85}, "A constant latent does: 85 % on starts that did not choose it"),
        ({"pass_at": {"1": 0.4, "16": 0.42}}, "Use the base policy as it is and stop: 40 %, and all tries together"),
    ],
)
def test_the_advice(changes: dict[str, Any], words: str) -> None:
    assert advice(rates(**changes)).startswith(words)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="--tries must be at least 1, got 0"):
        SteerabilityCfg(5, 0)
    with pytest.raises(UserError, match="--search_episodes must be at least 64, got 9"):
        SteerabilityCfg(5, 1, 9)


def test_the_command_writes_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detour.write_base_policy(tmp_path / "base")
    monkeypatch.setenv(detour.BUNDLE, str(tmp_path / "base"))
    monkeypatch.chdir(tmp_path)
    words = ["--task", loop.NAME, "--num_envs", "8", "--device", "cpu", "--episodes", "8", "--tries", "2"]
    loop.run("steerability", *words, "--search_episodes", "64", "--output", "report.json")
    assert '"advice": "' in (tmp_path / "report.json").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "report.json"]
