# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings that all tasks of the hand share, training side (``sim``): Franka and LEAP hand, a table, a scene file.

``score_tasks.grasp`` and ``score_tasks.tabletop`` derive :class:`HandEnvCfg`, and tasks derive those.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path

import isaaclab.envs.mdp as isaac_mdp
import isaaclab.sim as sim_utils
from isaaclab.assets import ArticulationCfg, AssetBaseCfg
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
from score.reconstruction.scene import Scene, read_scene
from score_assets.robots.franka_leap import JOINT_NAMES
from score_assets.robots.franka_leap_cfg import FRANKA_LEAP_CFG
from score_tasks.kit import hand
from score_tasks.kit import mdp as kit_mdp
from score_tasks.kit.cloud import CloudCameraCfg, KnownSegmentCfg, SeenSegmentCfg, describe_segments
from score_tasks.kit.hand import ACTION, JOINTS
from score_tasks.kit.physics import DECIMATION, PHYSICS_DT, SimPhysicsCfg
from score_tasks.kit.scene import add_objects, asset_surface, placed_bodies
from score_tasks.kit.task_env_cfg import TaskEnvCfg
from score_tasks.kit.video import task_view

NEWTON_HAND = newton_mjwarp(njmax=640, nconmax=150)
"""MuJoCo-Warp with room for the contacts of four digits, palm and table: with a cup among them up to 596 rows."""
CAMERA_EYES = {"left": (1.25, 0.60, 0.60), "right": (1.25, -0.60, 0.60)}
"""Two cameras in front of the table, 1.1 m from its middle; environment frame, m."""
VIEW = task_view(eye=(1.15, 0.62, 0.60), target=(0.52, 0.0, 0.17))
"""What viewers and videos show."""


@configclass
class HandPhysicsCfg(SimPhysicsCfg):
    """Engines of the training side; PhysX by default."""

    newton_mjwarp: PhysicsCfg = NEWTON_HAND


@configclass
class RealHandPhysicsCfg(HandPhysicsCfg):
    """Engines of the stand-in: by default the one that training does not use."""

    default: PhysicsCfg = NEWTON_HAND


@configclass
class HandSceneCfg(InteractiveSceneCfg):
    """Robot and light; table and objects come from the scene file."""

    robot: ArticulationCfg = FRANKA_LEAP_CFG.replace(prim_path="{ENV_REGEX_NS}/Robot")
    table: AssetBaseCfg = AssetBaseCfg(prim_path="{ENV_REGEX_NS}/Table")
    light: AssetBaseCfg = AssetBaseCfg(prim_path="/World/Light", spawn=sim_utils.DomeLightCfg(intensity=1500.0))


@configclass
class HandActionsCfg:
    """Absolute joint position targets of arm and hand."""

    joints = kit_mdp.SafeJointPositionActionCfg(asset_name="robot", joint_names=list(JOINT_NAMES), delay_range=(0, 1))


@configclass
class HandObservationsCfg:
    """What the real robot has (``policy``) and what only the simulator knows (``critic``); a task adds what it sees."""

    @configclass
    class PolicyCfg(ObservationGroupCfg):
        """What base policy and steering policy see: the present joint angles alone, no past ones and no past targets.

        From a longer window and past targets a clone goes on as it moves, and hardly looks at the bodies.
        """

        joint_pos = ObservationTermCfg(func=kit_mdp.joint_pos, params={"asset_cfg": JOINTS}, flatten_history_dim=False)
        point_cloud: ObservationTermCfg = MISSING

        def __post_init__(self) -> None:
            self.concatenate_terms = False

    @configclass
    class CriticCfg(ObservationGroupCfg):
        """True state."""

        joint_pos = ObservationTermCfg(func=kit_mdp.joint_pos, params={"asset_cfg": JOINTS})
        true_state: ObservationTermCfg = MISSING

    policy: PolicyCfg = PolicyCfg()
    critic: CriticCfg = CriticCfg()


@configclass
class HandRewardsCfg:
    """Success and small regularisers, weights as published (arXiv 2606.27475); each is multiplied by 0.1 s."""

    success = RewardTermCfg(func=kit_mdp.ended_by, weight=10.0, params={"term_name": "success"})
    joint_target_rate = RewardTermCfg(func=kit_mdp.joint_target_rate_l2, weight=-5e-3, params={"action_name": ACTION})
    joint_vel = RewardTermCfg(func=hand.JointSpeedL2, weight=-1e-3)


@configclass
class HandTerminationsCfg:
    """How an episode ends, beside what a task adds."""

    success = TerminationTermCfg(
        func=kit_mdp.HeldFor, params={"when": None, "args": {}, "hold_steps": 5, "at_end": False}
    )
    guard = TerminationTermCfg(func=kit_mdp.unsound_physics, params={"asset_names": ("robot",)})
    time_out = TerminationTermCfg(func=isaac_mdp.time_out, time_out=True)


@configclass
class HandEventsCfg:
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


@configclass
class HandEnvCfg(TaskEnvCfg):
    """Settings of a task of the hand."""

    sim: SimulationCfg = SimulationCfg(
        dt=PHYSICS_DT, render_interval=DECIMATION, physics=HandPhysicsCfg(), default_visualizer_cfg=VIEW
    )
    scene: HandSceneCfg = HandSceneCfg(num_envs=64, env_spacing=2.5)
    actions: HandActionsCfg = HandActionsCfg()
    observations: HandObservationsCfg = HandObservationsCfg()
    rewards: HandRewardsCfg = HandRewardsCfg()
    terminations: HandTerminationsCfg = HandTerminationsCfg()
    events: HandEventsCfg = HandEventsCfg()

    scene_file: str = ""
    """Scene file (``score-scene/1``) with the table and the objects that the task names; what else it holds stands by.

    ``env.scene_file=FILE.yaml`` puts other objects into the task, for example scanned with ``reconstruct.py``.
    """
    success_ends: bool = True
    """Whether success ends the episode. False is as published: stages pay in every step, success counts at the end."""

    def run_ahead(self, wrist: float, thumb: float, thumb_tip: float | None = None) -> None:
        """Let targets run farther ahead of the measured angles than 0.1 rad, where episodes wait for a joint.

        A drive that lags turns by less in a control step than its target is ahead: of 0.1 rad by 0.066, and in the
        stand-in, whose drives are weak and damped, by 0.04. The robot's own limits are 2.61 rad/s (panda_joint5 to 7)
        and 8.48 rad/s (the hand).

        Args:
            wrist: How far those of panda_joint5 to 7 may be ahead, rad.
            thumb: How far that of the joint that swings the thumb (j12) may be ahead, rad.
            thumb_tip: How far that of its last joint (j15) may be ahead, rad; as all other joints if None.
        """
        offsets = {f"panda_joint{index}": wrist for index in (5, 6, 7)} | {"j12": thumb}
        self.actions.joints.joint_max_offset = offsets | ({} if thumb_tip is None else {"j15": thumb_tip})

    def half_turned(self) -> tuple[str, ...]:
        """Objects that also lie the other way round, half of the time."""
        return ()

    def read_scene(self) -> Scene:
        """Read the scene file; a task that asks more of it says so here."""
        return read_scene(Path(self.scene_file))

    def validate_config(self) -> None:
        """Fill in what follows from the scene file; Isaac Lab calls it when an environment is built."""
        scene = self.read_scene()
        add_objects(self.scene, scene)
        cloud = self.observations.policy.point_cloud
        for segment in cloud.params["segments"].values():
            if isinstance(segment, SeenSegmentCfg):
                item = scene.named(segment.entity.name)
                segment.surface_params = {"asset_dir": str(item.asset.directory), "origin": item.origin}
        self.events.bodies.params["bodies"] = bodies = placed_bodies(scene, self.half_turned())
        self.terminations.guard.params["asset_names"] = ("robot", *bodies)
        self.terminations.success.params["at_end"] = not self.success_ends
        for term in vars(self.rewards).values():
            if isinstance(term, RewardTermCfg) and term.func is kit_mdp.StageReached:
                term.params["once"] = self.success_ends
        self.observation_interface = {
            "joint_pos": {"units": "rad", "names": list(JOINT_NAMES)},
            "point_cloud": {"units": "m", "frame": "palm_lower", "segments": describe_segments(cloud)},
        }


def hand_cloud(segments: Mapping[str, tuple[SceneEntityCfg, int]]) -> ObservationTermCfg:
    """Make the cloud of the hand (256 points) and of bodies, in the palm's frame, from two cameras with own errors.

    Args:
        segments: Name of a segment -> body and number of points.
    """
    seen = {
        name: SeenSegmentCfg(entity=entity, surface=asset_surface, count=count)
        for name, (entity, count) in segments.items()
    }
    return ObservationTermCfg(
        func=kit_mdp.SegmentedCloud,
        params={
            "frame": hand.palm_frame_e,
            "segments": {"hand": KnownSegmentCfg(points=hand.hand_segment, count=256), **seen},
            "cameras": {
                name: CloudCameraCfg(eye=eye, shift_std=0.004, turn_std=math.radians(0.5))
                for name, eye in CAMERA_EYES.items()
            },
            "point_std": 0.002,
        },
    )
