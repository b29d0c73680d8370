# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""How episodes start: poses of bodies and of the arm; and gains that are weak or strong together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import torch

from isaaclab.envs.mdp import randomize_actuator_gains
from isaaclab.managers import EventTermCfg, ManagerTermBase
from isaaclab.utils.math import quat_from_euler_xyz, quat_mul, sample_uniform

from score.utils.random import counter_keys, counter_uniform
from score_tasks.kit.draws import drawn_once, episode_seeds

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv, ManagerBasedRLEnv
    from isaaclab.managers import SceneEntityCfg

    from score_assets.robots.franka_kinematics import IkResult


def pose_bounds(ranges: dict[str, tuple[float, float]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Lower and upper bounds (6,) of x, y, z, roll, pitch, yaw; a missing key is fixed at 0."""
    pairs = torch.tensor(
        [ranges.get(key, (0.0, 0.0)) for key in ("x", "y", "z", "roll", "pitch", "yaw")], device=device
    )
    return pairs[:, 0], pairs[:, 1]


def env_indices(env: ManagerBasedRLEnv, env_ids: torch.Tensor | slice) -> torch.Tensor:
    """Environments as indices (n,); a full reset passes a slice."""
    return torch.arange(env.num_envs, device=env.device)[env_ids]


def write_body_pose(
    env: ManagerBasedRLEnv,
    name: str,
    env_ids: torch.Tensor,
    pos: torch.Tensor,
    quat: torch.Tensor,
    moves: bool = True,
) -> None:
    """Put a rigid object, or an articulation by its root, somewhere at rest, its joints at their defaults.

    Args:
        env: The environment.
        name: Name of the body in the scene.
        env_ids: Environments (n,).
        pos: Positions (n, 3), environment frame, m.
        quat: Orientations (n, 4), x y z w.
        moves: Whether it moves in an episode; a kinematic body or a fixed root has no velocity.
    """
    body = env.scene[name]
    pose = torch.cat((pos + env.scene.env_origins[env_ids], quat), dim=-1)
    body.write_root_pose_to_sim_index(root_pose=pose, env_ids=env_ids)
    if getattr(body, "num_joints", 0):
        joints = body.data.default_joint_pos.torch[env_ids]
        body.write_joint_position_to_sim_index(position=joints, env_ids=env_ids)
        body.write_joint_velocity_to_sim_index(velocity=torch.zeros_like(joints), env_ids=env_ids)
    if moves:
        body.write_root_velocity_to_sim_index(root_velocity=torch.zeros_like(pose[:, :6]), env_ids=env_ids)


class PlaceBodies(ManagerTermBase):
    """Draws where bodies of a scene file rest at the start of an episode.

    Attributes:
        rest_height: Name of a body -> height (N,) at which it rested when its episode began, m.
    """

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._nominal = {}
        self.rest_height = {}
        for name in cfg.params["bodies"]:
            state = env.scene[name].cfg.init_state
            self._nominal[name] = tuple(torch.tensor(part, device=env.device) for part in (state.pos, state.rot))
            self.rest_height[name] = torch.full((env.num_envs,), state.pos[2], device=env.device)

    def __call__(
        self, env: ManagerBasedRLEnv, env_ids: torch.Tensor | slice, bodies: dict[str, dict[str, Any]]
    ) -> None:
        """Place the bodies of the episodes ``env_ids``.

        Args:
            env: The environment.
            env_ids: Environments; a full reset passes a slice.
            bodies: Name -> ``ranges`` (offsets from the nominal pose, m and rad, a missing key is fixed at 0; as Isaac
                Lab does, the turn comes first, in the body's own axes) and ``half_turn`` (whether it also stands the
                other way round half of the time), ``moves`` (see :func:`write_body_pose`), and maybe ``inside`` (a body
                further up that carries it: it goes by that one's offset too).
        """
        env_ids = env_indices(env, env_ids)
        count = len(env_ids)
        drawn: dict[str, torch.Tensor] = {}
        for name, options in bodies.items():
            pos, quat = self._nominal[name]
            offset = sample_uniform(*pose_bounds(options["ranges"], env.device), (count, 6), device=env.device)
            if carrier := options.get("inside"):
                offset = offset + drawn[carrier]
            drawn[name] = offset
            turned = torch.rand(count, device=env.device) < 0.5
            yaw = offset[:, 5] + math.pi * options["half_turn"] * turned
            turn = quat_from_euler_xyz(offset[:, 3], offset[:, 4], yaw)
            self.rest_height[name][env_ids] = pos[2] + offset[:, 2]
            quat = quat_mul(turn, quat.expand(count, -1))
            write_body_pose(env, name, env_ids, pos + offset[:, :3], quat, options["moves"])


class ArmStarts(ManagerTermBase):
    """Draws where the arm starts, from a bank solved once by inverse kinematics: a reset costs no solve.

    A robot derives it and says in :meth:`solve` what a start is.
    """

    BANK_SIZE = 1024

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        low, high = pose_bounds(cfg.params["start"], env.device)
        with drawn_once(env):
            pose = sample_uniform(low, high, (self.BANK_SIZE, 6), device=env.device)
        found = self.solve(pose[:, :3], pose[:, 3:])
        self._bank = found.joint_pos[(found.position_error < 1e-3) & (found.rotation_error < 1e-2)]

    def solve(self, pos: torch.Tensor, euler: torch.Tensor) -> IkResult:
        """Arm joints of starts at ``pos`` (n, 3), m, turned by roll, pitch and yaw ``euler`` (n, 3), rad."""
        raise NotImplementedError

    def draw(self, count: int) -> torch.Tensor:
        """Arm joints (count, A) from the bank, rad."""
        return self._bank[torch.randint(len(self._bank), (count,), device=self._bank.device)]

    @staticmethod
    def write(
        env: ManagerBasedRLEnv,
        env_ids: torch.Tensor,
        action_name: str,
        positions: torch.Tensor,
        targets: dict[str, float] | None = None,
    ) -> None:
        """Put the robot's joints at rest, and let its drives hold them.

        Args:
            env: The environment.
            env_ids: Environments (n,).
            action_name: Action term whose joints are placed; the others take their defaults.
            positions: Their positions (n, A), rad, clamped to the limits of commands.
            targets: Pattern of joint names -> target of their drives where it is not their position.
        """
        robot, term = env.scene["robot"], env.action_manager.get_term(action_name)
        joints = robot.data.default_joint_pos.torch[env_ids].clone()
        joints[:, term._joint_ids] = torch.clamp(positions, term.command_low, term.command_high)
        robot.write_joint_position_to_sim_index(position=joints, env_ids=env_ids)
        robot.write_joint_velocity_to_sim_index(velocity=torch.zeros_like(joints), env_ids=env_ids)
        for pattern, target in (targets or {}).items():
            joints[:, robot.find_joints(pattern)[0]] = target
        robot.set_joint_position_target_index(target=joints, env_ids=env_ids)


class RandomizeGainsTogether(randomize_actuator_gains):
    """Scales the gains of all joints of an environment by one factor for stiffness and one for damping.

    Isaac Lab's term draws for every joint by itself, so that hardly an environment has an arm that is weak as a whole:
    with 23 joints from 0.8 to 1.2 the mean lies within 0.95 and 1.05 in 19 of 20.
    """

    def __call__(
        self,
        env: ManagerBasedEnv,
        env_ids: torch.Tensor | slice,
        asset_cfg: SceneEntityCfg,
        stiffness_distribution_params: tuple[float, float],
        damping_distribution_params: tuple[float, float],
        operation: Literal["scale"] = "scale",
        distribution: Literal["uniform"] = "uniform",
    ) -> None:
        """Draw the factors of the episodes ``env_ids`` uniformly from the two ranges and write the gains.

        ``operation`` and ``distribution`` stand here because Isaac Lab's term reads them; they have one value.
        """
        count = len(range(env.num_envs)[env_ids]) if isinstance(env_ids, slice) else len(env_ids)

        def together(bounds: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
            factor = sample_uniform(*bounds, (count, 1), device=env.device)
            return factor, factor

        super().__call__(
            env,
            env_ids,
            asset_cfg,
            together(stiffness_distribution_params),
            together(damping_distribution_params),
            operation,
            distribution,
        )


class PushBody(ManagerTermBase):
    """Pushes a body by a constant force, another one every now and then; an event of mode ``interval``, of interval 0.

    Isaac Lab's ``apply_external_force_torque`` would do, but when it pushes and how depends on the other environments.
    """

    def __init__(self, cfg: EventTermCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._seeds = episode_seeds(env.num_envs, env.device)
        self._due = torch.zeros(env.num_envs, dtype=torch.long, device=env.device)
        self.reset()

    def reset(self, env_ids: torch.Tensor | slice | None = None) -> None:
        """Draw the seeds of the pushes of new episodes, and when the first one comes."""
        ids = env_indices(self._env, slice(None) if env_ids is None else env_ids)
        self._seeds[ids] = episode_seeds(len(ids), self.device)
        self._due[ids] = 0
        self._due[ids] = self._draw(ids)[1]

    def __call__(
        self,
        env: ManagerBasedRLEnv,
        env_ids: torch.Tensor,
        asset_cfg: SceneEntityCfg,
        force: float,
        interval_s: tuple[float, float],
    ) -> None:
        """Change the forces whose time has come.

        Args:
            env: The environment.
            env_ids: All environments, as the interval is 0.
            asset_cfg: The body.
            force: Largest force along each axis, N.
            interval_s: Range of the time between changes, s.
        """
        ids = (env.episode_length_buf >= self._due).nonzero().flatten()
        if len(ids):
            share, steps = self._draw(ids)
            forces = (force * (2.0 * share - 1.0)).unsqueeze(1)
            self._due[ids] += steps
            env.scene[asset_cfg.name].permanent_wrench_composer.set_forces_and_torques_index(
                forces=forces, torques=torch.zeros_like(forces), body_ids=asset_cfg.body_ids, env_ids=ids
            )

    def _draw(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Numbers (n, 3), uniform in [0, 1), for the force that is due, and the steps (n,) for which it stays."""
        low, high = (seconds / self._env.step_dt for seconds in self.cfg.params["interval_s"])
        numbers = counter_uniform(counter_keys(self._seeds[ids], self._due[ids]), 4)
        return numbers[:, :3], (low + (high - low) * numbers[:, 3]).round().long()
