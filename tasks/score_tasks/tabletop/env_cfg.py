# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings that the tabletop tasks share, training side (``sim``): Franka and LEAP hand, any bodies of a scene file.

A task derives :class:`TabletopEnvCfg` and says in its ``__post_init__`` what the cameras see, what is handled, what
success is and what pays (docs/NEW_TASK.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import isaaclab.envs.mdp as isaac_mdp
import isaaclab.sim as sim_utils
from isaaclab.assets import ArticulationCfg, AssetBaseCfg
from isaaclab.envs import ManagerBasedRLEnvCfg
from isaaclab.managers import (
    EventTermCfg,
    ObservationTermCfg,
    RewardTermCfg,
    SceneEntityCfg,
    TerminationTermCfg,
)
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sim import SimulationCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics import NewtonCfg

from score.reconstruction.scene import read_scene
from score_assets import scene_file
from score_assets.robots.franka_leap import JOINT_NAMES
from score_assets.robots.franka_leap_cfg import FRANKA_LEAP_CFG
from score_tasks.grasp.env_cfg import ActionsCfg, GraspPhysicsCfg, ObservationsCfg
from score_tasks.kit import hand
from score_tasks.kit import mdp as kit_mdp
from score_tasks.kit.agent_cfg import TaskSteeringCfg
from score_tasks.kit.cloud import CloudCameraCfg, KnownSegmentCfg, SeenSegmentCfg, describe_segments
from score_tasks.kit.hand import ACTION, JOINTS
from score_tasks.kit.manipulation import BodiesTrueState
from score_tasks.kit.physics import DECIMATION, PHYSICS_DT
from score_tasks.kit.randomisation import Range, friction_event, mass_event
from score_tasks.kit.scene import add_objects, asset_surface, placed_bodies
from score_tasks.kit.stages import Predicate
from score_tasks.kit.video import add_video_camera, task_view

SIM_MASS = (0.8, 1.24)
"""Mass of what is handled, as a factor; the stand-in has heavier things."""


@dataclass
class TabletopSteeringCfg(TaskSteeringCfg):
    """PPO on the latent of a tabletop base policy."""

    experiment_name: str = "score_tabletop"
    num_steps_per_env: int = 20
    """A whole episode of 160 control steps."""
    max_iterations: int = 80


@configclass
class SceneCfg(InteractiveSceneCfg):
    """Robot and light; table and objects come from the scene file."""

    robot: ArticulationCfg = FRANKA_LEAP_CFG.replace(prim_path="{ENV_REGEX_NS}/Robot")
    table: AssetBaseCfg = AssetBaseCfg(prim_path="{ENV_REGEX_NS}/Table")
    light: AssetBaseCfg = AssetBaseCfg(prim_path="/World/Light", spawn=sim_utils.DomeLightCfg(intensity=1500.0))


@configclass
class RewardsCfg:
    """Success and small regularisers, weights as published (arXiv 2606.27475); each is multiplied by 0.1 s."""

    success = RewardTermCfg(func=kit_mdp.ended_by, weight=10.0, params={"term_name": "success"})
    joint_target_rate = RewardTermCfg(func=kit_mdp.joint_target_rate_l2, weight=-5e-3, params={"action_name": ACTION})
    joint_vel = RewardTermCfg(func=hand.JointSpeedL2, weight=-1e-3)


@configclass
class TerminationsCfg:
    """How an episode ends, beside what a task adds."""

    success = TerminationTermCfg(
        func=kit_mdp.HeldFor, params={"when": None, "args": {}, "hold_steps": 5, "at_end": False}
    )
    guard = TerminationTermCfg(func=kit_mdp.unsound_physics, params={"asset_names": ("robot",)})
    time_out = TerminationTermCfg(func=isaac_mdp.time_out, time_out=True)


@configclass
class EventsCfg:
    """Starts and gains; a task adds friction and mass of what is handled."""

    bodies = EventTermCfg(func=kit_mdp.PlaceBodies, mode="reset", params={"bodies": {}})
    start = EventTermCfg(
        func=hand.PalmStarts,
        mode="reset",
        params={
            "start": {"x": (0.40, 0.60), "y": (-0.15, 0.15), "z": (0.28, 0.42), "yaw": (-0.3, 0.3)},
            "canonical_probability": 0.7,
            "joint_noise": 0.03,
        },
    )
    joint_gains = EventTermCfg(
        func=kit_mdp.RandomizeGainsTogether,
        mode="reset",
        params={
            "asset_cfg": JOINTS,
            "stiffness_distribution_params": (0.8, 1.2),
            "damping_distribution_params": (0.8, 1.2),
        },
    )


VIEW = task_view(eye=(1.15, 0.62, 0.60), target=(0.52, 0.0, 0.15))


@configclass
class TabletopEnvCfg(ManagerBasedRLEnvCfg):
    """Settings of a task with several bodies."""

    sim: SimulationCfg = SimulationCfg(
        dt=PHYSICS_DT,
        render_interval=DECIMATION,
        physics=GraspPhysicsCfg(),
        default_visualizer_cfg=task_view(eye=(1.15, 0.62, 0.60), target=(0.52, 0.0, 0.15)),
    )
    scene: SceneCfg = SceneCfg(num_envs=64, env_spacing=2.5)
    actions: ActionsCfg = ActionsCfg()
    observations: ObservationsCfg = ObservationsCfg()
    rewards: RewardsCfg = RewardsCfg()
    terminations: TerminationsCfg = TerminationsCfg()
    events: EventsCfg = EventsCfg()
    decimation: int = DECIMATION
    episode_length_s: float = 16.0
    """160 control steps at most, as published."""
    compute_final_obs: bool = True
    """Keeps the true last observation of an episode for time-out bootstrapping."""
    observation_interface: dict = field(default_factory=dict)
    """Compared with what a base policy was trained on."""

    scene_file: str = ""
    """Scene file (``score-scene/1``) with the objects that the task names."""
    success_ends: bool = True
    """Whether success ends the episode. False is as published: stages pay in every step, success counts at the end."""
    contact_rows: int = 400
    """MuJoCo-Warp's constraint rows per environment (``njmax``)."""
    contacts: int = 150
    """MuJoCo-Warp's contacts per environment (``nconmax``)."""
    handled: tuple[str, ...] = ()
    """Bodies whose friction and mass are drawn."""

    def begin(self, scene: str, segments: dict[str, tuple[SceneEntityCfg, int]]) -> None:
        """Names the scene, and what cameras and critic see of it.

        Args:
            scene: Name of the scene that ships with the project.
            segments: Name of a segment -> body and number of points; the first body is what the hand handles.
        """
        self.scene_file = str(scene_file(scene))
        seen = {
            name: SeenSegmentCfg(entity=entity, surface=asset_surface, count=count)
            for name, (entity, count) in segments.items()
        }
        eyes = {"left": (1.25, 0.60, 0.60), "right": (1.25, -0.60, 0.60)}
        self.observations.policy.point_cloud = ObservationTermCfg(
            func=kit_mdp.SegmentedCloud,
            params={
                "frame": hand.palm_frame_e,
                "segments": {"hand": KnownSegmentCfg(points=hand.hand_segment, count=256), **seen},
                "cameras": {
                    name: CloudCameraCfg(eye=eye, shift_std=0.004, turn_std=math.radians(0.5))
                    for name, eye in eyes.items()
                },
                "point_std": 0.002,
            },
        )
        bodies = {name: entity for name, (entity, _) in segments.items()}
        self.observations.critic.true_state = ObservationTermCfg(func=BodiesTrueState, params={"bodies": bodies})

    def handle(self, name: str, friction: Range, mass: Range | None = SIM_MASS) -> None:
        """Draws friction and, unless None, mass (a factor) of a body anew in every episode."""
        setattr(self.events, f"{name}_friction", friction_event(name, friction))
        if mass is not None:
            setattr(self.events, f"{name}_mass", mass_event(name, mass))
        self.handled = (*self.handled, name)

    def succeed(self, when: Predicate, hold_steps: int = 5, **args: Any) -> None:
        """Says what success is: a predicate that has held for some control steps in a row."""
        self.terminations.success.params |= {"when": when, "args": args, "hold_steps": hold_steps}

    def pay(self, name: str, weight: float, func: Any, **params: Any) -> None:
        """Adds a reward term."""
        setattr(self.rewards, name, RewardTermCfg(func=func, weight=weight, params=params))

    def stage(self, name: str, weight: float, when: Predicate, **args: Any) -> None:
        """Pays for a stage: the first time that a predicate holds."""
        self.pay(name, weight, kit_mdp.StageReached, when=when, args=args, once=True)

    def end(self, name: str, func: Any, **params: Any) -> None:
        """Adds a termination term: something after which an episode cannot succeed."""
        setattr(self.terminations, name, TerminationTermCfg(func=func, params=params))

    def lose(self, name: str, entity: SceneEntityCfg, max_distance: float = 1.0, min_height: float = -0.05) -> None:
        """Ends an episode whose body is this far from the base, or this low, m."""
        self.end(f"{name}_lost", kit_mdp.body_lost, entity=entity, max_distance=max_distance, min_height=min_height)

    def validate_config(self) -> None:
        """Fills in what follows from the scene file; Isaac Lab calls it when an environment is built."""
        scene = read_scene(Path(self.scene_file))
        add_objects(self.scene, scene)
        cloud = self.observations.policy.point_cloud
        for segment in cloud.params["segments"].values():
            if isinstance(segment, SeenSegmentCfg):
                item = scene.named(segment.entity.name)
                segment.surface_params = {"asset_dir": str(item.asset.directory), "origin": item.origin}
        self.events.bodies.params["bodies"] = bodies = placed_bodies(scene)
        self.terminations.guard.params["asset_names"] = ("robot", *bodies)
        self.terminations.success.params["at_end"] = not self.success_ends
        for term in vars(self.rewards).values():
            if isinstance(term, RewardTermCfg) and term.func is kit_mdp.StageReached:
                term.params["once"] = self.success_ends
        self.observation_interface = {
            "joint_pos": {"units": "rad", "names": list(JOINT_NAMES)},
            "joint_pos_target": {"units": "rad", "names": list(JOINT_NAMES)},
            "point_cloud": {"units": "m", "frame": "palm_lower", "segments": describe_segments(cloud)},
        }
        if isinstance(self.sim.physics, NewtonCfg):
            self.sim.physics.solver_cfg.njmax = self.contact_rows
            self.sim.physics.solver_cfg.nconmax = self.contacts

    def add_video_camera(self, size: tuple[int, int]) -> None:
        """Adds a camera that needs no GPU; see :func:`score_tasks.kit.video.add_video_camera`."""
        add_video_camera(self, size)
