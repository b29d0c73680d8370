# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What several terms need is computed once for each state of the physics, and never given when it is stale."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from isaaclab_ov.physics import OvPhysxCfg
from isaaclab_physx.physics import PhysxCfg

from score_tasks.kit.derived import constant, once_a_state


def make_env(physics: Any) -> Any:
    """An environment with one joint, whose engine counts what changes it."""
    backend = SimpleNamespace(transforms_timestamp=0)
    sim = SimpleNamespace(get_scene_data_provider=lambda: SimpleNamespace(backend=backend))
    return SimpleNamespace(
        cfg=SimpleNamespace(sim=SimpleNamespace(physics=physics)), sim=sim, backend=backend, joint=1.0, computed=0
    )


@once_a_state
def doubled(env: Any) -> float:
    env.computed += 1
    return 2.0 * float(env.joint)


@once_a_state
def squared(env: Any) -> float:
    return float(env.joint) ** 2


def write(env: Any, joint: float) -> None:
    env.joint = joint
    env.backend.transforms_timestamp += 1


def test_a_value_is_computed_once_until_something_moves() -> None:
    env = make_env(OvPhysxCfg())
    assert [doubled(env), doubled(env), env.computed] == [2.0, 2.0, 1]
    write(env, 3.0)  # a step or a reset within it
    assert [doubled(env), doubled(env), env.computed] == [6.0, 6.0, 2]


def test_functions_and_environments_keep_their_own_values() -> None:
    env, other = make_env(OvPhysxCfg()), make_env(OvPhysxCfg())
    other.joint = 5.0
    assert [doubled(env), squared(env), doubled(other), squared(other)] == [2.0, 1.0, 10.0, 25.0]


@pytest.mark.parametrize("value", [4.0, 7.0])
def test_an_engine_that_does_not_count_writes_is_asked_every_time(value: float) -> None:
    env = make_env(PhysxCfg())
    assert doubled(env) == 2.0
    env.joint = value
    assert doubled(env) == 2.0 * value


def test_a_constant_that_was_made_in_inference_mode_works_outside_of_it() -> None:
    with torch.inference_mode():
        inside = constant((1.0, 2.5), "cpu")
    assert constant((1.0, 2.5), "cpu") is inside
    weight = torch.ones(2, requires_grad=True)
    (weight * inside).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [1.0, 2.5]
