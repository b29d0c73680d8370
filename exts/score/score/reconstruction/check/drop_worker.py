# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Drops an asset on a table in one physics engine, in a process of its own: two engines do not share one.

    python -m score.reconstruction.check.drop_worker job.json trajectory.npz

The job is a :class:`~score.reconstruction.check.drop_test.DropJob` as JSON; the result holds the poses over time of
both bodies in each environment, and what the engine read of mass and inertia.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import isaaclab.sim as sim_utils
from isaaclab.app import launch_simulation
from isaaclab.assets import AssetBaseCfg, RigidObject, RigidObjectCfg
from isaaclab.scene import InteractiveScene, InteractiveSceneCfg
from isaaclab.utils import configclass
from isaaclab_ov.physics import OvPhysxCfg

from score.physics import PHYSICS_DT, RecordedSteps, allow_unpinned_host_memory, newton_mjwarp

_TABLE_THICKNESS = 0.04
_TABLE_TURN = (0.0, 0.0, math.sin(0.1), math.cos(0.1))
"""Quaternion (x, y, z, w), 0.2 rad about z: MuJoCo-Warp kicks a body of several boxes sideways by centimetres when its
edges are exactly parallel to those of the box that it lands on (a thousandth of a radian is enough to avoid it)."""
_SPACING = 3.0
"""Distance of the environments [m]: PhysX does not keep them apart on a CPU."""


@configclass
class DropSceneCfg(InteractiveSceneCfg):
    """A table at z = 0, the asset, and perhaps a second body."""

    table: AssetBaseCfg = AssetBaseCfg(
        prim_path="{ENV_REGEX_NS}/Table",
        spawn=sim_utils.CuboidCfg(
            size=(2.0, 2.0, _TABLE_THICKNESS), collision_props=sim_utils.UsdPhysicsCollisionCfg()
        ),
        init_state=AssetBaseCfg.InitialStateCfg(pos=(0.0, 0.0, -_TABLE_THICKNESS / 2.0), rot=_TABLE_TURN),
    )
    asset: RigidObjectCfg | None = None
    other: RigidObjectCfg | None = None


def run(job: dict[str, Any]) -> dict[str, np.ndarray]:
    """Simulate a job.

    Args:
        job: Fields of :class:`~score.reconstruction.check.drop_test.DropJob`.

    Returns:
        ``asset`` and perhaps ``other``, poses of shape (T, N, 7) in the frame of each environment (position [m] and
        quaternion (x, y, z, w)), ``mass``, ``inertia``, ``center`` of the asset as the engine read them.
    """
    poses = torch.tensor(job["asset_poses"], dtype=torch.float32)
    scene_cfg = DropSceneCfg(num_envs=len(poses), env_spacing=_SPACING)
    scene_cfg.asset = RigidObjectCfg(prim_path="{ENV_REGEX_NS}/Asset", spawn=sim_utils.UsdFileCfg(usd_path=job["usd"]))
    if job["other_usd"]:
        spawn: Any = sim_utils.UsdFileCfg(usd_path=job["other_usd"])
        scene_cfg.other = RigidObjectCfg(prim_path="{ENV_REGEX_NS}/Other", spawn=spawn)
    elif job["ball_radius"]:
        scene_cfg.other = RigidObjectCfg(prim_path="{ENV_REGEX_NS}/Other", spawn=_ball(job))
    if job["engine"] == "ovphysx":
        allow_unpinned_host_memory()
        physics: Any = OvPhysxCfg(enable_external_forces_every_iteration=True)
    else:
        physics = newton_mjwarp(njmax=4 * job["max_contacts"], nconmax=job["max_contacts"])
    sim_cfg = sim_utils.SimulationCfg(dt=PHYSICS_DT / job["substeps"], device="cpu", physics=physics)
    with launch_simulation(sim_cfg, {"device": "cpu"}):
        sim = sim_utils.SimulationContext(sim_cfg)
        scene = InteractiveScene(scene_cfg)
        sim.reset()
        if job["engine"] != "ovphysx":
            sim.physics_manager = RecordedSteps(sim.physics_manager)
        bodies = {"asset": poses}
        if job["other_poses"]:
            bodies["other"] = torch.tensor(job["other_poses"], dtype=torch.float32)
        return _simulate(sim, scene, bodies, job)


def _simulate(
    sim: sim_utils.SimulationContext,
    scene: InteractiveScene,
    bodies: dict[str, torch.Tensor],
    job: dict[str, Any],
) -> dict[str, np.ndarray]:
    origins = torch.as_tensor(scene.env_origins).clone()
    for name, poses in bodies.items():
        body: RigidObject = scene[name]
        start = poses.clone()
        start[:, :3] += origins
        body.write_root_pose_to_sim_index(root_pose=start)
        body.write_root_velocity_to_sim_index(root_velocity=torch.zeros(len(poses), 6))
    scene.write_data_to_sim()
    frames: dict[str, list[np.ndarray]] = {name: [] for name in bodies}
    for step in range(round(job["seconds"] / PHYSICS_DT)):
        for _ in range(job["substeps"]):
            sim.step(render=False)
        scene.update(PHYSICS_DT)
        if step % job["record_every"]:
            continue
        for name in bodies:
            pose = scene[name].data.root_link_pose_w.torch.clone()
            pose[:, :3] -= origins
            frames[name].append(pose.numpy())
    data = scene["asset"].data
    result = {name: np.stack(poses) for name, poses in frames.items()}
    result["mass"] = data.body_mass.torch[0].numpy().reshape(-1)
    result["inertia"] = data.body_inertia.torch[0].numpy().reshape(3, 3)
    result["center"] = data.body_com_pose_b.torch[0].numpy().reshape(-1)[:3]
    return result


def _ball(job: dict[str, Any]) -> sim_utils.SphereCfg:
    return sim_utils.SphereCfg(
        radius=job["ball_radius"],
        mass_props=sim_utils.MassPropertiesCfg(mass=job["ball_mass"]),
        rigid_props=sim_utils.RigidBodyPropertiesCfg(),
        collision_props=sim_utils.UsdPhysicsCollisionCfg(),
    )


def main() -> None:
    """Read the job, write the trajectory."""
    source, target = sys.argv[1:3]
    result = run(json.loads(Path(source).read_text(encoding="utf-8")))
    np.savez(target, **result)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
