# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A camera for videos and pictures, rendered by Newton's Warp renderer on CPU or GPU with either physics engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

import isaaclab.sim as sim_utils
from isaaclab.envs.utils.video_recorder_cfg import VideoRecorderCfg
from isaaclab.sensors import CameraCfg
from isaaclab.utils.math import create_rotation_matrix_from_view, quat_from_matrix
from isaaclab_newton.renderers import NewtonWarpRendererCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnvCfg


def add_video_camera(
    env_cfg: ManagerBasedRLEnvCfg,
    output_dir: str,
    length: int,
    eye: tuple[float, float, float],
    target: tuple[float, float, float],
    resolution: tuple[int, int] = (480, 480),
) -> None:
    """Adds the camera ``video`` to a scene and an mp4 recorder fed by it.

    Args:
        env_cfg: Environment configuration, changed in place.
        output_dir: Folder of the mp4 files.
        length: Control steps in a clip.
        eye: Camera position in the environment frame, m.
        target: Point that the camera looks at, m.
        resolution: Width and height, pixels.
    """
    rotation = create_rotation_matrix_from_view(torch.tensor([eye]), torch.tensor([target]), up_axis="Z")
    quat = quat_from_matrix(rotation)[0].tolist()
    env_cfg.scene.video = CameraCfg(
        prim_path="{ENV_REGEX_NS}/VideoCamera",
        update_period=0.0,
        width=resolution[0],
        height=resolution[1],
        data_types=["rgb"],
        spawn=sim_utils.PinholeCameraCfg(focal_length=24.0, horizontal_aperture=20.955, clipping_range=(0.05, 10.0)),
        offset=CameraCfg.OffsetCfg(pos=eye, rot=tuple(quat), convention="opengl"),
        renderer_cfg=NewtonWarpRendererCfg(use_cuda_graph=False),
    )
    env_cfg.video_recorders = [VideoRecorderCfg(source="sensor:video", video_length=length, output_dir=output_dir)]
