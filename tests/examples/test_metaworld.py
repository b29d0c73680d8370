# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The Meta-World example without Meta-World: what is read of its state, the flaws of its experts, and the verdict."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "metaworld"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The files of the example as modules that find each other."""
    found = {}
    for name in ("metaworld_tasks", "demonstrations", "run"):
        spec = importlib.util.spec_from_file_location(name, EXAMPLE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, found[name])
        spec.loader.exec_module(found[name])
    return found


def test_the_state_is_read_from_where_meta_world_puts_it(example: dict[str, ModuleType]) -> None:
    seen = example["metaworld_tasks"].observe(np.arange(39.0))
    assert seen["hand"].tolist() == [0, 1, 2, 3]
    # Object at (4, 5, 6), seen from the hand at (0, 1, 2).
    assert seen["object"].tolist() == [4, 4, 4]
    # Goal at (36, 37, 38), seen from the object.
    assert seen["goal"].tolist() == [32, 32]
    assert {name: len(facts["names"]) for name, facts in example["metaworld_tasks"].OBSERVATIONS.items()} == {
        name: len(values) for name, values in seen.items()
    }


def test_the_tasks_are_registered(example: dict[str, ModuleType]) -> None:
    for name, scene in example["metaworld_tasks"].SCENES.items():
        assert gym.spec(name).max_episode_steps == scene.steps


def test_an_expert_errs_the_same_way_all_episode(
    example: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    demonstrations = example["demonstrations"]
    monkeypatch.setattr(demonstrations, "SHAKE", 0.0)

    def expert(state: Any) -> Any:
        return np.array([state[4], state[5], state[36], state[37]])

    flawed = demonstrations.FlawedExpert(expert, 0.01, np.random.default_rng(3))
    first, second = flawed.act(np.zeros(39)), flawed.act(np.full(39, 0.5))
    assert first == pytest.approx(flawed.shifts.ravel(), abs=1e-6)
    assert second == pytest.approx(0.5 + flawed.shifts.ravel(), abs=1e-6)
    other = demonstrations.FlawedExpert(expert, 0.01, np.random.default_rng(4))
    assert not np.allclose(other.shifts, flawed.shifts)
    # The fingers' limits hold.
    assert flawed.act(np.full(39, 7.0)).tolist() == [1, 1, 1, 1]


def success(k: int) -> dict[str, Any]:
    # Half widths of 0.07 are near Wilson's for 200 starts.
    return {"k": k, "n": 200, "rate": k / 200, "wilson95": [k / 200 - 0.07, k / 200 + 0.07]}


@pytest.mark.parametrize(
    ("sampled", "steered", "p", "starts_at_base", "shown"),
    [
        (90, 160, 1e-9, True, True),
        (120, 160, 1e-9, False, False),  # 0.6 is outside of 0.4 + 0.07
        (80, 100, 0.02, True, False),
        (80, 20, 1e-9, True, False),  # worse than base, and surely so
    ],
)
def test_what_has_to_be_shown(
    example: dict[str, ModuleType], sampled: int, steered: int, p: float, starts_at_base: bool, shown: bool
) -> None:
    arms = {"base": 80, "steered": steered, "steered_sampled": 120, "base_t0": 100, "base_t05": 90}
    trained = {"arms": {arm: {"success": success(k)} for arm, k in arms.items()}, "paired": {"mcnemar_p": p}}
    untrained = {"arms": {"base": {"success": success(80)}, "steered_sampled": {"success": success(sampled)}}}
    row = example["run"].row_of(untrained, trained)
    assert (row["starts_at_base"], row["shown"]) == (starts_at_base, shown)
    assert list(row["free"]) == ["base_t0", "base_t05"]
    table = example["run"].table_of({"Push": row})
    assert f"| {p:.1e} | base_t0 50.0 % (43.0 to 57.0) |" in table
