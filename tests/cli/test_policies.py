# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""``policy.py`` on a LeRobot checkpoint that is put into the words of a Gymnasium task."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.gym_task import detour

from score.policies.bundle import load_bundle
from score.policies.contract_mark import write_mark
from score.utils.errors import UserError

ROOT = Path(__file__).parents[2]
NAME = f"{detour.__name__}:Detour-v0"
PAGE = """
inputs:
  observation.state: [{observation: position}, {constant: [0.3]}]
  observation.environment_state: [{observation: disc, hold: true}, {constant: [0.0]}]
actions: [{names: [along]}, {drop: 1}, {names: [sideways]}]
"""


def _run(*words: str) -> int:
    return _main(*words, "--task", NAME, "--device", "cpu")


def _main(*words: str) -> int:
    return _load_main("policy")(list(words))


def _load_main(name: str) -> Callable[[list[str]], int]:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(ROOT / "tests" / "policies" / "fixtures" / "lerobot_ddim", tmp_path / "pretrained_model")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_does_not_fit_is_said_with_a_page_to_begin_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("check", str(folder)) == 1
    out = capsys.readouterr().out
    assert "reads     observation.state: 2 x [3] unknown" in out
    assert "latent    8 x 3, of which 1 rows lie in the past" in out
    assert "PROBLEM" in out
    assert "which observations make 'observation.state' (3 numbers)?" in out
    page = yaml.safe_load(out.split("beside it:\n")[1].rsplit("Cannot be steered yet.")[0])
    assert page["actions"] == [{"names": ["along", "sideways"], "units": "dm"}, {"drop": 1}]
    (folder / "interface.yaml").write_text(PAGE)
    assert _run("check", str(folder), "--episodes", "6") == 0
    out = capsys.readouterr().out
    assert re.search(r"success   \d of 6 starts without steering \(\d+ %, \d+ to \d+\), 4 steps of each chunk", out)
    assert "gives     along, sideways [dm]" in out
    assert "its noise moves the actions by along " in out
    assert "its actions last 400 ms" in out
    assert "Can be steered." in out


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_checkpoint_becomes_a_base_policy(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(PAGE)
    output = tmp_path / "bundle"
    write_mark(folder, "Detour-v0", "0" * 64, ["position has the other sign"], [])
    assert _run("convert", str(folder), "--interface", str(tmp_path / "page.yaml"), "--output", str(output)) == 0
    policy = load_bundle(output)
    assert list(policy.spec.observations) == ["position", "disc"]
    assert policy.latent_shape == (8, 3)
    assert yaml.safe_load((output / "policy.yaml").read_text())["training"]["home"] == "LeRobot"
    assert _run("check", str(output)) == 0
    with pytest.raises(UserError, match=r"--interface .*page.yaml is of no use to .*bundle, which says all of that"):
        _run("check", str(output), "--interface", str(tmp_path / "page.yaml"))
    # What a replay found of the checkpoint holds of the bundle, and stops the training.
    with pytest.raises(UserError, match=r"do not fit the task: position has the other sign"):
        _load_main("train")(["--task", NAME, "--device", "cpu", "--base_policy", str(output)])


MINE = """
import torch

class Mine(torch.nn.Module):
    inputs, latent = {"position": ((2,), 2), "disc": ((1,), 1)}, (4, 2)

    def __init__(self):
        super().__init__()
        self.mix = torch.nn.Linear(5 + 8, 8)

    def encode(self, observations: dict[str, torch.Tensor]):
        return torch.cat([observations["position"].flatten(1), observations["disc"]], dim=1)

    def decode(self, condition, latent):
        return self.mix(torch.cat([condition, latent.flatten(1)], dim=1)).view(-1, 4, 2)
"""


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_frozen_policy_that_speaks_of_the_tasks_observations_is_steered_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine_of_detour.py").write_text(MINE)
    folder = tmp_path / "frozen"
    assert _main("freeze", f"{tmp_path / 'mine_of_detour.py'}:Mine", "--output", str(folder)) == 0
    assert _run("check", str(folder)) == 0
    assert "Can be steered." in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        _main("freeze", "--help")
    assert caught.value.code == 0
    file = re.search(r"This file: (\S+)", capsys.readouterr().out)
    assert file is not None
    assert Path(file[1]).name == "freeze.py"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chek", "."], r"Action 'chek' is unknown. Did you mean 'check'"),
        (["convert", "."], r"--output is missing"),
        (["convert", ".", "--output", "new"], r"is not a checkpoint of LeRobot, diffusion_policy, robomimic or Man"),
        (["check", ".", "--interface", "none.yaml"], r"--interface none.yaml does not exist"),
        (["check", "nowhere"], r"nowhere does not exist"),
    ],
)
def test_mistakes(words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        _run(*words)
