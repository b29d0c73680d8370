# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Steering policies that come with a task (``--checkpoint shipped``).

One is a folder: ``steering.pt``, a checkpoint without all that only a training needs, and ``evaluation_<domain>.json``,
the reports of ``evaluate.py`` on it. ``export.py --steering_only`` makes one.
"""

from __future__ import annotations

from pathlib import Path

from score.utils.errors import UserError

SHIPPED = "shipped"
"""Selector of the steering policy that comes with the task."""

POLICY_FILE = "steering.pt"
SHIPPED_FILES = (POLICY_FILE, "evaluation_*.json")
"""All that the folder of a steering policy holds."""


def shipped_checkpoint(task: str) -> Path:
    """Find the steering policy that comes with a task.

    Args:
        task: Gym id of the task.

    Returns:
        The checkpoint.

    Raises:
        UserError: The task is unknown, or comes without one.
    """
    from score.open_task import entry_point, task_kwargs

    kwargs, found = task_kwargs(task)[1], ""
    if "steering_policy_entry_point" in kwargs:
        locate, name = entry_point(task, "steering_policy_entry_point"), kwargs.get("base_policy")
        try:
            return Path(locate(name) if name is not None else locate()) / POLICY_FILE
        except FileNotFoundError as error:
            found = f" {error}"
    raise UserError(
        f"--checkpoint {SHIPPED}: task '{task}' comes without a steering policy.{found} Train one (scripts/train.py"
        f" --task {task}) and use --checkpoint best, or use --checkpoint none for the base policy alone."
    )


def evaluation_lines(checkpoint: Path) -> list[str]:
    """Return what the evaluations of a shipped steering policy say, one line each."""
    from score.evaluation.schema import read_report

    lines = []
    for file in sorted(checkpoint.parent.glob("evaluation_*.json")):
        report = read_report(file)
        rates = {name: f"{arm['success']['rate']:.1%}" for name, arm in report["arms"].items()}
        lines.append(
            f"Evaluated in {report['domain']}, {report['episodes']} {report['starts']} starts: base policy"
            f" {rates['base']}, steered {rates.get('steered', 'not run')}"
        )
    return lines
