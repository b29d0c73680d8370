# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Chunks against returns computed by hand, on a scripted vector environment."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from tests.steering.scripted_task import HOLD, SETTINGS, IdentityPolicy, Step, TableTask, make_spec

from score.steering.chunked_env import ChunkedVecEnv
from score.steering.methods import make_plan
from score.steering.ppo import SemiMarkovPPO, semi_markov_advantages
from score.utils.errors import UserError

GO = [(0.0, "")] * 50
"""An episode without rewards that does not end."""


def make_env(script: list[list[list[Step]]], k: int = 4, gamma: float = 0.5) -> ChunkedVecEnv:
    env = ChunkedVecEnv(TableTask(script), make_plan(IdentityPolicy(k), SETTINGS), chunk_steps=k, gamma=gamma)
    env.reset()
    return env


def decide(env: ChunkedVecEnv) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, Any]]:
    return env.step(torch.zeros(env.num_envs, env.num_actions))


def steps(*rewards: float, end: str = "") -> list[Step]:
    return [(reward, "") for reward in rewards[:-1]] + [(rewards[-1], end)]


class ScriptedCritic(torch.nn.Module):
    """V(s) = s / 100, so that the value of each of the script's states is known; or one value everywhere."""

    is_recurrent = False

    def __init__(self, value: float | None = None) -> None:
        super().__init__()
        self.value = value

    def forward(self, obs: TensorDict) -> torch.Tensor:
        return obs["critic"] / 100.0 if self.value is None else torch.full_like(obs["critic"], self.value)

    def reset(self, dones: torch.Tensor | None = None) -> None:
        """Nothing to reset."""

    def update_normalization(self, obs: TensorDict) -> None:
        """Nothing is normalised."""


class LearningCritic(ScriptedCritic):
    """One value everywhere, which is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.level = torch.nn.Parameter(torch.zeros(1))

    def forward(self, obs: TensorDict) -> torch.Tensor:
        return self.level.expand_as(obs["critic"])


class ScriptedActor(ScriptedCritic):
    """Always the code 0."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, obs: TensorDict, stochastic_output: bool = False) -> torch.Tensor:
        self.rows = obs.batch_size[0]
        return torch.zeros(self.rows, self.dim)

    def get_hidden_state(self) -> None:
        return None

    def get_output_log_prob(self, outputs: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(outputs))

    @property
    def output_distribution_params(self) -> tuple[torch.Tensor, ...]:
        return (torch.zeros(self.rows, 1),)


def roll(env: ChunkedVecEnv, decisions: int, lam: float, value: float | None = None, raw: bool = True) -> SemiMarkovPPO:
    """Collect decisions with rsl_rl's own calls, and compute returns and advantages, raw or normalised."""
    critic = ScriptedCritic(value)
    critic.get_hidden_state = lambda: None  # type: ignore[assignment]
    storage = RolloutStorage("rl", env.num_envs, decisions, env.get_observations(), [env.num_actions])
    ppo = SemiMarkovPPO(
        ScriptedActor(env.num_actions), critic, storage, lam=lam, normalize_advantage_per_mini_batch=raw
    )
    with torch.inference_mode():
        obs = env.get_observations()
        for _ in range(decisions):
            obs, rewards, dones, extras = env.step(ppo.act(obs))
            ppo.process_env_step(obs, rewards, dones, extras)
        ppo.compute_returns(obs)
    return ppo


def test_end_inside_a_chunk_keeps_the_next_episode_out() -> None:
    env = make_env([[steps(1, 1, end="success"), GO], [steps(1, 2, 4, 8, 0)]])
    obs, reward, done, extras = decide(env)
    # Environment 0 took 2 steps: 1 + .5 * 1. Environment 1 took 4: 1 + .5 * 2 + .25 * 4 + .125 * 8.
    assert reward.tolist() == [1.5, 4.0]
    assert done.tolist() == [1, 0]
    assert extras["steps"].tolist() == [2, 4]
    assert extras["discount"].tolist() == [0.5**2, 0.5**4]
    assert extras["success"].tolist() == [True, False]
    assert extras["time_outs"].tolist() == [False, False]
    # Its last state was step 2 of episode 0; it now stands at the start of episode 1.
    assert extras["final_critic"][0].item() == 2.0
    assert obs["critic"][:, 0].tolist() == [100.0, 1004.0]


def test_an_ended_environment_holds_still_and_its_next_episode_keeps_its_length() -> None:
    env = make_env([[steps(1, 1, end="lost"), GO], [GO]])
    task = env.task
    env.step(torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]) / 10)
    assert [row[0] for row in task.actions] == pytest.approx([0.1, 0.2, HOLD, HOLD])  # type: ignore[attr-defined]
    assert [row[1] for row in task.actions] == pytest.approx([0.5, 0.6, 0.7, 0.8])  # type: ignore[attr-defined]
    assert task.episode_length_buf.tolist() == [0, 4]  # type: ignore[attr-defined]
    decide(env)
    assert task.episode_length_buf.tolist() == [4, 8]  # type: ignore[attr-defined]


def test_end_at_the_border_of_a_chunk() -> None:
    env = make_env([[steps(1, 1, 1, 1, end="success"), steps(2, 0, 0, 0, 0)], [GO]])
    _, reward, done, extras = decide(env)
    assert reward[0].item() == 1 + 0.5 + 0.25 + 0.125
    assert (done[0].item(), extras["steps"][0].item(), extras["discount"][0].item()) == (1, 4, 0.5**4)
    _, reward, done, extras = decide(env)
    # The next episode starts with the next decision, whole.
    assert (reward[0].item(), done[0].item(), extras["steps"][0].item()) == (2.0, 0, 4)


def test_time_out_inside_a_chunk_is_bootstrapped_with_the_true_last_state() -> None:
    env = make_env([[GO], [steps(1, 1, 1, end="time_out"), GO]])
    ppo = roll(env, 1, lam=0.95)
    # 1 + .5 + .25 = 1.75 in 3 steps, then .5^3 * V(1003) = .125 * 10.03. Before the step the value is 10.00, at the
    # start of the next episode 11.00.
    assert ppo.storage.returns[0, 1].item() == pytest.approx(1.75 + 0.125 * 10.03)
    # Environment 0 goes on: 0 + .5^4 * V(4) = .0625 * .04.
    assert ppo.storage.returns[0, 0].item() == pytest.approx(0.0625 * 0.04)


@pytest.mark.parametrize("end", ["success", "lost", "guard"])
def test_terminations_are_not_bootstrapped(end: str) -> None:
    env = make_env([[steps(0, 1, end=end), GO], [GO]])
    reward = roll(env, 1, lam=0.95).storage.returns[0, 0].item()
    assert reward == (0.0 if end == "guard" else 0.5)


def test_broken_physics_never_pays_more_than_going_on() -> None:
    # Every step costs 1 (gamma .5): -1 -.5 -.25 -.125 = -1.875 a decision. Environments 0 and 1 end in the second
    # step of their second decision. The lost one is charged -1 - .5 = -1.5 and no more; V is 0.04 before it, so its
    # advantage is -1.5 - .04.
    costs = [steps(*[-1.0] * 6, end="guard"), GO], [steps(*[-1.0] * 6, end="lost"), GO], [[(-1.0, "")] * 50]
    ppo = roll(make_env(list(costs)), 2, lam=0.0)
    assert ppo.storage.rewards[1, :, 0].tolist() == pytest.approx([-1.5, -1.5, -1.875])
    # Where the critic knows that going on costs 20, breaking costs 20 too, and not the 1.5 that were charged until
    # then: -20 against -20 before is an advantage of 0. Of a state worth +20, it is the charges: -1.5 - 20.
    for value, reward in ((-20.0, -20.0), (20.0, -1.5)):
        ppo = roll(make_env(list(costs)), 2, lam=0.0, value=value)
        assert ppo.storage.rewards[1, :2, 0].tolist() == pytest.approx([reward, -1.5])
        assert ppo.storage.advantages[1, 0, 0].item() == pytest.approx(reward - value)


def test_success_together_with_a_time_out_is_a_termination() -> None:
    env = make_env([[steps(0, 1, end="success")]])
    task = env.task
    task.ended_by()["time_out"].fill_(True)  # what the terms say does not matter, terminated wins over truncated
    original = task.step

    def both(action: torch.Tensor) -> tuple[Any, ...]:
        obs, reward, terminated, _, extras = original(action)
        return obs, reward, terminated, terminated.clone(), extras

    task.step = both  # type: ignore[method-assign]
    _, _, done, extras = decide(env)
    assert (done.item(), extras["time_outs"].item(), extras["success"].item()) == (1, False, True)


def test_all_environments_ending_stops_the_chunk() -> None:
    env = make_env([[steps(1, end="success"), GO], [steps(0, 3, end="lost"), GO]])
    _, reward, done, extras = decide(env)
    assert len(env.task.actions) == 2  # type: ignore[attr-defined]
    assert reward.tolist() == [1.0, 1.5]
    assert (done.tolist(), extras["steps"].tolist()) == ([1, 1], [1, 2])
    assert (env.env_steps, env.decisions) == (4, 2)
    assert [name for name, fired in extras["ended_by"].items() if fired[1]] == ["lost"]


def test_chunks_of_one_step_are_plain_transitions() -> None:
    env = make_env([[steps(1, 2, 3, end="success"), GO]], k=1)
    ppo = roll(env, 4, lam=1.0)
    # Returns 1 + .5 (2 + .5 * 3) = 2.75, 2 + .5 * 3 = 3.5, 3; then the next episode: 0 + .5 V(101) = .5 * 1.01.
    assert ppo.storage.returns.flatten().tolist() == pytest.approx([2.75, 3.5, 3.0, 0.505])
    assert ppo.storage.dones.flatten().tolist() == [0, 0, 1, 0]


def test_two_decisions_against_advantages_by_hand() -> None:
    env = make_env([[steps(1, 1, 1, 1, 2, 2, end="success"), GO], [GO]])
    ppo = roll(env, 2, lam=0.5)
    # Decision 0: r = 1.875, D = .0625, V(0) = 0, V(4) = .04. Decision 1: r = 2 + 1 = 3, ends, V = .04.
    # A1 = 3 - .04 = 2.96. A0 = 1.875 + .0625 * .04 - 0 + .0625 * .5 * 2.96 = 1.8775 + .0925 = 1.97.
    assert ppo.storage.advantages[:, 0, 0].tolist() == pytest.approx([1.97, 2.96])
    assert ppo.storage.returns[:, 0, 0].tolist() == pytest.approx([1.97, 3.0])


def test_advantages_are_centred_and_of_unit_spread_and_returns_are_not() -> None:
    script = [steps(1, 1, 1, 1, 2, 2, end="success"), GO]
    ppo = roll(make_env([script, [steps(*[0.0] * 8), GO]]), 2, lam=0.5, value=0.0, raw=False)
    # V = 0: environment 0 has A1 = 3 and A0 = 1.875 + .0625 * .5 * 3 = 1.96875, environment 1 has 0 and 0. Mean
    # 1.2421875; deviations .7265625, 1.7578125 and twice -1.2421875: squares .527893 + 3.089905 + 3.086060 = 6.703858,
    # over 3: 2.234619, root 1.494864.
    assert ppo.storage.advantages[:, :, 0].flatten().tolist() == pytest.approx(
        [0.48604, -0.83097, 1.17590, -0.83097], abs=1e-4
    )
    assert ppo.storage.returns[:, :, 0].flatten().tolist() == pytest.approx([1.96875, 0.0, 3.0, 0.0])


def test_advantages_over_processes_are_those_of_one(tmp_path: Path) -> None:
    env = make_env([[steps(1, 1, 1, 1, 2, 2, end="success"), GO], [steps(*[0.0] * 8), GO]])
    ppo = roll(env, 2, lam=0.5, value=0.0, raw=False)
    alone = ppo.storage.advantages.clone()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        ppo.is_multi_gpu = True
        ppo.compute_returns(env.get_observations())
    finally:
        torch.distributed.destroy_process_group()
    assert ppo.storage.advantages.flatten().tolist() == pytest.approx(alone.flatten().tolist(), abs=1e-6)


def test_a_warm_up_learns_the_value_and_no_action() -> None:
    # Returns 1.96875, 0, 3, 0 as above; their mean, 1.2421875, is what one value everywhere has to become.
    env = make_env([[steps(1, 1, 1, 1, 2, 2, end="success"), GO], [steps(*[0.0] * 8), GO]])
    values = []
    for epochs in (1, 200):
        ppo = roll(env, 2, lam=1.0, value=0.0)
        env.reset()
        critic = ppo.critic = LearningCritic()
        ppo.optimizer = torch.optim.SGD([*ppo.actor.parameters(), *critic.parameters()], lr=0.01)
        ppo.num_mini_batches, ppo.warm_up_epochs = 1, epochs
        before = [weight.clone() for weight in ppo.actor.parameters()]
        losses = ppo.update()
        assert all(torch.equal(old, new) for old, new in zip(before, ppo.actor.parameters(), strict=True))
        values.append(critic.level.item())
    # One step of 0.01 against the gradient -2 * 1.24, which is clipped to a norm of 1.
    assert values == pytest.approx([0.01, 1.2421875], abs=0.05)
    assert losses["value"] > 0.0


def test_a_reset_leaves_the_global_random_state_alone() -> None:
    class Drawing(TableTask):
        def reset(self, seed: int | None = None) -> dict[str, Any]:
            torch.manual_seed(seed or 0)
            np.random.seed(seed or 0)
            random.seed(seed or 0)
            return super().reset(seed)

    def draw() -> list[float]:
        return [torch.rand(1).item(), float(np.random.rand()), random.random()]

    env = ChunkedVecEnv(Drawing([[GO]]), make_plan(IdentityPolicy(4), SETTINGS), chunk_steps=4, gamma=0.9)
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = draw()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    env.reset(seed=5)
    assert draw() == expected


def test_stored_observations_are_those_that_were_acted_on() -> None:
    # The task writes its states in place; a stored reference would show a later state.
    ppo = roll(make_env([[GO], [GO]]), 3, lam=0.95)
    assert ppo.storage.observations["critic"][..., 0].tolist() == [[0, 1000], [4, 1004], [8, 1008]]
    assert ppo.storage.observations["policy"][..., 0].tolist() == [[0, 1000], [4, 1004], [8, 1008]]


def test_the_scene_is_encoded_once_per_decision() -> None:
    env = make_env([[GO]])
    policy = env.plan.base
    assert isinstance(policy, IdentityPolicy)
    before = policy.encoded
    decide(env)
    env.get_observations()
    assert policy.encoded == before + 1


@pytest.mark.parametrize("kind", ["repeat", "dct"])
def test_the_complement_of_a_reduced_basis_is_fresh_noise_in_every_decision(kind: str) -> None:
    script: list[list[list[Step]]] = [[[(0.0, "")] * 2000]] * 2
    plan = make_plan(IdentityPolicy(4), SETTINGS | {"basis": kind})
    env = ChunkedVecEnv(TableTask(script), plan, chunk_steps=4, gamma=0.5, seed=1)
    env.reset()
    code = torch.full((2, plan.code_dim), 0.5)
    for _ in range(250):
        env.step(code)
    # (environment, decision, row): IdentityPolicy executes its latent.
    latents = torch.tensor(env.task.actions).reshape(250, 4, 2).permute(2, 0, 1)  # type: ignore[attr-defined]
    torch.testing.assert_close(plan.latent_basis.project(latents.reshape(-1, 4, 1)), code[:1].expand(500, -1))
    rest = latents - plan.latent_basis.expand(code[:1])[..., 0]
    # Of variance 1 in 4 - k directions (500 draws: standard error of the sum .11), new in each decision.
    assert rest.square().sum(-1).mean().item() == pytest.approx(4 - plan.code_dim, abs=0.45)
    assert (rest[:, 1:] * rest[:, :-1]).sum(-1).mean().abs() < 0.35
    assert (rest[0] * rest[1]).sum(-1).mean().abs() < 0.35


def test_ending_again_while_holding_is_ignored_but_guard_resets_are_counted() -> None:
    env = make_env([[steps(1, end="success"), GO], [GO]])
    env.task.reset_again[0] = "guard"  # type: ignore[attr-defined]
    _, reward, done, extras = decide(env)
    assert (reward[0].item(), done[0].item(), extras["success"][0].item()) == (1.0, 1, True)
    summary = env.statistics.drain()
    assert (summary.episodes, summary.successes, summary.guard_resets) == (1, 1, 3)


def test_what_the_guard_ends_earns_nothing_and_no_nan_reaches_the_learner() -> None:
    env = make_env([[steps(5, 5, end="guard"), GO], [GO]])
    env.task.poison.add(0)  # type: ignore[attr-defined]
    env.task.ended_by()
    obs, reward, done, extras = decide(env)
    assert (reward[0].item(), done[0].item()) == (0.0, 1)
    for values in (reward, obs["policy"], obs["critic"], extras["final_critic"], extras["discount"]):
        assert bool(torch.isfinite(values).all())
    summary = env.statistics.drain()
    assert (summary.guard_resets, summary.nonfinite, summary.mean_reward) == (1, 1, 0.0)


@pytest.mark.parametrize("where", ["observation", "reward", "actions"])
def test_numbers_that_are_not_finite_end_by_a_guard_that_the_task_does_not_have(where: str) -> None:
    env = make_env([[steps(2, 2, 2, 2, 2, 2, end="time_out"), GO], [GO]])
    task, nan = env.task, float("nan")
    assert isinstance(task, TableTask)
    codes = torch.zeros(2, 4)
    if where == "actions":
        codes[0, 1] = nan
    else:
        task.poison.add(0)
        task.poison_rewards = where == "reward"
        task.poison_observations = where == "observation"
    _, reward, done, extras = env.step(codes)
    # A reward of NaN ends the first step; an observation is looked at after the fourth; actions are never sent.
    taken = {"observation": 4, "reward": 1, "actions": 0}[where]
    assert (extras["steps"].tolist(), done.tolist()) == ([taken, 4], [1, 0])
    # The rewards of 2 before it are not paid.
    assert (reward[0].item(), extras["success"][0].item(), extras["time_outs"][0].item()) == (0.0, False, False)
    if where == "observation":  # 0 in place of NaN
        assert extras["final_critic"][0].tolist() == [0.0]
    assert [name for name, fired in extras["ended_by"].items() if fired[0]] == ["guard"]
    assert [row[0] for row in task.actions] == [0.0] * taken + [HOLD] * (4 - taken)
    # The task did not reset it: its time goes on, so that its own limit ends it, and it is counted each time.
    assert task.episode_length_buf.tolist() == [4, 4]
    _, _, done, extras = env.step(codes)
    assert done[0].item() == 1
    assert env.statistics.drain().guard_resets == 2
    # Once all is well it takes part again.
    task.poison.clear()
    decide(env)
    _, _, _, extras = decide(env)
    assert extras["steps"][0].item() > 0


def test_success_is_not_credited_where_the_guard_fired() -> None:
    env = make_env([[steps(1, end="guard"), GO]], k=1)
    original = env.task.step

    def both(action: torch.Tensor) -> tuple[Any, ...]:
        result = original(action)
        env.task.ended_by()["success"].fill_(True)
        return result

    env.task.step = both  # type: ignore[method-assign]
    _, reward, _, extras = decide(env)
    assert (reward.item(), extras["success"].item()) == (0.0, False)
    assert env.statistics.drain().successes == 0


def test_statistics_of_episodes_longer_than_a_chunk() -> None:
    env = make_env([[steps(1, 1, 1, 1, 1, 1, end="success"), GO], [steps(0, 0, 0, 0, 4, end="lost"), GO]])
    decide(env)
    assert math.isnan(env.statistics.drain().success_rate)
    decide(env)
    summary = env.statistics.drain()
    # Plain rewards 6 and 4, lengths 6 and 5.
    assert (summary.episodes, summary.success_rate, summary.mean_reward, summary.mean_steps) == (2, 0.5, 5.0, 5.5)
    assert summary.ended_by == {"success": 1, "guard": 0, "lost": 1, "time_out": 0}


def test_missing_final_observations_are_an_error() -> None:
    env = make_env([[steps(1, end="success"), GO]])
    original = env.task.step
    env.task.step = lambda action: (*original(action)[:4], {})  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="set compute_final_obs=True in its configuration"):
        decide(env)


def test_a_chunk_beyond_the_horizon_is_refused() -> None:
    with pytest.raises(UserError, match="chunk_steps is 5: it must be from 1 to 4, the base policy's horizon"):
        ChunkedVecEnv(TableTask([[GO]]), make_plan(IdentityPolicy(4), SETTINGS), chunk_steps=5, gamma=0.9)


def test_a_task_without_guard_is_refused() -> None:
    task = TableTask([[GO]])
    del task.ended_by()["guard"]
    with pytest.raises(UserError, match="no termination term 'guard' \\(it has success, lost, time_out\\)"):
        ChunkedVecEnv(task, make_plan(IdentityPolicy(4), SETTINGS), chunk_steps=4, gamma=0.9)


def test_spec_of_the_scripted_task() -> None:
    assert make_spec(4).horizon == 4


episode = st.tuples(
    st.lists(st.floats(-2, 2, allow_nan=False, width=16), min_size=1, max_size=9),
    st.sampled_from(["success", "lost", "time_out"]),
)


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.lists(episode, min_size=1, max_size=6), min_size=1, max_size=3),
    k=st.integers(1, 5),
    decisions=st.integers(1, 7),
)
def test_with_lambda_one_chunked_returns_are_those_of_single_steps(
    script: list[list[tuple[list[float], str]]], k: int, decisions: int
) -> None:
    """With lambda 1, the return of a decision is the discounted sum over control steps, however they are cut."""
    gamma = 0.9
    table = [[steps(*rewards, end=end) for rewards, end in episodes] for episodes in script]
    ppo = roll(make_env(table, k=k, gamma=gamma), decisions, lam=1.0)
    for env, episodes in enumerate(table):
        number, done_steps = 0, 0
        starts = []  # (episode, step) at each decision
        for _ in range(decisions):
            starts.append((number, done_steps))
            length = len(episodes[min(number, len(episodes) - 1)])
            done_steps += min(k, length - done_steps)
            if done_steps == length:
                number, done_steps = number + 1, 0
        last = (number, done_steps)
        for decision, (number, at) in enumerate(starts):
            rewards = [reward for reward, _ in episodes[min(number, len(episodes) - 1)]]
            end = episodes[min(number, len(episodes) - 1)][-1][1]
            stop = last[1] if last[0] == number else len(rewards)
            expected = sum(gamma**i * reward for i, reward in enumerate(rewards[at:stop]))
            if last[0] == number or end == "time_out":  # goes on, or was cut off: bootstrapped with V of where it stood
                expected += gamma ** (stop - at) * (1000 * env + 100 * number + stop) / 100
            assert ppo.storage.returns[decision, env, 0].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), length=st.integers(1, 12), lam=st.floats(0, 1))
def test_advantages_against_the_double_sum(data: st.DataObject, length: int, lam: float) -> None:
    """A_t = sum_j delta_j prod_(t <= i < j) lam D_i (1 - done_i), written as the definition."""
    number = st.floats(-3, 3, width=32)
    rewards, values = (data.draw(st.lists(number, min_size=length, max_size=length)) for _ in range(2))
    taken = data.draw(st.lists(st.integers(1, 8), min_size=length, max_size=length))
    dones = data.draw(st.lists(st.booleans(), min_size=length, max_size=length))
    last = data.draw(number)
    factors = [0.0 if done else 0.97**count for done, count in zip(dones, taken, strict=True)]
    deltas = [
        reward + factor * nxt - value
        for reward, factor, nxt, value in zip(rewards, factors, [*values[1:], last], values, strict=True)
    ]
    expected = [
        sum(deltas[j] * math.prod(lam * factor for factor in factors[t:j]) for j in range(t, length))
        for t in range(length)
    ]
    computed = semi_markov_advantages(
        torch.tensor(rewards, dtype=torch.float64),
        torch.tensor(values, dtype=torch.float64),
        torch.tensor(last, dtype=torch.float64),
        torch.tensor(dones),
        torch.tensor([0.97**count for count in taken], dtype=torch.float64),
        lam,
    )
    assert computed.tolist() == pytest.approx(expected, abs=1e-9)


def test_settings_are_what_the_writers_of_rsl_rl_ask_for() -> None:
    # Those of Weights & Biases and Neptune fail without; they need packages that tests do not have.
    assert make_env([[GO]]).cfg.to_dict() == {}
