# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Termination terms shared by the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from score_tasks.kit.overflow import overflow_watch

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv


_LOST_CONTACTS = 0b1_1001_1111
"""Bits of ``mujoco_warp.OverflowType`` that mean lost contacts or rows: all buffers, not the iteration limits."""


def contact_overflow(env: ManagerBasedRLEnv) -> torch.Tensor:
    """Environments that lost contacts because a buffer is full, (N,) bool.

    MuJoCo-Warp only prints a line when ``njmax`` or ``nconmax`` overflow and then simulates on with missing contacts,
    and so does PhysX on a GPU, which does not say in which environment: then all of them end. On a CPU PhysX has no
    such buffers: all False.

    Raises:
        RuntimeError: Newton is the engine and does not tell. A guard that is blind must not pass for one that sees.
    """
    from isaaclab_newton.physics import NewtonCfg

    if not isinstance(env.cfg.sim.physics, NewtonCfg):
        lost = torch.device(env.device).type == "cuda" and overflow_watch(env).take()
        return torch.full((env.num_envs,), lost, dtype=torch.bool, device=env.device)
    import warp as wp

    from isaaclab_newton.physics import NewtonManager

    try:
        overflow = NewtonManager._solver.mjw_data.overflow
    except AttributeError as error:
        raise RuntimeError(
            f"The guard cannot read MuJoCo-Warp's overflow flags ({error}): this Isaac Lab or Newton keeps them"
            " elsewhere, or another solver of Newton is set. Contacts could get lost unseen."
        ) from error
    flags = wp.to_torch(overflow)
    overflowed = (flags & _LOST_CONTACTS) != 0
    flags.zero_()  # the bits are sticky: count each overflow once
    return overflowed


def unsound_physics(
    env: ManagerBasedRLEnv, asset_names: tuple[str, ...], max_joint_speed: float = 50.0
) -> torch.Tensor:
    """Guard against a non-finite state, an absurd joint speed or a contact overflow, (N,) bool.

    Args:
        env: The environment.
        asset_names: Articulations and rigid objects of the scene to look at.
        max_joint_speed: Joint speed above which the state counts as exploded, rad/s or m/s.
    """
    unsound = contact_overflow(env)
    for name in asset_names:
        data = env.scene[name].data
        finite = torch.isfinite(data.root_pos_w.torch).all(-1) & torch.isfinite(data.root_quat_w.torch).all(-1)
        if hasattr(data, "joint_pos"):
            speed = data.joint_vel.torch
            finite &= torch.isfinite(data.joint_pos.torch).all(-1) & (speed.abs() < max_joint_speed).all(-1)
        unsound |= ~finite
    return unsound
