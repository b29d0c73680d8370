# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Effort, jerk, contact force and ways of arms, by hand; that evaluations record all steps but an episode's last."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.rollout.scripted import LinePolicy, LineTask

from score.evaluation import EvaluationCfg, evaluate_paired
from score.evaluation.behaviour import POINTS, count_modes, loads_of, mean_silhouette, shape_of
from score.evaluation.report import behavior_sentences
from score.rollout.arms import base_arm
from score.rollout.episodes import run_episodes
from score.rollout.paths import Path, PathRecorder


def path(measured: list[list[float]], targets: list[list[float]]) -> Path:
    return Path(torch.tensor(measured), torch.tensor(targets))


def test_effort_and_jerk_by_hand() -> None:
    targets = [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0], [3.0, 0.0], [3.0, 0.0]]
    measured = [[9.0, 9.0], [0.0, 0.5], [0.0, 0.0], [1.0, 0.0], [3.0, 0.2]]
    loads = loads_of([path(measured, targets)], rate_hz=2.0, positions=True)
    # A target less what is measured a step later, the worst joint: 0.5, 1, 1, 0.2; median 0.75.
    assert loads["effort"][0] == pytest.approx(0.75)
    # Third differences, y of the first: 0 - 2 * ... : (0, 1, 0, 0) gives 0 - 3*0 + 3*1 - 0 = 3, x (0, 0, 0, 3) gives 3;
    # then x (0, 0, 3, 3): 3 - 9 + 0 = -6, y (1, 0, 0, 0): -1. Worst 3 and 6; median 4.5, times 2^3.
    assert loads["jerk"][0] == pytest.approx(36.0)
    plain = loads_of([path(measured, targets)], rate_hz=1.0, positions=False)
    assert plain["effort"] is None
    # Of what is measured, y: (9, .5, 0, 0): 0 - 0 + 1.5 - 9 = -7.5, x: 1 - 0 + 0 - 9 = -8; x (0, 0, 1, 3): 3 - 3 = 0,
    # y (.5, 0, 0, .2): .2 - .5 = -.3. Median of 8 and 0.3.
    assert plain["jerk"][0] == pytest.approx(4.15)
    assert loads_of([], 1.0, True) == {"effort": None, "jerk": None, "contact": None}


def test_contact_forces_by_hand() -> None:
    still = torch.zeros(4, 1)
    paths = [Path(still, still, torch.tensor([0.0, 1.0, 2.0, 30.0])), Path(still[:1], still[:1], torch.tensor([4.0]))]
    # Of 0, 1, 2, 4, 30 the median is 2; 95 % lies 0.95 * 4 = 3.8 along: 4 + 0.8 * 26.
    assert loads_of(paths, 1.0, True)["contact"][:2] == pytest.approx([2.0, 24.8])
    assert loads_of([Path(still, still)], 1.0, True)["contact"] is None


class PressingTask(LineTask):
    """A line whose point presses on something the more the farther it is."""

    def contact_force(self) -> torch.Tensor:
        return 10.0 * self._position.norm(dim=-1)


def test_an_evaluation_reports_the_contact_forces_that_a_task_senses() -> None:
    task, policy = PressingTask(num_envs=3), LinePolicy()
    recorder = PathRecorder(task.spec)
    run_episodes(task, policy, base_arm(), episodes=range(8), seed=5, chunk_steps=4, paths=recorder)
    for path in recorder.paths().values():
        # What is sensed after a step belongs to where the next one begins, but for sensor noise of 1 mm.
        assert path.forces is not None
        assert torch.allclose(path.forces[:-1], 10.0 * path.measured[1:].norm(dim=-1), atol=0.08)
    cfg = EvaluationCfg(task="Line-v0", episodes=9)
    report = evaluate_paired(PressingTask(), policy, None, cfg).report
    assert len(report["behaviour"]["loads"]["base"]["contact"]) == 3
    assert behavior_sentences(report["behaviour"])[-1].startswith("Contact force [N], percentiles 50 / 95 / 99: base ")


def test_a_shape_does_not_depend_on_speed_or_place() -> None:
    corner = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    slow = np.array([[5.0, 7.0], [6.0, 7.0], [6.0, 7.0], [8.0, 7.0], [8.0, 8.0]])
    assert shape_of(slow) == pytest.approx(shape_of(corner))
    # 16 points over a length of 4: the 13th is 3.2 along, 0.2 up.
    assert shape_of(corner).reshape(POINTS, 2)[12] == pytest.approx([3.0, 0.2])
    assert shape_of(np.zeros((3, 2))).tolist() == [0.0] * 2 * POINTS


def test_the_silhouette_by_hand() -> None:
    points = np.array([0.0, 1.0, 5.0])
    distances = np.abs(points[:, None] - points)
    # 0: (5 - 1) / 5; 1: (4 - 1) / 4; 5 is alone, 0.
    assert mean_silhouette(distances, np.array([1, 1, 2])) == pytest.approx((0.8 + 0.75) / 3)
    assert mean_silhouette(distances, np.ones(3, dtype=int)) == 0.0


def test_ways_are_counted() -> None:
    generator = np.random.default_rng(0)
    around = [0.1 * generator.standard_normal((12, 4)) + place for place in (0.0, 3.0, -3.0)]
    modes = count_modes({"base": np.concatenate(around), "steered": around[1]})
    assert modes is not None
    assert modes["found"] == 3
    # A third each: exp(log 3). One way only: 1.
    assert modes["effective"] == {"base": pytest.approx(3.0), "steered": pytest.approx(1.0)}
    assert sorted(modes["shares"]["steered"]) == [0.0, 0.0, 1.0]
    one = count_modes({"base": generator.standard_normal((40, 32))})
    assert one is not None
    assert (one["found"], one["effective"]) == (1, {"base": 1.0})
    assert count_modes({"base": around[0][:7]}) is None


def test_an_evaluation_keeps_every_step_but_the_last() -> None:
    task, policy = LineTask(num_envs=3), LinePolicy()
    recorder = PathRecorder(task.spec)
    results = run_episodes(task, policy, base_arm(), episodes=range(8), seed=5, chunk_steps=4, paths=recorder)
    paths = recorder.paths()
    for episode, steps in enumerate(results.steps):
        if steps > 1:
            assert len(paths[episode].targets) == len(paths[episode].measured) == steps - 1
        else:
            assert episode not in paths
    # The point moves by what was sent, but for sensor noise of 1 mm: nothing of another episode is in a path.
    for of in paths.values():
        assert torch.allclose(of.measured.diff(dim=0), of.targets[:-1], atol=0.008)
    report = evaluate_paired(LineTask(), policy, None, EvaluationCfg(task="Line-v0", episodes=9)).report
    assert report["behaviour"]["observation"] == "position"
    assert list(report["behaviour"]["loads"]) == ["base"]
    assert report["behaviour"]["loads"]["base"]["effort"] is None
    assert behavior_sentences(report["behaviour"])[-1].startswith("Jerk, percentiles 50 / 95 / 99: base ")


def test_effort_is_measured_where_the_base_policy_says_what_its_actions_are_relative_to() -> None:
    """A task does not know it: its own interface says None (isaac and gymnasium tasks alike)."""
    cfg = EvaluationCfg(task="Line-v0", episodes=9)
    report = evaluate_paired(LineTask(), LinePolicy(relative_to="goal"), None, cfg).report
    assert report["behaviour"]["observation"] == "goal"
    assert len(report["behaviour"]["loads"]["base"]["effort"]) == 3


def test_an_episode_of_one_step_does_not_hide_the_others() -> None:
    cfg = EvaluationCfg(task="Line-v0", episodes=9)
    evaluation = evaluate_paired(LineTask(guard_above=0.15), LinePolicy(), None, cfg)
    longer = int((evaluation.results["base"].steps > 1).sum())
    assert 0 < longer < 9
    assert evaluation.report["behaviour"]["loads"]["base"]["episodes"] <= longer
