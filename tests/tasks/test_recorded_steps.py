# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Newton's kernels replayed on a CPU: what Isaac Lab has is left as it was; test_grasp_simulator.py has the physics."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import warp as wp

from isaaclab_newton.physics import NewtonCfg

from score.physics import RecordedSteps, newton_mjwarp, record_physics_steps


@wp.kernel
def add_and_double(values: wp.array(dtype=float), more: wp.array(dtype=float)) -> None:  # type: ignore[valid-type]
    index = wp.tid()
    values[index] = 2.0 * (values[index] + more[index])


class Manager:
    """Starts a kernel a step, as Isaac Lab's: a class with no instance."""

    values: Any = None
    more: Any = None
    started = 0

    @classmethod
    def _is_all_graphable(cls) -> bool:
        return False

    @classmethod
    def _simulate_physics_only(cls) -> None:
        cls.started += 1
        wp.launch(add_and_double, dim=2, inputs=[cls.values, cls.more], device="cpu")

    @classmethod
    def step(cls) -> None:
        cls._simulate_physics_only()

    @classmethod
    def get_physics_dt(cls) -> float:
        return 0.01


class Derived(Manager):
    """One that has the step from another, as ``NewtonMJWarpManager``."""


@pytest.mark.parametrize("manager", [Manager, Derived])
def test_replayed_kernels_read_what_is_written_between_steps(manager: Any) -> None:
    manager.values, manager.more = (wp.array([1.0, 2.0], dtype=float, device="cpu") for _ in range(2))
    manager.started = 0
    before = dict(vars(manager))
    recorded = RecordedSteps(manager)
    for _ in range(3):
        recorded.step()
    # 2 (1 + 1) = 4, 2 (4 + 1) = 10, 2 (10 + 1) = 22; the second twice as much
    assert manager.values.numpy().tolist() == [22.0, 44.0]
    manager.more.assign([0.0, 10.0])
    recorded.step()
    assert manager.values.numpy().tolist() == [44.0, 108.0]  # 2 (44 + 10)
    assert manager.started == 2  # as it is, and for the record
    after = {**vars(manager), "started": before["started"]}
    assert after == before
    assert recorded.get_physics_dt() == 0.01


def test_an_error_leaves_the_manager_as_it_was() -> None:
    class Broken(Manager):
        @classmethod
        def _simulate_physics_only(cls) -> None:
            raise RuntimeError("no")

    own = vars(Broken)["_simulate_physics_only"]
    with pytest.raises(RuntimeError, match="no"):
        RecordedSteps(Broken).step()
    assert vars(Broken)["_simulate_physics_only"] is own


@pytest.mark.parametrize(
    ("device", "graph", "expected"), [("cpu", True, True), ("cpu", False, False), ("cuda:0", True, False)]
)
def test_steps_are_recorded_on_a_cpu(device: str, graph: bool, expected: bool) -> None:
    physics: NewtonCfg = newton_mjwarp(10, 10)
    physics.use_cuda_graph = graph
    sim = SimpleNamespace(physics_manager=Manager)
    env: Any = SimpleNamespace(cfg=SimpleNamespace(sim=SimpleNamespace(physics=physics)), sim=sim, device=device)
    assert record_physics_steps(env) is expected
    assert isinstance(sim.physics_manager, RecordedSteps) is expected
