# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Opens a tabletop task in one domain and prints what it saw as one JSON line; started by test_tabletop_simulator.py.

Usage: tabletop_worker.py TASK DOMAIN RANDOM_STEPS ENVIRONMENTS [OVERRIDES ...]
"""

import json
import sys

import torch

from isaaclab.managers import SceneEntityCfg

from score.open_task import entry_point, open_task
from score.simulation import SteerableEnv
from score_tasks.kit.frames import body_state_e
from score_tasks.kit.hand_demonstrator import without_flaws


def places(task: SteerableEnv) -> dict[str, torch.Tensor]:
    """Where every body is that a reset places (N, 3), m."""
    names = task.env_cfg.events.bodies.params["bodies"]
    return {name: body_state_e(task.env, SceneEntityCfg(name))[0].clone() for name in names}


def look(task: SteerableEnv, random_steps: int) -> dict[str, object]:
    """Resets, holds, demonstrates, moves randomly."""
    first = task.reset(seed=7)
    starts = places(task)
    again = {key: value.clone() for key, value in first["policy"].items()}
    facts: dict[str, object] = {
        "engine": task.engine,
        "shapes": {key: list(value.shape) for key, value in first["policy"].items()},
        "critic": list(first["critic"].shape),
        "steps": task.max_episode_length,
        "low": {name: place.amin(0).tolist() for name, place in starts.items()},
        "high": {name: place.amax(0).tolist() for name, place in starts.items()},
    }
    for _ in range(5):
        observations, *_ = task.step(task.hold_action())
    facts["hold_error"] = (observations["policy"]["joint_pos"] - again["joint_pos"]).abs().max().item()
    facts["moved"] = {name: (place - starts[name]).norm(dim=-1).max().item() for name, place in places(task).items()}
    repeated = task.reset(seed=7)
    facts["same_start"] = max(
        (repeated["policy"][key] - again[key]).abs().max().item() for key in ("joint_pos", "point_cloud")
    )
    facts |= demonstrate(task)
    generator = torch.Generator().manual_seed(0)
    finite, guards = True, 0
    for _ in range(random_steps):
        noise = 0.1 * torch.randn(task.num_envs, 23, generator=generator)
        observations, reward, *_ = task.step(task.hold_action() + noise)
        finite &= bool(torch.isfinite(reward).all() and torch.isfinite(observations["critic"]).all())
        finite &= all(bool(torch.isfinite(value).all()) for value in observations["policy"].values())
        guards += int(task.ended_by()["guard"].sum())
    return facts | {"finite": finite, "guards": guards}


def demonstrate(task: SteerableEnv) -> dict[str, object]:
    """One episode each of a demonstrator without bad habits: how it ended, after how many steps, in which phase."""
    demonstrator_class = entry_point(task.task, "demonstrator_entry_point")
    demonstrator = demonstrator_class(task, 0, without_flaws(demonstrator_class.habits))
    running = torch.ones(task.num_envs, dtype=torch.bool)
    success, steps = torch.zeros_like(running), torch.zeros(task.num_envs)
    ended: list[str] = [""] * task.num_envs
    reward_at_success = torch.zeros(task.num_envs)
    for _ in range(task.max_episode_length):
        action = torch.where(running[:, None], demonstrator.act(), task.hold_action())
        phase = demonstrator.phase.tolist()
        _, reward, terminated, truncated, _ = task.step(action)
        steps += running
        terms = task.ended_by()
        over = running & (terminated | truncated)
        for index in over.nonzero().flatten().tolist():
            why = next((name for name, on in terms.items() if on[index]), "?")
            ended[index] = f"{why} in {demonstrator.phases[phase[index]].name}"
        now = running & terms["success"]
        reward_at_success = torch.where(now, reward, reward_at_success)
        success |= now
        running &= ~over
        if not running.any():
            break
    return {
        "success": success.float().mean().item(),
        "reward_at_success": reward_at_success[success].tolist(),
        "median_steps": steps[success].median().item() if success.any() else None,
        "ended": ended,
    }


if __name__ == "__main__":
    name, domain, random_steps, count = sys.argv[1:5]
    with open_task(name, domain=domain, num_envs=int(count), seed=7, overrides=sys.argv[5:]) as opened:
        assert isinstance(opened, SteerableEnv)
        print("FACTS " + json.dumps(look(opened, int(random_steps))), flush=True)
