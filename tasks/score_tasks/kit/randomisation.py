# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Events of domain randomisation that the tasks share, and how the ``real`` domain changes their ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import isaaclab.envs.mdp as isaac_mdp
from isaaclab.managers import EventTermCfg, SceneEntityCfg

from score_tasks.kit.cloud import set_calibration
from score_tasks.kit.draws import drawn_once

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv, ManagerBasedRLEnvCfg

Range = tuple[float, float]


class RandomizeFriction(isaac_mdp.randomize_rigid_body_material):
    """Isaac Lab's term, whose set of materials depends on the environment's seed alone."""

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedEnv) -> None:
        with drawn_once(env):
            super().__init__(cfg, env)


def friction_event(asset_name: str, bounds: Range) -> EventTermCfg:
    """Draw the friction of an asset anew for every episode, static and dynamic alike."""
    return EventTermCfg(
        func=RandomizeFriction,
        mode="reset",
        params={
            "asset_cfg": SceneEntityCfg(asset_name),
            "static_friction_range": bounds,
            "dynamic_friction_range": bounds,
            "restitution_range": (0.0, 0.0),
            "num_buckets": 64,
            "make_consistent": True,
        },
    )


def mass_event(asset_name: str, scale: Range) -> EventTermCfg:
    """Scale the mass of an asset anew for every episode."""
    return EventTermCfg(
        func=isaac_mdp.randomize_rigid_body_mass,
        mode="reset",
        params={"asset_cfg": SceneEntityCfg(asset_name), "mass_distribution_params": scale, "operation": "scale"},
    )


def set_friction(event: EventTermCfg, bounds: Range) -> None:
    """Change the range of a :func:`friction_event` in place."""
    event.params["static_friction_range"] = event.params["dynamic_friction_range"] = bounds


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """Dynamics and sensors of a domain: ranges that episodes are drawn from, and how wrong the cloud is."""

    friction: Range
    """Friction of the bodies that are handled."""
    mass: Range
    """Their mass, as a factor."""
    stiffness: Range
    """Stiffness of the robot's drives, as a factor."""
    damping: Range
    """Their damping, as a factor."""
    delay: tuple[int, int]
    """Delay of targets, physics steps."""
    point_std: float
    """Noise on each coordinate of a seen point, m."""
    shift_std: float
    """Wrong place of each camera along each axis, m."""
    turn_std: float
    """Wrong direction of each camera about each axis, rad."""


def set_dynamics(cfg: ManagerBasedRLEnvCfg, bodies: Sequence[str], gains: str, action: str, domain: Dynamics) -> None:
    """Give a task the dynamics of a domain.

    Args:
        cfg: Settings of the task, changed in place, with events ``<body>_friction`` and ``<body>_mass`` and the
            observation ``point_cloud``.
        bodies: Names of the bodies that are handled.
        gains: Name of the event that scales the gains of the drives.
        action: Name of the action term.
        domain: The dynamics.
    """
    for body in bodies:
        set_friction(getattr(cfg.events, f"{body}_friction"), domain.friction)
        getattr(cfg.events, f"{body}_mass").params["mass_distribution_params"] = domain.mass
    drives = getattr(cfg.events, gains).params
    drives["stiffness_distribution_params"] = domain.stiffness
    drives["damping_distribution_params"] = domain.damping
    getattr(cfg.actions, action).delay_range = domain.delay
    cloud = cfg.observations.policy.point_cloud
    cloud.params["point_std"] = domain.point_std
    set_calibration(cloud, domain.shift_std, domain.turn_std)
