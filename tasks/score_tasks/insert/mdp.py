# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Terms of the insertion task: true state for the critic, success, lost peg, reset of an episode."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import EventTermCfg, ManagerTermBase, SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat, quat_apply, quat_from_euler_xyz, quat_mul, sample_uniform

from score_assets.robots.franka import HOME_JOINT_POS
from score_assets.robots.franka_kinematics import forward_kinematics, inverse_kinematics
from score_tasks.insert.frames import (
    GEOMETRY,
    in_frame,
    peg_in_socket,
    peg_pose_e,
    socket_pose_e,
    tcp_pose_e,
)
from score_tasks.mdp import HeldForSteps, joint_tracking_error, pose_bounds

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv


def true_state(env: ManagerBasedRLEnv) -> torch.Tensor:
    """What only the simulator knows, for the critic, (N, 26).

    Peg's tip in the socket frame (3), its depth (1), the peg's tilt (1), socket and peg in the tool frame (3 each), two
    axes of their orientations (6 each), and the peg's velocity (3).
    """
    relation = peg_in_socket(env)
    tcp = tcp_pose_e(env)
    socket_pos, socket_quat = in_frame(*socket_pose_e(env), *tcp)
    peg_pos, peg_quat = in_frame(*peg_pose_e(env), *tcp)
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


class Inserted(HeldForSteps):
    """Success: for ``hold_steps`` control steps the peg's tip is deep enough, upright and inside the hole's outline."""

    def __call__(
        self, env: ManagerBasedRLEnv, min_depth_fraction: float, max_tilt: float, hold_steps: int
    ) -> torch.Tensor:
        """Whether each peg has been in its hole for ``hold_steps`` control steps in a row, (N,) bool."""
        relation = peg_in_socket(env)
        inside = inserted(relation.tip_depth, relation.tip_pos_s, relation.tilt, min_depth_fraction, max_tilt)
        return self.count(inside, hold_steps)


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
    """The peg's centre left its place between the fingers by more than ``max_slip`` (m), (N,) bool."""
    peg_pos, _ = in_frame(*peg_pose_e(env), *tcp_pose_e(env))
    nominal = torch.tensor((0.0, 0.0, GEOMETRY.grasp_offset), device=peg_pos.device)
    return (peg_pos - nominal).norm(dim=-1) > max_slip


class ResetEpisode(ManagerTermBase):
    """Draws a new episode: socket pose, arm start, pose of the peg in the fingers; the fingers squeeze it.

    Arm starts come from a bank solved once by inverse kinematics, so that a reset costs no solve.
    """

    BANK_SIZE = 2048

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        params = cfg.params
        low, high = pose_bounds(params["tcp_start"], env.device)
        pose = sample_uniform(low, high, (self.BANK_SIZE, 6), device=env.device)
        down = quat_from_euler_xyz(math.pi + pose[:, 3], pose[:, 4], pose[:, 5])
        home = torch.tensor(HOME_JOINT_POS, device=env.device).expand(self.BANK_SIZE, -1)
        solution = inverse_kinematics(pose[:, :3], down, home, iterations=40)
        self._joint_pos = solution.joint_pos[(solution.position_error < 1e-3) & (solution.rotation_error < 1e-2)]

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        env_ids: torch.Tensor | slice,
        tcp_start: dict[str, tuple[float, float]],
        socket_range: dict[str, tuple[float, float]],
        peg_in_hand: dict[str, tuple[float, float]],
    ) -> None:
        """Draws and writes the start of the episodes ``env_ids``; ranges in m and rad, a missing key is fixed at 0."""
        device = env.device
        env_ids = torch.arange(env.num_envs, device=device)[env_ids]  # a full reset passes a slice
        count = len(env_ids)
        origins = env.scene.env_origins[env_ids]
        arm = self._joint_pos[torch.randint(len(self._joint_pos), (count,), device=device)]
        reset_socket(env, env_ids, sample_uniform(*pose_bounds(socket_range, device), (count, 6), device=device))
        robot = env.scene["robot"]
        arm_ids = env.action_manager.get_term("arm")._joint_ids
        joints = robot.data.default_joint_pos.torch[env_ids].clone()
        joints[:, arm_ids] = arm
        robot.write_joint_position_to_sim_index(position=joints, env_ids=env_ids)
        robot.write_joint_velocity_to_sim_index(velocity=torch.zeros_like(joints), env_ids=env_ids)
        # the fingers' drives close on the peg for the whole episode; the arm holds its start
        joints[:, self._finger_ids(robot)] = 0.0
        robot.set_joint_position_target_index(target=joints, env_ids=env_ids)
        offset = sample_uniform(*pose_bounds(peg_in_hand, device), (count, 6), device=device)
        tcp = forward_kinematics(arm)
        nominal = torch.tensor((0.0, 0.0, GEOMETRY.grasp_offset), device=device)
        pos = tcp.tcp_pos + quat_apply(tcp.tcp_quat, offset[:, :3] + nominal) + origins
        quat = quat_mul(tcp.tcp_quat, quat_from_euler_xyz(offset[:, 3], offset[:, 4], offset[:, 5]))
        peg = env.scene["peg"]
        peg.write_root_pose_to_sim_index(root_pose=torch.cat((pos, quat), dim=-1), env_ids=env_ids)
        peg.write_root_velocity_to_sim_index(root_velocity=torch.zeros(count, 6, device=device), env_ids=env_ids)

    @staticmethod
    def _finger_ids(robot: object) -> list[int]:
        return robot.find_joints("panda_finger_joint.*")[0]  # type: ignore[attr-defined]


def reset_socket(env: ManagerBasedRLEnv, env_ids: torch.Tensor, pose: torch.Tensor) -> None:
    """Puts sockets on the table at poses (n, 6): x, y, z in the environment frame (m), roll, pitch, yaw (rad)."""
    pos = pose[:, :3] + env.scene.env_origins[env_ids]
    quat = quat_from_euler_xyz(pose[:, 3], pose[:, 4], pose[:, 5])
    env.scene["socket"].write_root_pose_to_sim_index(root_pose=torch.cat((pos, quat), dim=-1), env_ids=env_ids)
