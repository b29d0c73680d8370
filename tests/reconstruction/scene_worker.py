# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scans peg and socket virtually, makes assets and a scene of them, and runs SCORE-Insert-Scene-v0 in it.

Prints what it saw as one JSON line; started by test_scene_simulator.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from tests.reconstruction.test_scene import make_box
from tests.tasks.sim_worker import demonstrate

from score.benchmarks.virtual_mesh import MeshScanCfg, scan_mesh
from score.open_task import open_task
from score.reconstruction.build import build_asset
from score.reconstruction.check.scene_checks import check_scene
from score.reconstruction.scene import read_scene
from score.reconstruction.settings import AssetCfg
from score.simulation import SteerableEnv
from score_assets.objects.ground_truth import GROUND_TRUTH
from score_assets.objects.peg_socket import PEG_SOCKET
from score_tasks.insert.frames import in_frame, peg_pose_e, socket_pose_e, tcp_pose_e
from score_tasks.kit.reach import franka_reaches

MEASURES = {
    "peg": {"x": PEG_SOCKET.peg_width, "y": PEG_SOCKET.peg_width, "z": PEG_SOCKET.peg_length},
    "socket": {
        "width": PEG_SOCKET.hole_width,
        "length": PEG_SOCKET.hole_width,
        "depth": PEG_SOCKET.depth,
        "x": PEG_SOCKET.outer_width,
        "y": PEG_SOCKET.outer_width,
        "z": PEG_SOCKET.rim_height,
    },
}
"""What callipers say of peg and socket [m]."""
SCENE = f"""
format: score-scene/1
objects:
  peg:
    asset: peg
    position: [0.5, 0.0, 0.3]
    quaternion: [1.0, 0.0, 0.0, 0.0]
    origin: [0.0, 0.0, {PEG_SOCKET.peg_length / 2}]
    mass: 0.06
    friction: 0.55
    support: free
  socket:
    asset: socket
    position: [0.51, 0.01, 0.0]
    ranges: {{x: [-0.02, 0.02], y: [-0.02, 0.02], yaw: [-0.1, 0.1]}}
    fixed: true
  bystander:
    asset: cube
    position: [0.35, 0.3, 0.0]
    ranges: {{x: [-0.005, 0.005]}}
"""


def make_scene(root: Path) -> Path:
    """Scans, assets and scene file in a folder; the scene file."""
    for name, measures in MEASURES.items():
        truth = GROUND_TRUTH[name]
        scan = scan_mesh(truth.mesh(), truth.color, MeshScanCfg(yaw=0.0), seed=5)
        (root / f"{name}.ply").write_bytes(scan.mesh.export(file_type="ply"))
        cfg = AssetCfg(
            scan=root / f"{name}.ply",
            name=name,
            output=root / name,
            unit="mm",
            mass=truth.properties.mass,
            friction=truth.friction,
            collision=truth.collision,
            measures=measures,
        )
        build_asset(cfg, drop=False, progress=lambda _: None)
    make_box(root, "cube", (0.05, 0.05, 0.05))
    path = root / "scene.yaml"
    path.write_text(SCENE)
    return path


def look(task: SteerableEnv) -> dict[str, object]:
    """Where things start, what they weigh, whether the grasp holds."""
    task.reset(seed=3)
    socket = socket_pose_e(task.env)[0].clone()
    for _ in range(10):
        observations, *_ = task.step(task.hold_action())
    in_hand, _ = in_frame(*peg_pose_e(task.env), *tcp_pose_e(task.env))
    return {
        "engine": task.engine,
        "cloud": list(observations["policy"]["point_cloud"].shape),
        "finite": all(bool(torch.isfinite(value).all()) for value in observations["policy"].values()),
        "socket_low": socket.amin(0).tolist(),
        "socket_high": socket.amax(0).tolist(),
        "peg_in_hand": in_hand.tolist(),
        "bystander": (task.env.scene["bystander"].data.root_pos_w.torch - task.env.scene.env_origins).tolist(),
        "peg_mass": task.env.scene["peg"].data.body_mass.torch.flatten().tolist(),
    }


def run(root: Path) -> None:
    """Makes the scene, checks it, runs the task."""
    path = make_scene(root)
    problems = [problem.text for problem in check_scene(read_scene(path), franka_reaches)]
    with open_task(
        "SCORE-Insert-Scene-v0", num_envs=8, seed=3, overrides=[f"env.scene_file={path}"], contact_forces=True
    ) as opened:
        assert isinstance(opened, SteerableEnv)
        facts = {"problems": problems, **look(opened), **demonstrate(opened)}
        print("FACTS " + json.dumps(facts), flush=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
