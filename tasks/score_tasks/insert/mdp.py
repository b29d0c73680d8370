# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Terms of the insertion task: true state for the critic, success, lost peg, reset of an episode."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat, quat_apply, quat_from_euler_xyz, quat_mul, sample_uniform

from score_assets.robots.franka import HOME_JOINT_POS
from score_assets.robots.franka_kinematics import IkResult, forward_kinematics, inverse_kinematics
from score_tasks.insert.frames import (
    GEOMETRY,
    in_frame,
    peg_in_socket,
    peg_in_tool,
    socket_pose_e,
    tcp_pose_e,
)
from score_tasks.kit.derived import constant
from score_tasks.kit.events import ArmStarts, env_indices, pose_bounds, write_body_pose
from score_tasks.kit.mdp import joint_tracking_error

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv


def true_state(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Return what only the simulator knows, for the critic, (N, 26).

    Peg's tip in the socket frame (3), its depth (1), the peg's tilt (1), socket and peg in the tool frame (3 each), two
    axes of their orientations (6 each), and the peg's velocity (3).
    """
    relation = peg_in_socket(env)
    tcp = tcp_pose_e(env)
    socket_pos, socket_quat = in_frame(*socket_pose_e(env), *tcp)
    peg_pos, peg_quat = peg_in_tool(env)
    axes = torch.cat([matrix_from_quat(quat)[..., :2].flatten(1) for quat in (socket_quat, peg_quat)], dim=-1)
    velocity = env.scene["peg"].data.root_lin_vel_w.torch
    # centimetres and decimetres: differences that matter are millimetres
    state = torch.cat(
        (
            100.0 * relation.tip_pos_s,
            100.0 * relation.tip_depth[:, None],
            10.0 * relation.tilt[:, None],
            10.0 * socket_pos,
            100.0 * peg_pos,
            axes,
            10.0 * velocity,
        ),
        dim=-1,
    )
    return torch.nan_to_num(state).clamp(-100.0, 100.0)


def contact_error(env: ManagerBasedRLEnv, asset_cfg: SceneEntityCfg) -> torch.Tensor:
    """Commanded minus measured joint position (N, 7) in units of 0.01 rad, for the critic."""
    return 100.0 * joint_tracking_error(env, "arm", asset_cfg)


def peg_inserted(env: ManagerBasedRLEnv, min_depth_fraction: float, max_tilt: float) -> torch.Tensor:
    """Whether each peg is in its hole now, (N,) bool; see :func:`inserted`."""
    relation = peg_in_socket(env)
    return inserted(relation.tip_depth, relation.tip_pos_s, relation.tilt, min_depth_fraction, max_tilt)


def inserted(
    tip_depth: torch.Tensor, tip_pos_s: torch.Tensor, tilt: torch.Tensor, min_depth_fraction: float, max_tilt: float
) -> torch.Tensor:
    """Whether a peg is in its hole now, (N,) bool; a non-finite pose is not.

    Args:
        tip_depth: Depth of the tip below the rim (N,), m.
        tip_pos_s: Tip in the socket frame (N, 3), m.
        tilt: Tilt of the peg (N,), rad.
        min_depth_fraction: Smallest depth as a fraction of the hole's depth.
        max_tilt: Largest tilt, rad.
    """
    deep = tip_depth >= min_depth_fraction * GEOMETRY.depth
    within = (tip_pos_s[:, :2].abs() <= 0.5 * GEOMETRY.hole_width).all(-1)
    return deep & within & (tilt <= max_tilt)


def peg_lost(env: ManagerBasedRLEnv, max_slip: float) -> torch.Tensor:
    """Tell whether the peg's centre left its place between the fingers by more than ``max_slip`` (m), (N,) bool."""
    peg_pos, _ = peg_in_tool(env)
    nominal = constant((0.0, 0.0, GEOMETRY.grasp_offset), peg_pos.device)
    return (peg_pos - nominal).norm(dim=-1) > max_slip


class InsertStarts(ArmStarts):
    """Draws a new episode: socket pose, arm start, pose of the peg in the fingers; the fingers squeeze it."""

    BANK_SIZE = 2048

    def solve(self, pos: torch.Tensor, euler: torch.Tensor) -> IkResult:
        """Arm joints whose tool points down, but for roll, pitch and yaw."""
        down = quat_from_euler_xyz(math.pi + euler[:, 0], euler[:, 1], euler[:, 2])
        home = torch.tensor(HOME_JOINT_POS, device=pos.device).expand(len(pos), -1)
        return inverse_kinematics(pos, down, home, iterations=40)

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        env_ids: torch.Tensor | slice,
        start: dict[str, tuple[float, float]],
        socket_range: dict[str, tuple[float, float]],
        peg_in_hand: dict[str, tuple[float, float]],
    ) -> None:
        """Draw and write the start of the episodes ``env_ids``; ranges in m and rad, a missing key is fixed at 0."""
        env_ids = env_indices(env, env_ids)
        shape, device = (len(env_ids), 6), env.device
        arm = self.draw(len(env_ids))
        socket = sample_uniform(*pose_bounds(socket_range, device), shape, device=device)
        quat = quat_from_euler_xyz(socket[:, 3], socket[:, 4], socket[:, 5])
        write_body_pose(env, "socket", env_ids, socket[:, :3], quat, moves=False)
        # the fingers' drives close on the peg for the whole episode; the arm holds its start
        self.write(env, env_ids, "arm", arm, {"panda_finger_joint.*": 0.0})
        offset = sample_uniform(*pose_bounds(peg_in_hand, device), shape, device=device)
        tcp = forward_kinematics(arm)
        nominal = torch.tensor((0.0, 0.0, GEOMETRY.grasp_offset), device=device)
        pos = tcp.tcp_pos + quat_apply(tcp.tcp_quat, offset[:, :3] + nominal)
        quat = quat_mul(tcp.tcp_quat, quat_from_euler_xyz(offset[:, 3], offset[:, 4], offset[:, 5]))
        write_body_pose(env, "peg", env_ids, pos, quat)
