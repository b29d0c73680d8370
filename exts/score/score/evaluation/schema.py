# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Checks of an evaluation report: its keys, and that its numbers agree with each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from score.rollout.arms import ARM_NAMES, BASE, CONSTANT_ARMS, STEERED
from score.utils.errors import UserError
from score.utils.fields import brief
from score.utils.settings_files import read_json

REPORT_KEYS = (
    *("task", "domain", "physics", "episodes", "seed", "starts", "arms", "paired"),
    *("support", "difficulty", "searches", "seeds", "interval_method", "commit", "command"),
)
LATER_KEYS = ("behaviour",)
"""Keys that reports of earlier versions lack."""
ARM_KEYS = ("success", "steps_to_success", "failures", "guard_resets", "solved")
PAIRED_KEYS = (
    *("both", "base_only", "steered_only", "neither", "mcnemar_p"),
    *("steps_ratio", "steps_ratio_interval95"),
)


def validate_report(report: Mapping[str, Any]) -> None:
    """Check a report.

    Args:
        report: The report.

    Raises:
        ValueError: A key is missing or unknown, or counts do not add up; the message names the place.
    """
    _require_keys(dict.fromkeys(LATER_KEYS) | dict(report), (*REPORT_KEYS, *LATER_KEYS), "report")
    arms, episodes = report["arms"], report["episodes"]
    unknown = [name for name in arms if name not in ARM_NAMES]
    if unknown or BASE not in arms:
        raise ValueError(f"arms: needs '{BASE}' and only {', '.join(ARM_NAMES)}; has {', '.join(arms) or 'none'}.")
    for name, arm in arms.items():
        _validate_arm(name, arm, episodes)
    if {name for name in arms if name in CONSTANT_ARMS} != set(report["searches"]):
        raise ValueError("searches: must name exactly the constant arms.")
    if report["difficulty"] is not None:
        _validate_difficulty(report["difficulty"], arms, episodes)
    if (report["paired"] is not None) != (STEERED in arms):
        raise ValueError(f"paired: must be there exactly if the arm '{STEERED}' is.")
    if report["paired"] is not None:
        _validate_paired(report["paired"], arms, episodes)


def read_report(path: Path) -> dict[str, Any]:
    """Read and check a report.

    Args:
        path: A file that ``evaluate.py`` wrote.

    Returns:
        The report.

    Raises:
        UserError: The file is missing, no JSON, or no valid report.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: give a file that scripts/evaluate.py wrote.")
    report = read_json(path, "make it again with scripts/evaluate.py")
    try:
        if not isinstance(report, dict):
            raise ValueError("it holds no object.")
        validate_report(report)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(
            f"{path} is not an evaluation report: {brief(error, 200)} Make it again with scripts/evaluate.py."
        ) from error
    return report


def _validate_arm(name: str, arm: Mapping[str, Any], episodes: int) -> None:
    place = f"arms.{name}"
    _require_keys(arm, ARM_KEYS, place)
    _require_keys(arm["success"], ("k", "n", "rate", "wilson95"), f"{place}.success")
    _require_keys(arm["steps_to_success"], ("median", "mean", "censored"), f"{place}.steps_to_success")
    successes, (low, high) = arm["success"]["k"], arm["success"]["wilson95"]
    if arm["success"]["n"] != episodes or not low <= arm["success"]["rate"] <= high:
        raise ValueError(f"{place}.success: n is not {episodes}, or the rate lies outside its interval.")
    failed = sum(arm["failures"].values())
    if successes + failed != episodes or arm["steps_to_success"]["censored"] != failed:
        raise ValueError(f"{place}: {successes} successes and {failed} failures do not make {episodes} episodes.")
    if (len(arm["solved"]), arm["solved"].count("1")) != (episodes, successes):
        raise ValueError(f"{place}.solved: does not mark {successes} of {episodes} starts.")
    if arm["guard_resets"] != arm["failures"].get("guard", 0):
        raise ValueError(f"{place}.guard_resets: differs from failures.guard.")


def _validate_paired(paired: Mapping[str, Any], arms: Mapping[str, Any], episodes: int) -> None:
    _require_keys(paired, PAIRED_KEYS, "paired")
    both, base_only, steered_only = paired["both"], paired["base_only"], paired["steered_only"]
    if both + base_only + steered_only + paired["neither"] != episodes:
        raise ValueError(f"paired: the table does not add up to {episodes} episodes.")
    if (both + base_only, both + steered_only) != (arms[BASE]["success"]["k"], arms[STEERED]["success"]["k"]):
        raise ValueError("paired: the table disagrees with the successes of the arms.")


def _validate_difficulty(difficulty: Mapping[str, Any], arms: Mapping[str, Any], episodes: int) -> None:
    _require_keys(difficulty, ("tries", "pass_at", "levels", "solved"), "difficulty")
    levels = difficulty["levels"].values()
    if not sum(level["starts"] for level in levels) == len(difficulty["solved"]) == episodes:
        raise ValueError(f"difficulty: its levels do not add up to {episodes} starts.")
    for name, arm in arms.items():
        if sum(level["k"][name] for level in levels) != arm["success"]["k"]:
            raise ValueError(f"difficulty: its levels disagree with the successes of the arm '{name}'.")


def _require_keys(values: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
    missing = [key for key in keys if key not in values]
    unknown = [key for key in values if key not in keys]
    if missing or unknown:
        raise ValueError(f"{place}: missing {missing}, unknown {unknown}.")
