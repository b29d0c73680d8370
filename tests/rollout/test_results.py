# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Results of several processes, put together."""

from __future__ import annotations

import pytest
import torch

from score.rollout.results import EpisodeResults, Outcome
from score.utils import ranks


@pytest.mark.parametrize("number", [1, 2, 3])
def test_shares_come_back_in_order(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["success", "lost", "time_out", "success", "guard"]
    outcomes = [Outcome(ended_by=name, steps=steps) for steps, name in enumerate(names)]
    traces = [torch.full((1, 1, 1), float(steps)) for steps in range(5)]
    monkeypatch.setenv("WORLD_SIZE", str(number))
    parts = []
    for rank in range(number):
        monkeypatch.setenv("RANK", str(rank))
        parts.append(EpisodeResults.of(ranks.share(outcomes), 9, ranks.share(traces)))
    found = EpisodeResults.interleave(parts)
    assert found.ended_by == tuple(names)
    assert found.steps.tolist() == [0, 1, 2, 3, 4]
    assert found.success.tolist() == [True, False, False, True, False]
    assert [trace.item() for trace in found.traces] == [0, 1, 2, 3, 4]
    assert found.horizon == 9
