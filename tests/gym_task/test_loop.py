# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a base policy to a verified capsule with no simulator on the machine: train, evaluate, export, verify."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.foundation.test_imports import ISAAC_LAB

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_whole_loop_runs_without_a_simulator(tmp_path: Path) -> None:
    """``loop.py`` without the names to block is what a clean environment runs (docs/NEW_TASK.md)."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("loop.py")), str(tmp_path / "loop"), *sorted(ISAAC_LAB)],
        env={**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    facts = json.loads(result.stdout.split("FACTS ")[1])
    report, manifest = facts["report"], facts["manifest"]
    assert (report["task"], report["physics"], report["episodes"]) == ("Detour-v0", "gymnasium", 64)
    # Trained in a minute: 49 of 64 against 10 of 64 on the same starts.
    rates = {name: arm["success"]["rate"] for name, arm in report["arms"].items()}
    assert rates["steered"] > rates["base"] + 0.3
    assert report["paired"]["mcnemar_p"] < 0.001
    # What is no robot has the bounds of its action space, and nothing that it is measured against.
    assert (manifest["output"]["low"], manifest["output"]["high"]) == ([-2.0, -2.0], [2.0, 2.0])
    assert manifest["output"]["max_offset"] is None
    assert [item["name"] for item in manifest["inputs"]] == ["position", "disc"]
    assert (tmp_path / "loop" / "report.png").is_file()
    # The policy taken out of its run does what it did there.
    assert facts["shipped"] == ["evaluation_sim.json", "steering.pt"]
    assert facts["again"]["arms"] == report["arms"]
