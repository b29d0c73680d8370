# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings that every task of this package shares, whatever its robot."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from isaaclab.assets import ArticulationCfg
from isaaclab.envs import ManagerBasedRLEnvCfg
from isaaclab.sensors import ContactSensorCfg
from isaaclab.utils import configclass

from score_tasks.kit.physics import DECIMATION
from score_tasks.kit.video import add_video_camera


@configclass
class TaskEnvCfg(ManagerBasedRLEnvCfg):
    """Settings of a task; one sets ``sim.default_visualizer_cfg`` to its view."""

    decimation: int = DECIMATION
    compute_final_obs: bool = True
    """Keeps the true last observation of an episode for time-out bootstrapping."""
    observation_interface: dict = field(default_factory=dict)
    """Units, frames and names of the ``policy`` observations, compared with what a base policy was trained on."""
    sensed_asset: str = "robot"
    """Asset of the scene whose contact forces ``evaluate.py --contact_forces`` reports."""

    def add_video_camera(self, size: tuple[int, int]) -> None:
        """Add a camera that needs no GPU; see :func:`score_tasks.kit.video.add_video_camera`."""
        add_video_camera(self, size)

    def add_contact_sensor(self) -> None:
        """Sense how hard each body of :attr:`sensed_asset` touches others."""
        asset = getattr(self.scene, self.sensed_asset)
        bodies = "/.*" if isinstance(asset, ArticulationCfg) else ""
        spawn = asset.spawn.replace(activate_contact_sensors=True)
        setattr(self.scene, self.sensed_asset, asset.replace(spawn=spawn))
        self.scene.contact_forces = ContactSensorCfg(prim_path=asset.prim_path + bodies)

    def show_meshes(self) -> None:
        """Show the robot as it looks where ``franky-sim`` is installed; bodies and colliders stay what they are."""
        # Imported late, as nothing else of a task without a scene file needs trimesh: it takes most of a second.
        from score_assets.robots.franka_meshes import dressed_robot, mesh_folder
        from score_tasks.kit.scene import layers

        folder, robot = mesh_folder(), self.scene.robot
        if folder is not None:
            usd_path = Path(robot.spawn.usd_path)
            seen = dressed_robot(usd_path, folder, Path(layers().name) / f"{usd_path.stem}_meshes.usdc")
            self.scene.robot = robot.replace(spawn=robot.spawn.replace(usd_path=str(seen)))
