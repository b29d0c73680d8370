# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How hard starts are, by how often the base policy solves them, and the split of all arms by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.evaluation.test_paired import make_results
from tests.rollout.scripted import LinePolicy, LineTask

from score.evaluation import EvaluationCfg
from score.evaluation.difficulty import LEVELS, count_solved, level_of, pass_at, split_by_difficulty
from score.rollout.arms import base_arm
from score.rollout.episodes import run_episodes
from score.utils.errors import UserError


def test_levels_by_hand() -> None:
    # Of 16: none; up to 4; up to 12; up to 15; all.
    solved = np.array([0, 1, 4, 5, 12, 13, 15, 16])
    names = [LEVELS[index] for index in level_of(solved, 16)]
    assert names == ["never", "seldom", "seldom", "sometimes", "sometimes", "mostly", "mostly", "always"]


def test_pass_at_by_hand() -> None:
    solved = np.array([0, 1, 3])
    # One try: the mean of 0, 1/4, 3/4. Two of four: 0, 1 - C(3,2) / C(4,2) = 1/2, 1 - 0 = 1.
    assert pass_at(solved, 4, 1) == pytest.approx(1 / 3)
    assert pass_at(solved, 4, 2) == pytest.approx(0.5)
    assert pass_at(solved, 4, 4) == pytest.approx(2 / 3)


def test_the_split_by_hand() -> None:
    ends = ["lost", "success", "success", "lost"]
    base = make_results([(name, 9) for name in ends])
    steered = make_results([("success", 9)] * 4)
    split = split_by_difficulty({"base": base, "steered": steered}, np.array([0, 1, 4, 0]), 4)
    assert split["levels"]["never"] == {"starts": 2, "k": {"base": 0, "steered": 2}}
    assert split["levels"]["seldom"] == {"starts": 1, "k": {"base": 1, "steered": 1}}
    assert split["levels"]["always"] == {"starts": 1, "k": {"base": 1, "steered": 1}}
    assert list(split["pass_at"]) == ["1", "2", "4"]
    assert split["solved"] == [0, 1, 4, 0]


def test_tries_are_of_the_reported_starts_with_noise_of_their_own() -> None:
    seen: dict[int, list[tuple[int, float]]] = {}

    class Watched(LineTask):
        def _begin(self, envs: Any) -> None:
            seeds = [int(self._seeds[env]) for env in envs]
            super()._begin(envs)
            for env, seed in zip(envs, seeds, strict=True):
                if seed >= 0:
                    seen.setdefault(seed, []).append((env, float(self._position[env])))

    cfg = EvaluationCfg(task="Line-v0", episodes=12, seed=4, tries=5)
    solved = count_solved(Watched(8), LinePolicy(), cfg, chunk_steps=4)
    assert solved.shape == (12,)
    # Twelve starts, each tried five times.
    assert sorted(len(tries) for tries in seen.values()) == [5] * 12
    base = LineTask(8)
    run_episodes(base, LinePolicy(), base_arm(), episodes=range(12), seed=cfg.start_seed, chunk_steps=4)
    assert {position for _, _, position in base.begun} == {tries[0][1] for tries in seen.values()}
    # The point goes where its noise says: five tries of a start do not all end alike.
    assert 0 < solved.sum() < 60
    assert any(0 < count < 5 for count in solved)


def test_a_negative_number_of_tries_is_refused() -> None:
    with pytest.raises(UserError, match="--tries must be at least 1, or 0 for none, got -1"):
        EvaluationCfg(task="Line-v0", tries=-1)
