# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Rollouts: the same starts and noise for every arm wherever an episode runs, no success beside the guard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.rollout.scripted import HORIZON, LinePolicy, LineTask, PushActor

from score.rollout.arms import Arm, Decision, base_arm, constant_arm, grid_arm, latent_arm, steered_arm
from score.rollout.episodes import run_episodes
from score.rollout.recorder import EpisodeRecorder
from score.rollout.results import EpisodeResults, Outcome, RunningEpisodes
from score.task import TaskObservations
from score.utils.errors import UserError


def constant(value: float) -> Arm:
    return constant_arm(torch.full((HORIZON, 1), value))


def run(task: LineTask, arm: Arm, episodes: int = 6, seed: int = 0, chunk_steps: int = HORIZON) -> EpisodeResults:
    return run_episodes(task, LinePolicy(), arm, episodes=range(episodes), seed=seed, chunk_steps=chunk_steps)


def by_episode(name: str, latents: torch.Tensor) -> Arm:
    """Latents (E, H, A) of the decisions of each episode."""
    return latent_arm(name, lambda decision: latents[decision.episodes])


def test_arms_meet_the_same_starts_and_the_same_noise() -> None:
    fast, slow = LineTask(), LineTask()
    # Latents 1 and .7 move 0.1 and .07 m a step from within 0.1 m: no end before step 9 (0.1 + 9 * 0.1 = 1).
    run(fast, constant(1.0))
    run(slow, constant(0.7))
    assert fast.begun == slow.begun
    for step in range(8):
        assert torch.equal(fast.calls[step].noise, slow.calls[step].noise)


def test_a_late_decision_acts_from_the_row_of_its_step() -> None:
    """Row h of decision j moves by j + h / 10. After five steps the next episode begins, with a decision of its own."""
    task = LineTask(num_envs=1, limit=5)
    rows = torch.arange(float(HORIZON))[None, :, None] / 10.0
    arm = latent_arm("numbered", lambda decision: decision.indices[:, None, None] + rows)
    run_episodes(task, LinePolicy(), arm, episodes=range(2), seed=0, chunk_steps=2, late_steps=1)
    moved = [round(10.0 * float(call.action[0, 0]), 3) for call in task.calls]
    assert moved[:5] == moved[6:11] == [0.0, 0.1, 0.2, 1.1, 1.2]
    with pytest.raises(ValueError, match="late_steps must be from 0 to 1, got 2"):
        run_episodes(task, LinePolicy(), arm, episodes=[0], seed=0, chunk_steps=2, late_steps=2)


def test_noise_of_an_episode_is_the_same_while_others_end() -> None:
    quick, slow = LineTask(), LineTask()
    # Episode 0 moves .9 m a step and ends in step 2, and its environment begins another: the others see nothing of it.
    latents = torch.full((7, HORIZON, 1), 0.5)
    hasty = latents.clone()
    hasty[0] = 9.0
    assert run(quick, by_episode("quick", hasty), episodes=7).steps[0] == 2
    run(slow, by_episode("slow", latents), episodes=7)
    for step in range(8):
        assert torch.equal(quick.calls[step].noise[1:], slow.calls[step].noise[1:])


def followed(count: int, limit: int = 9) -> RunningEpisodes:
    episodes = RunningEpisodes(count, limit, "cpu")
    episodes.begin(torch.ones(count, dtype=torch.bool))
    return episodes


def test_what_follows_the_end_of_an_episode_changes_nothing_until_the_next_begins() -> None:
    episodes = followed(3)
    yes, no = torch.tensor([True, False, False]), torch.zeros(3, dtype=torch.bool)
    terms = {"time_out": no, "success": no, "lost": no, "guard": no}
    episodes.update(yes, terms | {"lost": yes})
    episodes.update(yes, terms | {"success": yes})
    episodes.update(yes, terms | {"guard": yes})
    episodes.update(torch.tensor([False, True, False]), terms)
    # 0 was lost in step 1; 1 ended in step 4 and no term says why; 2 goes on, to the limit of 9.
    assert episodes.outcomes()[:2] == [Outcome("lost", 1), Outcome("unknown", 4)]
    assert episodes.active.tolist() == [False, False, True]
    episodes.begin(yes)
    for _ in range(5):
        episodes.update(no, terms)
    assert episodes.active.tolist() == [True, False, False]
    assert episodes.outcomes()[1:] == [Outcome("unknown", 4), Outcome("time_out", 9)]
    episodes.update(yes, terms | {"success": yes})
    assert episodes.outcomes()[0] == Outcome("success", 6)


def test_the_first_of_several_terms_decides() -> None:
    episodes = followed(4)
    yes = torch.ones(4, dtype=torch.bool)
    terms = {
        "time_out": torch.tensor([True, True, True, True]),
        "lost": torch.tensor([True, True, True, False]),
        "success": torch.tensor([True, True, False, False]),
        "guard": torch.tensor([True, False, False, False]),
    }
    episodes.update(yes, terms)
    assert [item.ended_by for item in episodes.outcomes()] == ["guard", "success", "lost", "time_out"]


def test_other_episodes_and_seeds_are_other_starts() -> None:
    task, other = LineTask(), LineTask()
    run(task, constant(1.0), episodes=12, seed=0)
    run(other, constant(1.0), episodes=6, seed=1)
    starts = [start for *_, start in [*task.begun, *other.begun]]
    assert len(starts) == len(set(starts)) == 18


@pytest.mark.parametrize("num_envs", [1, 3, 8, 20])
def test_results_do_not_depend_on_the_number_of_environments_nor_on_the_order(num_envs: int) -> None:
    arm = steered_arm(PushActor(0.6), sample=True)
    expected = run(LineTask(6), arm, episodes=20)
    assert len(set(zip(expected.ended_by, expected.steps.tolist(), strict=True))) > 5
    found = run(LineTask(num_envs), arm, episodes=20)
    assert found.steps.tolist() == expected.steps.tolist()
    assert found.ended_by == expected.ended_by
    order = [7, 3, 19, 0, 12]
    some = run_episodes(LineTask(num_envs), LinePolicy(), arm, episodes=order, seed=0, chunk_steps=HORIZON)
    assert some.steps.tolist() == expected.steps[order].tolist()


@pytest.mark.parametrize("chunk_steps", [1, 4])
def test_no_environment_waits_longer_than_its_chunk_while_episodes_wait(chunk_steps: int) -> None:
    task = LineTask(num_envs=3)
    # 20 episodes of different speeds, so that environments are out of step.
    arm = by_episode("mixed", torch.linspace(0.5, 3.0, 20).reshape(20, 1, 1).expand(20, HORIZON, 1))
    steps = run(task, arm, episodes=20, chunk_steps=chunk_steps).steps
    assert len(task.begun) == 20
    began = sorted(began for began, *_ in task.begun)
    # The last episode has begun once all steps of the others, with the waiting, were dealt to three environments.
    assert began[-1] <= (steps.sum() + 20 * (chunk_steps - 1)) / 3
    if chunk_steps == 1:
        moves = torch.stack([call.action for call in task.calls[: began[-1]]])
        # Who ends in a step goes on in the next; the offer of the last step in the queue can come one step late.
        assert int((moves == 0).sum()) <= 1


def test_an_environment_alone_begins_its_next_episode_at_once() -> None:
    task = LineTask(num_envs=1)
    steps = run(task, constant(1.0), episodes=4).steps
    assert all(9 <= count <= 12 for count in steps)
    # Where an episode ended inside a chunk of 4 steps there is one step in which the next begins.
    inside = [int(count % 4 != 0) for count in steps]
    expected = np.cumsum([0, *(steps + inside)])
    assert [began for began, *_ in task.begun][1:] == [count - 1 for count in expected[1:4]]
    assert len(task.calls) == expected[-1] - inside[-1]


def test_base_latents_are_the_same_noise_scaled() -> None:
    seen: dict[str, list[torch.Tensor]] = {}

    def spy(arm: Arm) -> Arm:
        def act(decision: Decision) -> tuple[torch.Tensor, torch.Tensor | None]:
            made = arm.act(decision)
            seen.setdefault(arm.name, []).append(made[0])
            return made

        return Arm(arm.name, act)

    for arm in (base_arm(), base_arm(0.5), base_arm(0.0), steered_arm(PushActor(0.0), sample=True)):
        run(LineTask(), spy(arm))
    assert list(seen) == ["base", "base_t05", "base_t0", "steered_sampled"]
    assert torch.equal(0.5 * seen["base"][0], seen["base_t05"][0])
    # The sampled actor of this test is half the noise too: it got the base policy's noise.
    assert torch.equal(0.5 * seen["base"][0], seen["steered_sampled"][0])
    assert not torch.equal(seen["base"][0], seen["base"][1])
    assert torch.count_nonzero(seen["base_t0"][0]) == 0


def test_steps_and_outcomes_by_hand() -> None:
    task = LineTask()
    results = run(task, constant(1.0))
    # 0.1 m a step from x0 in [-0.1, 0.1]: beyond 1 after the first n with x0 + 0.1 n > 1.
    start = task.resets[0][1].squeeze(-1)
    assert [round(began, 5) for *_, began in task.begun] == [round(item, 5) for item in start.tolist()]
    expected = torch.floor((1.0 - start) / 0.1).long() + 1
    assert results.steps.tolist() == expected.tolist()
    assert results.success.all()
    assert set(results.ended_by) == {"success"}


@pytest.mark.parametrize("chunk_steps", [1, 3, 4])
def test_outcomes_do_not_depend_on_the_chunk_for_a_constant_latent(chunk_steps: int) -> None:
    expected = run(LineTask(), constant(1.0))
    assert run(LineTask(), constant(1.0), chunk_steps=chunk_steps).steps.tolist() == expected.steps.tolist()


def test_an_environment_without_an_episode_holds_still() -> None:
    task = LineTask(num_envs=2, limit=24)
    # Environment 0 fails in 10 steps or so, and nothing waits. Environment 1 takes long.
    latents = torch.tensor([-1.0, 0.5]).reshape(2, 1, 1).expand(2, HORIZON, 1)
    results = run(task, by_episode("two", latents), episodes=2)
    assert results.ended_by == ("lost", "success")
    assert 9 <= results.steps[0] <= 12
    held = torch.stack([call.action for call in task.calls[int(results.steps[0]) :]])
    assert len(held) == int(results.steps[1] - results.steps[0]) > 0
    assert torch.count_nonzero(held[:, 0]) == 0
    assert torch.count_nonzero(held[:, 1]) == len(held)


def test_success_is_never_credited_where_the_guard_fires() -> None:
    # |action| = 0.1 * 3 is above the guard's 0.25, and the task then reports success too.
    task = LineTask(guard_above=0.25)
    results = run(task, constant(3.0), chunk_steps=1)
    assert task.ended_by()["success"].all()
    assert results.ended_by == ("guard",) * 6
    assert not results.success.any()
    assert results.guard.all()
    assert results.steps.tolist() == [1] * 6


def test_time_out_ends_at_the_limit() -> None:
    results = run(LineTask(limit=10), constant(0.0))
    assert results.ended_by == ("time_out",) * 6
    assert results.steps.tolist() == [10] * 6
    assert results.failures() == {"time_out": 6}


def test_an_environment_that_never_ends_is_a_time_out() -> None:
    class Endless(LineTask):
        def step(self, action: torch.Tensor):  # type: ignore[no-untyped-def]
            observations, reward, terminated, _, extras = super().step(action)
            nothing = torch.zeros_like(terminated)
            return observations, reward, nothing, nothing, extras

    results = run(Endless(limit=10), constant(0.0))
    assert results.ended_by == ("time_out",) * 6
    assert results.steps.tolist() == [10] * 6


def test_a_run_stops_when_all_episodes_have_ended() -> None:
    task = LineTask(limit=200)
    assert len(task.calls) == 0
    results = run(task, constant(1.0))
    assert len(task.calls) == int(results.steps.max())


def test_the_caller_s_random_numbers_go_on_as_before() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run(LineTask(), base_arm())
    assert torch.equal(torch.rand(2), expected)


def test_progress_rises_to_all_episodes() -> None:
    seen: list[tuple[int, int]] = []
    run_episodes(
        LineTask(), LinePolicy(), base_arm(), episodes=range(9), seed=0, chunk_steps=4,
        progress=lambda ended, total: seen.append((ended, total)),
    )  # fmt: skip
    assert seen[-1] == (9, 9)
    assert {total for _, total in seen} == {9}
    assert [ended for ended, _ in seen] == sorted(ended for ended, _ in seen)


def test_trace_keeps_the_latents_of_each_episode() -> None:
    arm = base_arm()
    results = run_episodes(
        LineTask(4), LinePolicy(), arm, episodes=range(6), seed=0, chunk_steps=4, trace=True
    )  # fmt: skip
    # An episode of n steps takes ceil(n / 4) decisions.
    assert [len(trace) for trace in results.traces] == np.ceil(results.steps / 4).tolist()
    again = run_episodes(LineTask(3), LinePolicy(), arm, episodes=[5, 2], seed=0, chunk_steps=4, trace=True)
    assert torch.equal(again.traces[0], results.traces[5])
    assert torch.equal(again.traces[1], results.traces[2])


def test_recorder_keeps_newest_frames_actions_and_targets() -> None:
    task = LineTask(num_envs=2)
    policy = LinePolicy()
    recorder = EpisodeRecorder(policy.spec.observations)
    results = run_episodes(
        task, policy, constant(1.0), episodes=range(6), seed=0, chunk_steps=4, recorder=recorder
    )  # fmt: skip
    tensors = recorder.tensors()
    length = int(results.steps[0]) - 1
    assert tensors["actions"].shape == tensors["commanded"].shape == (length, 1)
    assert tensors["observations/position"].shape == tensors["observations/goal"].shape == (length, 1)
    assert tensors["actions"] == pytest.approx(torch.full((length, 1), 0.1))
    # Frame t is the start plus t moves plus the sensor noise that the step before returned.
    moved = task.resets[0][1][0] + 0.1 * torch.arange(length).unsqueeze(-1)
    noise = torch.stack([call.noise[0] for call in task.calls[: length - 1]])
    assert tensors["observations/position"][1:] == pytest.approx(moved[1:] + noise, abs=1e-6)
    assert tensors["latents"].shape == (int(np.ceil(results.steps[0] / 4)), HORIZON, 1)


def test_recorder_without_a_finished_episode_says_so() -> None:
    with pytest.raises(ValueError, match="No step of a finished episode"):
        EpisodeRecorder(LinePolicy().spec.observations).tensors()


def test_grid_arm_deals_candidates_to_episodes() -> None:
    # 5 candidates from episode 18 on: episodes 18 to 24 hold 0 1 2 3 4 0 1.
    arm = grid_arm(torch.arange(5.0).reshape(5, 1, 1).expand(5, HORIZON, 1), "grid", first=18)
    noise, episodes = torch.zeros(7, HORIZON, 1), torch.tensor([24, 18, 19, 20, 21, 22, 23])
    held = arm.act(Decision(noise[:, 0], noise, episodes, torch.arange(7)))[0]
    assert held[:, 0, 0].tolist() == [1, 0, 1, 2, 3, 4, 0]


def test_a_task_without_guard_or_success_is_refused() -> None:
    class Bare(LineTask):
        def ended_by(self) -> dict[str, torch.Tensor]:
            return {"time_out": self._terms["time_out"]}

    with pytest.raises(UserError, match=r"lack 'success' and 'guard' \(it has time_out\).*Add it to the task"):
        run(Bare(), base_arm())


def test_an_arm_that_makes_its_own_chunk_is_not_decoded_again_and_shares_the_noise() -> None:
    noise: dict[str, list[torch.Tensor]] = {"base": [], "own": []}

    def base(decision: Decision) -> torch.Tensor:
        noise["base"].append(decision.noise)
        return decision.noise

    def act(decision: Decision) -> tuple[torch.Tensor, torch.Tensor]:
        own = decision.own_noise(HORIZON)
        # Its own numbers are repeatable, and not those that all arms share.
        assert torch.equal(own, decision.own_noise(HORIZON))
        assert not torch.isclose(own, decision.noise.flatten(1)).any()
        noise["own"].append(decision.noise)
        return decision.noise, torch.full_like(decision.noise, 0.07)

    task = LineTask()
    run(LineTask(), latent_arm("base", base))
    results = run(task, Arm("own", act))
    assert all(bool((call.action == 0.07).all()) for call in task.calls[:8])
    assert results.success.all()
    for first, second in zip(noise["base"], noise["own"], strict=False):
        assert torch.equal(first, second)


class Blinking(LineTask):
    """What environment 1 sees, or the state that ends its episode, is not a number after some steps."""

    def __init__(self, blind: str, step: int) -> None:
        super().__init__()
        self.blind, self.at = blind, step

    def step(
        self, action: torch.Tensor
    ) -> tuple[TaskObservations, torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        observations, reward, terminated, truncated, extras = super().step(action)
        if len(self.calls) == self.at:
            shown = {**observations, **observations["policy"], "final": extras["final_obs"]["critic"]}
            shown[self.blind][1] = float("inf") if self.blind == "goal" else float("nan")
        return observations, reward, terminated, truncated, extras


@pytest.mark.parametrize(
    ("blind", "step", "steps"),
    # Latents of 1 succeed in 9 to 12 steps. "goal" is not even read by the policy. "final" is the state at its success.
    [("position", 3, 3), ("goal", 4, 4), ("critic", 5, 5), ("final", 0, 0)],
)
def test_observations_that_are_not_finite_end_by_the_guard_and_the_others_go_on(
    blind: str, step: int, steps: int
) -> None:
    expected = run(LineTask(), constant(1.0))
    if blind == "final":
        step = int(expected.steps[1])
        steps = step - 1
    task = Blinking(blind, step)
    found = run(task, constant(1.0))
    assert found.ended_by == ("success", "guard", "success", "success", "success", "success")
    assert (found.steps[1], found.success[1]) == (steps, False)
    assert found.steps[[0, 2, 3, 4, 5]].tolist() == expected.steps[[0, 2, 3, 4, 5]].tolist()
    # It has moved by .1 until then, and holds still from the next step on.
    moves = [call.action[1].item() for call in task.calls]
    assert moves[:step] == pytest.approx([0.1] * step)
    assert set(moves[step:]) <= {0.0}


@pytest.mark.parametrize("where", ["condition", "latent", "chunk", "reset"])
def test_numbers_of_a_decision_that_are_not_finite_end_by_the_guard(where: str) -> None:
    """Of environment 2, in its second decision; at the reset, of the first."""
    nan, task, calls = float("nan"), LineTask(), {"encode": 0, "decode": 0}

    class Failing(LinePolicy):
        def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
            calls["encode"] += 1
            condition = super().encode(observations).clone()
            condition[2] = nan if where == "condition" and calls["encode"] == 2 else condition[2]
            return condition

        def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
            calls["decode"] += 1
            chunk = super().decode(condition, latent).clone()
            chunk[2, -1] = nan if where == "chunk" and calls["decode"] == 2 else chunk[2, -1]
            return chunk

    def latent(decision: Decision) -> torch.Tensor:
        made = torch.ones_like(decision.noise)
        made[2, 0] = nan if where == "latent" and decision.indices[2] == 1 else 1.0
        return made

    if where == "reset":
        task._observe = lambda: _blind(LineTask._observe(task)) if not task.calls else LineTask._observe(task)  # type: ignore[method-assign]
    results = run_episodes(task, Failing(), latent_arm("a", latent), episodes=range(6), seed=0, chunk_steps=4)
    assert results.ended_by == ("success", "success", "guard", "success", "success", "success")
    assert results.steps[2] == (0 if where == "reset" else 4)
    assert all(bool(torch.isfinite(call.action).all()) for call in task.calls)


def _blind(observed: tuple[TaskObservations, torch.Tensor]) -> tuple[TaskObservations, torch.Tensor]:
    observed[0]["policy"]["position"][2] = float("nan")
    return observed


def test_a_damaged_checkpoint_ends_every_episode_by_the_guard() -> None:
    results = run(LineTask(), steered_arm(PushActor(float("nan"))))
    assert results.failures() == {"guard": 6}


@pytest.mark.parametrize("chunk_steps", [0, HORIZON + 1])
def test_chunk_steps_out_of_range_are_refused(chunk_steps: int) -> None:
    with pytest.raises(UserError, match=f"{chunk_steps} steps of every chunk cannot be .* horizon is 4. Set agent"):
        run(LineTask(), base_arm(), chunk_steps=chunk_steps)


@pytest.mark.parametrize("episodes", [[], [1, 1], [0, -1]])
def test_episodes_that_are_none_or_twice_are_refused(episodes: list[int]) -> None:
    with pytest.raises(ValueError, match=r"different indices from 0 on, at least 1, got \["):
        run_episodes(LineTask(), LinePolicy(), base_arm(), episodes=episodes, seed=0, chunk_steps=4)


def test_constant_latent_of_another_rank_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(H, A\), not \(4,\)"):
        constant_arm(torch.zeros(4))
