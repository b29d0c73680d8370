# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What is refused of the settings of a steering run, by its name on the command line."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence

from score.utils.errors import UserError, near_names

from .config import COMPILE_MODES, LOGGERS, SCHEDULES, AlgorithmCfg, SteeringCfg, SteeringRunnerCfg
from .latent import BASIS_KINDS
from .methods import find_method


def validate_runner_cfg(cfg: SteeringRunnerCfg, num_envs: int, horizon: int) -> None:
    """Check every setting that would otherwise fail later, or silently do something else.

    Args:
        cfg: Settings.
        num_envs: Number of environments.
        horizon: Horizon of the base policy.

    Raises:
        UserError: The first setting that does not fit, by its name on the command line.
    """
    steering = cfg.steering
    find_method(steering.method)
    _require_known("steering.basis", "basis", steering.basis, BASIS_KINDS)
    _require(
        1 <= steering.chunk_steps <= horizon,
        "steering.chunk_steps",
        steering.chunk_steps,
        f"from 1 to {horizon}, the base policy's horizon",
    )
    if steering.compile is not None:
        _require_known("steering.compile", "mode", steering.compile, COMPILE_MODES)
    _validate_logger(cfg.logger)
    _validate_algorithm(cfg.algorithm)
    for name, default in (("bound", 3), ("residual_limit", 0.03), ("action_reach", 0.1), ("initial_std", 0.5)):
        value = getattr(steering, name)
        _require(0 < value < math.inf, f"steering.{name}", value, f"a positive number ({default} is the default)")
    limit = steering.feature_limit
    wanted = "a positive number (100 is the default), or null for no limit"
    _require(limit is None or 0 < limit < math.inf, "steering.feature_limit", limit, wanted)
    _require(0 < steering.gamma <= 1, "steering.gamma", steering.gamma, "above 0 and at most 1 (0.99 is the default)")
    if steering.final_learning_rate is not None:
        _require(
            0 < steering.final_learning_rate <= cfg.algorithm.learning_rate and cfg.algorithm.schedule == "fixed",
            "steering.final_learning_rate",
            steering.final_learning_rate,
            f"above 0 and at most agent.algorithm.learning_rate ({cfg.algorithm.learning_rate}), with a fixed schedule",
        )
    for name in ("num_steps_per_env", "max_iterations", "save_interval"):
        _require(getattr(cfg, name) >= 1, name, getattr(cfg, name), "at least 1")
    for name, least in (
        ("evaluation_episodes", 1),
        ("warm_up_epochs", 1),
        ("warm_up_iterations", 0),
        ("decode_batch", 0),
    ):
        _require(getattr(steering, name) >= least, f"steering.{name}", getattr(steering, name), f"at least {least}")
    _validate_penalties(steering)
    _require(
        num_envs * cfg.num_steps_per_env >= 2 * cfg.algorithm.num_mini_batches,
        "algorithm.num_mini_batches",
        cfg.algorithm.num_mini_batches,
        f"at most {num_envs * cfg.num_steps_per_env // 2}, as {num_envs} environments make"
        f" {num_envs * cfg.num_steps_per_env} decisions per iteration and a mini-batch needs two",
    )


def _validate_logger(name: str) -> None:
    _require_known("logger", "logger", name, LOGGERS)
    if name != LOGGERS[0] and importlib.util.find_spec(name) is None:
        raise UserError(
            f"agent.logger={name} needs the package '{name}', which is not installed: pip install {name}, or leave the"
            f" setting out ({LOGGERS[0]})."
        )


def _validate_algorithm(algorithm: AlgorithmCfg) -> None:
    _require_known("algorithm.schedule", "schedule", algorithm.schedule, SCHEDULES)
    for name in ("num_learning_epochs", "num_mini_batches"):
        _require(getattr(algorithm, name) >= 1, f"algorithm.{name}", getattr(algorithm, name), "at least 1")
    for name, default in (("learning_rate", 1e-3), ("max_grad_norm", 1), ("clip_param", 0.2)):
        value = getattr(algorithm, name)
        _require(0 < value < math.inf, f"algorithm.{name}", value, f"a positive number ({default:g} is the default)")


def _validate_penalties(steering: SteeringCfg) -> None:
    method = find_method(steering.method)
    for name, able in (
        ("cloning_weight", method.clones),
        ("prior_weight", method.latent),
        ("anchor_weight", method.latent),
    ):
        value = getattr(steering, name)
        _require(0 <= value < math.inf, f"steering.{name}", value, "0 or a positive number")
        wanted = f"0, as --method {steering.method} has no use for it"
        _require(able or value == 0, f"steering.{name}", value, wanted)


def _require_known(name: str, what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        near = near_names(value, known)
        raise UserError(f"agent.{name}: unknown {what} '{value}'; choose one of {', '.join(known)}.{near}")


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise UserError(f"agent.{name} is {value}: it must be {wanted}.")
