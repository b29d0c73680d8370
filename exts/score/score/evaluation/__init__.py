# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Paired evaluation of base and steered policy on the same starts and the same noise; statistics, reports, pictures."""

from __future__ import annotations

from .constant_search import ConstantSearchCfg, ConstantSearchResult, find_constant_latent
from .paired import EvaluationCfg, PairedEvaluation, evaluate_paired, summarise_arm, write_report
from .report import report_table
from .schema import read_report, validate_report
from .statistics import PairedTable, steps_ratio, steps_summary, success_curve, wilson_interval

__all__ = [
    "ConstantSearchCfg",
    "ConstantSearchResult",
    "EvaluationCfg",
    "PairedEvaluation",
    "PairedTable",
    "evaluate_paired",
    "find_constant_latent",
    "read_report",
    "report_table",
    "steps_ratio",
    "steps_summary",
    "success_curve",
    "summarise_arm",
    "validate_report",
    "wilson_interval",
    "write_report",
]
