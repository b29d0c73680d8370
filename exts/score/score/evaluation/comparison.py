# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Methods side by side, from the reports of their evaluations: this runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from score.rollout.arms import BASE, STEERED
from score.utils.errors import UserError

from .difficulty import LEVELS, level_of
from .statistics import sign_flip_p, wilson_interval

_SAME = ("task", "domain", "physics", "episodes", "seed", "starts")
"""What all reports of one domain have in common."""


@dataclass(frozen=True)
class Cell:
    """One evaluated training run."""

    method: str
    """Name of the method."""
    seed: int
    """Seed of the training."""
    env_steps: int
    """Control steps that the evaluated checkpoint had been trained for."""
    report: Mapping[str, Any]
    """Report of its evaluation."""


def compare_methods(cells: Sequence[Cell], free: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Put evaluations side by side.

    Args:
        cells: Evaluations of all methods, seeds and domains, each method with the same seeds in every domain.
        free: Domain -> report of the base policy and the free arms on the same starts.

    Returns:
        ``domains``: name -> ``free`` (arm -> success, and ``loads`` as :mod:`~.behaviour` has them, None where nobody
        watched), ``methods`` (name -> ``rate``, the mean over seeds, its ``wilson95``, ``runs``, ``against_base`` and
        ``against_score``: discordant pairs of every run with every run, and p of the exact sign-flip test of the mean
        over seeds) and ``levels`` (level of difficulty -> starts, and the share that each arm and method solves), None
        where the report of the base policy has no difficulty. Seeds of one method meet the same starts, so the interval
        is that of one run with the mean rate, and the test has one difference for each start: more seeds are no more
        starts.

    Raises:
        UserError: Two reports of a domain are not of the same starts.
    """
    return {"domains": {domain: _of_domain(report, domain, cells) for domain, report in free.items()}}


def _of_domain(free: Mapping[str, Any], domain: str, cells: Sequence[Cell]) -> dict[str, Any]:
    cells = [cell for cell in cells if cell.report["domain"] == domain]
    for cell in cells:
        for key in _SAME:
            if cell.report[key] != free[key]:
                raise UserError(
                    f"Reports cannot be compared: {key} of {cell.method}, seed {cell.seed}, is {cell.report[key]!r}, of"
                    f" the base policy {free[key]!r}. Give another --output."
                )
    solved = {name: outcomes_of(free, name) for name in free["arms"]}
    runs: dict[str, list[Cell]] = {}
    for cell in cells:
        runs.setdefault(cell.method, []).append(cell)
    by_method = {name: np.stack([outcomes_of(cell.report, STEERED) for cell in of]) for name, of in runs.items()}
    return {
        "physics": free["physics"],
        "free": {name: arm["success"] | {"loads": _loads(free, name)} for name, arm in free["arms"].items()},
        "methods": {
            name: _summary(runs[name], outcomes, solved[BASE], by_method.get("score"))
            for name, outcomes in by_method.items()
        },
        "levels": _levels(free["difficulty"], {**{name: o[None] for name, o in solved.items()}, **by_method}),
    }


def outcomes_of(report: Mapping[str, Any], arm: str) -> NDArray[np.bool_]:
    """Which starts an arm solved, (E,)."""
    return np.array([mark == "1" for mark in report["arms"][arm]["solved"]])


def _summary(
    cells: list[Cell], outcomes: NDArray[np.bool_], base: NDArray[np.bool_], score: NDArray[np.bool_] | None
) -> dict[str, Any]:
    rate, starts = float(outcomes.mean()), outcomes.shape[1]
    runs = [
        {"seed": cell.seed, "env_steps": cell.env_steps, "success": cell.report["arms"][STEERED]["success"]}
        | {"mean_steps": cell.report["arms"][STEERED]["steps_to_success"]["mean"]}
        | {"steps_ratio": cell.report["paired"]["steps_ratio"], "loads": _loads(cell.report, STEERED)}
        for cell in cells
    ]
    return {
        "rate": rate,
        "wilson95": list(wilson_interval(round(rate * starts), starts)),
        "runs": runs,
        "against_base": _against(base[None], outcomes),
        "against_score": None if score is None else _against(score, outcomes),
    }


def _loads(report: Mapping[str, Any], arm: str) -> dict[str, Any] | None:
    """How hard an arm moved the robot; None where nobody watched all of its episodes."""
    behaviour = report.get("behaviour")
    return None if behaviour is None else behaviour["loads"].get(arm)


def _against(other: NDArray[np.bool_], this: NDArray[np.bool_]) -> dict[str, Any]:
    """Compare runs (S, E) with other ones (T, E), where only one has a start solved, and start by start."""
    only_other = int((other[:, None] & ~this).sum())
    only_this = int((~other[:, None] & this).sum())
    # Times S T, so that they are whole numbers.
    differences = len(other) * this.sum(axis=0) - len(this) * other.sum(axis=0)
    return {"only_other": only_other, "only_this": only_this, "p": sign_flip_p(differences)}


def _levels(difficulty: Mapping[str, Any] | None, solved: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any] | None:
    if difficulty is None:
        return None
    levels = level_of(np.array(difficulty["solved"]), difficulty["tries"])
    return {
        name: {
            "starts": int((levels == index).sum()),
            "rate": {arm: float(outcomes[:, levels == index].mean()) for arm, outcomes in solved.items()},
        }
        for index, name in enumerate(LEVELS)
        if (levels == index).any()
    }
