# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Paired evaluation of base and steered policy on the same starts and the same noise; statistics, reports, pictures."""

from __future__ import annotations

from .constant_search import SearchCfg, SearchResult, find_constant_latent, search_spaces
from .paired import PairedEvaluation, evaluate_paired
from .report import report_table
from .schema import read_report, validate_report
from .settings import EvaluationCfg
from .statistics import PairedTable, steps_ratio, steps_summary, success_curve, wilson_interval
from .summary import make_report, summarize_arm, write_report

__all__ = [
    "EvaluationCfg",
    "PairedEvaluation",
    "PairedTable",
    "SearchCfg",
    "SearchResult",
    "evaluate_paired",
    "find_constant_latent",
    "make_report",
    "read_report",
    "report_table",
    "search_spaces",
    "steps_ratio",
    "steps_summary",
    "success_curve",
    "summarize_arm",
    "validate_report",
    "wilson_interval",
    "write_report",
]
