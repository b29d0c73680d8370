# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Terms of the grasping tasks: cloud, true state, stages, success, losing the object, start of an episode.

Stages and success follow METHOD_FACTS section 2.1 with its mistakes mended (section 6): a flung object that crosses the
target's sphere is no success, heights count from where the object really rested, and touching with the wrist costs.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from isaaclab.managers import EventTermCfg, ManagerTermBase, ObservationTermCfg, RewardTermCfg
from isaaclab.utils.math import matrix_from_quat, quat_from_euler_xyz, quat_mul, sample_uniform

from score.reconstruction.asset_folder import read_asset
from score_assets.robots.franka_kinematics import forward_kinematics
from score_assets.robots.franka_leap import HAND_LINK_NAMES, RESET_JOINT_POS, hand_points
from score_assets.robots.franka_leap_kinematics import hand_link_poses, pad_points, palm_inverse_kinematics
from score_tasks.grasp.frames import (
    ACTION,
    HAND_CENTER_P,
    joint_pos,
    object_axes_p,
    object_in_palm,
    object_pose_e,
    palm_pose_e,
    to_palm,
)
from score_tasks.mdp import HeldForSteps, pose_bounds, transform_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isaaclab.envs import ManagerBasedRLEnv

_WRIST_CAPSULE = ((0.0, 0.0, 0.0), (0.07, 0.0, 0.0), 0.045)
"""Collider of ``panda_link6`` [m]: ends and radius."""


class HandObjectCloud(ManagerTermBase):
    """Cloud (N, P, 3) of hand and object in the frame of the palm ``palm_lower``, m.

    Points are sampled once from the surfaces and moved with the joints and the true object pose at every step
    (METHOD_FACTS section 4: no rendering). Noise: independent Gaussian noise per point and step, and one wrong camera
    calibration per episode, a shift of everything.
    """

    def __init__(self, cfg: ObservationTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        hand, thing = cfg.params["num_points"]
        sampled = hand_points(hand)
        links = [name for name in HAND_LINK_NAMES if len(sampled.get(name, ()))]
        self._points = torch.cat([torch.as_tensor(sampled[name]) for name in links]).to(env.device)
        owners = [HAND_LINK_NAMES.index(name) for name in links for _ in range(len(sampled[name]))]
        self._owners = torch.tensor(owners, device=env.device)
        surface = read_asset(Path(cfg.params["asset_dir"])).points(thing)
        self._object = torch.as_tensor(surface - np.asarray(cfg.params["origin"], np.float32), device=env.device)
        self._shift = torch.zeros(env.num_envs, 1, 3, device=env.device)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Draws the wrong camera calibration of a new episode."""
        ids = slice(None) if env_ids is None else env_ids
        self._shift[ids] = self.cfg.params["calibration_std"] * torch.randn_like(self._shift[ids])

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        asset_dir: str,
        origin: tuple[float, float, float],
        num_points: tuple[int, int],
        point_std: float,
        calibration_std: float,
    ) -> torch.Tensor:
        """Cloud (N, P, 3) of this control step: points of the hand first, then of the object, m."""
        pos, rot = hand_link_poses(joint_pos(env)[:, 7:])
        hand = (rot[:, self._owners] @ self._points[..., None]).squeeze(-1) + pos[:, self._owners]
        thing = to_palm(transform_points(self._object, *object_pose_e(env)), palm_pose_e(env))
        cloud = torch.cat((hand, thing), dim=1)
        cloud = torch.addcmul(cloud, torch.randn_like(cloud), torch.tensor(point_std, device=cloud.device))
        return torch.nan_to_num(cloud + self._shift)


def true_state(env: ManagerBasedRLEnv, target_pos: tuple[float, float, float]) -> torch.Tensor:
    """What only the simulator knows, for the critic, (N, 53), in decimetres, units of 0.1 rad, and m/s.

    Object in the palm's frame (3), two of its axes (6), target minus object (3), its height over where it rested (1),
    its velocity (3), pads minus object in the palm's frame (12), commanded minus measured joints (23), which stages
    hold (2).
    """
    palm = palm_pose_e(env)
    position, _ = object_pose_e(env)
    in_palm = to_palm(position[:, None], palm)
    pads = pad_points(joint_pos(env)[:, 7:]) - in_palm
    error = env.action_manager.get_term(ACTION).commanded - joint_pos(env)
    rise = position[:, 2] - rest_height(env)
    state = torch.cat(
        (
            10.0 * in_palm[:, 0],
            object_axes_p(env, palm),
            10.0 * (torch.tensor(target_pos, device=position.device) - position),
            10.0 * rise[:, None],
            env.scene["object"].data.root_lin_vel_w.torch,
            10.0 * pads.flatten(1),
            10.0 * error,
            torch.stack(((rise >= 0.12).float(), (rise >= 0.20).float()), dim=-1),
        ),
        dim=-1,
    )
    return torch.nan_to_num(state).clamp(-100.0, 100.0)


def rest_height(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Height (N,) at which the object rested when its episode began, m."""
    return env.event_manager.get_term_cfg("start").func.rest_height


class StageReached(ManagerTermBase):
    """A stage of the task by how far the object has risen, (N,): ``grasped`` or ``lifted`` (METHOD_FACTS 2.1).

    With ``once`` it pays in the first step of an episode in which it holds, for episodes that success ends: paid in
    every step it would reward waiting. Without, in every step, as published.
    """

    def __init__(self, cfg: RewardTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._reached = torch.zeros(env.num_envs, dtype=torch.bool, device=env.device)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forgets that the stage was reached."""
        self._reached[slice(None) if env_ids is None else env_ids] = False

    def __call__(self, env: ManagerBasedRLEnv, rise: tuple[float, float], once: bool) -> torch.Tensor:
        """1 where the object, in the hand, has risen by ``rise[0]`` to ``rise[1]`` m, else 0, (N,)."""
        height = object_pose_e(env)[0][:, 2] - rest_height(env)
        now = (height >= rise[0]) & (height <= rise[1]) & in_hand(object_in_palm(env))
        paid = now & ~self._reached if once else now
        self._reached |= now
        return paid.float()


def in_hand(object_pos_p: torch.Tensor, radius: float = 0.075) -> torch.Tensor:
    """Whether an object at (N, 3) in the palm's frame is where the pads meet, (N,) bool."""
    center = torch.tensor(HAND_CENTER_P, device=object_pos_p.device)
    return (object_pos_p - center).norm(dim=-1) <= radius


class HeldAtTarget(HeldForSteps):
    """Success: for ``hold_steps`` control steps the object is at its target, in the hand, and moves slowly.

    With ``at_end`` it is judged in the last step of an episode only, so that success does not end it (as published).
    """

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        target_pos: tuple[float, float, float],
        radius: float,
        max_speed: float,
        hold_steps: int,
        at_end: bool = False,
    ) -> torch.Tensor:
        """Whether each object has been held at its target for ``hold_steps`` control steps in a row, (N,) bool."""
        velocity = env.scene["object"].data.root_lin_vel_w.torch
        there = held_at_target(object_pose_e(env)[0], object_in_palm(env), velocity, target_pos, radius, max_speed)
        held = self.count(there, hold_steps)
        return held & (env.episode_length_buf >= env.max_episode_length - 1) if at_end else held


def held_at_target(
    object_pos_e: torch.Tensor,
    object_pos_p: torch.Tensor,
    velocity: torch.Tensor,
    target_pos: tuple[float, float, float],
    radius: float,
    max_speed: float,
) -> torch.Tensor:
    """Whether an object is held at its target now, (N,) bool; a non-finite state is not.

    Args:
        object_pos_e: Positions in the environment frame (N, 3), m.
        object_pos_p: Positions in the palm's frame (N, 3), m.
        velocity: Velocities (N, 3), m/s.
        target_pos: Target in the environment frame, m.
        radius: Farthest from the target, m. Published: 0.15.
        max_speed: Greatest speed, m/s: an object in flight does not count.
    """
    distance = (object_pos_e - torch.tensor(target_pos, device=object_pos_e.device)).norm(dim=-1)
    return (distance <= radius) & in_hand(object_pos_p) & (velocity.norm(dim=-1) <= max_speed)


def object_lost(env: ManagerBasedRLEnv, max_distance: float) -> torch.Tensor:
    """The object fell off the table, or lies farther than ``max_distance`` (m) from the robot's base, (N,) bool."""
    position, _ = object_pose_e(env)
    return (position[:, 2] < -0.05) | (position[:, :2].norm(dim=-1) > max_distance)


def wrist_on_table(env: ManagerBasedRLEnv, margin: float) -> torch.Tensor:
    """1 where ``panda_link6`` comes within ``margin`` (m) of the table's top at z = 0, else 0, (N,).

    Published as a contact force with a double minus, which paid for pressing the wrist down.
    """
    arm = forward_kinematics(joint_pos(env)[:, :7])
    start, end, radius = _WRIST_CAPSULE
    ends = torch.tensor((start, end), device=arm.tcp_pos.device)
    height = (arm.link_pos[:, 6, None] + ends @ arm.link_rot[:, 6].mT)[..., 2].amin(-1) - radius
    return (height < margin).float()


class JointSpeedL2(ManagerTermBase):
    """Squared joint speed from two control steps, summed over the joints, (N,), rad^2/s^2.

    PhysX reports speeds of joints with friction several times too small: positions do not lie.
    """

    def __init__(self, cfg: RewardTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._last = joint_pos(env).clone()

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Starts from the joint positions of the new episode."""
        ids = slice(None) if env_ids is None else env_ids
        self._last[ids] = joint_pos(self._env)[ids]

    def __call__(self, env: ManagerBasedRLEnv) -> torch.Tensor:
        """Speed of this control step."""
        now = joint_pos(env)
        speed = (now - self._last) / env.step_dt
        self._last = now.clone()
        return torch.nan_to_num(speed.square().sum(-1), nan=0.0, posinf=0.0)


class ResetGrasp(ManagerTermBase):
    """Draws a new episode: where the object rests, where the arm starts; the hand is open.

    Arm starts away from the canonical one come from a bank solved once by inverse kinematics.
    """

    BANK_SIZE = 1024

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        device = env.device
        low, high = pose_bounds(cfg.params["palm_start"], device)
        pose = sample_uniform(low, high, (self.BANK_SIZE, 6), device=device)
        canonical = torch.tensor(RESET_JOINT_POS[:7], device=device).expand(self.BANK_SIZE, -1)
        rot = matrix_from_quat(quat_from_euler_xyz(pose[:, 3], pose[:, 4], math.pi + pose[:, 5]))
        solution = palm_inverse_kinematics(pose[:, :3], rot, canonical, iterations=40)
        self._arm = solution.joint_pos[(solution.position_error < 1e-3) & (solution.rotation_error < 1e-2)]
        self._canonical = torch.tensor(RESET_JOINT_POS, device=device)
        nominal = env.scene["object"].cfg.init_state
        self._object_pos = torch.tensor(nominal.pos, device=device)
        self._object_quat = torch.tensor(nominal.rot, device=device)
        self.rest_height = torch.full((env.num_envs,), nominal.pos[2], device=device)
        """Height at which each object rested when its episode began, (N,), m."""

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        env_ids: torch.Tensor | slice,
        object_range: dict[str, tuple[float, float]],
        half_turn: bool,
        palm_start: dict[str, tuple[float, float]],
        canonical_probability: float,
        joint_noise: float,
    ) -> None:
        """Draws and writes the start of the episodes ``env_ids``; ranges in m and rad, a missing key is fixed at 0."""
        device = env.device
        env_ids = torch.arange(env.num_envs, device=device)[env_ids]  # a full reset passes a slice
        count = len(env_ids)
        offset = sample_uniform(*pose_bounds(object_range, device), (count, 6), device=device)
        turn = offset[:, 5] + math.pi * half_turn * (torch.rand(count, device=device) < 0.5)
        pos = self._object_pos + offset[:, :3]
        quat = quat_mul(
            quat_from_euler_xyz(torch.zeros_like(turn), torch.zeros_like(turn), turn),
            self._object_quat.expand(count, -1),
        )
        self.rest_height[env_ids] = pos[:, 2]
        thing = env.scene["object"]
        pose = torch.cat((pos + env.scene.env_origins[env_ids], quat), dim=-1)
        thing.write_root_pose_to_sim_index(root_pose=pose, env_ids=env_ids)
        thing.write_root_velocity_to_sim_index(root_velocity=torch.zeros(count, 6, device=device), env_ids=env_ids)

        start = self._canonical.repeat(count, 1)
        other = torch.rand(count, device=device) >= canonical_probability
        drawn = self._arm[torch.randint(len(self._arm), (count,), device=device)]
        start[:, :7] = torch.where(other[:, None], drawn, start[:, :7])
        start = start + joint_noise * (2.0 * torch.rand_like(start) - 1.0)
        robot = env.scene["robot"]
        term = env.action_manager.get_term(ACTION)
        joints = robot.data.default_joint_pos.torch[env_ids].clone()
        joints[:, term._joint_ids] = torch.clamp(start, term.command_low, term.command_high)
        robot.write_joint_position_to_sim_index(position=joints, env_ids=env_ids)
        robot.write_joint_velocity_to_sim_index(velocity=torch.zeros_like(joints), env_ids=env_ids)
        robot.set_joint_position_target_index(target=joints, env_ids=env_ids)
