# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Mistakes on the command line: one line, exit code 2, before a simulator is opened, and nothing is lost or left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from score.utils import run_command
from score.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
TASK = ("--task", "SCORE-Insert-v0")
LONG = "x" * 300


SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("[a-z]*.py"))
BASES: dict[str, tuple[str, ...]] = {
    "author_assets": (),
    "check_contract": (*TASK, "--dataset", "x.hdf5"),
    "compare": (*TASK, "--num_envs", "64", "--budget", "1000000", "--output", "comparison"),
    "exploit": (*TASK, "--checkpoint", "shipped", "--output", "exploit"),
    "policy": ("check", "x", *TASK),
    "reconstruct": ("asset", "mug.obj", "--name", "mug", "--output", "mug"),
    "steerability": TASK,
    "train": TASK,
    "evaluate": (*TASK, "--checkpoint", "none"),
    "collect": (*TASK, "--output", "x.hdf5"),
    "play": (*TASK, "--checkpoint", "none", "--video"),
    "export": (*TASK, "--checkpoint", "shipped", "--output", "capsule"),
    "benchmark": ("--suite", "soak"),
    "pretrain": ("--dataset", "x.hdf5", "--output", "x"),
    "verify": ("x",),
}
"""A command line that is right but for files, for every script."""

TAKEN = {
    "author_assets": (("--output", "mine"), "mine holds other things than what is to be written there (thesis.tex)"),
    "benchmark": (("--output", "notes.json"), "notes.json is not a report of this suite, and would be lost"),
    "collect": (("--output", "taken.hdf5"), "taken.hdf5 already exists: remove it or name another file."),
    "compare": (("--output", "mine"), "--output mine holds something else: give a new folder."),
    "evaluate": (("--output", "notes.json"), "notes.json is not an evaluation report"),
    "exploit": (("--output", "mine"), "--output mine holds something else: give a new folder."),
    "export": (("--output", "mine"), "mine already exists: name another folder, or add --overwrite."),
    "play": (("--output", "notes.json"), "Cannot make the folder notes.json"),
    "pretrain": (("--output", "mine"), "mine holds other things than what is to be written there (thesis.tex)"),
    "reconstruct": (("--output", "mine"), "mine already exists"),
    "steerability": (("--output", "notes.json"), "notes.json is not a report of scripts/steerability.py, and would be"),
}
"""An output that holds something of the user's, and what is said of it, for every script that takes one."""
NO_OUTPUT = {"check_contract", "policy", "train", "verify"}
"""Scripts that write nothing, or where they choose; ``policy.py convert`` is below."""


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_flag_that_there_is_not(script: str, refused: Callable[..., str]) -> None:
    assert "--no_such_flag" in refused(script, *BASES[script], "--no_such_flag")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_setting_that_there_is_not(script: str, refused: Callable[..., str]) -> None:
    assert "agent.foo" in refused(script, *BASES[script], "agent.foo=1")


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name not in NO_OUTPUT])
def test_an_output_that_is_taken(script: str, refused: Callable[..., str], things: Path) -> None:
    words, message = TAKEN[script]
    assert message in refused(script, *BASES[script], *words)
    assert (things / "mine" / "thesis.tex").read_text() == "kept"


@pytest.fixture
def things(tmp_path: Path) -> Path:
    """A folder with files of the user's."""
    for folder in ("folder.json", "folder.hdf5", "mine"):
        (tmp_path / folder).mkdir()
    for file in ("taken.hdf5", "mine/thesis.tex", "mug.obj"):
        (tmp_path / file).write_text("kept")
    (tmp_path / "notes.json").write_text(json.dumps({"shopping": []}))
    return tmp_path


@pytest.mark.parametrize("script", BASES)
def test_an_abbreviated_flag_is_none(script: str, refused: Callable[..., str]) -> None:
    own = {"verify": "--rep", "pretrain": "--see", "author_assets": "--outp", "reconstruct": "--fric"}
    flag = own.get(script, "--dev")
    assert flag in refused(script, *BASES[script], flag, "1")


@pytest.mark.parametrize("script", [name for name in BASES if name not in ("author_assets", "reconstruct", "verify")])
def test_seeds_below_zero(script: str, refused: Callable[..., str]) -> None:
    line = refused(script, *BASES[script], "--seed", "-3000000")
    assert line == "error: --seed must be from 0 to 2147483647, got -3000000."


@pytest.mark.parametrize("device", ["meta", "nonsense", "cuda:99"])
@pytest.mark.parametrize("script", ["train", "evaluate", "collect", "pretrain"])
def test_devices(script: str, device: str, refused: Callable[..., str]) -> None:
    line = refused(script, *BASES[script], "--device", device)
    assert line.startswith(f"error: Device '{device}' cannot be used (")
    assert line.endswith("give --device cpu.")


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        ("evaluate", ("--output", "folder.json"), "folder.json is a folder, and a file is to be written there"),
        ("evaluate", ("--output", f"{LONG}.json"), "has 305 letters: at most 200 are possible"),
        ("collect", ("--output", "folder.hdf5"), "folder.hdf5 is a folder"),
        ("author_assets", ("--output", "taken.hdf5"), "taken.hdf5 is a file, and a folder is to be written there"),
        ("author_assets", ("--output", "."), ". is the folder that the command runs in, or one above it"),
        ("collect", ("--output", "demos"), "--output must name a .hdf5 file, got demos."),
        ("collect", ("--output", f"{LONG}.hdf5"), "at most 200 are possible"),
        ("pretrain", ("--output", "."), ". is the folder that the command runs in, or one above it"),
        ("pretrain", ("--output", ".."), ".. is the folder that the command runs in, or one above it"),
        ("pretrain", ("--output", LONG), "at most 200 are possible"),
        ("pretrain", ("--updates", "0"), "--updates must be at least 1, got 0."),
        ("benchmark", ("--steps", "-1"), "--steps must be at least 1, got -1."),
        ("benchmark", ("--num_envs", "4", "0"), "--num_envs must be at least 1, got 0."),
        ("benchmark", ("--output", "folder.json"), "folder.json is a folder"),
        ("train", ("--run_name", "../../x"), "--run_name is '../../x': give the name of a folder"),
        ("train", ("--run_name", LONG), "--run_name is 'xxx"),
        ("train", ("agent.experiment_name=../../x",), "agent.experiment_name is '../../x'"),
        ("train", ("--base_policy", "mine"), "mine has no policy.yaml"),
        ("train", ("--base_policy", LONG), "the name is too long; give a shorter one"),
    ],
)
def test_outputs_names_and_numbers(
    script: str, words: tuple[str, ...], message: str, refused: Callable[..., str], things: Path
) -> None:
    assert message in refused(script, *BASES[script], *words)
    assert (things / "mine" / "thesis.tex").read_text() == "kept"


def test_converting_into_a_folder_of_other_things(refused: Callable[..., str], things: Path) -> None:
    assert "mine" in refused("policy", "convert", "x", *TASK, "--output", "mine")
    assert (things / "mine" / "thesis.tex").read_text() == "kept"


def test_a_folder_of_other_things_is_never_overwritten(refused: Callable[..., str], tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("kept")
    scan = tmp_path / "mug.obj"
    scan.write_text("")
    words = ("asset", scan, "--name", "mug", "--output", mine)
    assert "mine already exists" in refused("reconstruct", *words)
    line = refused("reconstruct", *words, "--overwrite")
    assert "mine holds other things than what is to be written there (thesis.tex), and they would be lost" in line
    assert "is the folder that the command runs in" in refused("reconstruct", *words[:-1], ".", "--overwrite")
    assert (mine / "thesis.tex").read_text() == "kept"


def test_a_checkpoint_of_another_base_policy_is_refused_before_the_simulator(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    from tests.hostile.subjects import _make_checkpoint

    _make_checkpoint(tmp_path)
    for script in ("train", "evaluate", "export", "play"):
        words = [word for word in BASES[script] if word not in ("--checkpoint", "none", "shipped")]
        line = refused(script, *words, "--checkpoint", "model_0.pt")
        assert "model_0.pt steers another base policy" in line


def test_a_python_without_the_packages_is_told_of_the_launcher(tmp_path: Path) -> None:
    for script in sorted((ROOT / "scripts").glob("[a-z]*.py")):
        # -S: no site-packages; -I: no PYTHONPATH.
        done = subprocess.run([sys.executable, "-I", "-S", script], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("error: No module named 'score")
        assert done.stderr.endswith(f"start this with ./isaaclab.sh -p {script} ...\n")
        assert done.stderr.count("\n") == 1


def test_a_missing_package_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        import no_such_package  # type: ignore[import-not-found]  # noqa: F401

        return 0

    assert run_command(main) == 2
    assert "has no package 'no_such_package': start the command with ./isaaclab.sh -p" in capsys.readouterr().err


def test_a_missing_package_in_the_words_of_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise ModuleNotFoundError("wandb package is required to log to Weights and Biases.")

    assert run_command(main) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: wandb package is required to log to Weights and Biases: install it for this Python")
    assert line.count("\n") == 1


def test_a_missing_module_of_ours_is_a_defect() -> None:
    def main() -> int:
        import score.no_such_module  # type: ignore[import-not-found]  # noqa: F401

        return 0

    with pytest.raises(ModuleNotFoundError):
        run_command(main)


def test_a_viewer_without_a_display(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    line = refused("play", *TASK, "--viz", "newton_gl")
    assert line == ("error: --viz newton_gl opens a window, and there is no display: use --viz viser or --video.")


def test_two_runs_of_one_second_have_two_folders(tmp_path: Path) -> None:
    from score.steering.run_folder import run_directory

    folders = [run_directory(tmp_path, "a") for _ in range(4)]
    assert len(set(folders)) == 4
    assert all(folder.is_dir() for folder in folders)
    with pytest.raises(UserError, match=r"--run_name is '\.\./x'"):
        run_directory(tmp_path, "../x")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("env.foo=1", "Override 'env.foo': there is no setting 'foo'."),
        ("env.decimaton=1", "there is no setting 'decimaton'. Did you mean 'decimation'?"),
        ("env.scene.num_env=1", "there is no setting 'num_env'. Did you mean 'num_envs'?"),
        ("env.rewards.0.weigt=1", "there is no setting 'weigt'. Did you mean 'weight'?"),
        ("evn.decimation=1", "there is no group 'evn'. Did you mean 'env'?"),
        ("+env.decimation=1", "there is no group '+env'. Did you mean 'env'?"),
    ],
)
def test_unknown_settings_of_an_environment(override: str, message: str) -> None:
    from types import SimpleNamespace

    from score.utils.overrides import require_known_keys

    cfg: Any = SimpleNamespace(decimation=12, scene={"num_envs": 4}, rewards=[SimpleNamespace(weight=1.0)], _own=1)
    with pytest.raises(UserError) as caught:
        require_known_keys([override], "env", cfg)
    assert message in str(caught.value)
    require_known_keys(["env.decimation=1", "env.scene.num_envs=1", "env.rewards.0.weight=2", "physics=x"], "env", cfg)


def test_overrides_that_a_task_cannot_be_built_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from score.isaac_settings import blaming

    monkeypatch.delenv("SCORE_VERBOSE", raising=False)
    overrides = ["env.decimation=0"]
    with pytest.raises(UserError) as caught, blaming("SCORE-Insert-v0", overrides):
        raise ZeroDivisionError("float division by zero")
    assert str(caught.value) == (
        "Task 'SCORE-Insert-v0' cannot be built with env.decimation=0: ZeroDivisionError: float division by zero."
        " Leave them out one by one; SCORE_VERBOSE=1 shows where it fails."
    )
    with pytest.raises(ZeroDivisionError), blaming("SCORE-Insert-v0", []):  # a defect of the task
        raise ZeroDivisionError
    monkeypatch.setenv("SCORE_VERBOSE", "1")
    with pytest.raises(ZeroDivisionError), blaming("SCORE-Insert-v0", overrides):
        raise ZeroDivisionError


def test_an_export_that_does_not_fit_on_the_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource

    from tests.hostile.subjects import _make_capsule

    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))

        def main() -> None:
            _make_capsule(tmp_path)

        code = run_command(main)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    line = capsys.readouterr().err
    assert code == 2
    assert line.startswith("error: ")
    assert "the file would be larger than allowed here" in line
    assert line.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_every_evaluation_that_is_named_counts(refused: Callable[..., str], tmp_path: Path) -> None:
    """The flag may be given again: the last one alone was taken."""
    words = ("--steering_only", "--evaluation", "first.json", "--evaluation", "second.json")
    assert "first.json" in refused("export", *BASES["export"], *words)
