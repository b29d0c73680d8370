# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Where bodies rest at the start of an episode, on hand-made scenes (no simulator)."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch

from score_tasks.kit.events import PlaceBodies, PushBody, pose_bounds


class Body:
    """Remembers what was written to it."""

    def __init__(self, pos: tuple[float, float, float]) -> None:
        self.cfg = SimpleNamespace(init_state=SimpleNamespace(pos=pos, rot=(0.0, 0.0, 0.0, 1.0)))
        self.poses: list[torch.Tensor] = []
        self.velocities: list[torch.Tensor] = []

    def write_root_pose_to_sim_index(self, root_pose: torch.Tensor, env_ids: torch.Tensor) -> None:
        self.poses.append(root_pose)

    def write_root_velocity_to_sim_index(self, root_velocity: torch.Tensor, env_ids: torch.Tensor) -> None:
        self.velocities.append(root_velocity)


class Scene(dict):
    env_origins = torch.tensor([[10.0, 0.0, 0.0]]).repeat(500, 1)


def place(half_turn: bool, moves: bool, **ranges: tuple[float, float]) -> tuple[Body, PlaceBodies]:
    torch.manual_seed(0)
    body = Body((0.5, 0.1, 0.02))
    env: Any = SimpleNamespace(num_envs=500, device="cpu", scene=Scene(cup=body))
    bodies = {"cup": {"ranges": ranges, "half_turn": half_turn, "moves": moves}}
    term = PlaceBodies(SimpleNamespace(params={"bodies": bodies}), env)
    term(env, slice(None), bodies)
    return body, term


def test_positions_lie_in_the_ranges_about_the_nominal_pose() -> None:
    body, term = place(False, True, x=(-0.1, 0.2), z=(0.0, 0.01))
    pos = body.poses[0][:, :3] - Scene.env_origins
    assert float(pos[:, 0].min()) >= 0.4 - 1e-6
    assert float(pos[:, 0].max()) <= 0.7 + 1e-6
    assert float(pos[:, 0].std()) > 0.05
    assert pos[:, 1].eq(torch.tensor(0.1)).all()
    torch.testing.assert_close(term.rest_height["cup"], pos[:, 2])
    assert body.velocities[0].eq(0.0).all()


def test_a_body_that_cannot_move_gets_no_velocity() -> None:
    body, _ = place(False, False, x=(-0.1, 0.2))
    assert body.velocities == []


def test_half_of_the_bodies_stand_the_other_way_round() -> None:
    body, _ = place(True, True)
    quat = body.poses[0][:, 3:]
    turned = quat[:, 2].abs() > 0.5  # half a turn about z is (0, 0, 1, 0)
    assert 200 < int(turned.sum()) < 300
    torch.testing.assert_close(quat[~turned], torch.tensor([[0.0, 0.0, 0.0, 1.0]]).expand(int((~turned).sum()), -1))


def test_missing_ranges_are_fixed_at_zero() -> None:
    low, high = pose_bounds({"yaw": (-math.pi, math.pi)}, "cpu")
    assert low.tolist()[:5] == high.tolist()[:5] == [0.0] * 5
    assert high[5].item() == -low[5].item()


def pushes(num_envs: int, row: int) -> list[tuple[int, torch.Tensor]]:
    """Step and force of each push in one environment, whose episode begins from seed 3, over 200 steps of 0.1 s."""
    told: list[tuple[int, torch.Tensor]] = []

    def push(forces: torch.Tensor, torques: torch.Tensor, body_ids: Any, env_ids: torch.Tensor) -> None:
        assert not torques.any()
        told.extend((int(steps[row]), force[0]) for env, force in zip(env_ids, forces, strict=True) if env == row)

    steps = torch.zeros(num_envs, dtype=torch.long)
    body = SimpleNamespace(permanent_wrench_composer=SimpleNamespace(set_forces_and_torques_index=push))
    env: Any = SimpleNamespace(
        num_envs=num_envs, device="cpu", step_dt=0.1, episode_length_buf=steps, scene={"cup": body}
    )
    params: dict[str, Any] = {
        "asset_cfg": SimpleNamespace(name="cup", body_ids=[0]),
        "force": 0.2,
        "interval_s": (1.0, 3.0),
    }
    term = PushBody(SimpleNamespace(params=params), env)
    torch.manual_seed(3)
    term.reset(torch.tensor([row]))
    for _ in range(200):
        steps += 1
        term(env, torch.arange(num_envs), **params)
    return told


def test_pushes_come_every_now_and_then_and_are_those_of_the_episode() -> None:
    told = pushes(1, 0)
    times = torch.tensor([0, *(step for step, _ in told)])
    # 1 to 3 s are 10 to 30 steps, from the start of the episode on.
    assert bool(((times.diff() >= 10) & (times.diff() <= 30)).all())
    forces = torch.stack([force for _, force in told])
    assert forces.abs().max() <= 0.2
    assert len(forces.unique()) == 3 * len(told) >= 18
    again = pushes(5, 3)
    assert [step for step, _ in again] == [step for step, _ in told]
    assert torch.equal(torch.stack([force for _, force in again]), forces)
