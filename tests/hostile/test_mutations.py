# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Changed files are read or refused in one line: no traceback, no hang, no memory beyond what they hold."""

from __future__ import annotations

import pytest
from tests.hostile.mutations import Subject, run
from tests.hostile.recording_subjects import RECORDING_SUBJECTS
from tests.hostile.scan_subjects import SCAN_SUBJECTS
from tests.hostile.subjects import SUBJECTS

ALL = (*SUBJECTS, *SCAN_SUBJECTS, *RECORDING_SUBJECTS)


@pytest.mark.parametrize("subject", ALL, ids=lambda subject: subject.name)
def test_some_changes(subject: Subject) -> None:
    outcome = run(subject, 20)
    assert outcome.faults == []
    assert outcome.refused >= 3  # or the changes change nothing


@pytest.mark.slow
@pytest.mark.parametrize("subject", ALL, ids=lambda subject: subject.name)
def test_many_changes(subject: Subject) -> None:
    """2000 in all."""
    assert run(subject, -(-2000 // len(ALL)), seed=1).faults == []
