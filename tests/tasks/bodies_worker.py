# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Opens a scene with bodies of every kind and prints what became of them; started by test_scene_simulator.py.

Usage: bodies_worker.py SCENE.yaml ENGINE
"""

import json
import math
import sys

import torch

from isaaclab.managers import SceneEntityCfg

from score.open_task import open_task
from score.simulation import SteerableEnv
from score_tasks.kit.frames import body_state_e


def look(task: SteerableEnv) -> dict[str, object]:
    """Resets, turns the lamp by a quarter, and holds still."""
    env = task.env
    task.reset(seed=3)
    goal, lamp = SceneEntityCfg("goal"), SceneEntityCfg("lamp", body_names=["body"])
    lamp.resolve(env.scene)
    before = body_state_e(env, goal)[0].clone()
    joint = torch.full((task.num_envs, 1), math.pi / 2)
    env.scene["lamp"].write_joint_position_to_sim_index(position=joint)
    for _ in range(5):
        task.step(task.hold_action())
    position, quat = body_state_e(env, lamp)
    return {
        "shelf": body_state_e(env, SceneEntityCfg("shelf"))[0][-1].tolist(),
        "goal_low": before[:, 1].min().item(),
        "goal_high": before[:, 1].max().item(),
        "goal_moved": (body_state_e(env, goal)[0] - before).abs().max().item(),
        "lamp": position[-1].tolist(),
        "lamp_turned": (quat[-1] * quat[-1, 3].sign()).tolist(),
    }


if __name__ == "__main__":
    overrides = [f"env.scene_file={sys.argv[1]}", f"physics={sys.argv[2]}"]
    with open_task("SCORE-CubePinch-v0", num_envs=4, seed=3, overrides=overrides) as opened:
        assert isinstance(opened, SteerableEnv)
        print("FACTS " + json.dumps(look(opened)), flush=True)
