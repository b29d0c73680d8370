# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Events of domain randomisation that the tasks share, and how the ``real`` domain changes their ranges."""

from __future__ import annotations

import isaaclab.envs.mdp as isaac_mdp
from isaaclab.managers import EventTermCfg, SceneEntityCfg

Range = tuple[float, float]


def friction_event(asset_name: str, bounds: Range) -> EventTermCfg:
    """Draws the friction of an asset anew for every episode, static and dynamic alike."""
    return EventTermCfg(
        func=isaac_mdp.randomize_rigid_body_material,
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
    """Scales the mass of an asset anew for every episode."""
    return EventTermCfg(
        func=isaac_mdp.randomize_rigid_body_mass,
        mode="reset",
        params={"asset_cfg": SceneEntityCfg(asset_name), "mass_distribution_params": scale, "operation": "scale"},
    )


def set_friction(event: EventTermCfg, bounds: Range) -> None:
    """Changes the range of a :func:`friction_event` in place."""
    event.params["static_friction_range"] = event.params["dynamic_friction_range"] = bounds


def set_gains(event: EventTermCfg, stiffness: Range, damping: Range) -> None:
    """Changes the ranges of an event that scales the gains of joints, in place."""
    event.params["stiffness_distribution_params"] = stiffness
    event.params["damping_distribution_params"] = damping
