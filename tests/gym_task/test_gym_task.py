# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A Gymnasium vector environment as a task: what is read from it, and what one step of it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from tests.gym_task import detour
from tests.steering.scripted_task import make_spec

from score.gym_task import GymTask
from score.open_task import open_task, task_kwargs
from score.policies.base_policy import BasePolicy
from score.policies.spec import ActionSpec, ObservationSpec
from score.rollout.arms import base_arm
from score.rollout.episodes import run_episodes
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringCfg
from score.steering.methods import make_plan
from score.task import RobotTask, Task
from score.utils.errors import UserError

NAME = f"{detour.__name__}:Detour-v0"


class Count(gym.Env):
    """Counts its steps in a flat Box; what its action says happens: 1 success, 2 loss, 3 not a number."""

    metadata = {"render_modes": [], "render_fps": 20}  # noqa: RUF012
    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gym.spaces.Box(0.0, 3.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.start, self.count = self.np_random.integers(1, 1_000_000), 0
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.count += 1
        kind = round(float(action[0]))
        info = {"success": kind == 1}
        return self._observe(), np.nan if kind == 3 else 0.5, kind in (1, 2), False, info

    def _observe(self) -> np.ndarray:
        return np.array([self.start, self.count], dtype=np.float32)


gym.register("Count-v0", entry_point=Count, max_episode_steps=5, kwargs={
    "interface": {"actions": {"names": ["x"], "units": "m"}, "observations": {"observation": {"units": "m"}}},
    "steering_cfg_entry_point": f"{detour.__name__}:steering_cfg",
    "base_policy_entry_point": f"{detour.__name__}:bundle",
})  # fmt: skip


@contextmanager
def count_task(num_envs: int = 3) -> Iterator[GymTask]:
    with open_task("Count-v0", num_envs=num_envs, seed=0, device="cpu") as task:
        assert isinstance(task, GymTask)
        task.reset(seed=0)
        yield task


def act(task: GymTask, *actions: float) -> tuple[Any, ...]:
    return task.step(torch.tensor(actions).unsqueeze(1))


def test_what_is_read_from_spaces_and_registration() -> None:
    with open_task(NAME, num_envs=2, device="cpu") as task:
        assert isinstance(task, Task)
        assert not isinstance(task, RobotTask)
        assert dict(task.spec.observations) == {
            "position": ObservationSpec((2,), 2, "m", names=("x", "y")),
            "disc": ObservationSpec((1,), 1, "m"),
        }
        low, high = (-2.0, -2.0), (2.0, 2.0)
        assert task.spec.actions == ActionSpec(("along", "sideways"), "dm", low, high, None)
        # metadata["render_fps"] is 10; the time limit is the registered one.
        assert (task.spec.control_rate_hz, task.step_dt, task.max_episode_length) == (10.0, 0.1, 30)
        observations = task.reset(seed=1)
        assert observations["policy"]["position"].shape == (2, 2, 2)
        assert observations["critic"].shape == (2, 3)


def test_a_flat_box_is_one_observation_and_the_critic_s_state() -> None:
    with count_task() as task:
        assert list(task.spec.observations) == ["observation"]
        observations = task.reset(seed=0)
        assert torch.equal(observations["critic"], observations["policy"]["observation"])


def test_ends_are_told_apart_and_the_last_observation_is_kept() -> None:
    with count_task(4) as task:
        act(task, 0.0, 0.0, 0.0, 0.0)
        observations, reward, terminated, truncated, extras = act(task, 0.0, 1.0, 2.0, 3.0)
        ended = {name: fired.tolist() for name, fired in task.ended_by().items()}
        assert ended["success"] == [False, True, False, False]
        assert ended["failure"] == [False, False, True, False]
        assert ended["guard"] == [False, False, False, True]
        assert terminated.tolist() == [False, True, True, True]
        assert not truncated.any()
        assert reward[:3].tolist() == [0.5, 0.5, 0.5]
        # Two steps were done by all; those that ended have begun anew.
        assert extras["final_obs"]["critic"][:, 1].tolist() == [2.0] * 4
        assert observations["critic"][:, 1].tolist() == [2.0, 0.0, 0.0, 0.0]


def test_the_time_limit_is_a_time_out() -> None:
    with count_task(2) as task:
        for _ in range(4):
            assert not act(task, 0.0, 0.0)[3].any()
        _, _, terminated, truncated, _ = act(task, 0.0, 1.0)
        assert (terminated.tolist(), truncated.tolist()) == ([False, True], [True, True])
        assert task.ended_by()["time_out"].tolist() == [True, False]


def test_a_seed_gives_the_same_starts_and_only_those_that_waited_begin_anew() -> None:
    with count_task(3) as task:
        first = task.reset(seed=7)["critic"].clone()
        assert torch.equal(task.reset(seed=7)["critic"], first)
        assert not torch.equal(task.reset(seed=8)["critic"], first)
        task.reset(seed=7)
        observations = act(task, 0.0, 0.0, 0.0)[0]
        assert task.after_waiting(torch.zeros(3, dtype=torch.bool), observations) is observations
        after = task.after_waiting(torch.tensor([False, True, False]), observations)["critic"]
        assert torch.equal(after[[0, 2]], observations["critic"][[0, 2]])
        assert after[1, 1] == 0
        assert after[1, 0] != first[1, 0]


def test_an_episode_begins_from_its_own_seed_in_whatever_environment() -> None:
    nobody, seeds = torch.zeros(3, dtype=torch.bool), torch.tensor([11, 12, -1])
    with count_task(3) as task:
        task.seed_episodes(seeds, nobody)
        first = task.reset()["critic"][:2].clone()
        # 12 in the first environment, which ends; 11 in the last, which is told to begin; 13 where nothing happens.
        task.seed_episodes(torch.tensor([12, 13, 11]), torch.tensor([False, False, True]))
        observations, _, terminated, truncated, _ = act(task, 1.0, 0.0, 0.0)
        assert terminated.tolist() == [True, False, False]
        assert not truncated.any()
        assert torch.equal(observations["critic"][[2, 0]], first)
        assert observations["critic"][1].tolist() == [first[1, 0], 1.0]
        # It was for that step alone.
        observations = act(task, 1.0, 0.0, 0.0)[0]
        assert observations["critic"][0, 0] != first[1, 0]
        assert observations["critic"][2].tolist() == [first[0, 0], 1.0]


class CountPolicy(BasePolicy):
    """Condition = observation, chunk = latent."""

    def __init__(self) -> None:
        super().__init__(make_spec(4, size=2), condition_dim=2)

    def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return observations["observation"]

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return latent


class StraightPolicy(CountPolicy):
    """Steers by the noise, and does not wait for anything."""

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return 1.5 * latent.clamp(0.0, 2.0)


def test_episodes_do_not_depend_on_the_number_of_environments() -> None:
    found = []
    for num_envs in (1, 4):
        with count_task(num_envs) as task:
            results = run_episodes(task, StraightPolicy(), base_arm(), episodes=range(9), seed=0, chunk_steps=4)
            found.append((results.ended_by, results.steps.tolist()))
    assert found[0] == found[1]
    assert {"success", "failure"} <= set(found[0][0])


def test_an_episode_that_ended_inside_a_chunk_does_not_reach_into_the_next() -> None:
    with count_task(2) as task:
        env = ChunkedVecEnv(task, make_plan(CountPolicy(), vars(SteeringCfg())), chunk_steps=4, gamma=0.5)
        env.reset(seed=0)
        # The first succeeds in its second step of four, would succeed again in its third, and go on.
        code = torch.tensor([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
        observations, reward, done, extras = env.step(code)
        assert (done.tolist(), extras["steps"].tolist()) == ([1, 0], [2, 4])
        # 0.5 + 0.5 * 0.5 in two steps; 0.5 (1 + 0.5 + 0.25 + 0.125) in four.
        assert reward.tolist() == [0.75, 0.9375]
        assert extras["final_critic"][:, 1].tolist() == [2.0, 4.0]
        # Its next episode has not begun: no step of the chunk counts in it, nor to its time limit of 5 steps.
        assert observations["critic"][:, 1].tolist() == [0.0, 4.0]
        _, _, done, extras = env.step(torch.zeros(2, 4))
        assert (done.tolist(), extras["steps"].tolist()) == ([0, 1], [4, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interface": {"observation": {}}}, r"unknown key 'observation'. Did you mean 'observations'"),
        ({"interface": {"observations": {"obs": {}}}}, r"there is no observation 'obs'"),
        ({"interface": {"observations": {"observation": {"history": 3}}}}, r"its windows need 3 frames first"),
        ({"max_episode_steps": None}, r"register it with max_episode_steps=N"),
    ],
)
def test_registrations_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    kwargs = {**gym.spec("Count-v0").kwargs, **{key: item for key, item in changes.items() if key == "interface"}}
    gym.register("Odd-v0", entry_point=Count, max_episode_steps=changes.get("max_episode_steps", 5), kwargs=kwargs)
    try:
        with pytest.raises(UserError, match=message), open_task("Odd-v0", num_envs=1, device="cpu"):
            pass
    finally:
        del gym.registry["Odd-v0"]


def test_overrides_of_environment_and_agent() -> None:
    overrides = ["env.drift=0.5", "agent.steering.chunk_steps=2"]
    with open_task(NAME, num_envs=1, seed=9, device="cpu", overrides=overrides) as task:
        assert (task.agent_cfg.steering.chunk_steps, task.agent_cfg.seed) == (2, 9)
        assert task.settings["drift"] == 0.5
        task.reset(seed=0)
        # 1 along the road is 0.1 m a step, halved.
        assert task.step(torch.tensor([[1.0, 0.0]]))[0]["critic"][0, 0].item() == pytest.approx(-0.95)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["env.drfit=1"], r"Override 'env.drfit' does not fit task 'Detour-v0': there are agent.\* and env.drift"),
        (["physics=ovphysx"], r"Override 'physics' does not fit"),
        (["agent.steering.knot=1"], r"there is no setting 'knot'. Did you mean 'knots'"),
    ],
)
def test_overrides_that_do_not_fit(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message), open_task(NAME, num_envs=1, device="cpu", overrides=overrides):
        pass


def test_names_and_domains() -> None:
    assert task_kwargs(NAME)[0] == "Detour-v0"
    with pytest.raises(UserError, match=r"Unknown task 'Detuor-v0'. Did you mean 'Detour-v0'"):
        task_kwargs(f"{detour.__name__}:Detuor-v0")
    with pytest.raises(UserError, match=r"No module named 'nowhere'. Put the folder of that module on PYTHONPATH"):
        task_kwargs("nowhere:Detour-v0")
    with pytest.raises(UserError, match=r"'Detour-v0' has no 'real' domain; it has 'sim' only"):
        task_kwargs("Detour-v0", "real")
