# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What both workers ask of a task, whatever it is about; imported by scripts of this folder."""

import torch

from score.simulation import SteerableEnv


def random_walk(task: SteerableEnv, steps: int) -> dict[str, object]:
    """Moves all joints at random and resets again: is all finite, how often did the guard end an episode, same start?

    Args:
        task: The opened task, reset with seed 7 before.
        steps: Control steps.

    Returns:
        ``finite``, ``guards`` and ``same_start``, the largest difference of observations after two resets with seed 7.
    """
    again = {key: value.clone() for key, value in task.reset(seed=7)["policy"].items()}
    generator = torch.Generator().manual_seed(0)
    finite, guards = True, 0
    for _ in range(steps):
        hold = task.hold_action()
        noise = 0.1 * torch.randn(hold.shape, generator=generator)
        observations, reward, *_ = task.step(hold + noise)
        finite &= bool(torch.isfinite(reward).all() and torch.isfinite(observations["critic"]).all())
        finite &= all(bool(torch.isfinite(value).all()) for value in observations["policy"].values())
        guards += int(task.ended_by()["guard"].sum())
    repeated = task.reset(seed=7)
    difference = max((repeated["policy"][key] - again[key]).abs().max().item() for key in ("joint_pos", "point_cloud"))
    return {"finite": finite, "guards": guards, "same_start": difference}
