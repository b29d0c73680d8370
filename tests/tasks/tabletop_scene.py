# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Hand-made states of the tabletop tasks, and a world without physics: joints follow, what is held goes along.

Predicates and demonstrators run on them with their own code, as on Isaac Lab's scene, in a second and no simulator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from isaaclab.utils.math import matrix_from_quat, quat_from_matrix

from score.reconstruction.scene import SceneObject
from score_assets.robots.franka_leap import RESET_JOINT_POS
from score_assets.robots.franka_leap_kinematics import PalmPose, palm_pose

JOINT_STEP = 0.066
"""How far a joint gets in a control step towards a target that is 0.1 rad ahead: its drive lags by 0.1 s [rad]."""


def _held(**values: torch.Tensor) -> SimpleNamespace:
    return SimpleNamespace(**{key: SimpleNamespace(torch=value) for key, value in values.items()})


class HandMadeEnv:
    """Environments whose bodies stand where they are put, with the robot in some posture."""

    def __init__(
        self,
        joints: Sequence[float] = RESET_JOINT_POS,
        rest_height: Mapping[str, float] | None = None,
        num_envs: int = 1,
    ) -> None:
        self.num_envs, self.device = num_envs, "cpu"
        self.cfg = SimpleNamespace(sim=SimpleNamespace(physics=None))
        self.transforms_timestamp = 0
        self.sim = SimpleNamespace(get_scene_data_provider=lambda: SimpleNamespace(backend=self))
        self.scene = _Scene(num_envs)
        self._term = SimpleNamespace(_joint_ids=list(range(23)))
        self.action_manager = SimpleNamespace(get_term=lambda name: self._term)
        heights = {name: torch.full((num_envs,), height) for name, height in (rest_height or {}).items()}
        placed = SimpleNamespace(func=SimpleNamespace(rest_height=heights))
        self.event_manager = SimpleNamespace(get_term_cfg=lambda name: placed)
        self.pose(joints)

    def rows(self, values: Any) -> torch.Tensor:
        """Values (k,) or (N, k) as (N, k)."""
        return torch.as_tensor(values, dtype=torch.float32).expand(self.num_envs, -1).clone()

    def pose(self, joints: Any) -> None:
        """Brings the robot into a posture, (23,) or (N, 23), rad."""
        self.transforms_timestamp += 1
        self.joints = self._term.commanded = self.rows(joints)
        self.scene["robot"] = SimpleNamespace(data=_held(joint_pos=self.joints))

    def put(self, name: str, pos: Any, quat: Any = (0.0, 0.0, 0.0, 1.0), velocity: Any = (0.0, 0.0, 0.0)) -> None:
        """Puts a body somewhere: m, x y z w, m/s."""
        self.transforms_timestamp += 1
        root = {"root_pos_w": self.rows(pos), "root_quat_w": self.rows(quat), "root_lin_vel_w": self.rows(velocity)}
        body = {f"body{key[4:]}": value[:, None] for key, value in root.items()}
        self.scene[name] = SimpleNamespace(data=_held(**root, **body))

    def fix(self, name: str, pos: Sequence[float]) -> None:
        """Puts colliders that no engine moves somewhere, m."""
        self.scene.extras[name] = None
        state = SimpleNamespace(pos=tuple(pos), rot=(0.0, 0.0, 0.0, 1.0))
        setattr(self.scene.cfg, name, SimpleNamespace(init_state=state))

    def draw(self, item: SceneObject, generator: torch.Generator, carried: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Puts an object of a scene file where a reset could; returns its offset (N, 3) from the nominal place, m."""
        low, high = (torch.tensor(bound[:3], dtype=torch.float32) for bound in item.bounds)
        offset = low + (high - low) * torch.rand(self.num_envs, 3, generator=generator)
        if item.inside:
            offset = offset + carried[item.inside]
        if item.fixed and not item.ranges:
            self.fix(item.name, item.position)
        else:
            self.put(item.name, torch.tensor(item.position) + offset)
        return offset

    @property
    def palm(self) -> PalmPose:
        """Pose of the palm."""
        return palm_pose(self.joints[:, :7])

    def follow(self, targets: torch.Tensor, held: Mapping[str, torch.Tensor]) -> None:
        """One control step: joints go towards targets (N, 23), bodies go along with the palm where they are held."""
        before = self.palm
        self.pose(self.joints + (targets - self.joints).clamp(-JOINT_STEP, JOINT_STEP))
        after = self.palm
        turn = after.rot @ before.rot.mT
        for name, where in held.items():
            data = self.scene[name].data
            pos, quat = data.root_pos_w.torch, data.root_quat_w.torch
            moved = after.pos + (turn @ (pos - before.pos)[..., None])[..., 0]
            turned = quat_from_matrix(turn @ matrix_from_quat(quat))
            self.put(name, torch.where(where[:, None], moved, pos), torch.where(where[:, None], turned, quat))


class _Scene(dict[str, Any]):
    """Bodies by name, as Isaac Lab's scene gives them out."""

    def __init__(self, num_envs: int) -> None:
        super().__init__()
        self.env_origins = torch.zeros(num_envs, 3)
        self.extras: dict[str, Any] = {}
        self.cfg = SimpleNamespace()
