# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Contacts that PhysX loses on a GPU: buffers by number of environments, and a log that the guard listens to."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import ovphysx
import pytest
import torch

from isaaclab_newton.physics import NewtonCfg
from isaaclab_ov.physics import OvPhysxCfg

from score.physics import size_gpu_buffers
from score_tasks.kit import terminations
from score_tasks.kit.overflow import overflow_watch


@pytest.mark.parametrize(
    ("num_envs", "contacts", "patches", "stack"),
    [
        # Isaac Lab's own are enough: 2^23, 5 x 2^15, 2^26
        (64, 2**23, 5 * 2**15, 2**26),
        # 4096 x 512 = 2^21 contacts, 4096 x 128 = 2^19 patches, 4096 x 16 KiB = 2^26 bytes
        (4096, 2**23, 2**19, 2**26),
        # 5000 x 128 = 640,000 patches: 2^20; 5000 x 16 KiB = 82 MB: 2^27
        (5000, 2**23, 2**20, 2**27),
        # 16384 x 512 = 2^23, x 128 = 2^21, x 16 KiB = 2^28
        (16384, 2**23, 2**21, 2**28),
    ],
)
def test_buffers_grow_with_the_environments(num_envs: int, contacts: int, patches: int, stack: int) -> None:
    physics = OvPhysxCfg()
    size_gpu_buffers(physics, num_envs)
    assert physics.gpu_max_rigid_contact_count == contacts
    assert physics.gpu_max_rigid_patch_count == patches
    assert physics.gpu_collision_stack_size == stack
    assert physics.gpu_found_lost_aggregate_pairs_capacity == 2**25


def test_a_larger_buffer_stays_and_other_engines_have_none() -> None:
    physics, newton = OvPhysxCfg(gpu_max_rigid_patch_count=2**24), NewtonCfg()
    before = dict(vars(newton))
    size_gpu_buffers(physics, 16384)
    size_gpu_buffers(newton, 16384)
    assert physics.gpu_max_rigid_patch_count == 2**24
    assert vars(newton) == before


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An environment whose engine is told where to log to."""
    asked: list[Any] = []
    monkeypatch.setattr(ovphysx, "enable_python_logging", lambda name, **options: asked.append((name, options)))
    env = SimpleNamespace(
        num_envs=3, device="cuda:0", cfg=SimpleNamespace(sim=SimpleNamespace(physics=OvPhysxCfg())), asked=asked
    )
    yield env
    logging.getLogger("ovphysx").removeHandler(overflow_watch(env))


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("Contact buffer overflow detected, please increase its size to at least 9 in the scene desc!", True),
        ("Patch buffer overflow detected, please increase its size in the scene desc!", True),
        (
            "The application needs to increase PxGpuDynamicsMemoryConfig::foundLostPairsCapacity to 4, otherwise, the"
            " simulation will miss interactions",
            True,
        ),
        ("GPU broadphase requires a CUDA context manager; falling back to ePABP.", False),
    ],
)
def test_lost_contacts_are_noticed_once(line: str, lost: bool, env: Any) -> None:
    watch = overflow_watch(env)
    assert overflow_watch(env) is watch
    assert [name for name, _ in env.asked] == ["ovphysx"]  # connected once
    logging.getLogger("ovphysx").warning(line)
    assert [watch.take(), watch.take()] == [lost, False]


def test_all_environments_of_a_gpu_end_as_the_engine_names_none(env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    full = torch.full  # no GPU here: the tensor is made on the CPU
    monkeypatch.setattr(torch, "full", lambda size, value, *, dtype, device: full(size, value, dtype=dtype))
    assert terminations.contact_overflow(env).tolist() == [False] * 3
    logging.getLogger("ovphysx").error("Contact buffer overflow detected, please increase its size in the scene desc!")
    assert terminations.contact_overflow(env).tolist() == [True] * 3
    assert terminations.contact_overflow(env).tolist() == [False] * 3
