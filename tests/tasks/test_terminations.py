# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The guard's view of contact buffers, on the data that the engine keeps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import warp as wp
from mujoco_warp import OverflowType

from isaaclab_newton.physics import NewtonManager
from isaaclab_physx.physics import PhysxCfg

from score.physics import newton_mjwarp
from score_tasks.kit.terminations import contact_overflow


def make_env(physics: Any) -> Any:
    return SimpleNamespace(num_envs=4, device="cpu", cfg=SimpleNamespace(sim=SimpleNamespace(physics=physics)))


def test_each_overflow_ends_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bits = [0, OverflowType.NEFC, OverflowType.ITERATIONS, OverflowType.NARROWPHASE | OverflowType.LS_ITERATIONS]
    data = SimpleNamespace(overflow=wp.array([int(bit) for bit in bits], dtype=int, device="cpu"))
    monkeypatch.setattr(NewtonManager, "_solver", SimpleNamespace(mjw_data=data))
    env = make_env(newton_mjwarp(njmax=1, nconmax=1))
    # Full buffers lose contacts; a solver that reached its limit of iterations does not.
    assert contact_overflow(env).tolist() == [False, True, False, True]
    assert not contact_overflow(env).any()


@pytest.mark.parametrize(
    "solver", [None, SimpleNamespace(), SimpleNamespace(mjw_data=None), SimpleNamespace(mjw_data=SimpleNamespace())]
)
def test_flags_that_cannot_be_read_are_an_error(monkeypatch: pytest.MonkeyPatch, solver: Any) -> None:
    monkeypatch.setattr(NewtonManager, "_solver", solver)
    with pytest.raises(RuntimeError, match=r"guard cannot read MuJoCo-Warp's overflow flags .*lost unseen"):
        contact_overflow(make_env(newton_mjwarp(njmax=1, nconmax=1)))


def test_other_engines_have_no_such_buffers() -> None:
    assert contact_overflow(make_env(PhysxCfg())).tolist() == [False] * 4
