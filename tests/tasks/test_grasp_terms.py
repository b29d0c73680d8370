# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Stages and success of the grasping tasks on hand-made states (no simulator)."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from isaaclab.managers import SceneEntityCfg

from score_tasks.kit import hand
from score_tasks.kit.hand import HAND_CENTER_P, held_at_target, in_hand, risen_in_hand
from score_tasks.kit.stages import HeldFor, StageReached

TARGET = (0.55, 0.0, 0.35)
OBJECT = SceneEntityCfg("object")


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Where the object is, in the environment and in the palm, and how fast; it rested at 0.05 m."""
    state = SimpleNamespace(position=TARGET, in_palm=HAND_CENTER_P, velocity=(0.0, 0.0, 0.0))
    monkeypatch.setattr(hand, "body_state_e", lambda env, entity: (torch.tensor([state.position]), None))
    monkeypatch.setattr(hand, "body_in_palm", lambda env, entity: torch.tensor([state.in_palm]))
    monkeypatch.setattr(hand, "body_lin_vel", lambda env, entity: torch.tensor([state.velocity]))
    monkeypatch.setattr(hand, "rest_height", lambda env, entity: torch.tensor([0.05]))
    return state


def _success() -> bool:
    env: Any = None
    return bool(held_at_target(env, OBJECT, TARGET, radius=0.15, max_speed=0.4))


def test_an_object_held_at_its_target_is_a_success(state: SimpleNamespace) -> None:
    assert _success()


@pytest.mark.parametrize(("offset", "expected"), [(0.149, True), (0.151, False)])
def test_the_target_is_a_sphere(offset: float, expected: bool, state: SimpleNamespace) -> None:
    # 0.6 and 0.8 of the offset along x and z: a distance of exactly the offset
    state.position = (0.55 + 0.6 * offset, 0.0, 0.35 + 0.8 * offset)
    assert _success() is expected


def test_a_flung_object_that_crosses_the_target_is_no_success(state: SimpleNamespace) -> None:
    state.velocity = (0.0, 0.0, 0.5)  # faster than 0.4 m/s
    assert not _success()


def test_an_object_that_is_not_in_the_hand_is_no_success(state: SimpleNamespace) -> None:
    # at the target, slow, but 10 cm from where the pads meet: tossed or balanced, not held
    x, y, z = HAND_CENTER_P
    state.in_palm = (x, y, z - 0.10)
    assert not _success()


@pytest.mark.parametrize("broken", ["position", "in_palm", "velocity"])
def test_a_non_finite_object_is_no_success(broken: str, state: SimpleNamespace) -> None:
    setattr(state, broken, (math.nan, 0.0, 0.35))
    assert not _success()


def test_in_hand_is_a_ball_where_the_pads_meet() -> None:
    x, y, z = HAND_CENTER_P
    points = torch.tensor([[x, y, z], [x + 0.074, y, z], [x + 0.076, y, z], [0.0, 0.0, 0.0]])
    # the palm itself is 0.1154 m away: sqrt(0.035^2 + 0.11^2)
    assert in_hand(points).tolist() == [True, True, False, False]


def _term(kind: type, **params: Any) -> tuple[Any, Any, dict[str, Any]]:
    env: Any = SimpleNamespace(num_envs=1, device="cpu", scene=None)
    params = {"when": risen_in_hand, "args": {"entity": OBJECT, "rise": (0.20, 0.50)}, **params}
    unresolved = {**params, "args": {}}  # nothing of a scene to resolve here
    return kind(SimpleNamespace(params=unresolved), env), env, params


def _stage(heights: list[float], once: bool, state: SimpleNamespace) -> list[float]:
    """What ``lifted`` pays an object at the given heights, one after the other."""
    term, env, params = _term(StageReached, once=once)
    paid = []
    for height in heights:
        state.position = (0.5, 0.0, height)
        paid.append(term(env, **params).item())
    return paid


def test_a_stage_counts_from_where_the_object_rested(state: SimpleNamespace) -> None:
    # rises of 0.19, 0.21, 0.49, 0.51 m
    assert _stage([0.24, 0.26, 0.54, 0.56], False, state) == [0.0, 1.0, 1.0, 0.0]


def test_a_stage_pays_once_where_success_ends_the_episode(state: SimpleNamespace) -> None:
    assert _stage([0.26, 0.27, 0.10, 0.26], True, state) == [1.0, 0.0, 0.0, 0.0]


def test_a_flung_object_reaches_no_stage(state: SimpleNamespace) -> None:
    state.in_palm = (0.0, 0.0, -0.4)
    assert _stage([0.26, 0.27], False, state) == [0.0, 0.0]


def test_a_state_has_to_last(state: SimpleNamespace) -> None:
    term, env, params = _term(HeldFor, hold_steps=3)
    held = []
    for height in [0.26, 0.26, 0.10, 0.26, 0.26, 0.26]:  # the gap starts the count anew
        state.position = (0.5, 0.0, height)
        held.append(bool(term(env, **params)))
    assert held == [False, False, False, False, False, True]
    term.reset()
    assert not bool(term(env, **params))
