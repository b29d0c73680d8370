# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Opens SCORE-Insert-v0 in one domain and prints what it saw as one JSON line; started by test_insert_simulator.py.

A process can open one task, so each domain gets a process of its own.
"""

import json
import sys

import torch

from isaaclab.physics import PhysicsManager

from score.open_task import open_task
from score.simulation import SteerableEnv
from score_tasks.insert.frames import in_frame, peg_in_socket, peg_pose_e, socket_pose_e, tcp_pose_e
from score_tasks.insert.mdp import true_state


def look(task: SteerableEnv) -> dict[str, object]:
    """Resets, holds, moves randomly, demonstrates."""
    first = task.reset(seed=7)
    again = {key: value.clone() for key, value in first["policy"].items()}
    starts = socket_pose_e(task.env)[0].clone()
    facts: dict[str, object] = {
        "engine": task.engine,
        "shapes": {key: list(value.shape) for key, value in first["policy"].items()},
        "critic": list(first["critic"].shape),
        "names": list(task.spec.actions.names),
        "rate": task.spec.control_rate_hz,
        "socket_xy_low": starts[:, :2].amin(0).tolist(),
        "socket_xy_high": starts[:, :2].amax(0).tolist(),
        "socket_spread": starts[:, :2].std(0).tolist(),
        "tcp_z": tcp_pose_e(task.env)[0][:, 2].tolist(),
        "window_refilled": bool(torch.equal(first["policy"]["joint_pos"][:, 0], first["policy"]["joint_pos"][:, -1])),
        "target_refilled": bool(
            torch.allclose(first["policy"]["joint_pos_target"][:, 0], first["policy"]["joint_pos"][:, -1])
        ),
    }
    began = PhysicsManager.get_simulation_time()
    for _ in range(10):
        observations, *_ = task.step(task.hold_action())
    facts["seconds"] = PhysicsManager.get_simulation_time() - began
    facts["folded"] = task.env._physics_handles_decimation
    in_hand, _ = in_frame(*peg_pose_e(task.env), *tcp_pose_e(task.env))
    facts["hold_error"] = (observations["policy"]["joint_pos"][:, -1] - again["joint_pos"][:, -1]).abs().max().item()
    facts["peg_in_hand_z"] = in_hand[:, 2].tolist()
    # windows advance by one frame each control step
    before = observations["policy"]["joint_pos"].clone()
    target = task.hold_action() + 0.5  # far beyond the allowed offset
    observations, *_ = task.step(target)
    facts["window_advances"] = bool(torch.equal(observations["policy"]["joint_pos"][:, :-1], before[:, 1:]))
    facts["largest_offset"] = (task.commanded() - before[:, -1]).abs().max().item()
    generator = torch.Generator().manual_seed(0)
    finite, guards = True, 0
    for _ in range(int(sys.argv[2])):
        noise = 0.1 * torch.randn(task.num_envs, 7, generator=generator)
        observations, reward, *_ = task.step(task.hold_action() + noise)
        finite &= bool(torch.isfinite(reward).all() and torch.isfinite(observations["critic"]).all())
        finite &= all(bool(torch.isfinite(value).all()) for value in observations["policy"].values())
        guards += int(task.ended_by()["guard"].sum())
    facts["finite"], facts["guards"] = finite, guards
    repeated = task.reset(seed=7)
    facts["same_start"] = max(
        (repeated["policy"][key] - again[key]).abs().max().item() for key in ("joint_pos", "point_cloud")
    )
    facts["stale"] = stale_after_reset(task)
    facts |= demonstrate(task)
    return facts


def stale_after_reset(task: SteerableEnv) -> dict[str, float]:
    """Half of the environments end within a step: how far is what terms were given from what they should have been?"""
    task.episode_length_buf[::2] = task.max_episode_length - 1
    before = tcp_pose_e(task.env)[0].clone()
    observations, _, _, truncated, extras = task.step(task.hold_action())
    assert truncated[::2].all()
    kept = true_state(task.env)
    vars(task.env)["_once_a_state"].clear()
    fresh = true_state(task.env)
    return {
        "after": (kept - fresh).abs().max().item(),
        "observed": (observations["critic"][:, -26:] - fresh).abs().max().item(),
        "moved": (tcp_pose_e(task.env)[0] - before)[::2].norm(dim=-1).min().item(),
        "final": (extras["final_obs"]["critic"] - observations["critic"])[::2, -26:].abs().amax(-1).min().item(),
    }


def demonstrate(task: SteerableEnv) -> dict[str, object]:
    """One episode each of a demonstrator without bad habits: it has to succeed nearly always."""
    from score_tasks.insert.demonstrator import Habits, InsertDemonstrator

    perfect = Habits(
        aim_bias=(0.0, 0.0),
        aim_std=(0.0, 0.0, 0.0),
        yaw_bias_std=0.0,
        tilt_bias_std=0.0,
        tremor_std=0.0,
        hesitation_probability=0.0,
        miss_std=0.0,
        distraction_probability=0.0,
    )
    demonstrator = InsertDemonstrator(task, 0, perfect)
    demonstrator.reset()
    running = torch.ones(task.num_envs, dtype=torch.bool)
    success = torch.zeros_like(running)
    reward_at_success = torch.zeros(task.num_envs)
    deepest = torch.full((task.num_envs,), -1.0)
    forces = []
    for _ in range(task.max_episode_length):
        action = torch.where(running[:, None], demonstrator.act(), task.hold_action())
        deepest = torch.where(running, torch.maximum(deepest, peg_in_socket(task.env).tip_depth), deepest)
        _, reward, terminated, truncated, _ = task.step(action)
        force = task.contact_force()
        assert force is not None
        forces.append(torch.where(running, force, 0.0))
        now = running & task.ended_by()["success"]
        success |= now
        reward_at_success = torch.where(now, reward, reward_at_success)
        running &= ~(terminated | truncated)
        if not running.any():
            break
    return {
        "success": success.float().mean().item(),
        "reward_at_success": reward_at_success[success].tolist(),
        "deepest": deepest[success].tolist(),
        "forces": torch.stack(forces).tolist(),
    }


if __name__ == "__main__":
    domain, count = sys.argv[1], int(sys.argv[3])
    with open_task("SCORE-Insert-v0", domain=domain, num_envs=count, seed=7, contact_forces=True) as opened:
        assert isinstance(opened, SteerableEnv)
        print("FACTS " + json.dumps(look(opened)), flush=True)
