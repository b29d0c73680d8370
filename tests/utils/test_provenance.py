# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The command that is kept with a number can be given again elsewhere, and names no folder of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from score.utils.provenance import command_line


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["scripts/train.py", "--seed", "1"], "./isaaclab.sh -p scripts/train.py --seed 1"),
        (
            ["{here}/scripts/train.py", "--output", "{here}/a/b.json"],
            "./isaaclab.sh -p scripts/train.py --output a/b.json",
        ),
        (
            ["scripts/evaluate.py", "--output", "/elsewhere/b.json"],
            "./isaaclab.sh -p scripts/evaluate.py --output b.json",
        ),
        (["/opt/bin/score-train", "--run_name", "a b"], "score-train --run_name 'a b'"),
    ],
)
def test_command_line(argv: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [word.format(here=tmp_path) for word in argv])
    assert command_line() == said
