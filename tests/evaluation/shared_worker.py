# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Evaluates a scripted task in one of several processes; started by test_shared.py through torch's launcher."""

import sys
from pathlib import Path

from tests.evaluation.test_paired import make_cfg
from tests.rollout.scripted import LinePolicy, LineTask, PushActor

from score.evaluation import evaluate_paired
from score.utils.ranks import process_group

if __name__ == "__main__":
    with process_group("cpu"):
        evaluate_paired(LineTask(3), LinePolicy(), PushActor(), make_cfg(Path(sys.argv[1])))
