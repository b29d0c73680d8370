# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The scripts as the package ``score_scripts`` of a wheel, with commands ``score-train``, ``score-play``, ..."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from score.utils.cli import run_command


def run() -> int:
    """Run the script that the command is named after: ``score-train`` runs ``train.py``."""
    name = Path(sys.argv[0]).stem.removeprefix("score-")
    return run_command(importlib.import_module(f"{__name__}.{name}").main)
