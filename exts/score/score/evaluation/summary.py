# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From the episodes of all arms to the values of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from score.rollout.arms import BASE, STEERED
from score.rollout.results import EpisodeResults
from score.rollout.seeds import Stream, derive_seed
from score.utils.files import atomic_file

from .difficulty import split_by_difficulty
from .schema import validate_report
from .settings import EvaluationCfg
from .statistics import INTERVAL_METHOD, PairedTable, steps_ratio, steps_summary, wilson_interval


def make_report(
    results: Mapping[str, EpisodeResults],
    cfg: EvaluationCfg,
    *,
    num_envs: int,
    chunk_steps: int,
    searches: Mapping[str, Mapping[str, Any]] | None = None,
    solved: NDArray[np.int64] | None = None,
    support: Mapping[str, Any] | None = None,
    behaviour: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the report.

    Args:
        results: Episodes of each arm over the same starts.
        cfg: Settings of the evaluation.
        num_envs: Environments that ran side by side, for the record; results do not depend on it.
        chunk_steps: Control steps executed of every chunk.
        searches: What :class:`~.constant_search.SearchResult` says of each arm that was searched for.
        support: What :class:`~.support.SupportMeter` says of the steered arm.
        behaviour: What :func:`~.behaviour.summarize_behavior` says of base and steered arm.
        solved: How often the base policy solved each start in ``cfg.tries`` tries, (E,).

    Returns:
        Plain JSON values, checked by :func:`~score.evaluation.schema.validate_report`. ``paired`` is None without
        steering.
    """
    report = {
        "task": cfg.task,
        "domain": cfg.domain,
        "physics": cfg.physics,
        "episodes": cfg.episodes,
        "seed": cfg.seed,
        "starts": cfg.starts,
        "arms": {name: summarize_arm(arm) for name, arm in results.items()},
        "paired": None,
        "support": None if support is None else dict(support),
        "behaviour": None if behaviour is None else dict(behaviour),
        "difficulty": None if solved is None else split_by_difficulty(results, solved, cfg.tries),
        "searches": {name: dict(facts) for name, facts in (searches or {}).items()},
        "seeds": {"starts": cfg.start_seed, "num_envs": num_envs, "chunk_steps": chunk_steps},
        "interval_method": INTERVAL_METHOD,
        "commit": cfg.commit,
        "command": cfg.command,
    }
    if STEERED in results:
        bootstrap_seed = derive_seed(cfg.start_seed, 0, Stream.BOOTSTRAP)
        report["paired"] = compare_arms(results[BASE], results[STEERED], bootstrap_seed)
    validate_report(report)
    return report


def summarize_arm(results: EpisodeResults) -> dict[str, Any]:
    """Summarise one arm: success with its interval, steps to success, failures by name, guard resets, starts."""
    successes, episodes = int(results.success.sum()), results.episodes
    return {
        "success": {
            "k": successes,
            "n": episodes,
            "rate": successes / episodes,
            "wilson95": list(wilson_interval(successes, episodes)),
        },
        "steps_to_success": asdict(steps_summary(results.success, results.steps, results.horizon)),
        "failures": results.failures(),
        "guard_resets": int(results.guard.sum()),
        "solved": "".join("1" if success else "0" for success in results.success),
    }


def compare_arms(base: EpisodeResults, steered: EpisodeResults, bootstrap_seed: int = 0) -> dict[str, Any]:
    """Compare two arms start by start: table of outcomes, exact McNemar p, ratio of steps where both succeed."""
    table = PairedTable.from_outcomes(base.success, steered.success)
    ratio = steps_ratio(base.success, base.steps, steered.success, steered.steps, bootstrap_seed)
    return {
        **asdict(table),
        "mcnemar_p": table.mcnemar_p(),
        "steps_ratio": ratio.value,
        "steps_ratio_interval95": None if ratio.interval is None else list(ratio.interval),
    }


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Write a report, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
