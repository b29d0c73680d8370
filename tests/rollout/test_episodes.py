# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Rollouts: the same starts and noise for every arm, first episodes only, no success beside the guard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.rollout.scripted import HORIZON, LinePolicy, LineTask, PushActor

from score.rollout.arms import Arm, Decision, base_arm, constant_arm, grid_arm, latent_arm, steered_arm
from score.rollout.episodes import run_batch, run_episodes
from score.rollout.recorder import EpisodeRecorder
from score.rollout.results import EpisodeResults, FirstEpisodes
from score.task import TaskObservations
from score.utils.errors import UserError


def constant(value: float) -> Arm:
    return constant_arm(torch.full((HORIZON, 1), value))


def run(task: LineTask, arm: Arm, episodes: int = 6, seed: int = 0, chunk_steps: int = HORIZON) -> EpisodeResults:
    return run_episodes(task, LinePolicy(), arm, episodes=episodes, seed=seed, chunk_steps=chunk_steps)


def test_arms_meet_the_same_starts_and_the_same_noise() -> None:
    fast, slow = LineTask(), LineTask()
    # Latents 1 and .7 move 0.1 and .07 m a step from within 0.1 m: no end before step 9 (0.1 + 9 * 0.1 = 1).
    run(fast, constant(1.0), episodes=12)
    run(slow, constant(0.7), episodes=12)
    assert [seed for seed, _ in fast.resets] == [seed for seed, _ in slow.resets]
    for (_, first), (_, second) in zip(fast.resets, slow.resets, strict=True):
        assert torch.equal(first, second)
    for step in range(8):
        assert torch.equal(fast.calls[step].noise, slow.calls[step].noise)


def test_noise_is_the_same_again_after_a_reset_drew_numbers() -> None:
    quick, slow = LineTask(), LineTask()
    # Environment 0 moves .9 m a step and ends in step 2; its reset draws numbers that the slow arm never draws.
    latents = torch.full((6, HORIZON, 1), 0.5)
    hasty = latents.clone()
    hasty[0] = 9.0
    assert run(quick, latent_arm("quick", lambda _: hasty)).steps[0] == 2
    run(slow, latent_arm("slow", lambda _: latents))
    same = [torch.equal(quick.calls[step].noise, slow.calls[step].noise) for step in range(8)]
    # Only in the step of the reset itself, the second, does the noise differ.
    assert same == [True, False, True, True, True, True, True, True]


def test_a_second_episode_that_ends_changes_nothing() -> None:
    first = FirstEpisodes(3, "cpu")
    yes, no = torch.tensor([True, False, False]), torch.zeros(3, dtype=torch.bool)
    terms = {"time_out": no, "success": no, "lost": no, "guard": no}
    first.update(yes, terms | {"lost": yes})
    first.update(yes, terms | {"success": yes})
    first.update(yes, terms | {"guard": yes})
    first.update(torch.tensor([False, True, False]), terms)
    results = first.results(count=3, horizon=9)
    # 0 was lost in step 1; 1 ended in step 4 and no term says why; 2 never ended.
    assert results.ended_by == ("lost", "unknown", "time_out")
    assert results.steps.tolist() == [1, 4, 4]
    assert not results.success.any()


def test_the_first_of_several_terms_decides() -> None:
    first = FirstEpisodes(4, "cpu")
    yes = torch.ones(4, dtype=torch.bool)
    terms = {
        "time_out": torch.tensor([True, True, True, True]),
        "lost": torch.tensor([True, True, True, False]),
        "success": torch.tensor([True, True, False, False]),
        "guard": torch.tensor([True, False, False, False]),
    }
    first.update(yes, terms)
    assert first.results(4, 9).ended_by == ("guard", "success", "lost", "time_out")


def test_other_batches_and_seeds_are_other_starts() -> None:
    task, other = LineTask(), LineTask()
    run(task, constant(1.0), episodes=12, seed=0)
    run(other, constant(1.0), episodes=6, seed=1)
    starts = [start for _, start in [*task.resets, *other.resets]]
    assert len(starts) == 3
    assert not torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


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
    expected = torch.floor((1.0 - start) / 0.1).long() + 1
    assert results.steps.tolist() == expected.tolist()
    assert results.success.all()
    assert set(results.ended_by) == {"success"}


@pytest.mark.parametrize("chunk_steps", [1, 3, 4])
def test_outcomes_do_not_depend_on_the_chunk_for_a_constant_latent(chunk_steps: int) -> None:
    expected = run(LineTask(), constant(1.0))
    assert run(LineTask(), constant(1.0), chunk_steps=chunk_steps).steps.tolist() == expected.steps.tolist()


def test_only_the_first_episode_counts_and_the_rest_holds_still() -> None:
    task = LineTask(num_envs=2, limit=24)
    # Environment 0 fails in 10 steps or so; after that its arm would succeed. Environment 1 takes long.
    latents = torch.tensor([-1.0, 0.5]).reshape(2, 1, 1).expand(2, HORIZON, 1)
    late = torch.tensor([9.0, 0.5]).reshape(2, 1, 1).expand(2, HORIZON, 1)
    arm = latent_arm("turning", lambda decision: latents if decision.index < 3 else late)
    results = run(task, arm, episodes=2)
    assert results.ended_by == ("lost", "success")
    assert 9 <= results.steps[0] <= 12
    held = torch.stack([call.action for call in task.calls[int(results.steps[0]) :]])
    assert len(held) > 0
    assert torch.count_nonzero(held[:, 0]) == 0
    assert torch.count_nonzero(held[: int(results.steps[1] - results.steps[0]), 1]) > 0


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


def test_a_batch_stops_when_the_counted_environments_have_ended() -> None:
    task = LineTask(limit=200)
    results = run(task, constant(1.0))
    assert len(task.calls) < int(results.steps.max()) + HORIZON
    assert len(task.calls) >= int(results.steps.max())


def test_a_last_batch_counts_only_its_first_environments() -> None:
    full, part = run(LineTask(), constant(1.0), episodes=12), run(LineTask(), constant(1.0), episodes=8)
    assert part.episodes == 8
    assert part.steps.tolist() == full.steps.tolist()[:8]


def test_the_caller_s_random_numbers_go_on_as_before() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run(LineTask(), base_arm())
    assert torch.equal(torch.rand(2), expected)


def test_progress_rises_to_all_episodes() -> None:
    seen: list[tuple[int, int]] = []
    run_episodes(
        LineTask(), LinePolicy(), base_arm(), episodes=9, seed=0, chunk_steps=4,
        progress=lambda ended, total: seen.append((ended, total)),
    )  # fmt: skip
    assert seen[-1] == (9, 9)
    assert {total for _, total in seen} == {9}
    assert [ended for ended, _ in seen] == sorted(ended for ended, _ in seen)


def test_trace_keeps_latents_of_running_episodes() -> None:
    results = run_episodes(LineTask(), LinePolicy(), constant(1.0), episodes=6, seed=0, chunk_steps=4, trace=True)
    (trace,) = results.traces
    assert trace.latents.shape == (6, trace.active.shape[1], HORIZON, 1)
    # An episode of n steps takes ceil(n / 4) decisions.
    assert trace.active.sum(dim=1).tolist() == np.ceil(results.steps / 4).tolist()


def test_recorder_keeps_newest_frames_actions_and_targets() -> None:
    task = LineTask()
    policy = LinePolicy()
    recorder = EpisodeRecorder(policy.spec.observations, env=2)
    results = run_episodes(task, policy, constant(1.0), episodes=6, seed=0, chunk_steps=4, recorder=recorder)
    tensors = recorder.tensors()
    length = int(results.steps[2]) - 1
    assert tensors["actions"].shape == tensors["commanded"].shape == (length, 1)
    assert tensors["observations/position"].shape == tensors["observations/goal"].shape == (length, 1)
    assert tensors["actions"] == pytest.approx(torch.full((length, 1), 0.1))
    # Frame t is the start plus t moves plus the sensor noise that the step before returned.
    moved = task.resets[0][1][2] + 0.1 * torch.arange(length).unsqueeze(-1)
    noise = torch.stack([call.noise[2] for call in task.calls[: length - 1]])
    assert tensors["observations/position"][1:] == pytest.approx(moved[1:] + noise, abs=1e-6)
    assert tensors["latents"].shape == (int(np.ceil(results.steps.max() / 4)), HORIZON, 1)


def test_recorder_without_a_finished_episode_says_so() -> None:
    with pytest.raises(ValueError, match="No step of a finished episode"):
        EpisodeRecorder(LinePolicy().spec.observations).tensors()


def test_grid_arm_deals_candidates_over_batches() -> None:
    # 5 candidates in batches of 6: episodes 0-5 hold 0 1 2 3 4 0, episodes 6-11 hold 1 2 3 4 0 1.
    arm = grid_arm(torch.arange(5.0).reshape(5, 1, 1).expand(5, HORIZON, 1), "grid", first_batch=3)
    noise = torch.zeros(6, HORIZON, 1)
    held = [arm.act(Decision(noise[:, 0], noise, batch, 0))[0][:, 0, 0].tolist() for batch in (3, 4)]
    assert held == [[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 1]]


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
        made[2, 0] = nan if where == "latent" and decision.index == 1 else 1.0
        return made

    if where == "reset":
        task._observe = lambda: _blind(LineTask._observe(task)) if not task.calls else LineTask._observe(task)  # type: ignore[method-assign]
    results = run_episodes(task, Failing(), latent_arm("a", latent), episodes=6, seed=0, chunk_steps=4)
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
    with pytest.raises(ValueError, match=f"from 1 to the policy's horizon 4, got {chunk_steps}"):
        run_batch(LineTask(), LinePolicy(), base_arm(), seed=0, batch=0, count=6, chunk_steps=chunk_steps)


def test_no_episodes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        run(LineTask(), base_arm(), episodes=0)


def test_constant_latent_of_another_rank_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(H, A\), not \(4,\)"):
        constant_arm(torch.zeros(4))
