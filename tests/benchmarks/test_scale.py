# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The scale suite on the scripted task: parts, cells within a budget, resuming, table and picture."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.rollout.scripted import HORIZON, LinePolicy, LineTask

from score.benchmarks import scale, scale_parts
from score.benchmarks.scale import OUT_OF_TIME, Cell, ScaleCfg, measure_scale, run_cells
from score.benchmarks.scale_parts import PARTS, PartClock, count_synchronizations, device_memory, make_runner
from score.benchmarks.scale_report import resume_report, save_scale_picture, scale_report, scale_table
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringRunnerCfg
from score.steering.methods import make_plan
from score.utils.errors import UserError

FACTS: dict[str, Any] = {
    "task": "Line-v0",
    "domain": "sim",
    "seed": 0,
    "overrides": [],
    "commit": "abc",
    "command": "benchmark.py",
}


def make_env(num_envs: int = 4) -> ChunkedVecEnv:
    plan = make_plan(LinePolicy(), {"method": "score", "basis": "full", "knots": 2})
    return ChunkedVecEnv(LineTask(num_envs), plan, chunk_steps=HORIZON, gamma=0.99)


def make_agent() -> SteeringRunnerCfg:
    agent = SteeringRunnerCfg(num_steps_per_env=8)
    agent.steering.chunk_steps = HORIZON
    agent.actor.hidden_dims = agent.critic.hidden_dims = [8]
    agent.algorithm.num_learning_epochs = 1
    return agent


def measured(cell: Cell) -> dict[str, Any]:
    return {
        **dict.fromkeys(("engine", "task", "steering", "training"), 100.0 * cell.num_envs),
        "parts": dict.fromkeys(PARTS, 1 / 7),
        "synchronizations": None,
        "device_memory": None,
        "peak_memory_mb": 900.0,
    }


class Clock:
    """Time that stands still until someone works."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        for module in (scale, scale_parts):
            monkeypatch.setattr(module, "time", self)

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter


def test_a_part_within_a_part_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    waits: list[float] = []

    class Engine:
        def step(self, seconds: float) -> str:
            clock.now += seconds
            return "stepped"

    class Work:
        def __init__(self) -> None:
            self.engine = Engine()

        def step(self) -> str:
            clock.now += 1.0
            return self.engine.step(3.0) + self.engine.step(0.5)

    work, parts = Work(), PartClock(lambda: waits.append(clock.now))
    with parts.watch(work, "step", "managers"), parts.watch(work.engine, "step", "physics"), parts.timed("rest"):
        clock.now += 0.25
        assert work.step() == "steppedstepped"
    # 0.25 s around, 1 s in the step itself, 3 + 0.5 s in the engine below it
    assert parts.seconds == {"physics": 3.5, "managers": 1.0, "rest": 0.25}
    assert len(waits) == 2 * 4  # both ends of every part
    assert "step" not in vars(work)
    assert work.step() == "steppedstepped"
    assert parts.seconds["physics"] == 3.5  # nobody watches any more


def test_a_cell_has_rates_shares_and_memory_stage_by_stage() -> None:
    stages: list[set[str]] = []
    agent, env = make_agent(), make_env()
    cfg = ScaleCfg(envs=(4,), seconds=0.01, decisions=4)
    row = measure_scale(env, lambda: 4, agent, cfg, lambda kept: stages.append(set(kept)))
    assert [sorted(new - old) for old, new in itertools.pairwise(stages)] == [
        ["decisions", "mini_batches", "training"],
        ["device_memory", "parts", "peak_memory_mb"],
    ]
    assert min(row[name] for name in scale.RATES) > 0
    assert row["training"] < row["engine"]
    assert sum(row["parts"].values()) == pytest.approx(1.0)
    assert min(row["parts"][part] for part in ("managers", "encoder", "decode", "learner", "rest")) > 0
    assert row["parts"]["physics"] == row["parts"]["observations"] == 0.0  # not an Isaac Lab task: one part
    assert (row["decisions"], row["mini_batches"]) == (4, 8)
    assert row["synchronizations"] is row["device_memory"] is None


def test_few_environments_get_fewer_mini_batches() -> None:
    # 1 environment x 4 decisions: two mini-batches of two
    agent, env = make_agent(), make_env(1)
    make_runner(env, agent, 4)
    assert agent.algorithm.num_mini_batches == 2


def test_a_cpu_has_no_synchronisations_and_no_memory_of_its_own() -> None:
    assert count_synchronizations(make_env()) is None
    assert device_memory("cpu") is None


def cells_of(cfg: ScaleCfg) -> list[tuple[int, str, str]]:
    return [(cell.num_envs, cell.physics, cell.device) for cell in cfg.cells()]


def test_small_cells_come_first_for_all_engines_and_devices() -> None:
    cfg = ScaleCfg(envs=(16, 1), physics=("ovphysx", "newton_mjwarp"), devices=("cpu",))
    found = [(1, "ovphysx"), (1, "newton_mjwarp"), (16, "ovphysx"), (16, "newton_mjwarp")]
    assert cells_of(cfg) == [(envs, engine, "cpu") for envs, engine in found]


def working(clock: Clock, seconds: float, given: list[Any]) -> Callable[[Cell, float | None], dict[str, Any]]:
    def work(cell: Cell, left: float | None) -> dict[str, Any]:
        given.append((cell.num_envs, left))
        clock.now += seconds
        return measured(cell)

    return work


def test_a_budget_ends_the_suite_and_resume_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock, path = Clock(monkeypatch), tmp_path / "scale.json"
    given: list[Any] = []
    cfg = ScaleCfg(envs=(1, 16, 64), physics=("ovphysx",), budget=100.0)
    run_cells(cfg, working(clock, 40.0, given), scale_report(cfg, **FACTS), path)
    # 100, then 60 s are left; 20 are too few to start a simulator
    assert given == [(1, 100.0), (16, 60.0)]
    first = json.loads(path.read_text())
    assert [row.get("error") for row in first["rows"]] == [None, None, OUT_OF_TIME]
    given.clear()
    run_cells(cfg, working(clock, 40.0, given), resume_report(scale_report(cfg, **FACTS), path), path)
    assert given == [(64, 100.0)]
    second = json.loads(path.read_text())
    assert [row["num_envs"] for row in second["rows"]] == [1, 16, 64]
    assert second["rows"][:2] == first["rows"][:2]
    assert "error" not in second["rows"][2]


def test_every_cell_is_written_before_the_next_begins(tmp_path: Path) -> None:
    path, cfg = tmp_path / "scale.json", ScaleCfg(envs=(1, 16), physics=("ovphysx",))

    def work(cell: Cell, left: float | None) -> dict[str, Any]:
        if cell.num_envs == 16:
            raise KeyboardInterrupt
        return measured(cell)

    with pytest.raises(KeyboardInterrupt):
        run_cells(cfg, work, scale_report(cfg, **FACTS), path)
    assert [row["num_envs"] for row in json.loads(path.read_text())["rows"]] == [1]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, "there is nothing to resume"),
        ("{", "is not a report of the scale suite"),
        ('{"rows": 3}', "is not a report of the scale suite"),
        ({"task": "Other-v0"}, r"measured with another task \(Other-v0, now Line-v0\)"),
        ({"commit": "older"}, "measured with another commit"),
        ({"settings": {"rounds": 1, "seconds": 9.0, "decisions": None}}, "measured with --seconds 9.0, now 2.0"),
    ],
)
def test_a_report_of_something_else_is_not_resumed(written: Any, message: str, tmp_path: Path) -> None:
    path, new = tmp_path / "scale.json", scale_report(ScaleCfg(), **FACTS)
    if written is not None:
        path.write_text(written if isinstance(written, str) else json.dumps(new | written))
    with pytest.raises(UserError, match=message):
        resume_report(new, path)


def test_table_and_picture_show_every_row(tmp_path: Path) -> None:
    cfg = ScaleCfg(envs=(1, 64), physics=("ovphysx",))
    report = scale_report(cfg, **FACTS)
    whole = {"num_envs": 1, "physics": "ovphysx", "device": "cuda:0", **measured(Cell(1, "ovphysx", "cuda:0"))}
    whole |= {"synchronizations": 3.25, "device_memory": {"torch_peak": 10.0, "used": 2345.0}}
    ended = {"num_envs": 64, "physics": "ovphysx", "device": "cpu", "engine": 777.0, "error": "ended after 33 s"}
    report["rows"] = [whole, ended]
    console = Console(width=240, record=True, file=(tmp_path / "out").open("w"))
    console.print(scale_table(report))
    text = console.export_text()
    for expected in ("Line-v0", "14 %", "3.2", "2345 MB", "900 MB", "777", "ended after 33 s", "n/a"):
        assert expected in text
    save_scale_picture(report, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes()[:4] == b"\x89PNG"
    report["rows"] = [ended]  # nothing whole to draw
    save_scale_picture(report, tmp_path / "empty.png")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"envs": (0,)}, "--num_envs must be at least 1"),
        ({"decisions": 1}, "--decisions must be at least 2, got 1"),
        ({"budget": 5.0}, "--budget must be at least 30 s, got 5"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ScaleCfg(**changes)
