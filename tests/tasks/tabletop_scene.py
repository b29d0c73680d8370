# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A hand-made state of one environment, for predicates and demonstrators: no simulator, the terms' own code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from score_assets.robots.franka_leap import RESET_JOINT_POS

Vector = Sequence[float]


def _data(pos: Vector, quat: Vector = (0.0, 0.0, 0.0, 1.0), velocity: Vector = (0.0, 0.0, 0.0)) -> SimpleNamespace:
    values = {"root_pos_w": pos, "root_quat_w": quat, "root_lin_vel_w": velocity}
    return SimpleNamespace(**{key: SimpleNamespace(torch=torch.tensor([value])) for key, value in values.items()})


class HandMadeScene(dict):  # type: ignore[type-arg]
    """Bodies by name, as Isaac Lab's scene gives them out."""

    def __init__(self) -> None:
        super().__init__()
        self.env_origins = torch.zeros(1, 3)
        self.extras: dict[str, Any] = {}
        self.cfg = SimpleNamespace()


class HandMadeEnv:
    """One environment whose bodies stand where they are put, with the robot in some posture."""

    def __init__(self, joints: Vector = RESET_JOINT_POS, rest_height: Mapping[str, float] | None = None) -> None:
        self.num_envs, self.device = 1, "cpu"
        self.scene = HandMadeScene()
        term = SimpleNamespace(_joint_ids=list(range(23)), commanded=torch.tensor([joints]))
        self.action_manager = SimpleNamespace(get_term=lambda name: term)
        heights = {name: torch.tensor([height]) for name, height in (rest_height or {}).items()}
        placed = SimpleNamespace(func=SimpleNamespace(rest_height=heights))
        self.event_manager = SimpleNamespace(get_term_cfg=lambda name: placed)
        self.pose(joints)

    def pose(self, joints: Vector) -> None:
        """Brings the robot into a posture, 23 joints, rad."""
        positions = SimpleNamespace(torch=torch.tensor([list(joints)]))
        self.scene["robot"] = SimpleNamespace(data=SimpleNamespace(joint_pos=positions))

    def put(self, name: str, pos: Vector, quat: Vector = (0.0, 0.0, 0.0, 1.0), velocity: Vector = (0.0,) * 3) -> None:
        """Puts a body somewhere: m, x y z w, m/s."""
        self.scene[name] = SimpleNamespace(data=_data(list(pos), list(quat), list(velocity)))

    def fix(self, name: str, pos: Vector) -> None:
        """Puts colliders that no engine moves somewhere, m."""
        self.scene.extras[name] = None
        state = SimpleNamespace(pos=tuple(pos), rot=(0.0, 0.0, 0.0, 1.0))
        setattr(self.scene.cfg, name, SimpleNamespace(init_state=state))
