# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The mark that ``check_contract.py`` leaves in the folder of a base policy; training stops at a red one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from score.utils.errors import UserError
from score.utils.files import atomic_file
from score.utils.settings_files import read_json

MARK_FILE = "contract.json"


def write_mark(folder: Path, task: str, data_sha256: str, red: Sequence[str], worth_a_look: Sequence[str]) -> None:
    """Leave what was found of a task in a base policy's folder, beside what is there of other tasks.

    Args:
        folder: The base policy.
        task: Gym id of the task.
        data_sha256: Hash of the demonstrations.
        red: What must be mended before anything is trained.
        worth_a_look: What else was found.
    """
    marks = _read(folder)
    marks[task] = {"data_sha256": data_sha256, "red": list(red), "worth_a_look": list(worth_a_look)}
    with atomic_file(folder / MARK_FILE) as temporary:
        temporary.write_text(json.dumps(marks, indent=2) + "\n", encoding="utf-8")


def require_no_red_mark(folder: Path, task: str) -> None:
    """Check that no contract is known to be broken.

    Raises:
        UserError: The base policy's demonstrations and the task mean different things by the same numbers.
    """
    mark = _read(folder).get(task)
    red = mark.get("red") if isinstance(mark, dict) else None
    if isinstance(red, list) and red:
        raise UserError(
            f"{folder / MARK_FILE}: demonstrations of this base policy do not fit the task: {str(red[0])[:300]}"
            f"{f' (and {len(red) - 1} more)' if len(red) > 1 else ''}. Correct the data or the task and run"
            " check_contract.py again, or add --despite_contract."
        )


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MARK_FILE
    marks = read_json(path, "remove it, and run check_contract.py again") if path.exists() else {}
    if not isinstance(marks, dict):
        raise UserError(f"{path} holds no marks: remove it, and run check_contract.py again.")
    return marks
