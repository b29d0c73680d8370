# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Opens a grasping task in one domain and prints what it saw as one JSON line; started by test_grasp_simulator.py.

Usage: grasp_worker.py TASK DOMAIN RANDOM_STEPS ENVIRONMENTS [OVERRIDES ...]
"""

import json
import sys
import time

import torch
from scipy.spatial import ConvexHull

from isaaclab.managers import SceneEntityCfg
from isaaclab_newton.physics import NewtonManager

from score.open_task import entry_point, open_task
from score.physics import RecordedSteps
from score.simulation import SteerableEnv
from score_assets.robots.franka_leap_kinematics import pad_points
from score_tasks.grasp.demonstrator import without_flaws
from score_tasks.kit.frames import body_pose_e, body_state_e
from score_tasks.kit.hand import joint_pos, palm_pose_e

OBJECT = SceneEntityCfg("object")
RECORDED_STEPS = 2
"""Control steps of an episode with recorded kernels."""


def look(task: SteerableEnv, random_steps: int) -> dict[str, object]:
    """Resets, holds, moves randomly, demonstrates."""
    first = task.reset(seed=7)
    position = body_pose_e(task.env, OBJECT)[0].clone()
    again = {key: value.clone() for key, value in first["policy"].items()}
    facts: dict[str, object] = {
        "engine": task.engine,
        "shapes": {key: list(value.shape) for key, value in first["policy"].items()},
        "critic": list(first["critic"].shape),
        "names": list(task.spec.actions.names),
        "steps": task.max_episode_length,
        "start_low": position.amin(0).tolist(),
        "start_high": position.amax(0).tolist(),
        "start_spread": position[:, :2].std(0).tolist(),
    }
    gains = task.env.event_manager.get_term_cfg("joint_gains").func
    stiffness = task.env.scene["robot"].data.joint_stiffness.torch / gains.default_joint_stiffness
    facts["stiffness"] = stiffness.mean(-1).tolist()
    facts["stiffness_spread"] = (stiffness.amax(-1) - stiffness.amin(-1)).max().item()
    for _ in range(10):
        observations, *_ = task.step(task.hold_action())
    facts["hold_error"] = (observations["policy"]["joint_pos"][:, -1] - again["joint_pos"][:, -1]).abs().max().item()
    facts["object_moved"] = (body_pose_e(task.env, OBJECT)[0] - position).norm(dim=-1).max().item()
    generator = torch.Generator().manual_seed(0)
    finite, guards = True, 0
    for _ in range(random_steps):
        noise = 0.1 * torch.randn(task.num_envs, 23, generator=generator)
        observations, reward, *_ = task.step(task.hold_action() + noise)
        finite &= bool(torch.isfinite(reward).all() and torch.isfinite(observations["critic"]).all())
        finite &= all(bool(torch.isfinite(value).all()) for value in observations["policy"].values())
        guards += int(task.ended_by()["guard"].sum())
    facts["finite"], facts["guards"] = finite, guards
    facts["table_friction"] = table_friction(task)
    repeated = task.reset(seed=7)
    facts["same_start"] = max(
        (repeated["policy"][key] - again[key]).abs().max().item() for key in ("joint_pos", "point_cloud")
    )
    return facts | demonstrate(task) | {"recorded": recorded(task)}


def table_friction(task: SteerableEnv) -> float:
    """Friction of the table, which has no material of its own."""
    if task.engine == "ovphysx":
        return task.env_cfg.sim.physics_material.static_friction
    model = NewtonManager.get_model()
    return next(mu for name, mu in zip(model.shape_label, model.shape_material_mu.numpy().tolist(), strict=True)
                if "/Table/" in name)  # fmt: skip


def demonstrate(task: SteerableEnv) -> dict[str, object]:
    """One episode each of a demonstrator without bad habits, and how deep its pads were in the object at worst."""
    demonstrator_class = entry_point(task.task, "demonstrator_entry_point")
    demonstrator = demonstrator_class(task, 0, without_flaws(demonstrator_class.habits))
    segment = task.env_cfg.observations.policy.point_cloud.params["segments"]["object"]
    surface, _ = segment.surface(**segment.surface_params)
    planes = torch.tensor(ConvexHull(surface).equations, dtype=torch.float32)
    running = torch.ones(task.num_envs, dtype=torch.bool)
    success, deepest = torch.zeros_like(running), torch.zeros(task.num_envs)
    tries, descent = torch.zeros(task.num_envs), torch.zeros(task.num_envs)
    reward_at_success = torch.zeros(task.num_envs)
    for _ in range(task.max_episode_length):
        position, rot = body_pose_e(task.env, OBJECT)
        palm = palm_pose_e(task.env)
        pads = pad_points(joint_pos(task.env)[:, 7:]) @ palm.rot.mT + palm.pos[:, None]
        local = (pads - position[:, None]) @ rot
        depth = -(local @ planes[:, :3].T + planes[:, 3]).amax(-1)  # inside the convex hull: positive
        deepest = torch.where(running, torch.maximum(deepest, depth.amax(-1)), deepest)
        closing = demonstrator.doing("close")
        action = torch.where(running[:, None], demonstrator.act(), task.hold_action())
        tries += running & closing & demonstrator.doing("carry")
        descent += running & demonstrator.doing("descend")
        _, reward, terminated, truncated, _ = task.step(action)
        now = running & task.ended_by()["success"]
        reward_at_success = torch.where(now, reward, reward_at_success)
        success |= now
        running &= ~(terminated | truncated)
        if not running.any():
            break
    return {
        "success": success.float().mean().item(),
        "reward_at_success": reward_at_success[success].tolist(),
        "deepest": deepest.max().item(),
        "tries": tries.mean().item(),
        "descent_steps": descent.mean().item(),
    }


def states(task: SteerableEnv) -> tuple[torch.Tensor, float]:
    """Joints and places of bodies (2 * steps, N, ...) over two episodes, and what a control step costs, CPU s."""
    generator = torch.Generator().manual_seed(0)
    seen = []
    begin = time.process_time()
    for seed in (7, 8):  # a reset draws masses, friction and gains anew
        task.reset(seed=seed)
        for _ in range(RECORDED_STEPS):
            task.step(task.hold_action() + 0.05 * torch.randn(task.num_envs, 23, generator=generator))
            bodies = [
                body_state_e(task.env, SceneEntityCfg(name)) for name in task.env_cfg.events.bodies.params["bodies"]
            ]
            seen.append(
                torch.cat((joint_pos(task.env), *(part.flatten(1) for body in bodies for part in body)), dim=-1)
            )
    return torch.stack(seen), (time.process_time() - begin) / (2 * RECORDED_STEPS)


def recorded(task: SteerableEnv) -> dict[str, object] | None:
    """The same control steps with recorded and with started kernels; None where the engine records none."""
    quick = task.env.sim.physics_manager
    if not isinstance(quick, RecordedSteps):
        return None
    task.reset(seed=6)
    task.step(task.hold_action())
    replayed, quick_time = states(task)
    task.env.sim.physics_manager = quick._manager
    started, slow_time = states(task)
    return {
        "difference": (replayed - started).abs().max().item(),
        "moved": (replayed[-1] - replayed[0]).abs().max().item(),
        "finite": bool(torch.isfinite(replayed).all()),
        "seconds": [quick_time, slow_time],
    }


if __name__ == "__main__":
    name, domain, steps, count = sys.argv[1:5]
    with open_task(name, domain=domain, num_envs=int(count), seed=7, overrides=sys.argv[5:]) as opened:
        assert isinstance(opened, SteerableEnv)
        print("FACTS " + json.dumps(look(opened, int(steps))), flush=True)
