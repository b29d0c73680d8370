# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the commands say to a user's mistake, before a simulator starts: one line, exit code 2, nothing left behind."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
TASK = ("--task", "SCORE-Insert-v0")
Refused = Callable[..., str]


def _run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, as a user starts it."""
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("script", ["train", "evaluate", "export", "play", "collect", "steerability"])
def test_unknown_task_lists_near_names(script: str, refused: Refused) -> None:
    words = {"export": ("--output", "x"), "play": ("--video",), "collect": ("--output", "x.hdf5")}.get(script, ())
    line = refused(script, "--task", "SCORE-Insrt-v0", *words)
    assert line.startswith("error: Unknown task 'SCORE-Insrt-v0'. Did you mean 'SCORE-Insert-v0'")


@pytest.mark.parametrize("script", ["train", "evaluate", "steerability"])
def test_a_wrong_name_waits_for_no_library(tmp_path: Path, script: str) -> None:
    program = (
        "import sys, runpy; from score.utils import run_command;"
        f"sys.argv = ['{script}.py', '--task', 'SCORE-Insrt-v0'];"
        f"code = run_command(runpy.run_path({str(ROOT / 'scripts' / f'{script}.py')!r})['main']);"
        "print(code, sorted({'torch', 'isaaclab', 'isaaclab_tasks', 'rsl_rl', 'matplotlib'} & set(sys.modules)))"
    )
    result = _run(tmp_path, "-c", program)
    assert result.stdout.splitlines()[-1:] == ["2 []"], result.stderr[-2000:]
    assert not list(tmp_path.iterdir())


def test_a_process_ends_in_one_line(tmp_path: Path) -> None:
    result = _run(tmp_path, str(ROOT / "scripts" / "train.py"), *TASK, "--checkpoint", "model_9.pt")
    assert result.returncode == 2, result.stderr[-2000:]
    assert result.stderr.startswith("error: ")
    assert "model_9.pt" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", ["train", "evaluate"])
def test_zero_environments(script: str, refused: Refused) -> None:
    assert "--num_envs must be at least 1, got 0" in refused(script, *TASK, "--num_envs", "0")


SMALL = (*TASK, "--num_envs", "64")
SHIPPED = (*TASK, "--checkpoint", "shipped", "--output", "x")


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        ("train", (*SMALL, "agent.steering.basis=dtc"), "agent.steering.basis: unknown basis 'dtc'; choose one of"),
        ("train", (*SMALL, "agent.steering.basis=dct", "agent.steering.knots=99"), "basis 'dct' needs 1 to 8 knots"),
        ("train", (*SMALL, "agent.steering.initial_std=-1"), "agent.steering.initial_std is -1.0: it must be"),
        ("train", (*SMALL, "agent.save_interval=0"), "agent.save_interval is 0: it must be at least 1"),
        ("train", (*SMALL, "agent.algorithm.learning_rate=-1"), "agent.algorithm.learning_rate is -1.0: it must be"),
        ("train", (*SMALL, "agent.logger=tensorbord"), "agent.logger: unknown logger 'tensorbord'; choose one of"),
        ("train", (*SMALL, "--processes", "65"), "--processes 65: there are only 64 environments"),
        ("train", (*SMALL, "--checkpoint", "best"), "or give the file of a checkpoint."),
        ("compare", (*SMALL, "--budget", "99999", "--output", "x", "agent.save_interval=0"), "agent.save_interval is"),
        ("evaluate", TASK, "or give the file of a checkpoint. One comes with the task: --checkpoint shipped."),
        ("evaluate", (*TASK, "--checkpoint", "none", "--search_episodes", "-5"), "--search_episodes must be at least"),
        ("export", (*SHIPPED, "--late_steps", "-1"), "--late_steps -1: a decision may take from 0 to "),
        ("export", (*SHIPPED, "--late_steps", "999"), "--late_steps 999: a decision may take from 0 to "),
        ("play", (*TASK, "--viz", "viser", "--viewer_host", "999.1.1.1"), "--viewer_host 999.1.1.1: nothing can"),
        ("reconstruct", ("scene", "x.yaml", "--seed", "-1"), "--seed must be from 0 to 2147483647, got -1."),
        ("policy", ("freeze",), "the following arguments are required: DIR|FILE.py:FUNCTION, --output; --help lists"),
        ("policy", ("freeze", "x", "--output", "y", "--stpes"), "unrecognized arguments: --stpes; --help lists"),
        ("benchmark", ("--suite", "scale", "--physics", "pyhsx"), "--physics: there is no engine 'pyhsx'."),
        ("benchmark", ("--suite", "cloud", "env.decimation=1"), "--suite cloud opens no task"),
        ("benchmark", ("--suite", "speed", "agent.foo=1"), "Override 'agent.foo': there is no setting 'foo'."),
    ],
)
def test_what_needs_no_simulator_is_refused_without(
    script: str, words: tuple[str, ...], message: str, refused: Refused
) -> None:
    assert message in refused(script, *words)


@pytest.mark.parametrize("name", ["weights.pt", "notes.txt", "empty", "broken.hdf5", "missing.hdf5"])
@pytest.mark.parametrize("script", ["check_contract", "exploit"])
def test_garbage_in_place_of_demonstrations(script: str, name: str, refused: Refused, tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / "weights.pt")
    (tmp_path / "notes.txt").write_text("milk")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 4)
    words = SHIPPED if script == "exploit" else TASK
    assert name in refused(script, *words, "--dataset", name)


def test_mistyped_flag(refused: Refused) -> None:
    line = refused("train", *TASK, "--num_env", "4")
    assert "Unknown argument" in line
    assert "--num_envs" in line


def test_training_in_the_real_stand_in_is_refused(refused: Refused) -> None:
    line = refused("train", "--task", "SCORE-Insert-Real-v0")
    assert "'SCORE-Insert-Real-v0' has no 'sim' domain; it has 'real' only" in line


def test_foreign_rsl_rl_checkpoint(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "model_100.pt"
    torch.save({"actor_state_dict": {}, "optimizer_state_dict": {}, "iter": 100, "infos": None}, path)
    assert path.name in refused("evaluate", *TASK, "--checkpoint", path)


def test_rsl_rl_checkpoint_in_place_of_a_capsule(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "model_100.pt"
    torch.save({"actor_state_dict": {}, "iter": 100}, path)
    line = refused("verify", path)
    assert "model_100.pt" in line
    assert "export.py" in line


def test_pickle_in_place_of_a_bundle(tmp_path: Path, refused: Refused) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    torch.save({"weights": torch.zeros(1)}, bundle / "policy.safetensors")
    (bundle / "policy.yaml").write_text("format: score-base-policy/1\n")
    assert "bundle" in refused("train", *TASK, "--base_policy", bundle)


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


def test_log_folder_that_cannot_be_written(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    assert "logs" in refused("benchmark", "--suite", "speed", "--output", "logs/speed.json")
