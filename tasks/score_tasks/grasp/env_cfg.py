# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings that the grasping tasks share, training side (``sim``): Franka and LEAP hand, a table, one object.

A task derives :class:`GraspEnvCfg`, names its scene file and sets what is its own (docs/NEW_TASK.md).
"""

from __future__ import annotations

from isaaclab.assets import RigidObjectCfg
from isaaclab.managers import EventTermCfg, ObservationTermCfg, RewardTermCfg, SceneEntityCfg, TerminationTermCfg
from isaaclab.utils import configclass

from score.reconstruction.scene import Scene
from score.utils.errors import UserError
from score_tasks.kit import hand
from score_tasks.kit import mdp as kit_mdp
from score_tasks.kit.hand_env_cfg import (
    HandEnvCfg,
    HandEventsCfg,
    HandObservationsCfg,
    HandRewardsCfg,
    HandSceneCfg,
    HandTerminationsCfg,
    hand_cloud,
)
from score_tasks.kit.randomisation import friction_event, mass_event

OBJECT = SceneEntityCfg("object")


@configclass
class SceneCfg(HandSceneCfg):
    """One object."""

    object: RigidObjectCfg = RigidObjectCfg(prim_path="{ENV_REGEX_NS}/Object")


@configclass
class ObservationsCfg(HandObservationsCfg):
    """Cloud of hand and object, 512 points; the true state of the object against its target."""

    def __post_init__(self) -> None:
        self.policy.point_cloud = hand_cloud({"object": (OBJECT, 256)})
        self.critic.true_state = ObservationTermCfg(
            func=hand.body_true_state, params={"entity": OBJECT, "target_pos": (0.0, 0.0, 0.0)}
        )


def risen_reward(weight: float, rise: tuple[float, float]) -> RewardTermCfg:
    """Pay the first time that the object, in the hand, is this far over where it rested, m."""
    return RewardTermCfg(
        func=kit_mdp.StageReached,
        weight=weight,
        params={"when": hand.risen_in_hand, "args": {"entity": OBJECT, "rise": rise}, "once": True},
    )


@configclass
class RewardsCfg(HandRewardsCfg):
    """Sparse stages beside, weights as published (arXiv 2606.27475)."""

    grasped = risen_reward(1.0, (0.12, 10.0))
    lifted = risen_reward(5.0, (0.20, 0.50))
    wrist = RewardTermCfg(func=hand.wrist_on_table, weight=-2.0, params={"margin": 0.005})


@configclass
class TerminationsCfg(HandTerminationsCfg):
    """Success is an object held at the target."""

    object_lost = TerminationTermCfg(
        func=kit_mdp.body_lost, params={"entity": OBJECT, "max_distance": 1.0, "min_height": -0.05}
    )

    def __post_init__(self) -> None:
        self.success.params |= {
            "when": hand.held_at_target,
            "args": {"entity": OBJECT, "target_pos": (0.0, 0.0, 0.0), "radius": 0.15, "max_speed": 0.4},
        }


@configclass
class EventsCfg(HandEventsCfg):
    """Friction and mass of the object, and pushes."""

    object_friction = friction_event("object", (0.3, 0.7))
    object_mass = mass_event("object", (0.7, 1.24))
    object_push = EventTermCfg(
        func=kit_mdp.PushBody,
        mode="interval",
        interval_range_s=(0.0, 0.0),
        params={"asset_cfg": OBJECT, "force": 0.2, "interval_s": (1.0, 3.0)},
    )


@configclass
class GraspEnvCfg(HandEnvCfg):
    """Settings of a grasping task; a task sets ``scene_file``, ``target_pos`` and what else is its own.

    The scene file holds an object called ``object``, whose origin is what a task moves.
    """

    scene: SceneCfg = SceneCfg(num_envs=64, env_spacing=2.5)
    observations: ObservationsCfg = ObservationsCfg()
    rewards: RewardsCfg = RewardsCfg()
    terminations: TerminationsCfg = TerminationsCfg()
    events: EventsCfg = EventsCfg()
    episode_length_s: float = 12.8
    """128 control steps at most, as published."""

    grasp_file: str = ""
    """How the demonstrator takes the object of another scene file (``score-grasp/1``); empty: as the task's own."""
    half_turn: bool = False
    """Whether the object also lies the other way round, half of the time."""
    target_pos: tuple[float, float, float] = (0.55, 0.0, 0.35)
    """Where the object is to be held, environment frame, m."""

    def half_turned(self) -> tuple[str, ...]:
        """Return the object's name, where it also lies the other way round."""
        return ("object",) if self.half_turn else ()

    def read_scene(self) -> Scene:
        """Read the scene file, whose object is free."""
        scene = super().read_scene()
        if scene.named("object").fixed:
            raise UserError(f"{scene.path}: objects.object must be fixed: false: it is to be grasped.")
        return scene

    def validate_config(self) -> None:
        """Fill in what follows from scene file and target; Isaac Lab calls it when an environment is built."""
        super().validate_config()
        self.observations.critic.true_state.params["target_pos"] = self.target_pos
        self.terminations.success.params["args"]["target_pos"] = self.target_pos
