# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Whole runs on a scripted task: learning, resuming bit for bit, what is written, what is refused."""

from __future__ import annotations

import copy
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.steering.scripted_task import PointTask, TwoWayPolicy

from score.rollout.arms import base_arm, steered_arm
from score.rollout.episodes import run_episodes
from score.rollout.seeds import SeedSpace, Stream, derive_seed
from score.steering.checkpoint import load_checkpoint, resolve_checkpoint, save_checkpoint, weights_sha256
from score.steering.config import SteeringRunnerCfg
from score.steering.policy import load_steering_policy
from score.steering.run_folder import run_directory
from score.steering.run_log import EvaluationScore, sampled_line
from score.steering.train import TrainSummary, train
from score.utils.errors import UserError

NAME = "SCORE-Point-v0"


def run(
    cfg: SteeringRunnerCfg,
    folder: Path,
    resume: Path | None = None,
    task: PointTask | None = None,
    policy: TwoWayPolicy | None = None,
    lines: list[str] | None = None,
) -> TrainSummary:
    """Train on 8 environments."""
    if resume is not None:
        # What another process would find is anything but what this one left.
        torch.manual_seed(np.random.randint(1000))
        # TensorBoard reads event files by their names, which begin with the second: a resumed run comes in a later one.
        time.sleep(1.0 - time.time() % 1.0)
    lines = [] if lines is None else lines
    return train(
        task or PointTask(8), policy or TwoWayPolicy(), cfg, folder, resume, task_name=NAME, report=lines.append
    )


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Every curve that does not measure time."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: {event.step: event.value for event in events.Scalars(tag)}
        for tag in events.Tags()["scalars"]
        if not tag.startswith(("Seconds/", "Perf/"))
    }


def same(one: Any, two: Any) -> bool:
    """Bit-exact equality of nested values."""
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one if key != "seconds")
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    return bool(one == two)


@pytest.mark.slow
def test_it_learns(tmp_path: Path) -> None:
    """From a base policy that succeeds half of the time to over 90 %, in seconds."""
    cfg = SteeringRunnerCfg()
    cfg.seed = 1
    cfg.max_iterations = 10
    cfg.save_interval = 5
    cfg.algorithm.num_learning_epochs = 6
    cfg.algorithm.num_mini_batches = 4
    cfg.steering.chunk_steps = 4
    cfg.actor.hidden_dims = cfg.critic.hidden_dims = [64, 64]
    task, policy = PointTask(32), TwoWayPolicy()
    base = run_episodes(task, policy, base_arm(), episodes=range(128), seed=5, chunk_steps=4).success.mean()
    assert 0.35 < base < 0.7
    summary = train(task, policy, cfg, tmp_path / "run", task_name=NAME, report=lambda line: None)
    assert summary.best is not None
    assert summary.best.rate > 0.9
    # And on other starts, with the checkpoint read back.
    steered = load_steering_policy(tmp_path / "run" / "model_best.pt", policy)
    arm = steered_arm(steered)
    assert run_episodes(task, policy, arm, episodes=range(128), seed=5, chunk_steps=4).success.mean() > 0.9
    assert curves(tmp_path / "run")["Steering/success"][10] > 0.8


@pytest.mark.parametrize(("killed_after", "basis"), [(2, "full"), (3, "repeat")])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(
    small_cfg: SteeringRunnerCfg, tmp_path: Path, killed_after: int, basis: str
) -> None:
    small_cfg.steering.basis = basis  # "repeat" draws noise beside the code
    whole = run(small_cfg, tmp_path / "whole")
    # A run that was killed inside its second segment: the checkpoint of iteration 2, and log entries beyond it.
    part_cfg = copy.deepcopy(small_cfg)
    part_cfg.max_iterations = killed_after
    run(part_cfg, tmp_path / "part")
    (tmp_path / "part" / "model_3.pt").unlink(missing_ok=True)
    resumed = run(small_cfg, tmp_path / "part", tmp_path / "part" / "model_2.pt")

    one, two = (load_checkpoint(tmp_path / name / "model_4.pt") for name in ("whole", "part"))
    assert same(one, two)
    assert same(*(load_checkpoint(tmp_path / name / "model_best.pt") for name in ("whole", "part")))
    assert (resumed.iterations, resumed.env_steps, resumed.decisions) == (
        whole.iterations,
        whole.env_steps,
        whole.decisions,
    )
    expected, found = curves(tmp_path / "whole"), curves(tmp_path / "part")
    assert expected.keys() == found.keys()
    for tag, points in expected.items():
        # No iteration twice, none left out.
        assert found[tag] == points, tag
    assert list(found["Loss/value"]) == [1, 2, 3, 4]
    assert list(found["Evaluation/success"]) == [0, 2, 4]


def test_each_segment_and_each_seed_has_its_own_starts(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    def starts(seed: int, name: str) -> tuple[list[list[float]], list[list[float]]]:
        """Starts of the training's resets in their order, and of its evaluations."""
        task = PointTask(8)
        small_cfg.seed = seed
        run(small_cfg, tmp_path / name, task=task)
        # Training resets with a seed; an evaluation seeds each episode beforehand.
        return [x for s, x in task.resets if s is not None], [x for s, x in task.resets if s is None]

    training, evaluation = starts(3, "a")
    # Two segments of two iterations; the first one's start is made when the networks are built, and again. Three
    # evaluations, after 0, 2 and 4 iterations, on starts that never change.
    (built, first, second), (fixed, again, last) = training, evaluation
    assert built == first != second
    assert fixed == again == last
    own, task = SeedSpace.TRAINING_EVALUATION.value[0], PointTask(8)
    seeds = torch.tensor([derive_seed(own, episode, Stream.START) for episode in range(8)])
    task.seed_episodes(seeds, torch.ones(8, dtype=torch.bool))
    task.reset()
    assert fixed == task.resets[-1][1]
    (_, first_of_other, second_of_other), (fixed_of_other, *_) = starts(4, "b")
    assert len({str(x) for x in (first, second, first_of_other, second_of_other, fixed)}) == 5
    assert fixed_of_other == fixed


def test_what_training_reports_is_the_mean_latent_on_starts_that_no_report_owns(
    small_cfg: SteeringRunnerCfg, tmp_path: Path
) -> None:
    small_cfg.steering.evaluation_episodes = 64
    task, policy = PointTask(8), TwoWayPolicy()
    last = run(small_cfg, tmp_path / "run", task=task, policy=policy).last
    # In the same process, with the same task: evaluated by what evaluate.py calls.
    steered = load_steering_policy(tmp_path / "run" / "model_4.pt", policy)
    seed = SeedSpace.TRAINING_EVALUATION.value[0]
    found = run_episodes(task, policy, steered_arm(steered), episodes=range(64), seed=seed, chunk_steps=4)
    assert last == EvaluationScore(4, int(found.success.sum()), 64, float(found.steps.mean()))
    # And training goes on after it.
    small_cfg.max_iterations = 5
    assert run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_4.pt", task, policy).iterations == 5


def test_a_resumed_run_remembers_the_best(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    part = copy.deepcopy(small_cfg)
    part.max_iterations = 2
    run(part, tmp_path / "run")
    state = load_checkpoint(tmp_path / "run" / "model_2.pt")
    unbeatable = EvaluationScore(iteration=1, successes=8, episodes=8, mean_steps=1.0)
    state["score"]["best"] = vars(unbeatable)
    save_checkpoint(state, tmp_path / "run" / "model_2.pt")
    before = (tmp_path / "run" / "model_best.pt").read_bytes()
    assert run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_2.pt").best == unbeatable
    assert (tmp_path / "run" / "model_best.pt").read_bytes() == before


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.save_interval = 10
    small_cfg.max_iterations = 3
    task = PointTask(8)
    # Evaluation of iteration 0: at most 30 steps; then 32 steps per iteration: this is in iteration 2.
    task.interrupt_at = 30 + 32 + 16
    with pytest.raises(KeyboardInterrupt, match=r"saved .*model_1.pt; --checkpoint latest goes on from iteration 2"):
        run(small_cfg, tmp_path / "run", task=task)
    assert load_checkpoint(tmp_path / "run" / "model_1.pt")["iter"] == 1
    summary = run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_1.pt")
    assert summary.iterations == 3
    assert list(curves(tmp_path / "run")["Loss/value"]) == [1, 2, 3]


def test_ctrl_c_in_the_last_evaluation_leaves_it_to_be_made(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.save_interval, small_cfg.max_iterations = 10, 3
    whole = run(small_cfg, tmp_path / "whole")
    task = PointTask(8)
    # Iteration 0's evaluation takes at most 30 steps, three iterations 32 each: what follows is the last evaluation.
    task.interrupt_at = whole.env_steps // 8 + 30 + 1
    with pytest.raises(KeyboardInterrupt, match=r"saved .*model_3.pt; --checkpoint latest goes on with its evaluation"):
        run(small_cfg, tmp_path / "run", task=task)
    summary = run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_3.pt")
    assert summary.last == whole.last
    assert load_checkpoint(tmp_path / "run" / "model_3.pt")["score"]["last"]["iteration"] == 3


def test_ctrl_c_at_once_keeps_iteration_0(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    task = PointTask(8)
    task.interrupt_at = 5
    with pytest.raises(KeyboardInterrupt, match=r"saved .*model_0.pt"):
        run(small_cfg, tmp_path / "run", task=task)
    summary = run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_0.pt")
    assert summary.iterations == 4
    # What the interrupted evaluation of iteration 0 did not say is made up for.
    assert list(curves(tmp_path / "run")["Evaluation/success"]) == [0, 2, 4]


def test_the_run_folder(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    lines: list[str] = []
    policy = TwoWayPolicy()
    folder = tmp_path / "run"
    task = PointTask(8)
    task.files = {"scene.yaml": "12ab"}
    summary = run(small_cfg, folder, task=task, policy=policy, lines=lines)
    names = sorted(file.name for file in folder.iterdir())
    assert [name for name in names if name.startswith("model")] == [
        "model_0.pt",
        "model_2.pt",
        "model_4.pt",
        "model_best.json",
        "model_best.pt",
    ]
    manifest = json.loads((folder / "run.json").read_text())
    assert manifest["task"] == NAME
    assert manifest["metadata"]["seed"] == "3"
    assert manifest["metadata"]["method"] == "score"
    assert manifest["metadata"]["base_policy_sha256"] == weights_sha256(policy)
    assert manifest["metadata"]["files"] == {"scene.yaml": "12ab"}
    assert "torch 2." in manifest["metadata"]["versions"]
    assert {"git_commit", "device", "command", "num_envs"} <= manifest["metadata"].keys()
    agent = yaml.safe_load((folder / "params" / "agent.yaml").read_text())
    assert agent["steering"]["chunk_steps"] == 4
    assert (folder / "params" / "env.yaml").exists()
    best = json.loads((folder / "model_best.json").read_text())
    assert summary.best is not None
    assert (best["iteration"], best["rate"]) == (summary.best.iteration, summary.best.rate)
    assert load_checkpoint(folder / "model_best.pt")["iter"] == best["iteration"]
    # It says what it writes and where before it starts, one line per iteration, and what it left.
    assert lines[0].startswith(f"Writes to {folder}: params/, git/, run.json, TensorBoard events, model_best.pt")
    assert "PPO sets 4 numbers every 4 control steps, in 8 environments; up to 256 control steps" in lines[1]
    assert sum(" env steps, " in line for line in lines) == 4
    assert sum("mean latent on fixed starts: success" in line for line in lines) == 3
    assert lines[-1].startswith("Done: 4 iterations, ")
    assert resolve_checkpoint("latest", tmp_path, NAME) == (folder / "model_4.pt").resolve()


def test_every_curve_that_is_promised(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations = 2
    summary = run(small_cfg, tmp_path / "run")
    found = EventAccumulator(str(tmp_path / "run"))
    found.Reload()
    wanted = {
        "Steering/success", "Steering/episode_reward", "Latent/norm2_q05", "Latent/chi2_q95", "Latent/inside",
        "Latent/at_bound", "Latent/kl", "Latent/std", "Guard/resets", "Steps/env_steps", "Steps/decisions",
        "Seconds/physics", "Seconds/base_policy", "Seconds/learner", "Perf/env_steps_per_second", "Evaluation/success",
    }  # fmt: skip
    assert wanted <= set(found.Tags()["scalars"])
    assert found.Scalars("Steps/env_steps")[-1].value == summary.env_steps
    # 8 environments, 8 decisions, 2 iterations; evaluations do not count.
    assert found.Scalars("Steps/decisions")[-1].value == summary.decisions == 128
    # The head is zero and the std .5: 4 numbers of .5 (.25 - 1 - 2 ln .5) = .3181 nats.
    assert found.Scalars("Latent/kl")[0].value == pytest.approx(4 * 0.31815, abs=1e-3)


class NarrowPolicy(TwoWayPolicy):
    """Has memory for three rows."""

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        assert len(latent) <= 3
        return super().decode(condition, latent)


def test_training_leaves_the_base_policy_bit_for_bit(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    policy = NarrowPolicy()
    small_cfg.steering.decode_batch = 3  # in training and in its evaluations
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    run(small_cfg, tmp_path / "run", policy=policy)
    assert same(before, policy.state_dict())
    assert not any(parameter.requires_grad for parameter in policy.parameters())


def test_changed_base_policy_weights_are_a_defect(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    class Drifting(TwoWayPolicy):
        def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
            with torch.no_grad():
                self.gain.data[0] += 1e-6
            return super().encode(observations)

    with pytest.raises(RuntimeError, match="base policy's weights changed during training"):
        run(small_cfg, tmp_path / "run", policy=Drifting())


def test_with_std_one_iteration_0_is_the_base_policy(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations = 1
    small_cfg.steering.initial_std = 1.0
    small_cfg.steering.bound = 1e4  # the bound cuts the tails; without it the sampled latent is the noise itself
    policy = TwoWayPolicy()
    run(small_cfg, tmp_path / "run", policy=policy)
    steered = load_steering_policy(tmp_path / "run" / "model_0.pt", policy)
    condition, noise, own = torch.randn(16, 2), torch.randn(16, 4, 1), torch.zeros(16, 0)
    _, chunk = steered(condition, noise, own, True)
    assert torch.allclose(chunk, policy.decode(condition, noise), atol=1e-6)
    assert steered(condition, noise, own, False)[0].abs().max() == 0.0


@pytest.mark.parametrize("basis", ["repeat", "dct"])
def test_reduced_bases_train_and_load(small_cfg: SteeringRunnerCfg, tmp_path: Path, basis: str) -> None:
    small_cfg.max_iterations = 2
    small_cfg.steering.basis = basis
    policy = TwoWayPolicy()
    run(small_cfg, tmp_path / "run", policy=policy)
    steered = load_steering_policy(tmp_path / "run" / "model_2.pt", policy)
    latents = steered.plan.latent_basis
    assert (latents.kind, steered.chunk_steps, steered.iteration) == (basis, 4, 2)
    noise = torch.randn(50_000, 4, 1, generator=torch.Generator().manual_seed(0))
    latent, _ = steered(torch.zeros(50_000, 2), noise, torch.zeros(50_000, 0), True)
    # Outside of the basis it is the noise, of variance 1; inside it has the trained spread.
    outside = (latent - latents.expand(latents.project(latent))).square().sum(1).mean().item()
    assert outside == pytest.approx(4 - latents.knots, rel=0.03)


class SlowPolicy(TwoWayPolicy):
    """Takes 5 ms a decision, 40 ms an iteration."""

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        time.sleep(0.005)
        return super().decode(condition, latent)


def test_what_a_slow_base_policy_costs_is_said_before(
    small_cfg: SteeringRunnerCfg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_cfg.max_iterations = 1
    for limit, said in ((10.0, False), (0.03, True)):
        monkeypatch.setattr("score.steering.train._WORTH_SAYING", limit)
        lines: list[str] = []
        run(small_cfg, tmp_path / str(limit), policy=SlowPolicy(), lines=lines)
        assert any("an iteration (8 decisions of 8 environments)" in line for line in lines) is said


def test_resuming_with_other_settings_is_refused(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations = 2
    run(small_cfg, tmp_path / "run")
    last = tmp_path / "run" / "model_2.pt"
    with pytest.raises(UserError, match=r"was trained with basis full, and now it is repeat. Use the settings"):
        other = copy.deepcopy(small_cfg)
        other.steering.basis = "repeat"
        run(other, tmp_path / "other", last)
    with pytest.raises(UserError, match=r"was trained with actor hidden dims \[32\], and now it is \[16\]"):
        other = copy.deepcopy(small_cfg)
        other.actor.hidden_dims = [16]
        run(other, tmp_path / "third", last)
    changed = TwoWayPolicy()
    changed.gain.data[0] = 9.0
    with pytest.raises(UserError, match="steers another base policy"):
        run(small_cfg, tmp_path / "fourth", last, policy=changed)
    with pytest.raises(UserError, match="steers another base policy"):
        load_steering_policy(last, changed)


def test_folders_that_cannot_be_used(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations = 4
    run(small_cfg, tmp_path / "run")
    with pytest.raises(
        UserError, match=r"already holds a run. Choose another folder, or go on with --checkpoint latest"
    ):
        run(small_cfg, tmp_path / "run")
    with pytest.raises(UserError, match=r"model_2.pt is not the last checkpoint of .*: model_4.pt came after it"):
        run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_2.pt")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        run(small_cfg, tmp_path / "file")
    missing = tmp_path / "run" / "model_3.pt"
    with pytest.raises(UserError, match=r"model_3.pt does not exist"):
        run(small_cfg, tmp_path / "new", missing)
    assert not (tmp_path / "new").exists()


def test_where_a_run_goes(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations = 4
    run(small_cfg, tmp_path / "run")
    assert run_directory(tmp_path, resume=tmp_path / "run" / "model_4.pt") == (tmp_path / "run").resolve()
    # Going on from an earlier checkpoint is another run.
    assert run_directory(tmp_path, "again", tmp_path / "run" / "model_2.pt").name.endswith("_again")
    assert run_directory(tmp_path).parent == tmp_path
    # A checkpoint that was copied out of its run starts a new one.
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "run" / "model_4.pt", tmp_path / "copy")
    assert run_directory(tmp_path, resume=tmp_path / "copy" / "model_4.pt").parent == tmp_path


def test_a_finished_run_has_nothing_to_do(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    small_cfg.max_iterations = 2
    run(small_cfg, tmp_path / "run")
    lines: list[str] = []
    run(small_cfg, tmp_path / "run", tmp_path / "run" / "model_2.pt", lines=lines)
    assert any("has 2 of 2 iterations (--max_iterations)" in line for line in lines)


def test_a_disk_that_fills_up_ends_the_run_with_one_message(
    small_cfg: SteeringRunnerCfg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = save_checkpoint

    def full(state: dict[str, Any], path: Path) -> None:
        if path.name == "model_4.pt":
            monkeypatch.setattr(Path, "write_bytes", _no_space)
        original(state, path)

    monkeypatch.setattr("score.steering.runner.save_checkpoint", full)
    with pytest.raises(UserError, match=r"model_4.pt: the disk is full. Earlier checkpoints in .* are intact"):
        run(small_cfg, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "model_2.pt")["iter"] == 2


def _no_space(self: Path, data: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_which_evaluation_is_better() -> None:
    low = EvaluationScore(1, 5, 10, 20.0)
    assert EvaluationScore(2, 6, 10, 30.0).better_than(low)
    # Of equals, the one with fewer steps; an exact tie keeps the earlier.
    assert EvaluationScore(2, 5, 10, 19.0).better_than(low)
    assert not EvaluationScore(2, 5, 10, 20.0).better_than(low)
    # Standard error: share (5 + 1) / (10 + 2) = 0.5, sqrt(0.5 * 0.5 / 12) = 0.144; 0.4 is within it, 0.3 is not.
    quicker = EvaluationScore(2, 4, 10, 19.0)
    assert quicker.better_than(low)
    assert not EvaluationScore(2, 4, 10, 20.0).better_than(low)
    assert not EvaluationScore(2, 3, 10, 1.0).better_than(low)
    # It is always that of the highest rate so far: many small losses do not add up.
    best = quicker.after(low)
    assert best.highest == 0.5
    assert not EvaluationScore(3, 3, 10, 1.0).better_than(best)
    assert EvaluationScore(4, 4, 10, 18.0).after(best).highest == 0.5


def test_it_is_said_where_sampled_latents_succeed_clearly_more_often() -> None:
    # Shares with a success and a failure added: 77/102 = 0.755 and 17/66 = 0.258, 0.497 apart. Three standard errors:
    # 3 sqrt(0.755 x 0.245 / 102 + 0.258 x 0.742 / 66) = 0.206.
    line = sampled_line(EvaluationScore(50, 16, 64, 126.0), 76, 100)
    assert line.startswith(
        "Sampled latents succeeded in 76 % of 100 episodes of training, the mean latent in 25 % of 64:"
    )
    # 81/102 = 0.794 and 41/66 = 0.621, 0.173 apart; three standard errors are 0.216.
    assert not sampled_line(EvaluationScore(50, 40, 64, 126.0), 80, 100)
    assert not sampled_line(EvaluationScore(50, 0, 64, 126.0), 0, 0)  # no episode ended: nothing is known
