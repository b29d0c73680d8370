# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Paired evaluation of base and steered policy on the same starts and the same noise; statistics, reports, pictures."""

from __future__ import annotations

from .arms import ARM_NAMES, Arm, Decision, SteeringActor, base_arm, constant_arm, steered_arm
from .constant_search import ConstantSearchCfg, ConstantSearchResult, find_constant_latent
from .paired import EvaluationCfg, PairedEvaluation, evaluate_paired, summarise_arm, write_report
from .recorder import EpisodeRecorder
from .report import report_table
from .results import EpisodeResults, LatentTrace
from .rollout import run_batch, run_episodes
from .schema import read_report, validate_report
from .seeds import SeedSpace, derive_seed, preserved_random_state, require_seed
from .statistics import PairedTable, steps_ratio, steps_summary, success_curve, wilson_interval

__all__ = [
    "ARM_NAMES",
    "Arm",
    "ConstantSearchCfg",
    "ConstantSearchResult",
    "Decision",
    "EpisodeRecorder",
    "EpisodeResults",
    "EvaluationCfg",
    "LatentTrace",
    "PairedEvaluation",
    "PairedTable",
    "SeedSpace",
    "SteeringActor",
    "base_arm",
    "constant_arm",
    "derive_seed",
    "evaluate_paired",
    "find_constant_latent",
    "preserved_random_state",
    "read_report",
    "report_table",
    "require_seed",
    "run_batch",
    "run_episodes",
    "steered_arm",
    "steps_ratio",
    "steps_summary",
    "success_curve",
    "summarise_arm",
    "validate_report",
    "wilson_interval",
    "write_report",
]
