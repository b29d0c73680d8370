# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings that the tabletop tasks share, training side (``sim``): Franka and LEAP hand, any bodies of a scene file.

A task derives :class:`TabletopEnvCfg` and says in its ``__post_init__`` what the cameras see, what is handled, what
success is and what pays (docs/NEW_TASK.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isaaclab.managers import ObservationTermCfg, RewardTermCfg, SceneEntityCfg, TerminationTermCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics import NewtonCfg

from score_assets import scene_file
from score_tasks.kit import mdp as kit_mdp
from score_tasks.kit.agent_cfg import TaskSteeringCfg
from score_tasks.kit.hand_env_cfg import HandEnvCfg, hand_cloud
from score_tasks.kit.manipulation import BodiesTrueState
from score_tasks.kit.randomisation import Range, friction_event, mass_event
from score_tasks.kit.stages import Predicate

SIM_MASS = (0.8, 1.24)
"""Mass of what is handled, as a factor; the stand-in has heavier things."""


@dataclass
class TabletopSteeringCfg(TaskSteeringCfg):
    """PPO on the latent of a tabletop base policy."""

    experiment_name: str = "score_tabletop"
    num_steps_per_env: int = 20
    """A whole episode of 160 control steps."""
    max_iterations: int = 40


@configclass
class TabletopEnvCfg(HandEnvCfg):
    """Settings of a task with several bodies."""

    episode_length_s: float = 16.0
    """160 control steps at most, as published."""
    contact_rows: int = 400
    """MuJoCo-Warp's constraint rows per environment (``njmax``)."""
    contacts: int = 150
    """MuJoCo-Warp's contacts per environment (``nconmax``)."""
    handled: tuple[str, ...] = ()
    """Bodies whose friction and mass are drawn."""

    def begin(self, scene: str, segments: dict[str, tuple[SceneEntityCfg, int]]) -> None:
        """Name the scene, and what cameras and critic see of it.

        Args:
            scene: Name of the scene that ships with the project.
            segments: Name of a segment -> body and number of points; the first body is what the hand handles.
        """
        self.scene_file = str(scene_file(scene))
        self.observations.policy.point_cloud = hand_cloud(segments)
        bodies = {name: entity for name, (entity, _) in segments.items()}
        self.observations.critic.true_state = ObservationTermCfg(func=BodiesTrueState, params={"bodies": bodies})

    def handle(self, name: str, friction: Range, mass: Range | None = SIM_MASS) -> None:
        """Draw friction and, unless None, mass (a factor) of a body anew in every episode."""
        setattr(self.events, f"{name}_friction", friction_event(name, friction))
        if mass is not None:
            setattr(self.events, f"{name}_mass", mass_event(name, mass))
        self.handled = (*self.handled, name)

    def succeed(self, when: Predicate, hold_steps: int = 5, **args: Any) -> None:
        """Say what success is: a predicate that has held for some control steps in a row."""
        self.terminations.success.params |= {"when": when, "args": args, "hold_steps": hold_steps}

    def pay(self, name: str, weight: float, func: Any, **params: Any) -> None:
        """Add a reward term."""
        setattr(self.rewards, name, RewardTermCfg(func=func, weight=weight, params=params))

    def stage(self, name: str, weight: float, when: Predicate, **args: Any) -> None:
        """Pay for a stage: the first time that a predicate holds."""
        self.pay(name, weight, kit_mdp.StageReached, when=when, args=args, once=True)

    def end(self, name: str, func: Any, **params: Any) -> None:
        """Add a termination term: something after which an episode cannot succeed."""
        setattr(self.terminations, name, TerminationTermCfg(func=func, params=params))

    def lose(self, name: str, entity: SceneEntityCfg, max_distance: float = 1.0, min_height: float = -0.05) -> None:
        """End an episode whose body is this far from the base, or this low, m."""
        self.end(f"{name}_lost", kit_mdp.body_lost, entity=entity, max_distance=max_distance, min_height=min_height)

    def validate_config(self) -> None:
        """Fill in what follows from the scene file; Isaac Lab calls it when an environment is built."""
        super().validate_config()
        if isinstance(self.sim.physics, NewtonCfg):
            self.sim.physics.solver_cfg.njmax = self.contact_rows
            self.sim.physics.solver_cfg.nconmax = self.contacts
