# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A compiled base policy decides as the plain one does; and times on the device's own line."""

from __future__ import annotations

import pytest
import torch
from tests.rollout.scripted import HORIZON, LinePolicy, LineTask

from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringCfg, SteeringRunnerCfg
from score.steering.config_checks import validate_runner_cfg
from score.steering.diagnostics import DeviceClock
from score.steering.methods import make_plan
from score.utils.errors import UserError


def decide(compile_mode: str | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Rewards and conditions of three decisions."""
    plan = make_plan(LinePolicy(), {"method": "score", "basis": "full", "knots": 2})
    env = ChunkedVecEnv(LineTask(4), plan, chunk_steps=HORIZON, gamma=0.99, seed=3, compile_mode=compile_mode)
    env.reset(seed=0)
    generator = torch.Generator().manual_seed(1)
    results = [env.step(torch.randn(4, env.num_actions, generator=generator)) for _ in range(3)]
    return torch.stack([reward for _, reward, _, _ in results]), env.get_observations()["policy"]


@pytest.mark.slow
def test_a_compiled_base_policy_decides_the_same() -> None:
    for plain, compiled in zip(decide(None), decide("default"), strict=True):
        torch.testing.assert_close(compiled, plain, atol=1e-6, rtol=1e-5)


def test_an_unknown_mode_is_refused_with_near_names() -> None:
    cfg = SteeringRunnerCfg(steering=SteeringCfg(compile="reduce-overhed"))
    with pytest.raises(UserError, match=r"agent.steering.compile: unknown mode 'reduce-overhed'.*reduce-overhead"):
        validate_runner_cfg(cfg, 16, 8)


def test_a_gpu_tells_milliseconds_between_moments_and_a_cpu_seconds() -> None:
    class Event:
        def elapsed_time(self, end: object) -> float:
            return 1500.0

    assert DeviceClock.seconds(Event(), Event()) == 1.5
    assert DeviceClock.seconds(2.0, 2.25) == 0.25
    clock = DeviceClock("cpu")
    assert 0.0 <= clock.seconds(clock.now(), clock.now()) < 5.0
