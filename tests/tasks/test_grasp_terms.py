# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Stages and success of the grasping tasks on hand-made states (no simulator)."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from score_tasks.grasp import mdp
from score_tasks.grasp.frames import HAND_CENTER_P
from score_tasks.grasp.mdp import StageReached, held_at_target, in_hand

TARGET = (0.55, 0.0, 0.35)


def _success(
    position: tuple[float, float, float] = TARGET,
    in_palm: tuple[float, float, float] = HAND_CENTER_P,
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> bool:
    state = (torch.tensor([position]), torch.tensor([in_palm]), torch.tensor([velocity]))
    return bool(held_at_target(*state, TARGET, radius=0.15, max_speed=0.4))


def test_an_object_held_at_its_target_is_a_success() -> None:
    assert _success()


@pytest.mark.parametrize(("offset", "expected"), [(0.149, True), (0.151, False)])
def test_the_target_is_a_sphere(offset: float, expected: bool) -> None:
    # 0.6 and 0.8 of the offset along x and z: a distance of exactly the offset
    assert _success((0.55 + 0.6 * offset, 0.0, 0.35 + 0.8 * offset)) is expected


def test_a_flung_object_that_crosses_the_target_is_no_success() -> None:
    assert not _success(velocity=(0.0, 0.0, 0.5))  # faster than 0.4 m/s
    # at the target, slow, but 10 cm from where the pads meet: tossed or balanced, not held
    x, y, z = HAND_CENTER_P
    assert not _success(in_palm=(x, y, z - 0.10))


def test_a_non_finite_object_is_no_success() -> None:
    assert not _success((math.nan, 0.0, 0.35))
    assert not _success(in_palm=(math.nan, 0.0, 0.0))
    assert not _success(velocity=(math.nan, 0.0, 0.0))


def test_in_hand_is_a_ball_where_the_pads_meet() -> None:
    x, y, z = HAND_CENTER_P
    points = torch.tensor([[x, y, z], [x + 0.074, y, z], [x + 0.076, y, z], [0.0, 0.0, 0.0]])
    # the palm itself is 0.1154 m away: sqrt(0.035^2 + 0.11^2)
    assert in_hand(points).tolist() == [True, True, False, False]


def _stage(heights: list[float], held: bool, once: bool, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What ``lifted`` pays an object that rests at 0.05 m and is then at the given heights."""
    env: Any = SimpleNamespace(num_envs=1, device="cpu")
    term = StageReached(SimpleNamespace(params={}), env)
    monkeypatch.setattr(mdp, "rest_height", lambda env: torch.tensor([0.05]))
    monkeypatch.setattr(mdp, "object_in_palm", lambda env: torch.tensor([HAND_CENTER_P if held else (0.0, 0.0, -0.4)]))
    paid = []
    for height in heights:
        monkeypatch.setattr(mdp, "object_pose_e", lambda env, z=height: (torch.tensor([[0.5, 0.0, z]]), None))
        paid.append(term(env, rise=(0.20, 0.50), once=once).item())
    return paid


def test_a_stage_counts_from_where_the_object_rested(monkeypatch: pytest.MonkeyPatch) -> None:
    # rises of 0.19, 0.21, 0.49, 0.51 m
    assert _stage([0.24, 0.26, 0.54, 0.56], True, False, monkeypatch) == [0.0, 1.0, 1.0, 0.0]


def test_a_stage_pays_once_where_success_ends_the_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _stage([0.26, 0.27, 0.10, 0.26], True, True, monkeypatch) == [1.0, 0.0, 0.0, 0.0]


def test_a_flung_object_reaches_no_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _stage([0.26, 0.27], False, False, monkeypatch) == [0.0, 0.0]
