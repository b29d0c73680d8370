# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Terms of tasks with several bodies: what the critic knows of them, and predicates to make stages and success of.

A predicate is False where a state is not finite: every comparison with NaN is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from isaaclab.managers import ManagerTermBase, ObservationTermCfg, SceneEntityCfg

from score_assets.robots.franka_leap_kinematics import pad_normals, pads_of_links
from score_tasks.kit.derived import constant, once_a_state
from score_tasks.kit.frames import body_lin_vel, body_pose_e, body_state_e, points_from, points_in
from score_tasks.kit.hand import ACTION, hand_poses_p, joint_pos, palm_frame_e, rest_height

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv


class BodiesTrueState(ManagerTermBase):
    """What only the simulator knows of bodies and hand, for the critic, (N, 12 B + 12 + 23), in dm, 0.1 rad and m/s.

    Of each body its place in the palm's frame (3), two of its axes there (6) and its velocity (3); the pads minus the
    first body (12); commanded minus measured joints (23).
    """

    def __init__(self, cfg: ObservationTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        for entity in cfg.params["bodies"].values():
            entity.resolve(env.scene)

    def __call__(self, env: ManagerBasedRLEnv, bodies: dict[str, SceneEntityCfg]) -> torch.Tensor:
        """Return the true state of this control step.

        Args:
            env: The environment.
            bodies: Name -> body; the first is what the hand handles.
        """
        palm = palm_frame_e(env)
        parts = []
        for entity in bodies.values():
            position, rot = body_pose_e(env, entity)
            in_palm = points_in(palm, position[:, None])[:, 0]
            parts += [10.0 * in_palm, (palm[1].mT @ rot)[..., :2].flatten(1), body_lin_vel(env, entity)]
        pads = pads_of_links(*hand_poses_p(env)) - 0.1 * parts[0][:, None]
        error = env.action_manager.get_term(ACTION).commanded - joint_pos(env)
        state = torch.cat((*parts, 10.0 * pads.flatten(1), 10.0 * error), dim=-1)
        return torch.nan_to_num(state).clamp(-100.0, 100.0)


def offset_from(env: ManagerBasedRLEnv, entity: SceneEntityCfg, other: SceneEntityCfg) -> torch.Tensor:
    """Place of a body minus that of another (N, 3), environment frame, m."""
    return body_state_e(env, entity)[0] - body_state_e(env, other)[0]


def within(offset: torch.Tensor, low: tuple[float, float, float], high: tuple[float, float, float]) -> torch.Tensor:
    """Where offsets (N, 3) lie in a box, (N,) bool."""
    inside = (offset >= constant(low, offset.device)) & (offset <= constant(high, offset.device))
    return inside.all(-1)


def slow(env: ManagerBasedRLEnv, entity: SceneEntityCfg, max_speed: float) -> torch.Tensor:
    """Where a body is at most this fast, m/s, (N,) bool."""
    return body_lin_vel(env, entity).norm(dim=-1) <= max_speed


def up_axis(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> torch.Tensor:
    """Direction (N, 3) of a body's z axis, environment frame."""
    return body_pose_e(env, entity)[1][..., 2]


def tilted(env: ManagerBasedRLEnv, entity: SceneEntityCfg, min_up: float) -> torch.Tensor:
    """Where the z axis of a body is less upright than this (cosine of the tilt), (N,) bool."""
    return up_axis(env, entity)[:, 2] < min_up


def rise(env: ManagerBasedRLEnv, entity: SceneEntityCfg) -> torch.Tensor:
    """Height (N,) of a body over where it rested when its episode began, m."""
    return body_state_e(env, entity)[0][:, 2] - rest_height(env, entity)


@once_a_state
def pads_e(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Return the pads (N, 4, 3) of index, middle, ring finger and thumb, environment frame, m."""
    return points_from(palm_frame_e(env), pads_of_links(*hand_poses_p(env)))


def pads_away(env: ManagerBasedRLEnv, entity: SceneEntityCfg, distance: float) -> torch.Tensor:
    """Where every pad is at least this far from a body's origin, m, (N,) bool."""
    position, _ = body_state_e(env, entity)
    return (pads_e(env) - position[:, None]).norm(dim=-1).amin(-1) >= distance


def pinched(
    env: ManagerBasedRLEnv, entity: SceneEntityCfg, half_size: tuple[float, float, float], margin: float
) -> torch.Tensor:
    """Where a flat box is between the thumb's pad and another that faces it, (N,) bool.

    Args:
        env: The environment.
        entity: The box; its origin is its middle.
        half_size: Half edge lengths, m.
        margin: How far a pad may be from the box and still touch it, m.
    """
    local = points_in(body_pose_e(env, entity), pads_e(env))
    on = ((local.abs() - constant(half_size, local.device)) < margin).all(-1)
    normals = pad_normals(joint_pos(env)[:, 7:])
    facing = (normals[:, :3] * normals[:, 3:]).sum(-1) < 0.0
    return on[:, 3] & (on[:, :3] & facing).any(-1)
