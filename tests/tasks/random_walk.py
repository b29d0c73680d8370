# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the workers of the simulator tests share."""

import torch

from score.simulation import SteerableEnv


def walk_randomly(task: SteerableEnv, steps: int) -> dict[str, object]:
    """Adds N(0, 0.1 rad) to the held joint targets; whether all stayed finite, and how often the guard had to reset."""
    generator = torch.Generator().manual_seed(0)
    finite, guards = True, 0
    for _ in range(steps):
        hold = task.hold_action()
        observations, reward, *_ = task.step(hold + 0.1 * torch.randn(hold.shape, generator=generator))
        finite &= bool(torch.isfinite(reward).all() and torch.isfinite(observations["critic"]).all())
        finite &= all(bool(torch.isfinite(value).all()) for value in observations["policy"].values())
        guards += int(task.ended_by()["guard"].sum())
    return {"finite": finite, "guards": guards}
