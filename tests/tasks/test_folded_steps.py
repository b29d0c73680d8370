# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""One call for all physics steps of a control step: what the engine is told, with and without a force on a body."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from score.physics import FoldedSteps, physx_threads


class Engine:
    """Writes down what is asked of engine, manager and scene."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []
        self.body = SimpleNamespace(permanent_wrench_composer=SimpleNamespace(active=False))
        self.articulations: dict[str, object] = {"robot": SimpleNamespace(permanent_wrench_composer=None)}
        self.rigid_objects = {"cube": self.body}

    def get_physx_instance(self) -> Engine:
        return self

    def get_physics_dt(self) -> float:
        return 0.01

    def step_n_sync(self, count: int, dt: float) -> None:
        self.calls += [("step", dt)] * count

    def step(self) -> None:
        self.calls.append(("step", 0.01))

    def update(self, dt: float) -> None:
        self.calls.append(("read", dt))

    def write_data_to_sim(self) -> None:
        self.calls.append(("write", 0.0))


@pytest.mark.parametrize("pushed", [False, True])
def test_a_force_is_handed_over_before_each_physics_step(pushed: bool) -> None:
    engine = Engine()
    engine.body.permanent_wrench_composer.active = pushed
    folded = FoldedSteps(engine, engine, 3)
    folded.step()
    # Isaac Lab writes before the first step and reads after the last one itself.
    between = [("read", 0.01), ("write", 0.0)] if pushed else []
    step = [("step", 0.01)]
    assert engine.calls == step + between + step + between + step
    assert folded.handles_decimation() is True


def test_physx_gets_the_threads_that_are_asked_for() -> None:
    ovphysx = pytest.importorskip("ovphysx")
    before = ovphysx.PhysXConfig
    with physx_threads(3):
        assert ovphysx.PhysXConfig(num_threads=8).num_threads == 3
        # what Isaac Lab hands over stays, and what is wrong is still refused
        assert ovphysx.PhysXConfig(num_threads=8, carbonite_overrides={"/a": True}).carbonite_overrides == {"/a": True}
        with pytest.raises(TypeError, match="nvtx_enabled"):
            ovphysx.PhysXConfig(nvtx_enabled=3)
    assert ovphysx.PhysXConfig is before


def test_on_one_core_physx_has_no_thread_to_wait_for() -> None:
    ovphysx = pytest.importorskip("ovphysx")
    with physx_threads(1):
        assert ovphysx.PhysXConfig(num_threads=8).num_threads == 0
