# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the commands say to a user's mistake, before a simulator starts: one line, exit code 2, nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def _run(tmp_path: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *arguments],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip


def _refused(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 2, result.stderr[-2000:]
    assert "Traceback" not in result.stderr
    message = next(line for line in result.stderr.splitlines() if line.startswith("error: "))
    for part in parts:
        assert part in message, message


def test_unknown_task_lists_near_names(tmp_path: Path) -> None:
    result = _run(tmp_path, "train.py", "--task", "SCORE-Insrt-v0")
    _refused(result, "Unknown task 'SCORE-Insrt-v0'", "Did you mean 'SCORE-Insert-v0'")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_zero_environments(tmp_path: Path, script: str) -> None:
    _refused(
        _run(tmp_path, script, "--task", "SCORE-Insert-v0", "--num_envs", "0"), "--num_envs must be at least 1, got 0"
    )


def test_mistyped_flag(tmp_path: Path) -> None:
    _refused(
        _run(tmp_path, "train.py", "--task", "SCORE-Insert-v0", "--num_env", "4"), "Unknown argument", "--num_envs"
    )


def test_training_in_the_real_stand_in_is_refused(tmp_path: Path) -> None:
    result = _run(tmp_path, "train.py", "--task", "SCORE-Insert-Real-v0")
    _refused(result, "'SCORE-Insert-Real-v0' has no 'sim' domain; it has 'real' only")


def test_missing_checkpoint(tmp_path: Path) -> None:
    _refused(_run(tmp_path, "train.py", "--task", "SCORE-Insert-v0", "--checkpoint", "model_9.pt"), "model_9.pt")


def test_foreign_rsl_rl_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "model_100.pt"
    torch.save({"actor_state_dict": {}, "optimizer_state_dict": {}, "iter": 100, "infos": None}, path)
    _refused(_run(tmp_path, "evaluate.py", "--task", "SCORE-Insert-v0", "--checkpoint", str(path)), str(path.name))


def test_rsl_rl_checkpoint_in_place_of_a_capsule(tmp_path: Path) -> None:
    path = tmp_path / "model_100.pt"
    torch.save({"actor_state_dict": {}, "iter": 100}, path)
    _refused(_run(tmp_path, "verify.py", str(path)), "model_100.pt", "export.py")


def test_pickle_in_place_of_a_bundle(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    torch.save({"weights": torch.zeros(1)}, bundle / "policy.safetensors")
    (bundle / "policy.yaml").write_text("format: score-base-policy/1\n")
    result = _run(tmp_path, "train.py", "--task", "SCORE-Insert-v0", "--base_policy", str(bundle))
    _refused(result, "bundle")


def test_engine_that_is_not_installed() -> None:
    from isaaclab.utils import configclass

    from score import simulation
    from score.utils.errors import UserError

    @configclass
    class OvPhysxCfg:
        """Named as the engine's configuration is; the package is looked up by that name."""

    packages = dict(simulation._ENGINE_PACKAGES)
    packages["OvPhysxCfg"] = ("no_such_package_of_an_engine", "ovphysx")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError, match="'ovphysx' is not installed"):
        patch.setattr(simulation, "_ENGINE_PACKAGES", packages)
        simulation.require_engine(OvPhysxCfg())


def test_log_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    result = _run(tmp_path, "benchmark.py", "--suite", "speed", "--output", "logs/speed.json")
    _refused(result, "logs")
