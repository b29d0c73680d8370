# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How a task is looked at: the view that viewers start at, and a camera for videos and pictures of the same view.

The camera is rendered by Newton's Warp renderer on CPU or GPU with either physics engine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

import isaaclab.sim as sim_utils
from isaaclab.sensors import CameraCfg
from isaaclab.utils.math import create_rotation_matrix_from_view, quat_from_matrix
from isaaclab.visualizers import VisualizerCfg
from isaaclab_newton.renderers import NewtonWarpRendererCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnvCfg

FIELD_OF_VIEW = math.radians(45.0)
"""What is seen from top to bottom, whatever the width of the picture."""
FOCAL_LENGTH = 24.0
"""Of the camera, millimetres."""
_VIEWER_APERTURE = 15.2908
"""Vertical aperture that Isaac Lab's viewers have, millimetres."""


def task_view(eye: tuple[float, float, float], target: tuple[float, float, float]) -> VisualizerCfg:
    """Make the view of a task, for ``sim.default_visualizer_cfg``.

    Args:
        eye: Where it is seen from, in the environment's frame, m.
        target: Point that is looked at, m.
    """
    focal_length = _VIEWER_APERTURE / (2.0 * math.tan(FIELD_OF_VIEW / 2.0))
    return VisualizerCfg(eye=eye, lookat=target, focal_length=focal_length)


def add_video_camera(env_cfg: ManagerBasedRLEnvCfg, size: tuple[int, int]) -> None:
    """Add the camera ``video`` to a scene, at the task's view.

    Args:
        env_cfg: Environment configuration, changed in place.
        size: Width and height, pixels.
    """
    eye, target = env_cfg.sim.default_visualizer_cfg.eye, env_cfg.sim.default_visualizer_cfg.lookat
    rotation = create_rotation_matrix_from_view(torch.tensor([eye]), torch.tensor([target]), up_axis="Z")
    quat = quat_from_matrix(rotation)[0].tolist()
    env_cfg.scene.video = CameraCfg(
        prim_path="{ENV_REGEX_NS}/VideoCamera",
        update_period=0.0,
        width=size[0],
        height=size[1],
        data_types=["rgb"],
        spawn=sim_utils.PinholeCameraCfg(
            focal_length=FOCAL_LENGTH,
            horizontal_aperture=2.0 * FOCAL_LENGTH * math.tan(FIELD_OF_VIEW / 2.0) * size[0] / size[1],
            clipping_range=(0.05, 10.0),
        ),
        offset=CameraCfg.OffsetCfg(pos=eye, rot=tuple(quat), convention="opengl"),
        renderer_cfg=NewtonWarpRendererCfg(use_cuda_graph=False, enable_shadows=True),
    )
