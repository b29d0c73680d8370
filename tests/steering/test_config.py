# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings: what is refused, and what rsl_rl gets."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from score.steering.config import SteeringRunnerCfg, learning_rate, to_rsl_rl_dict
from score.steering.config_checks import validate_runner_cfg
from score.utils.errors import UserError
from score.utils.overrides import apply_overrides


def change(cfg: SteeringRunnerCfg, path: str, value: Any) -> SteeringRunnerCfg:
    """Set a nested field by its dotted name."""
    *parents, name = path.split(".")
    target: Any = cfg
    for parent in parents:
        target = getattr(target, parent)
    setattr(target, name, value)
    return cfg


def test_the_defaults_are_valid_and_are_those_that_won() -> None:
    cfg = SteeringRunnerCfg()
    validate_runner_cfg(cfg, num_envs=64, horizon=8)
    values = to_rsl_rl_dict(cfg)
    algorithm = values["algorithm"]
    assert (algorithm["learning_rate"], algorithm["schedule"], algorithm["gamma"], algorithm["lam"]) == (
        1e-3,
        "fixed",
        0.99,
        0.95,
    )
    assert (algorithm["num_learning_epochs"], algorithm["num_mini_batches"], algorithm["entropy_coef"]) == (10, 8, 0.0)
    assert values["actor"]["distribution_cfg"] == {
        "class_name": "score.steering.distribution:BoundedGaussianDistribution",
        "init_std": 0.5,
        "learn_std": True,
        "bound": 3.0,
    }
    assert (values["actor"]["obs_normalization"], values["critic"]["obs_normalization"]) == (False, True)
    assert values["obs_groups"] == {"actor": ["policy"], "critic": ["critic"]}
    assert "steering" not in values


def test_settings_of_the_command_line() -> None:
    cfg = SteeringRunnerCfg()
    apply_overrides(cfg, ["agent.steering.basis=dct", "agent.actor.hidden_dims=[64, 32]", "agent.algorithm.lam=1"])
    assert (cfg.steering.basis, cfg.actor.hidden_dims, cfg.algorithm.lam) == ("dct", [64, 32], 1.0)
    assert type(cfg.algorithm.lam) is float
    assert SteeringRunnerCfg().actor.hidden_dims == [256, 256]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "steering.chunk_steps",
            9,
            "agent.steering.chunk_steps is 9: it must be from 1 to 8, the base policy's horizon",
        ),
        ("steering.chunk_steps", 0, "agent.steering.chunk_steps is 0: it must be from 1 to 8"),
        ("steering.basis", "dtc", "agent.steering.basis: unknown basis 'dtc'; choose one of .*Did you mean 'dct'"),
        (
            "steering.method",
            "residul",
            r"Unknown method 'residul'. Did you mean 'residual'.* There are: score, residual, ",
        ),
        ("steering.residual_limit", 0.0, "agent.steering.residual_limit is 0.0: it must be a positive number"),
        ("steering.bound", 0.0, "agent.steering.bound is 0.0: it must be a positive number"),
        ("steering.bound", float("nan"), "agent.steering.bound is nan: it must be a positive number"),
        ("steering.initial_std", -1.0, "agent.steering.initial_std is -1.0: it must be a positive number"),
        ("steering.gamma", 1.5, "agent.steering.gamma is 1.5: it must be above 0 and at most 1"),
        ("steering.evaluation_episodes", 0, "agent.steering.evaluation_episodes is 0: it must be at least 1"),
        ("steering.decode_batch", -1, "agent.steering.decode_batch is -1: it must be at least 0"),
        ("save_interval", 0, "agent.save_interval is 0: it must be at least 1"),
        ("max_iterations", 0, "agent.max_iterations is 0: it must be at least 1"),
        ("num_steps_per_env", 0, "agent.num_steps_per_env is 0: it must be at least 1"),
        ("algorithm.num_mini_batches", 0, "agent.algorithm.num_mini_batches is 0: it must be at least 1"),
        ("algorithm.learning_rate", -1.0, "agent.algorithm.learning_rate is -1.0: it must be a positive number"),
        ("algorithm.schedule", "adaptve", "unknown schedule 'adaptve'; choose one of .* Did you mean 'adaptive'"),
        ("logger", "tensorbord", r"agent.logger: unknown logger 'tensorbord'; .*\. Did you mean 'tensorboard'\?"),
        ("algorithm.num_mini_batches", 600, "agent.algorithm.num_mini_batches is 600: it must be at most 512"),
    ],
)
def test_wrong_settings_are_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        validate_runner_cfg(change(SteeringRunnerCfg(), path, value), num_envs=64, horizon=8)


@pytest.mark.parametrize("name", ["wandb", "neptune"])
def test_a_logger_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None if package == name else "there")
    cfg = SteeringRunnerCfg(logger=name)
    with pytest.raises(UserError, match=f"agent.logger={name} needs the package '{name}', .*: pip install {name}, or"):
        validate_runner_cfg(cfg, 64, 8)
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: "there")
    validate_runner_cfg(cfg, 64, 8)


def test_the_learning_rate_falls_over_the_second_half() -> None:
    cfg = SteeringRunnerCfg(max_iterations=10)
    cfg.steering.final_learning_rate = 1e-4
    rates = [learning_rate(cfg, completed) for completed in range(12)]
    # iterations 1 to 5 at 1e-3, then a fifth of 9e-4 less each, to 1e-4 in iteration 10; it stays there beyond
    assert rates[:5] == [1e-3] * 5
    assert rates[5:] == pytest.approx([8.2e-4, 6.4e-4, 4.6e-4, 2.8e-4, 1e-4, 1e-4, 1e-4])
    cfg.steering.final_learning_rate = None
    assert learning_rate(cfg, 9) == 1e-3


@pytest.mark.parametrize(("rate", "schedule"), [(2e-3, "fixed"), (0.0, "fixed"), (1e-4, "adaptive")])
def test_a_final_learning_rate_that_makes_no_sense(rate: float, schedule: str) -> None:
    cfg = SteeringRunnerCfg()
    cfg.steering.final_learning_rate, cfg.algorithm.schedule = rate, schedule
    with pytest.raises(UserError, match=r"agent.steering.final_learning_rate is .*: it must be above 0 and at most"):
        validate_runner_cfg(cfg, 64, 8)
