# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings that the grasping tasks share, training side (``sim``): Franka and LEAP hand, a table, one object.

A task derives :class:`GraspEnvCfg`, names its scene file and sets what is its own (docs/NEW_TASK.md).
"""

from __future__ import annotations

import math
from pathlib import Path

import isaaclab.envs.mdp as isaac_mdp
import isaaclab.sim as sim_utils
from isaaclab.assets import ArticulationCfg, AssetBaseCfg, RigidObjectCfg
from isaaclab.envs import ManagerBasedRLEnvCfg
from isaaclab.managers import (
    EventTermCfg,
    ObservationGroupCfg,
    ObservationTermCfg,
    RewardTermCfg,
    SceneEntityCfg,
    TerminationTermCfg,
)
from isaaclab.physics import PhysicsCfg
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sim import SimulationCfg
from isaaclab.utils import configclass

from score.physics import newton_mjwarp
from score.reconstruction.scene import read_scene
from score.utils.errors import UserError
from score_assets.robots.franka_leap import JOINT_NAMES
from score_assets.robots.franka_leap_cfg import FRANKA_LEAP_CFG
from score_tasks.kit import hand
from score_tasks.kit import mdp as kit_mdp
from score_tasks.kit.cloud import CloudCameraCfg, KnownSegmentCfg, SeenSegmentCfg, describe_segments
from score_tasks.kit.hand import ACTION, JOINTS
from score_tasks.kit.physics import DECIMATION, PHYSICS_DT, SimPhysicsCfg
from score_tasks.kit.randomisation import friction_event, mass_event
from score_tasks.kit.scene import add_objects, asset_surface, placed_bodies
from score_tasks.kit.video import add_video_camera, task_view

OBJECT = SceneEntityCfg("object")
POINT_CLOUD = ObservationTermCfg(
    func=kit_mdp.SegmentedCloud,
    params={
        "frame": hand.palm_frame_e,
        "segments": {
            "hand": KnownSegmentCfg(points=hand.hand_segment, count=256),
            "object": SeenSegmentCfg(entity=OBJECT, surface=asset_surface, count=256),
        },
        "cameras": {
            "left": CloudCameraCfg(eye=(1.25, 0.60, 0.60), shift_std=0.004, turn_std=math.radians(0.5)),
            "right": CloudCameraCfg(eye=(1.25, -0.60, 0.60), shift_std=0.004, turn_std=math.radians(0.5)),
        },
        "point_std": 0.002,
    },
)
"""Cloud of hand and object, 512 points, from two cameras in front of the table, 1.1 m from its middle."""
OBSERVATION_INTERFACE = {
    "joint_pos": {"units": "rad", "names": list(JOINT_NAMES)},
    "joint_pos_target": {"units": "rad", "names": list(JOINT_NAMES)},
    "point_cloud": {"units": "m", "frame": "palm_lower", "segments": describe_segments(POINT_CLOUD)},
}
"""Units, frames and names of the ``policy`` observations."""
NEWTON_GRASP = newton_mjwarp(njmax=400, nconmax=150)
"""MuJoCo-Warp with room for the contacts of four digits, palm and table."""


@configclass
class GraspPhysicsCfg(SimPhysicsCfg):
    """Engines of the training side; PhysX by default."""

    newton_mjwarp: PhysicsCfg = NEWTON_GRASP


@configclass
class SceneCfg(InteractiveSceneCfg):
    """Robot and light; table and object come from the scene file."""

    robot: ArticulationCfg = FRANKA_LEAP_CFG.replace(prim_path="{ENV_REGEX_NS}/Robot")
    table: AssetBaseCfg = AssetBaseCfg(prim_path="{ENV_REGEX_NS}/Table")
    object: RigidObjectCfg = RigidObjectCfg(prim_path="{ENV_REGEX_NS}/Object")
    light: AssetBaseCfg = AssetBaseCfg(prim_path="/World/Light", spawn=sim_utils.DomeLightCfg(intensity=1500.0))


@configclass
class ActionsCfg:
    """Absolute joint position targets of arm and hand."""

    joints = kit_mdp.SafeJointPositionActionCfg(asset_name="robot", joint_names=list(JOINT_NAMES), delay_range=(0, 1))


@configclass
class ObservationsCfg:
    """What the real robot has (``policy``) and what only the simulator knows (``critic``)."""

    @configclass
    class PolicyCfg(ObservationGroupCfg):
        """Windows of base policy and steering policy."""

        joint_pos = ObservationTermCfg(
            func=kit_mdp.joint_pos, params={"asset_cfg": JOINTS}, history_length=4, flatten_history_dim=False
        )
        joint_pos_target = ObservationTermCfg(
            func=kit_mdp.joint_pos_target,
            params={"action_name": ACTION},
            history_length=3,
            flatten_history_dim=False,
        )
        point_cloud = POINT_CLOUD

        def __post_init__(self) -> None:
            self.concatenate_terms = False

    @configclass
    class CriticCfg(ObservationGroupCfg):
        """True state."""

        joint_pos = ObservationTermCfg(func=kit_mdp.joint_pos, params={"asset_cfg": JOINTS})
        true_state = ObservationTermCfg(
            func=hand.body_true_state, params={"entity": OBJECT, "target_pos": (0.0, 0.0, 0.0)}
        )

    policy: PolicyCfg = PolicyCfg()
    critic: CriticCfg = CriticCfg()


def risen_reward(weight: float, rise: tuple[float, float]) -> RewardTermCfg:
    """Pays the first time that the object, in the hand, is this far over where it rested, m."""
    return RewardTermCfg(
        func=kit_mdp.StageReached,
        weight=weight,
        params={"when": hand.risen_in_hand, "args": {"entity": OBJECT, "rise": rise}, "once": True},
    )


@configclass
class RewardsCfg:
    """Sparse stages and small regularisers, weights as published (arXiv 2606.27475); each is multiplied by 0.1 s."""

    grasped = risen_reward(1.0, (0.12, 10.0))
    lifted = risen_reward(5.0, (0.20, 0.50))
    success = RewardTermCfg(func=kit_mdp.ended_by, weight=10.0, params={"term_name": "success"})
    wrist = RewardTermCfg(func=hand.wrist_on_table, weight=-2.0, params={"margin": 0.005})
    joint_target_rate = RewardTermCfg(func=kit_mdp.joint_target_rate_l2, weight=-5e-3, params={"action_name": ACTION})
    joint_vel = RewardTermCfg(func=hand.JointSpeedL2, weight=-1e-3)


@configclass
class TerminationsCfg:
    """How an episode ends."""

    success = TerminationTermCfg(
        func=kit_mdp.HeldFor,
        params={
            "when": hand.held_at_target,
            "args": {"entity": OBJECT, "target_pos": (0.0, 0.0, 0.0), "radius": 0.15, "max_speed": 0.4},
            "hold_steps": 5,
            "at_end": False,
        },
    )
    object_lost = TerminationTermCfg(
        func=kit_mdp.body_lost, params={"entity": OBJECT, "max_distance": 1.0, "min_height": -0.05}
    )
    guard = TerminationTermCfg(func=kit_mdp.unsound_physics, params={"asset_names": ("robot", "object")})
    time_out = TerminationTermCfg(func=isaac_mdp.time_out, time_out=True)


@configclass
class EventsCfg:
    """Per-episode start and domain randomisation of the training side."""

    bodies = EventTermCfg(
        func=kit_mdp.PlaceBodies,
        mode="reset",
        params={"bodies": {}},
    )
    start = EventTermCfg(
        func=hand.PalmStarts,
        mode="reset",
        params={
            "start": {"x": (0.40, 0.60), "y": (-0.15, 0.15), "z": (0.28, 0.42), "yaw": (-0.3, 0.3)},
            "canonical_probability": 0.7,
            "joint_noise": 0.03,
        },
    )
    object_friction = friction_event("object", (0.3, 0.7))
    object_mass = mass_event("object", (0.7, 1.24))
    joint_gains = EventTermCfg(
        func=kit_mdp.RandomizeGainsTogether,
        mode="reset",
        params={
            "asset_cfg": JOINTS,
            "stiffness_distribution_params": (0.8, 1.2),
            "damping_distribution_params": (0.8, 1.2),
        },
    )
    object_push = EventTermCfg(
        func=kit_mdp.PushBody,
        mode="interval",
        interval_range_s=(0.0, 0.0),
        params={"asset_cfg": SceneEntityCfg("object"), "force": 0.2, "interval_s": (1.0, 3.0)},
    )


VIEW = task_view(eye=(1.15, 0.62, 0.60), target=(0.52, 0.0, 0.20))


@configclass
class GraspEnvCfg(ManagerBasedRLEnvCfg):
    """Settings of a grasping task; a task sets ``scene_file``, ``target_pos`` and what else is its own."""

    sim: SimulationCfg = SimulationCfg(
        dt=PHYSICS_DT,
        render_interval=DECIMATION,
        physics=GraspPhysicsCfg(),
        default_visualizer_cfg=task_view(eye=(1.15, 0.62, 0.60), target=(0.52, 0.0, 0.20)),
    )
    scene: SceneCfg = SceneCfg(num_envs=64, env_spacing=2.5)
    actions: ActionsCfg = ActionsCfg()
    observations: ObservationsCfg = ObservationsCfg()
    rewards: RewardsCfg = RewardsCfg()
    terminations: TerminationsCfg = TerminationsCfg()
    events: EventsCfg = EventsCfg()
    decimation: int = DECIMATION
    episode_length_s: float = 12.8
    """128 control steps at most, as published."""
    compute_final_obs: bool = True
    """Keeps the true last observation of an episode for time-out bootstrapping."""
    observation_interface: dict = OBSERVATION_INTERFACE
    """Compared with what a base policy was trained on; see :data:`OBSERVATION_INTERFACE`."""

    scene_file: str = ""
    """Scene file (``score-scene/1``) with the table and an object called ``object``, whose origin is what a task moves;
    what else it holds stands by.

    ``env.scene_file=FILE.yaml`` puts another object into the task, for example one scanned with ``reconstruct.py``.
    """
    grasp_file: str = ""
    """How the demonstrator takes the object of another scene file (``score-grasp/1``); empty: as the task's own."""
    half_turn: bool = False
    """Whether the object also lies the other way round, half of the time."""
    target_pos: tuple[float, float, float] = (0.55, 0.0, 0.35)
    """Where the object is to be held, environment frame, m."""
    success_ends: bool = True
    """Whether success ends the episode. False is as published: stages pay in every step, success counts at the end."""

    def validate_config(self) -> None:
        """Fills in what follows from the scene file and the target; Isaac Lab calls it when an environment is built."""
        scene = read_scene(Path(self.scene_file))
        item = scene.named("object")
        if item.fixed:
            raise UserError(f"{scene.path}: objects.object must be fixed: false: it is to be grasped.")
        add_objects(self.scene, scene)
        segment = self.observations.policy.point_cloud.params["segments"]["object"]
        segment.surface_params = {"asset_dir": str(item.asset.directory), "origin": item.origin}
        self.events.bodies.params["bodies"] = placed_bodies(scene, ("object",) if self.half_turn else ())
        self.observations.critic.true_state.params["target_pos"] = self.target_pos
        success = self.terminations.success.params
        success["args"]["target_pos"], success["at_end"] = self.target_pos, not self.success_ends
        for stage in (self.rewards.grasped, self.rewards.lifted):
            stage.params["once"] = self.success_ends

    def add_video_camera(self, size: tuple[int, int]) -> None:
        """Adds a camera that needs no GPU; see :func:`score_tasks.kit.video.add_video_camera`."""
        add_video_camera(self, size)
