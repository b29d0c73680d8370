# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of a steering run, and their translation for rsl_rl.

The defaults are those that won on the platform's trial tasks: one fixed learning rate, many epochs over little data,
no entropy term, and the whole chunk executed. (An adaptive rate compares a divergence summed over all latent numbers
with its target, and sinks to its floor.)
"""

from __future__ import annotations

import math
from typing import Any

from isaaclab.utils import configclass, to_dict
from isaaclab_rl.rsl_rl import RslRlMLPModelCfg, RslRlOnPolicyRunnerCfg, RslRlPpoAlgorithmCfg

from score.utils.errors import UserError, near_names

from .latent import BASIS_KINDS
from .methods import find_method

OBSERVATION_GROUPS = {"actor": ["policy"], "critic": ["critic"]}
"""The actor reads the base policy's condition, the critic the true state."""

_DEPRECATED = (
    "policy",
    "empirical_normalization",
    "stochastic",
    "init_noise_std",
    "noise_std_type",
    "state_dependent_std",
)
"""Fields that Isaac Lab keeps for older releases of rsl_rl; 5.5 refuses them."""


@configclass
class SteeringCfg:
    """What PPO acts on, and how."""

    method: str = "score"
    """What a code acts on: ``score``, ``residual`` or ``score_residual``, see :mod:`.methods`."""

    chunk_steps: int = 8
    """Control steps executed of each action chunk, from 1 to the base policy's horizon."""

    basis: str = "full"
    """What a code means in latent or residual: ``full``, ``repeat``, ``interp`` or ``dct``, see :mod:`.latent`."""

    knots: int = 2
    """Columns of the bases ``interp`` and ``dct``; the others ignore it."""

    bound: float = 3.0
    """Bound of the code inside its distribution, in standard deviations."""

    residual_limit: float = 0.03
    """Largest residual of each action, in action units (rad in the shipped tasks); ``score`` ignores it."""

    initial_std: float = 0.5
    """Initial standard deviation: 1 starts at the base policy itself, less starts at cooler noise and learns faster."""

    learn_std: bool = True
    """Whether the standard deviation is learned."""

    final_learning_rate: float | None = None
    """Learning rate of the last iteration: it falls to it linearly over the second half of the run. None: it stays."""

    gamma: float = 0.99
    """Discount of one *control step*; a decision of k steps is discounted by gamma^k."""

    evaluation_episodes: int = 64
    """Episodes of the periodic evaluation, at least; rounded up to a multiple of the number of environments."""


@configclass
class SteeringRunnerCfg(RslRlOnPolicyRunnerCfg):
    """Settings of a steering run: Isaac Lab's runner settings, plus ``steering``."""

    steering: SteeringCfg = SteeringCfg()
    """What PPO acts on, and how."""

    num_steps_per_env: int = 16
    """Decisions of each environment per iteration."""

    max_iterations: int = 100
    """Iterations of the whole run; a resumed run goes on to the same number."""

    save_interval: int = 10
    """Iterations between checkpoints, each with an evaluation on fixed starts."""

    experiment_name: str = "score"
    """Folder of the experiment below ``logs/rsl_rl``."""

    init_at_random_ep_len: bool = False
    """Not used: it would break the time limits of episodes."""

    obs_groups: dict[str, list[str]] = OBSERVATION_GROUPS
    """Not to be changed, see :data:`OBSERVATION_GROUPS`."""

    actor: RslRlMLPModelCfg = RslRlMLPModelCfg(hidden_dims=[256, 256], activation="elu", obs_normalization=False)
    """Steering policy. Its input comes normalised from the base policy; ``steering`` sets its distribution."""

    critic: RslRlMLPModelCfg = RslRlMLPModelCfg(hidden_dims=[256, 256], activation="elu", obs_normalization=True)
    """Value network, on the true state."""

    algorithm: RslRlPpoAlgorithmCfg = RslRlPpoAlgorithmCfg(
        class_name="score.steering.ppo:SemiMarkovPPO",
        num_learning_epochs=10,
        num_mini_batches=8,
        learning_rate=1.0e-3,
        schedule="fixed",
        gamma=None,
        lam=0.95,
        entropy_coef=0.0,
        desired_kl=None,
        max_grad_norm=1.0,
        value_loss_coef=1.0,
        use_clipped_value_loss=True,
        clip_param=0.2,
    )
    """PPO. ``gamma`` stays None: it is ``steering.gamma``, per control step."""


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
    if steering.basis not in BASIS_KINDS:
        raise UserError(
            f"agent.steering.basis: unknown basis '{steering.basis}'; choose one of {', '.join(BASIS_KINDS)}."
            + near_names(steering.basis, BASIS_KINDS)
        )
    _require(
        1 <= steering.chunk_steps <= horizon,
        "steering.chunk_steps",
        steering.chunk_steps,
        f"from 1 to {horizon}, the base policy's horizon",
    )
    for name, default in (("bound", 3), ("residual_limit", 0.03), ("initial_std", 0.5)):
        value = getattr(steering, name)
        _require(0 < value < math.inf, f"steering.{name}", value, f"a positive number ({default} is the default)")
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
    _require(
        steering.evaluation_episodes >= 1, "steering.evaluation_episodes", steering.evaluation_episodes, "at least 1"
    )
    _require(
        num_envs * cfg.num_steps_per_env >= 2 * cfg.algorithm.num_mini_batches,
        "algorithm.num_mini_batches",
        cfg.algorithm.num_mini_batches,
        f"at most {num_envs * cfg.num_steps_per_env // 2}, as {num_envs} environments make"
        f" {num_envs * cfg.num_steps_per_env} decisions per iteration and a mini-batch needs two",
    )
    _refuse(cfg.algorithm.gamma is not None, "algorithm.gamma", "set agent.steering.gamma, which is per control step")
    _refuse(
        cfg.actor.distribution_cfg is not None, "actor.distribution_cfg", "set agent.steering.bound and initial_std"
    )
    _refuse(cfg.actor.class_name != "MLPModel", "actor.class_name", "steering supports MLPModel only")
    _refuse(cfg.critic.class_name != "MLPModel", "critic.class_name", "steering supports MLPModel only")
    _refuse(cfg.obs_groups != OBSERVATION_GROUPS, "obs_groups", f"it has to be {OBSERVATION_GROUPS}")
    _refuse(cfg.init_at_random_ep_len, "init_at_random_ep_len", "it would break the time limits of episodes")
    _refuse(cfg.clip_actions is not None, "clip_actions", "the code is bounded by agent.steering.bound")


def learning_rate(cfg: SteeringRunnerCfg, completed: int) -> float:
    """Return the learning rate of the iteration after ``completed`` ones.

    Large steps learn fast, and then keep a good policy from settling: constant over the first half of the run, it falls
    linearly to ``steering.final_learning_rate`` over the second.
    """
    first, last = cfg.algorithm.learning_rate, cfg.steering.final_learning_rate
    if last is None:
        return first
    half = cfg.max_iterations / 2
    share = min(1.0, max(0.0, (completed + 1 - half) / half))
    return first + share * (last - first)


def to_rsl_rl_dict(cfg: SteeringRunnerCfg) -> dict[str, Any]:
    """Translate the settings into what :class:`rsl_rl.runners.OnPolicyRunner` takes: plain values, nothing deprecated.

    Args:
        cfg: Valid settings.
    """
    values = _plain(to_dict(cfg))
    steering = values.pop("steering")
    values["algorithm"]["gamma"] = steering["gamma"]
    values["actor"]["distribution_cfg"] = {
        "class_name": "score.steering.distribution:BoundedGaussianDistribution",
        "init_std": steering["initial_std"],
        "learn_std": steering["learn_std"],
        "bound": steering["bound"],
    }
    return values


def _plain(value: Any) -> Any:
    """Drop deprecated and missing fields (``to_dict`` gives {} for the latter), and Isaac Lab's string subclasses."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in _DEPRECATED and item != {}}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return str(value) if isinstance(value, str) else value


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise UserError(f"agent.{name} is {value}: it must be {wanted}.")


def _refuse(given: bool, name: str, remedy: str) -> None:
    if given:
        raise UserError(f"agent.{name} cannot be set here: {remedy}.")
