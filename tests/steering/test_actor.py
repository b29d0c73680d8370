# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Observations far outside of the demonstrations: what the steering policy sees of them, and that PPO survives them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from rsl_rl.models import MLPModel
from tensordict import TensorDict
from tests.steering.scripted_task import PointTask, TwoWayPolicy

from score.steering.actor import SteeringModel
from score.steering.checkpoint import load_checkpoint
from score.steering.config import OBSERVATION_GROUPS, SteeringRunnerCfg
from score.steering.policy import load_steering_policy
from score.steering.ppo import SemiMarkovPPO
from score.steering.train import train
from score.utils.errors import UserError
from score.utils.overrides import apply_overrides


class OutlierPolicy(TwoWayPolicy):
    """A feature that hardly varies in the demonstrations, and is a million deviations away in some states."""

    def features(self, condition: torch.Tensor) -> torch.Tensor:
        far = condition[:, :1] > condition.new_tensor(0.5)
        return torch.where(far, 1e6 * condition, condition)


def steps_with(cfg: SteeringRunnerCfg, limit: float | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Train four iterations with large steps; returns the mini-batches that each of them skipped."""
    skipped: list[int] = []
    update = SemiMarkovPPO.update

    def counted(self: SemiMarkovPPO) -> dict[str, float]:
        losses = update(self)
        skipped.append(self.skipped)
        assert losses["skipped"] == self.skipped
        return losses

    monkeypatch.setattr(SemiMarkovPPO, "update", counted)
    cfg.save_interval = cfg.max_iterations = 4
    cfg.algorithm.learning_rate = 0.01
    cfg.steering.feature_limit = limit
    train(PointTask(16), OutlierPolicy(), cfg, folder, task_name="SCORE-Point-v0", report=lambda _: None)
    return skipped


def test_a_network_sees_no_more_of_a_feature_than_the_limit() -> None:
    torch.manual_seed(0)
    shown = {"policy": torch.tensor([[0.5, 7.0], [-900.0, 2.0]])}
    seen = {"policy": torch.tensor([[0.5, 3.0], [-3.0, 2.0]])}
    observations = [TensorDict(of, batch_size=[2]) for of in (shown, seen)]
    model = SteeringModel(observations[0], OBSERVATION_GROUPS, "actor", 3, (8,), feature_limit=3.0)
    plain = MLPModel(observations[0], OBSERVATION_GROUPS, "actor", 3, (8,))
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model(observations[0]), plain(observations[1]))
    free = SteeringModel(observations[0], OBSERVATION_GROUPS, "actor", 3, (8,))
    free.load_state_dict(model.state_dict())
    assert torch.equal(free(observations[0]), plain(observations[0]))


def test_a_normaliser_learns_from_what_the_network_sees() -> None:
    shown = TensorDict({"policy": torch.tensor([[0.5, 7.0], [-900.0, 2.0]])}, batch_size=[2])
    model = SteeringModel(shown, OBSERVATION_GROUPS, "actor", 3, (8,), obs_normalization=True, feature_limit=3.0)
    model.update_normalization(shown)
    # Limited: 0.5 and -3, 3 and 2.
    assert torch.allclose(model.obs_normalizer.mean, torch.tensor([-1.25, 2.5]))


def test_without_a_limit_gradients_overflow_and_their_steps_are_left_out(
    small_cfg: SteeringRunnerCfg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(steps_with(small_cfg, None, tmp_path / "run", monkeypatch)) > 0
    state = load_checkpoint(tmp_path / "run" / "model_4.pt")  # refuses what is not finite
    assert state["score"]["identity"]["feature_limit"] is None


def test_with_the_limit_every_step_counts_and_the_policy_keeps_it(
    small_cfg: SteeringRunnerCfg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert steps_with(small_cfg, 20.0, tmp_path / "run", monkeypatch) == [0, 0, 0, 0]
    policy = OutlierPolicy()
    head = load_steering_policy(tmp_path / "run" / "model_4.pt", policy)
    noise = torch.zeros(2, *policy.latent_shape)
    # 1e6 * 0.6 and 1e6 * 0.9 are both beyond the limit.
    condition = torch.tensor([[0.6, 0.6], [0.9, 0.9]])
    latent, _ = head(condition, noise, torch.zeros(2, head.own_dim), False)
    assert torch.equal(latent[0], latent[1])


def test_a_run_of_before_the_limit_goes_on_without_one(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    def go_on(iterations: int, limit: float | None, resume: Path | None) -> None:
        small_cfg.save_interval, small_cfg.max_iterations = 1, iterations
        small_cfg.steering.feature_limit = limit
        folder = tmp_path / f"to_{iterations}_with_{limit}"
        name = "SCORE-Point-v0"
        train(PointTask(16), TwoWayPolicy(), small_cfg, folder, resume, task_name=name, report=lambda _: None)

    go_on(1, None, None)
    path = tmp_path / "to_1_with_None" / "model_1.pt"
    state = torch.load(path, weights_only=True)
    del state["score"]["identity"]["feature_limit"]
    torch.save(state, path)
    with pytest.raises(UserError, match=r"was trained with feature limit None, and now it is 20.0\. Use the settings"):
        go_on(2, 20.0, path)
    go_on(2, None, path)
    assert load_steering_policy(tmp_path / "to_2_with_None" / "model_2.pt", TwoWayPolicy()).iteration == 2


def test_the_command_line_can_take_the_limit_away() -> None:
    cfg = SteeringRunnerCfg()
    apply_overrides(cfg, ["agent.steering.feature_limit=null"])
    assert cfg.steering.feature_limit is None
