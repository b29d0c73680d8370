# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A camera for videos and pictures, rendered by Newton's Warp renderer on CPU or GPU with either physics engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

import isaaclab.sim as sim_utils
from isaaclab.sensors import CameraCfg
from isaaclab.utils.math import create_rotation_matrix_from_view, quat_from_matrix
from isaaclab_newton.renderers import NewtonWarpRendererCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnvCfg

FOCAL_LENGTH, VERTICAL_APERTURE = 24.0, 20.0
"""Millimetres: the camera sees 45 degrees from top to bottom, whatever its width."""


def add_video_camera(
    env_cfg: ManagerBasedRLEnvCfg,
    size: tuple[int, int],
    eye: tuple[float, float, float],
    target: tuple[float, float, float],
) -> None:
    """Adds the camera ``video`` to a scene.

    Args:
        env_cfg: Environment configuration, changed in place.
        size: Width and height, pixels.
        eye: Camera position in the environment frame, m.
        target: Point that the camera looks at, m.
    """
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
            horizontal_aperture=VERTICAL_APERTURE * size[0] / size[1],
            clipping_range=(0.05, 10.0),
        ),
        offset=CameraCfg.OffsetCfg(pos=eye, rot=tuple(quat), convention="opengl"),
        renderer_cfg=NewtonWarpRendererCfg(use_cuda_graph=False),
    )
