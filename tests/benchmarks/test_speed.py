# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The speed suite on the scripted task: what counts as a step, workers and their failures, report and table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from tests.rollout.scripted import HORIZON, LinePolicy, LineTask

from isaaclab_ov.physics import OvPhysxCfg

from score.benchmarks import speed as benchmark
from score.benchmarks.speed import (
    SpeedCfg,
    SpeedRow,
    engine_stepper,
    measure_rate,
    measure_speed,
    run_workers,
    speed_report,
    speed_table,
    steering_stepper,
    task_stepper,
)
from score.physics import fold_physics_steps
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.methods import make_plan
from score.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]

ROW = SpeedRow(
    64, engine=4000.0, task=2000.0, steering=1700.0, steering_over_task=0.85, task_share=0.9, peak_memory_mb=1234.0
)


def make_env(num_envs: int = 6) -> ChunkedVecEnv:
    task = LineTask(num_envs)
    plan = make_plan(LinePolicy(), {"method": "score", "basis": "full", "knots": 2})
    env = ChunkedVecEnv(task, plan, chunk_steps=HORIZON, gamma=0.99)
    env.reset(seed=0)
    return env


class FakeClock:
    """A clock that moves by a quarter of a second whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 0.25
        return self.now


def test_rate_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "time", FakeClock())
    # The clock is read once at the start and after every call: 1 s are over after 4 calls of 64 steps.
    assert measure_rate(lambda: 64, seconds=1.0) == (256.0, 256)


@pytest.mark.parametrize(("folded", "calls", "substep"), [(False, 12, 0.01), (True, 1, 0.12)])
def test_the_engine_alone_does_the_substeps_of_a_control_step(folded: bool, calls: int, substep: float) -> None:
    class Engine:
        num_envs, physics_dt = 64, 0.01

        def __init__(self) -> None:
            self.cfg = type("Cfg", (), {"decimation": 12})
            self.sim = self.scene = self.physics_manager = self
            self.done: list[Any] = []

        def handles_decimation(self) -> bool:
            return folded

        def write_data_to_sim(self) -> None:
            self.done.append("write")

        def step(self, render: bool) -> None:
            self.done.append("render" if render else "step")

        def update(self, dt: float) -> None:
            self.done.append(pytest.approx(dt))

    engine = Engine()
    assert engine_stepper(engine)() == 64
    assert engine.done == ["write", "step", substep] * calls


def test_folded_steps_of_ovphysx_are_one_control_step() -> None:
    """All physics steps of a control step in one call: 11 at once and a last one, not 12 times as many."""
    done: list[Any] = []

    class Manager:
        def get_physx_instance(self) -> Any:
            return SimpleNamespace(step_n_sync=lambda count, dt: done.append((count, dt)))

        def get_physics_dt(self) -> float:
            return 0.01

        def handles_decimation(self) -> bool:
            return False

        def step(self) -> None:
            done.append((1, 0.01))

    term = SimpleNamespace(cfg=SimpleNamespace(delay_range=(0, 0)))
    actions = SimpleNamespace(active_terms=["arm"], get_term=lambda name: term)
    sim = SimpleNamespace(physics_manager=Manager())
    sim.step = lambda render: sim.physics_manager.step()
    scene = SimpleNamespace(
        write_data_to_sim=lambda: None,
        update=lambda dt: done.append(pytest.approx(dt)),
        articulations={},
        rigid_objects={},
    )
    cfg = SimpleNamespace(decimation=12, sim=SimpleNamespace(physics=OvPhysxCfg()))
    env: Any = SimpleNamespace(
        action_manager=actions, sim=sim, scene=scene, cfg=cfg, num_envs=64, physics_dt=0.01, device="cpu"
    )
    assert fold_physics_steps(env)
    assert env._physics_handles_decimation
    assert engine_stepper(env)() == 64
    assert done == [(11, 0.01), (1, 0.01), 0.12]
    term.cfg.delay_range = (0, 1)  # a target that arrives late changes within the control step
    assert not fold_physics_steps(env)


def test_steps_are_counted_in_environment_steps() -> None:
    env = make_env()
    assert task_stepper(env.task)() == 6
    # Nothing ends within 4 steps of N(0, 0.1 m) from the middle of 2 m: the whole chunk of 6 environments.
    assert steering_stepper(env)() == 6 * HORIZON
    assert env.env_steps == 6 * HORIZON


def test_speeds_of_a_task() -> None:
    cfg = SpeedCfg(envs=(6,), rounds=2, seconds=0.02)
    env = make_env()
    row = measure_speed(env, lambda: 6, cfg)
    assert row.num_envs == 6
    # The empty engine is a thousand times faster than the scripted task. What a policy around the task costs is a
    # tenth, and less than what other work on the machine does to 20 ms.
    assert row.engine > row.task > 0
    assert row.steering > 0
    assert row.steering_over_task > 0
    assert row.task_share > 0
    assert row.peak_memory_mb > 50


def worker(code: str) -> Any:
    return lambda num_envs, output: [sys.executable, "-c", code, str(num_envs), str(output)]


def test_each_number_of_environments_has_its_own_process() -> None:
    code = "import os, sys, json; json.dump({'num_envs': int(sys.argv[1]), 'pid': os.getpid()}, open(sys.argv[2], 'w'))"
    told: list[str] = []
    rows = run_workers(worker(code), SpeedCfg(envs=(1, 16)), told.append)
    assert [row["num_envs"] for row in rows] == [1, 16]
    assert rows[0]["pid"] != rows[1]["pid"]
    assert told == ["1 environments", "16 environments"]


def test_a_worker_that_fails_leaves_a_row_and_the_others_go_on() -> None:
    code = (
        "import sys, json\n"
        "if sys.argv[1] == '16': sys.exit('no memory left')\n"
        "json.dump({'num_envs': int(sys.argv[1])}, open(sys.argv[2], 'w'))"
    )
    rows = run_workers(worker(code), SpeedCfg(envs=(1, 16, 64)))
    assert rows == [{"num_envs": 1}, {"num_envs": 16, "error": "exit code 1: no memory left"}, {"num_envs": 64}]


def test_a_user_s_mistake_in_a_worker_ends_the_suite() -> None:
    code = "import sys; print('error: Unknown task', file=sys.stderr); sys.exit(2)"
    with pytest.raises(UserError, match=r"^Unknown task$"):
        run_workers(worker(code), SpeedCfg(envs=(1, 16)))


def test_report_and_table_show_every_row(tmp_path: Path) -> None:
    benchmark.write_row(ROW, tmp_path / "row.json", physics="ovphysx", device="cpu")
    rows = [json.loads((tmp_path / "row.json").read_text()), {"num_envs": 256, "error": "exit code 1: no memory"}]
    report = speed_report(rows, SpeedCfg(), task="Line-v0", domain="sim", commit="abc", command="benchmark.py")
    assert json.loads(json.dumps(report))["rows"] == rows
    console = Console(width=200, record=True, quiet=False, file=(tmp_path / "out").open("w"))
    console.print(speed_table(report))
    text = console.export_text()
    for expected in ("physics ovphysx  device cpu", "4000", "2000", "1700", "0.85", "90 %", "1234 MB", "failed"):
        assert expected in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"envs": (16, 0)}, "--num_envs must be at least 1, got 16 0"),
        ({"envs": ()}, "--num_envs must be at least 1, got nothing"),
        ({"rounds": 0}, "--rounds must be at least 1 and --seconds above 0, got 0"),
        ({"seconds": 0.0}, "--seconds above 0, got 3 and 0.0"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SpeedCfg(**changes)


@pytest.mark.simulator
def test_a_soak_runs_both_modes_in_one_process(tmp_path: Path) -> None:
    """Inference mode has to hold throughout: history buffers made in it cannot be written outside of it."""
    output = tmp_path / "soak.json"
    result = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "benchmark.py"),
            *("--suite", "soak", "--steps", "64", "--num_envs", "4", "--device", "cpu", "--output", str(output)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    runs = json.loads(output.read_text())["soak"]
    assert set(runs) == {"latents", "actions"}
    assert all(run["env_steps"] >= 64 and run["nonfinite_reached"] == 0 for run in runs.values())
