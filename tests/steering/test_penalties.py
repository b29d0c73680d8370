# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Losses beside PPO's own: cloning the base policy, the pull to its own noise, and the warm-up before the gradient."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.steering.scripted_task import SETTINGS, IdentityPolicy, PointTask, TwoWayPolicy

from score.steering.checkpoint import load_checkpoint
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringRunnerCfg, use_method
from score.steering.config_checks import validate_runner_cfg
from score.steering.methods import make_plan
from score.steering.penalties import CLONED, Penalties, base_motion, cloning_error
from score.steering.squash import Squash
from score.steering.train import train
from score.utils.errors import UserError


def seen(mean: list[list[float]], std: float) -> Any:
    """An actor that has just seen a mini-batch."""
    values = torch.tensor(mean)
    distribution = SimpleNamespace(squash=Squash(3.0))
    return SimpleNamespace(output_distribution_params=(values, torch.full_like(values, std)), distribution=distribution)


def test_the_cloning_term_by_hand() -> None:
    plan = make_plan(IdentityPolicy(4), SETTINGS | {"method": "bc_ppo", "basis": "repeat"})
    # Limits of -10 and 10: a code of L / 2 is 5 in every row, a code of 0 the middle, 0.
    code = torch.tensor([[0.5], [0.0]]) * Squash(3.0).limit
    motion = torch.tensor([[[4.0], [6.0]], [[0.0], [3.0]]])
    # Of two rows of four that are executed: ((5 - 4)^2 + (5 - 6)^2 + 0 + 9) / 4.
    assert cloning_error(plan, code, motion).item() == pytest.approx(11 / 4, rel=1e-5)
    batch = SimpleNamespace(observations={CLONED: motion})
    penalties = Penalties(plan, 100.0, 0.0)
    actor = seen(Squash(3.0).inverse(code).tolist(), 0.1)
    assert penalties.compute_loss(actor, batch, 2).item() == pytest.approx(275.0, rel=1e-4)
    assert penalties.drain() == {"cloning": pytest.approx(11 / 4, rel=1e-4)}


def test_the_prior_term_by_hand() -> None:
    # score_residual: of eight numbers the first four are the latent's. Means 1, 0, 0, 0, deviation 1/2:
    # (1 + 4 (1/4 - 1 + 2 log 2)) / 2 = (1 - 3 + 8 log 2) / 2 nats.
    plan = make_plan(IdentityPolicy(4), SETTINGS | {"method": "score_residual"})
    penalties = Penalties(plan, 0.0, 0.1)
    loss = penalties.compute_loss(seen([[1.0, 0.0, 0.0, 0.0, 7.0, 7.0, 7.0, 7.0]], 0.5), None, 1)
    nats = (8 * math.log(2) - 2) / 2
    assert loss.item() == pytest.approx(0.1 * nats, rel=1e-5)
    assert penalties.drain() == {"prior": pytest.approx(nats, rel=1e-5)}
    assert not Penalties(plan, 0.0, 0.0).active


def test_the_anchor_term_by_hand() -> None:
    plan = make_plan(IdentityPolicy(4), SETTINGS | {"method": "score_residual"})
    actor = seen([[5.0] * 8, [6.0] * 8], 0.5)
    actor.get_latent, actor.mlp = lambda groups: groups["policy"], torch.nn.Linear(1, 8)
    torch.nn.init.constant_(actor.mlp.weight, 2.0)
    torch.nn.init.zeros_(actor.mlp.bias)
    penalties = Penalties(plan, 0.0, 0.0, 0.1, torch.full((3, 1), 0.5))
    loss = penalties.compute_loss(actor, None, 2)
    # At what was demonstrated, 0.5, means are 1, whatever they are in the mini-batch; deviation 1/2, four numbers:
    # 4 (1 + 1/4 - 1 + 2 log 2) / 2 nats.
    nats = 0.5 + 4 * math.log(2)
    assert loss.item() == pytest.approx(0.1 * nats, rel=1e-5)
    loss.backward()
    # d/dw of 0.1 * (0.5 w)^2 / 2 at w = 2 is 0.1 * 0.5; the residual's four outputs are free.
    assert actor.mlp.weight.grad.flatten().tolist() == pytest.approx([0.05] * 4 + [0.0] * 4)
    assert penalties.drain() == {"anchor": pytest.approx(nats, rel=1e-5)}
    with pytest.raises(UserError, match=r"anchor_weight is 0.1: name the demonstrations, agent.steering.anchor_data="):
        Penalties(plan, 0.0, 0.0, 0.1)


def test_an_anchor_keeps_the_latent_at_what_was_demonstrated(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    found = {}
    small_cfg.save_interval, small_cfg.max_iterations = 4, 4
    small_cfg.steering.initial_std = 1.0
    for weight in (0.0, 30.0):
        small_cfg.steering.anchor_weight = weight
        folder = tmp_path / str(weight)
        train(PointTask(16), TwoWayPolicy(), small_cfg, folder, task_name="SCORE-Point-v0", report=lambda _: None,
              anchor=torch.randn(64, 2, generator=torch.Generator().manual_seed(0)))  # fmt: skip
        state = load_checkpoint(folder / "model_4.pt")["actor_state_dict"]
        last = max(name for name in state if name.endswith("bias"))
        found[weight] = state[last].abs().max().item() + (state["distribution.log_std_param"].abs().max().item())
    assert found[30.0] < 0.5 * found[0.0], found


def test_what_the_base_policy_would_do_is_counted_from_the_chunk_at_rest() -> None:
    policy = IdentityPolicy(4)
    plan = make_plan(policy, SETTINGS | {"method": "bc_ppo"})
    noise = torch.randn(3, 4, 1)
    assert torch.equal(base_motion(plan, torch.zeros(3, 1), noise), noise)
    env = ChunkedVecEnv(PointTask(5), make_plan(TwoWayPolicy(), SETTINGS | {"method": "bc_ppo"}), chunk_steps=3,
                        gamma=0.9, clones=True)  # fmt: skip
    first, second = env.reset(seed=0)[CLONED], env.step(torch.zeros(5, 4))[0][CLONED]
    assert first.shape == second.shape == (5, 3, 1)
    # It draws noise of its own in every decision.
    assert not torch.equal(first, second)


def bc_cfg(small_cfg: SteeringRunnerCfg, **changes: Any) -> SteeringRunnerCfg:
    use_method(small_cfg, "bc_ppo")
    small_cfg.save_interval = 1
    small_cfg.actor.hidden_dims = small_cfg.critic.hidden_dims = [32]
    small_cfg.steering.basis = "repeat"
    for name, value in {"cloning_weight": 1.0, "warm_up_iterations": 3, "warm_up_epochs": 20, **changes}.items():
        setattr(small_cfg.steering, name, value)
    return small_cfg


def run(cfg: SteeringRunnerCfg, folder: Path, iterations: int, resume: Path | None = None) -> dict[str, Any]:
    cfg.max_iterations = iterations
    train(PointTask(16), TwoWayPolicy(), cfg, folder, resume, task_name="SCORE-Point-v0", report=lambda _: None)
    return load_checkpoint(folder / f"model_{iterations}.pt")


def test_the_warm_up_clones_and_leaves_the_spread_alone(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    cfg = bc_cfg(small_cfg)
    cfg.algorithm.learning_rate = 1e-2
    state = run(cfg, tmp_path / "run", 3)
    actor = state["actor_state_dict"]
    # The base policy goes on the way it has begun: tanh(4 x + 2 n) with n the mean of four draws.
    hidden = torch.tensor([[-0.5, 1.0], [0.0, 1.0], [0.5, 1.0]]) @ actor["mlp.0.weight"].T + actor["mlp.0.bias"]
    code = Squash(3.0)(torch.tanh(hidden) @ actor["mlp.2.weight"].T + actor["mlp.2.bias"])
    plan = make_plan(TwoWayPolicy(), vars(cfg.steering))
    action = plan(torch.zeros(3, 2), code, torch.zeros(3, 4, 1))[:, 0, 0].tolist()
    assert action[0] < -0.3 < action[1] < 0.3 < action[2]
    # No policy gradient yet: exp(-3) is what it was, to rounding.
    assert actor["distribution.log_std_param"].tolist() == pytest.approx([math.log(0.05)])
    # Afterwards there is one.
    after = run(cfg, tmp_path / "run", 4, tmp_path / "run" / "model_3.pt")["actor_state_dict"]
    assert after["distribution.log_std_param"].tolist() != pytest.approx([math.log(0.05)])


def test_a_resumed_run_goes_on_bit_for_bit(small_cfg: SteeringRunnerCfg, tmp_path: Path) -> None:
    cfg = bc_cfg(small_cfg, warm_up_iterations=1, warm_up_epochs=2)
    whole = run(cfg, tmp_path / "whole", 3)["actor_state_dict"]
    run(cfg, tmp_path / "parts", 2)
    parts = run(cfg, tmp_path / "parts", 3, tmp_path / "parts" / "model_2.pt")["actor_state_dict"]
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_published_settings_come_with_a_method_unless_the_user_sets_others() -> None:
    cfg = SteeringRunnerCfg()
    cfg.algorithm.entropy_coef = 0.5
    cfg.steering.final_learning_rate = 1e-4
    use_method(cfg, "ppo", ["agent.algorithm.entropy_coef=0.5"])
    assert (cfg.steering.method, cfg.algorithm.entropy_coef, cfg.algorithm.learning_rate) == ("ppo", 0.5, 3e-4)
    assert (cfg.algorithm.schedule, cfg.actor.hidden_dims) == ("adaptive", [512, 256, 128])
    validate_runner_cfg(cfg, 64, 8)
    cfg.actor.hidden_dims.append(1)
    assert len(SteeringRunnerCfg().actor.hidden_dims) == 2
    use_method(other := SteeringRunnerCfg(), "ppo")
    assert other.actor.hidden_dims == [512, 256, 128]
    use_method(plain := SteeringRunnerCfg(), "score")
    assert plain == SteeringRunnerCfg()


@pytest.mark.parametrize(
    ("method", "name", "value", "message"),
    [
        (
            "score",
            "cloning_weight",
            1.0,
            "agent.steering.cloning_weight is 1.0: it must be 0, as --method score",
        ),
        ("ppo", "prior_weight", 1.0, "agent.steering.prior_weight is 1.0: it must be 0, as --method ppo has no use"),
        ("bc_ppo", "cloning_weight", -1.0, "agent.steering.cloning_weight is -1.0: it must be 0 or a positive number"),
        ("ppo", "anchor_weight", 1.0, "agent.steering.anchor_weight is 1.0: it must be 0, as --method ppo has no use"),
        ("bc_ppo", "action_reach", 0.0, "agent.steering.action_reach is 0.0: it must be a positive number"),
        ("bc_ppo", "warm_up_iterations", -1, "agent.steering.warm_up_iterations is -1: it must be at least 0"),
    ],
)
def test_wrong_settings_are_named(method: str, name: str, value: float, message: str) -> None:
    use_method(cfg := SteeringRunnerCfg(), method)
    setattr(cfg.steering, name, value)
    with pytest.raises(UserError, match=message):
        validate_runner_cfg(cfg, 64, 8)
