# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What tasks of the Franka with the LEAP hand share: palm and fingers, the hand's part of the cloud, terms about them.

Suffix ``_e``: environment frame (robot base); ``_p``: frame of the palm ``palm_lower``, whose grasp side looks along
its -z and whose fingers point along +x. Quaternions are x y z w.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from isaaclab.managers import ManagerTermBase, RewardTermCfg, SceneEntityCfg
from isaaclab.utils.math import matrix_from_quat, quat_from_euler_xyz

from score_assets.robots.franka_kinematics import FrankaPose, IkResult, forward_kinematics
from score_assets.robots.franka_leap import HAND_LINK_NAMES, JOINT_NAMES, RESET_JOINT_POS, hand_points
from score_assets.robots.franka_leap_kinematics import (
    PalmPose,
    hand_link_poses,
    pads_of_links,
    palm_inverse_kinematics,
    palm_of_hand,
)
from score_tasks.kit.derived import constant, once_a_state
from score_tasks.kit.events import ArmStarts, env_indices
from score_tasks.kit.frames import Pose, body_lin_vel, body_pose_e, body_state_e, points_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isaaclab.envs import ManagerBasedRLEnv

ACTION = "joints"
"""Name of the action term: targets of arm and hand."""
JOINTS = SceneEntityCfg("robot", joint_names=list(JOINT_NAMES), preserve_order=True)
"""Joints of arm and hand in the order of observations and actions."""
HAND_CENTER_P = (0.0, -0.035, -0.11)
"""Where the pads meet, in the palm's frame [m]."""
_WRIST_CAPSULE = ((0.0, 0.0, 0.0), (0.07, 0.0, 0.0), 0.045)
"""Collider of ``panda_link6`` [m]: ends and radius."""


def joint_pos(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Measured joint positions (N, 23): ``panda_joint1`` to ``panda_joint7``, ``j0`` to ``j15``, rad."""
    term = env.action_manager.get_term(ACTION)
    return env.scene["robot"].data.joint_pos.torch[:, term._joint_ids]


@once_a_state
def arm_pose_e(env: ManagerBasedRLEnv) -> FrankaPose:
    """Poses of the arm's links, and of ``panda_hand`` as its tool, by forward kinematics of the measured joints.

    Computed, not read from the engine: body poses are stale between a reset and the next physics step.
    """
    return forward_kinematics(joint_pos(env)[:, :7], tcp_offset=0.0)


@once_a_state
def palm_pose_e(env: ManagerBasedRLEnv) -> PalmPose:
    """Pose of the palm, as :func:`arm_pose_e`."""
    return palm_of_hand(arm_pose_e(env))


@once_a_state
def hand_poses_p(env: ManagerBasedRLEnv) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions (N, 17, 3), m, and rotations (N, 17, 3, 3) of the hand's links in the palm's frame."""
    return hand_link_poses(joint_pos(env)[:, 7:])


def palm_frame_e(env: ManagerBasedRLEnv) -> Pose:
    """Return the palm's frame, as the cloud wants it."""
    palm = palm_pose_e(env)
    return palm.pos, palm.rot


def body_in_palm(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> torch.Tensor:
    """Position (N, 3) of a body in the palm's frame, m."""
    return points_in(palm_frame_e(env), body_state_e(env, entity)[0][:, None])[:, 0]


def hand_segment(env: ManagerBasedRLEnv, count: int) -> Callable[[], torch.Tensor]:
    """Points (N, count, 3) of the hand in the palm's frame, m, moved with the measured joints."""
    sampled = hand_points(count)
    links = [name for name in HAND_LINK_NAMES if len(sampled.get(name, ()))]
    points = torch.cat([torch.as_tensor(sampled[name]) for name in links]).to(env.device)[..., None]
    owners = [HAND_LINK_NAMES.index(name) for name in links for _ in range(len(sampled[name]))]
    owner = torch.tensor(owners, device=env.device)

    def moved() -> torch.Tensor:
        pos, rot = hand_poses_p(env)
        return (rot[:, owner] @ points).squeeze(-1) + pos[:, owner]

    return moved


def body_true_state(
    env: ManagerBasedRLEnv, entity: SceneEntityCfg, target_pos: tuple[float, float, float]
) -> torch.Tensor:
    """Return what only the simulator knows of a body and the hand, for the critic, (N, 53), in dm, 0.1 rad, and m/s.

    Body in the palm's frame (3), two of its axes (6), target minus body (3), its height over where it rested (1), its
    velocity (3), pads minus body in the palm's frame (12), commanded minus measured joints (23), whether it has risen
    by 0.12 and 0.20 m (2).
    """
    palm = palm_frame_e(env)
    position, rot = body_pose_e(env, entity)
    in_palm = points_in(palm, position[:, None])
    pads = pads_of_links(*hand_poses_p(env)) - in_palm
    error = env.action_manager.get_term(ACTION).commanded - joint_pos(env)
    rise = position[:, 2] - rest_height(env, entity)
    state = torch.cat(
        (
            10.0 * in_palm[:, 0],
            (palm[1].mT @ rot)[..., :2].flatten(1),
            10.0 * (constant(tuple(target_pos), position.device) - position),
            10.0 * rise[:, None],
            body_lin_vel(env, entity),
            10.0 * pads.flatten(1),
            10.0 * error,
            torch.stack(((rise >= 0.12).float(), (rise >= 0.20).float()), dim=-1),
        ),
        dim=-1,
    )
    return torch.nan_to_num(state).clamp(-100.0, 100.0)


def rest_height(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> torch.Tensor:
    """Height (N,) at which a body rested when its episode began, m."""
    return env.event_manager.get_term_cfg("bodies").func.rest_height[entity.name]


def in_hand(body_pos_p: torch.Tensor, radius: float = 0.075) -> torch.Tensor:
    """Whether a body at (N, 3) in the palm's frame is where the pads meet, (N,) bool."""
    center = constant(HAND_CENTER_P, body_pos_p.device)
    return (body_pos_p - center).norm(dim=-1) <= radius


def risen_in_hand(env: ManagerBasedRLEnv, entity: SceneEntityCfg, rise: tuple[float, float]) -> torch.Tensor:
    """Whether a body, in the hand, is ``rise[0]`` to ``rise[1]`` m over where it rested, (N,) bool."""
    height = body_state_e(env, entity)[0][:, 2] - rest_height(env, entity)
    return (height >= rise[0]) & (height <= rise[1]) & in_hand(body_in_palm(env, entity))


def held_at_target(
    env: ManagerBasedRLEnv,
    entity: SceneEntityCfg,
    target_pos: tuple[float, float, float],
    radius: float,
    max_speed: float,
) -> torch.Tensor:
    """Whether a body is held at its target now, (N,) bool; a non-finite state is not.

    Args:
        env: The environment.
        entity: The body.
        target_pos: Target in the environment frame, m.
        radius: Farthest from the target, m. Published: 0.15.
        max_speed: Greatest speed, m/s: a body in flight does not count.
    """
    position, _ = body_state_e(env, entity)
    distance = (position - constant(tuple(target_pos), position.device)).norm(dim=-1)
    slow = body_lin_vel(env, entity).norm(dim=-1) <= max_speed
    return (distance <= radius) & in_hand(body_in_palm(env, entity)) & slow


def wrist_on_table(env: ManagerBasedRLEnv, margin: float) -> torch.Tensor:
    """1 where ``panda_link6`` comes within ``margin`` (m) of the table's top at z = 0, else 0, (N,).

    Published as a contact force with a double minus, which paid for pressing the wrist down.
    """
    arm = arm_pose_e(env)
    start, end, radius = _WRIST_CAPSULE
    ends = constant((start, end), arm.link_pos.device)
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
        """Start from the joint positions of the new episode."""
        ids = slice(None) if env_ids is None else env_ids
        self._last[ids] = joint_pos(self._env)[ids]

    def __call__(self, env: ManagerBasedRLEnv) -> torch.Tensor:
        """Speed of this control step."""
        now = joint_pos(env)
        speed = (now - self._last) / env.step_dt
        self._last = now.clone()
        return torch.nan_to_num(speed.square().sum(-1), nan=0.0, posinf=0.0)


class PalmStarts(ArmStarts):
    """Starts with an open hand: mostly the canonical posture, else one from a bank of palm poses."""

    def solve(self, pos: torch.Tensor, euler: torch.Tensor) -> IkResult:
        """Arm joints whose palm is level, but for roll, pitch and yaw."""
        canonical = torch.tensor(RESET_JOINT_POS[:7], device=pos.device).expand(len(pos), -1)
        rot = matrix_from_quat(quat_from_euler_xyz(euler[:, 0], euler[:, 1], math.pi + euler[:, 2]))
        return palm_inverse_kinematics(pos, rot, canonical, iterations=40)

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        env_ids: torch.Tensor | slice,
        start: dict[str, tuple[float, float]],
        canonical_probability: float,
        joint_noise: float,
    ) -> None:
        """Draw and write the starts of the episodes ``env_ids``; ranges in m and rad, a missing key is fixed at 0."""
        env_ids = env_indices(env, env_ids)
        joints = torch.tensor(RESET_JOINT_POS, device=env.device).repeat(len(env_ids), 1)
        other = torch.rand(len(env_ids), device=env.device) >= canonical_probability
        joints[:, :7] = torch.where(other[:, None], self.draw(len(env_ids)), joints[:, :7])
        joints = joints + joint_noise * (2.0 * torch.rand_like(joints) - 1.0)
        self.write(env, env_ids, ACTION, joints)
