# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Does the same control steps with recorded and with started kernels; started by test_recorded_steps.py.

Usage: recorded_worker.py TASK CONTROL_STEPS ENVIRONMENTS
"""

import json
import sys
import time

import torch

from isaaclab.managers import SceneEntityCfg

from score.open_task import open_task
from score.physics import RecordedSteps
from score.simulation import SteerableEnv
from score_tasks.kit.frames import body_state_e
from score_tasks.kit.hand import joint_pos


def states(task: SteerableEnv, steps: int) -> tuple[torch.Tensor, float]:
    """Joints and places of bodies (2 * steps, N, ...) over two episodes, and what a control step costs, CPU s."""
    generator = torch.Generator().manual_seed(0)
    seen = []
    begin = time.process_time()
    for seed in (7, 8):  # a reset draws masses, friction and gains anew
        task.reset(seed=seed)
        for _ in range(steps):
            task.step(task.hold_action() + 0.05 * torch.randn(task.num_envs, 23, generator=generator))
            bodies = [
                body_state_e(task.env, SceneEntityCfg(name)) for name in task.env_cfg.events.bodies.params["bodies"]
            ]
            seen.append(
                torch.cat((joint_pos(task.env), *(part.flatten(1) for body in bodies for part in body)), dim=-1)
            )
    return torch.stack(seen), (time.process_time() - begin) / (2 * steps)


if __name__ == "__main__":
    name, count, num_envs = sys.argv[1:4]
    with open_task(name, domain="real", num_envs=int(num_envs), seed=7) as opened:
        assert isinstance(opened, SteerableEnv)
        quick = opened.env.sim.physics_manager
        assert isinstance(quick, RecordedSteps)
        opened.reset(seed=6)
        opened.step(opened.hold_action())
        recorded, quick_time = states(opened, int(count))
        opened.env.sim.physics_manager = quick._manager
        started, slow_time = states(opened, int(count))
        facts = {
            "difference": (recorded - started).abs().max().item(),
            "moved": (recorded[-1] - recorded[0]).abs().max().item(),
            "finite": bool(torch.isfinite(recorded).all()),
            "seconds": [quick_time, slow_time],
        }
        print("FACTS " + json.dumps(facts), flush=True)
