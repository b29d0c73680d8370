# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The whole loop on ``Detour-v0`` with the functions of the scripts: train, evaluate, export, verify.

Runs wherever torch, rsl-rl-lib, gymnasium and small packages are, without Isaac Lab:

    PYTHONPATH=. OMP_NUM_THREADS=1 python tests/gym_task/loop.py /tmp/loop

Further arguments are packages that must not be imported.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

NAME = "tests.gym_task.detour:Detour-v0"
SCRIPTS = Path(__file__).parents[2] / "scripts"


def run(script: str, *arguments: str) -> None:
    """Calls the ``main`` of a script; everything it takes is in its arguments."""
    spec = importlib.util.spec_from_file_location(script, SCRIPTS / f"{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    code = module.main(list(arguments))
    assert not code, f"{script}: exit code {code}"


def main(folder: Path, *blocked: str) -> dict[str, Any]:
    """Goes through the loop in a folder; returns the evaluation and what verify.py measured."""
    for name in blocked:
        sys.modules[name] = None  # type: ignore[assignment]
    from tests.gym_task import detour

    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    os.environ[detour.BUNDLE] = "base"
    detour.write_base_policy(Path("base"))
    started = time.perf_counter()
    # One process: another would not have the packages blocked.
    one = ("--task", NAME, "--num_envs", "32", "--processes", "1", "--device", "cpu")
    run("train", *one, "--seed", "1")
    run("train", *one, "--checkpoint", "latest", "agent.seed=1")
    run("evaluate", "--task", NAME, "--episodes", "64", "--device", "cpu", "--output", "report.json")
    run("export", "--task", NAME, "--device", "cpu", "--output", "capsule", "--evaluation", "report.json")
    run("verify", "capsule", "--repeats", "2")
    alone = ("--task", NAME, "--device", "cpu")
    run("export", *alone, "--steering_only", "--output", "shipped", "--evaluation", "report.json")
    os.environ[detour.STEERING] = "shipped"
    run("evaluate", *alone, "--checkpoint", "shipped", "--episodes", "64", "--output", "again.json")
    assert "isaaclab" not in sys.modules or sys.modules["isaaclab"] is None
    return {
        "seconds": time.perf_counter() - started,
        "report": json.loads(Path("report.json").read_text()),
        "shipped": sorted(file.name for file in Path("shipped").iterdir()),
        "again": json.loads(Path("again.json").read_text()),
        "manifest": json.loads(Path("capsule/manifest.json").read_text()),
    }


if __name__ == "__main__":
    facts = main(Path(sys.argv[1]), *sys.argv[2:])
    print("FACTS " + json.dumps(facts))
