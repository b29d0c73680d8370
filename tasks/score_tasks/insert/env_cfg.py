# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert-v0, the training side (``sim``): a Panda holds a square peg and puts it into a socket, 1 mm wider."""

from __future__ import annotations

import math

import isaaclab.envs.mdp as isaac_mdp
import isaaclab.sim as sim_utils
from isaaclab.assets import ArticulationCfg, AssetBaseCfg, RigidObjectCfg
from isaaclab.managers import (
    EventTermCfg,
    ObservationGroupCfg,
    ObservationTermCfg,
    RewardTermCfg,
    SceneEntityCfg,
    TerminationTermCfg,
)
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sim import SimulationCfg
from isaaclab.utils import configclass
from isaaclab_tasks.utils import PresetCfg

from score_assets.objects.peg_socket import peg_surface, socket_surface
from score_assets.objects.peg_socket_cfg import PEG_CFG, SOCKET_CFG, SOCKET_WELDED_CFG
from score_assets.robots.franka_cfg import FRANKA_PANDA_GRIPPER_CFG
from score_tasks.insert import mdp
from score_tasks.insert.frames import ARM_JOINTS, gripper_segment, tcp_frame_e
from score_tasks.kit import mdp as kit_mdp
from score_tasks.kit.cloud import CloudCameraCfg, KnownSegmentCfg, SeenSegmentCfg, SegmentedCloud, describe_segments
from score_tasks.kit.physics import DECIMATION, PHYSICS_DT, SimPhysicsCfg
from score_tasks.kit.randomisation import friction_event, mass_event
from score_tasks.kit.task_env_cfg import TaskEnvCfg
from score_tasks.kit.video import task_view

ARM = SceneEntityCfg("robot", joint_names=ARM_JOINTS, preserve_order=True)
POINT_CLOUD = ObservationTermCfg(
    func=SegmentedCloud,
    params={
        "frame": tcp_frame_e,
        "segments": {
            "gripper": KnownSegmentCfg(points=gripper_segment, count=96),
            "peg": SeenSegmentCfg(
                entity=SceneEntityCfg("peg"), surface=peg_surface, surface_params={"num_points": 512}, count=160
            ),
            "socket": SeenSegmentCfg(
                entity=SceneEntityCfg("socket"), surface=socket_surface, surface_params={"num_points": 768}, count=256
            ),
        },
        "cameras": {
            "left": CloudCameraCfg(eye=(0.95, 0.45, 0.45), shift_std=0.001, turn_std=math.radians(0.2)),
            "right": CloudCameraCfg(eye=(0.95, -0.45, 0.45), shift_std=0.001, turn_std=math.radians(0.2)),
        },
        "point_std": 0.001,
    },
)
"""Cloud of gripper, peg and socket, 512 points, from two cameras in front of the table, 0.75 m from the socket: a turn
of 0.2 degrees moves what a camera sees by 2.6 mm there."""
VIEW = task_view(eye=(0.90, 0.36, 0.34), target=(0.48, 0.0, 0.13))
OBSERVATION_INTERFACE = {
    "joint_pos": {"units": "rad", "names": ARM_JOINTS},
    "joint_pos_target": {"units": "rad", "names": ARM_JOINTS},
    "point_cloud": {"units": "m", "frame": "panda_tcp", "segments": describe_segments(POINT_CLOUD)},
}
"""Units, frames and names of the ``policy`` observations."""


@configclass
class SocketCfg(PresetCfg):
    """The same socket in the form that is cheapest for each engine; follows ``physics=``."""

    ovphysx: RigidObjectCfg = SOCKET_CFG.replace(prim_path="{ENV_REGEX_NS}/Socket")
    isaacsim_physx: RigidObjectCfg = SOCKET_CFG.replace(prim_path="{ENV_REGEX_NS}/Socket")
    newton_mjwarp: ArticulationCfg = SOCKET_WELDED_CFG.replace(prim_path="{ENV_REGEX_NS}/Socket")
    default: RigidObjectCfg = ovphysx


@configclass
class SceneCfg(InteractiveSceneCfg):
    """Robot on a table with a socket; the peg starts between the fingers."""

    robot: ArticulationCfg = FRANKA_PANDA_GRIPPER_CFG.replace(prim_path="{ENV_REGEX_NS}/Robot")
    table: AssetBaseCfg = AssetBaseCfg(
        prim_path="{ENV_REGEX_NS}/Table",
        spawn=sim_utils.CuboidCfg(
            size=(0.8, 1.2, 0.04),
            collision_props=sim_utils.UsdPhysicsCollisionCfg(),
            visual_material=sim_utils.PreviewSurfaceCfg(diffuse_color=(0.45, 0.33, 0.25)),
        ),
        init_state=AssetBaseCfg.InitialStateCfg(pos=(0.55, 0.0, -0.02)),
    )
    socket: SocketCfg = SocketCfg()
    peg: RigidObjectCfg = PEG_CFG.replace(prim_path="{ENV_REGEX_NS}/Peg")
    light: AssetBaseCfg = AssetBaseCfg(prim_path="/World/Light", spawn=sim_utils.DomeLightCfg(intensity=1500.0))


@configclass
class ActionsCfg:
    """Absolute joint position targets of the arm; the gripper squeezes all the time."""

    arm = kit_mdp.SafeJointPositionActionCfg(asset_name="robot", joint_names=ARM_JOINTS)


@configclass
class ObservationsCfg:
    """What the real robot has (``policy``) and what only the simulator knows (``critic``)."""

    @configclass
    class PolicyCfg(ObservationGroupCfg):
        """Windows of base policy and steering policy."""

        joint_pos = ObservationTermCfg(
            func=kit_mdp.joint_pos, params={"asset_cfg": ARM}, history_length=4, flatten_history_dim=False
        )
        joint_pos_target = ObservationTermCfg(
            func=kit_mdp.joint_pos_target, params={"action_name": "arm"}, history_length=3, flatten_history_dim=False
        )
        point_cloud = POINT_CLOUD

        def __post_init__(self) -> None:
            self.concatenate_terms = False

    @configclass
    class CriticCfg(ObservationGroupCfg):
        """True state."""

        joint_pos = ObservationTermCfg(func=kit_mdp.joint_pos, params={"asset_cfg": ARM})
        contact_error = ObservationTermCfg(func=mdp.contact_error, params={"asset_cfg": ARM})
        true_state = ObservationTermCfg(func=mdp.true_state)

    policy: PolicyCfg = PolicyCfg()
    critic: CriticCfg = CriticCfg()


@configclass
class RewardsCfg:
    """Sparse: 1 when the success ends the episode (weight 10 x 0.1 s), small smoothness terms."""

    success = RewardTermCfg(func=kit_mdp.ended_by, weight=10.0, params={"term_name": "success"})
    joint_target_rate = RewardTermCfg(func=kit_mdp.joint_target_rate_l2, weight=-0.05, params={"action_name": "arm"})
    joint_vel = RewardTermCfg(func=kit_mdp.joint_vel_l2, weight=-1e-3, params={"asset_cfg": ARM})


@configclass
class TerminationsCfg:
    """How an episode ends."""

    success = TerminationTermCfg(
        func=kit_mdp.HeldFor,
        params={"when": mdp.peg_inserted, "args": {"min_depth_fraction": 0.6, "max_tilt": 0.087}, "hold_steps": 5},
    )
    peg_lost = TerminationTermCfg(func=mdp.peg_lost, params={"max_slip": 0.03})
    guard = TerminationTermCfg(func=kit_mdp.unsound_physics, params={"asset_names": ("robot", "peg")})
    time_out = TerminationTermCfg(func=isaac_mdp.time_out, time_out=True)


@configclass
class EventsCfg:
    """Per-episode start and domain randomisation of the training side."""

    start = EventTermCfg(
        func=mdp.InsertStarts,
        mode="reset",
        params={
            "start": {
                "x": (0.45, 0.55),
                "y": (-0.06, 0.06),
                "z": (0.13, 0.18),
                "roll": (-0.02, 0.02),
                "pitch": (-0.02, 0.02),
                "yaw": (-0.04, 0.04),
            },
            "socket_range": {"x": (0.47, 0.53), "y": (-0.04, 0.04), "yaw": (-0.04, 0.04)},
            "peg_in_hand": {"x": (-0.002, 0.002), "z": (-0.003, 0.003), "pitch": (-0.01, 0.01)},
        },
    )
    peg_friction = friction_event("peg", (0.4, 0.7))
    peg_mass = mass_event("peg", (0.7, 1.3))
    arm_gains = EventTermCfg(
        func=isaac_mdp.randomize_actuator_gains,
        mode="reset",
        params={
            "asset_cfg": ARM,
            "stiffness_distribution_params": (0.85, 1.15),
            "damping_distribution_params": (0.85, 1.15),
            "operation": "scale",
        },
    )


@configclass
class InsertEnvCfg(TaskEnvCfg):
    """Settings of SCORE-Insert-v0 (``sim`` domain)."""

    sim: SimulationCfg = SimulationCfg(
        dt=PHYSICS_DT, render_interval=DECIMATION, physics=SimPhysicsCfg(), default_visualizer_cfg=VIEW
    )
    scene: SceneCfg = SceneCfg(num_envs=64, env_spacing=2.5)
    actions: ActionsCfg = ActionsCfg()
    observations: ObservationsCfg = ObservationsCfg()
    rewards: RewardsCfg = RewardsCfg()
    terminations: TerminationsCfg = TerminationsCfg()
    events: EventsCfg = EventsCfg()
    episode_length_s: float = 15.0
    """150 control steps at most."""
    sensed_asset: str = "socket"
    """How hard the peg is pressed against it; the fingers squeeze the peg all the time."""
    observation_interface: dict = OBSERVATION_INTERFACE
    """Compared with what a base policy was trained on; see :data:`OBSERVATION_INTERFACE`."""
