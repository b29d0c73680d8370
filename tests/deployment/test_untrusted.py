# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A capsule whose policy does more than compute, or never ends, is refused, and nothing of it is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.hostile.subjects import _make_capsule, _sign_capsule

from score.deployment import replay, verify_capsule
from score.utils.errors import UserError


class Honest(torch.nn.Module):
    """What a capsule's policy has, and one method that children change."""

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.act(observations["joint_pos"])

    def act(self, joints: torch.Tensor) -> torch.Tensor:
        return joints

    @torch.jit.export
    def reset(self) -> None:
        pass

    @torch.jit.export
    def decided(self) -> bool:
        return True

    @torch.jit.export
    def example_observations(self) -> dict[str, torch.Tensor]:
        return {"joint_pos": torch.zeros(2), "point_cloud": torch.zeros(5, 3)}


class Writer(Honest):
    """Makes a file, or overwrites one."""

    def act(self, joints: torch.Tensor) -> torch.Tensor:
        return joints + torch.from_file("thesis.tex", shared=True, size=2)


class Random(Honest):
    """Draws a number."""

    def act(self, joints: torch.Tensor) -> torch.Tensor:
        return joints + torch.rand(2)


class Endless(Honest):
    """Never answers."""

    def act(self, joints: torch.Tensor) -> torch.Tensor:
        while bool(joints[0] < 1.0):
            joints = joints * 1.0
        return joints


@pytest.fixture
def capsule(tmp_path: Path) -> Path:
    _make_capsule(tmp_path)
    return tmp_path / "capsule"


def put(policy: torch.nn.Module, capsule: Path) -> None:
    torch.jit.script(policy).save(str(capsule / "policy.pt"))
    _sign_capsule(capsule, json.loads((capsule / "manifest.json").read_text()))


@pytest.mark.parametrize(("policy", "operator"), [(Writer(), "aten::from_file"), (Random(), "aten::rand")])
def test_operators_are_looked_at_before_anything_runs(
    capsule: Path, policy: torch.nn.Module, operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(capsule.parent)
    put(policy, capsule)
    with pytest.raises(UserError, match=rf"policy.pt uses {operator}: a capsule may only .* Do not run it on a robot"):
        verify_capsule(capsule, repeats=1)
    assert not Path("thesis.tex").exists()


def test_a_policy_that_lacks_a_method(capsule: Path) -> None:
    put(torch.nn.Linear(2, 2), capsule)
    with pytest.raises(UserError, match="has no method 'reset': a capsule needs forward and reset and decided"):
        verify_capsule(capsule, repeats=1)


def test_a_policy_that_never_answers_is_ended(capsule: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "START_LIMIT", 8)
    put(Endless(), capsule)
    began = time.process_time()
    with pytest.raises(UserError, match="was stopped: loading it took longer than 8 s, or one control step longer"):
        verify_capsule(capsule, repeats=1)
    assert time.process_time() - began < 8.0  # this process has only waited


def test_verify_ends_its_child_when_it_is_stopped(capsule: Path) -> None:
    put(Endless(), capsule)
    script = Path(__file__).parents[2] / "scripts" / "verify.py"
    process = subprocess.Popen([sys.executable, script, capsule], stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (child := children.read_text().split()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (143, "interrupted by SIGTERM\n")
    with pytest.raises(ProcessLookupError):  # once the kernel has come to it, on a busy machine
        for _ in range(200):
            os.kill(int(child[0]), 0)
            time.sleep(0.05)
