# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of a steering run, and their translation for rsl_rl.

The defaults are those that won on the platform's trial tasks: one fixed learning rate, many epochs over little data,
no entropy term, and the whole chunk executed. (An adaptive rate compares a divergence summed over all latent numbers
with its target, and sinks to its floor.)
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .methods import find_method

OBSERVATION_GROUPS = {"actor": ["policy"], "critic": ["critic"]}
"""The actor reads the base policy's condition, the critic the true state."""

COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
"""Modes of :func:`torch.compile`."""

LOGGERS = ("tensorboard", "wandb", "neptune")
"""Where rsl_rl logs to; all but the first are packages that are not installed with this project."""

SCHEDULES = ("fixed", "adaptive")
"""What becomes of the learning rate, as :class:`rsl_rl.algorithms.PPO` knows it."""


@dataclass
class SteeringCfg:
    """What PPO acts on, and how."""

    method: str = "score"
    """What a code acts on: ``score``, ``residual``, ``score_residual``, ``ppo`` or ``bc_ppo``, see :mod:`.methods`."""

    chunk_steps: int = 8
    """Control steps executed of each action chunk, from 1 to the base policy's horizon."""

    basis: str = "full"
    """What a code means in latent or chunk: ``full``, ``repeat``, ``interp`` or ``dct``, see :mod:`.latent`."""

    knots: int = 2
    """Columns of the bases ``interp`` and ``dct``; the others ignore it."""

    bound: float = 3.0
    """Bound of the code inside its distribution, in standard deviations."""

    feature_limit: float | None = 100.0
    """Limit of what the steering policy sees of each feature, in standard deviations of the demonstrations: what is far
    beyond, as a finger that never moved there and was bent, would break PPO (:mod:`.actor`). None: no limit."""

    residual_limit: float = 0.03
    """Largest residual of each action, in action units (rad in the shipped tasks); for ``residual``,
    ``score_residual``."""

    action_reach: float = 0.1
    """For ``ppo`` and ``bc_ppo``: how far an action may lie from the measured position for each control step since, in
    action units. Where actions are not relative to a measured position, they span their limits instead."""

    cloning_weight: float = 0.0
    """For ``bc_ppo``: weight of the mean squared difference between its mean actions and those of the base policy, in
    action units squared."""

    warm_up_iterations: int = 0
    """First iterations, in which the critic learns and ``bc_ppo`` clones, and nothing else."""

    warm_up_epochs: int = 100
    """Epochs of each of them."""

    prior_weight: float = 0.0
    """Weight of KL(N(mean, std) || N(0, I)) of the latent part of the code [per nat]: a pull to the base policy's own
    noise, for methods that steer the latent."""

    anchor_weight: float = 0.0
    """Weight of the same divergence at the observations of demonstrations, ``anchor_data`` [per nat]."""

    anchor_data: str = ""
    """Demonstrations that anchor: an HDF5 file or a LeRobot data set, with the base policy's observations."""

    initial_std: float = 0.5
    """Initial standard deviation: 1 starts at the base policy itself, less starts at cooler noise and learns faster."""

    learn_std: bool = True
    """Whether the standard deviation is learned."""

    final_learning_rate: float | None = None
    """Learning rate of the last iteration: it falls to it linearly over the second half of the run. None: it stays."""

    gamma: float = 0.99
    """Discount of one *control step*; a decision of k steps is discounted by gamma^k."""

    compile: str | None = None
    """Mode of :func:`torch.compile` for the base policy in training, see :data:`COMPILE_MODES`; None compiles nothing.
    On a GPU, ``reduce-overhead`` replays encoder and sampler as CUDA graphs."""

    decode_batch: int = 0
    """Most environments whose actions the base policy decodes at once, in training and evaluation: a large network with
    thousands of environments needs memory for so many. 0: all."""

    evaluation_episodes: int = 64
    """Episodes of the periodic evaluation."""

    @property
    def penalty_weights(self) -> tuple[float, float, float]:
        """Weights of cloning, prior and anchor."""
        return self.cloning_weight, self.prior_weight, self.anchor_weight


@dataclass
class NetworkCfg:
    """A multilayer perceptron of rsl_rl (``MLPModel``)."""

    hidden_dims: list[int] = field(default_factory=lambda: [256, 256])
    """Sizes of the hidden layers."""

    activation: str = "elu"
    """Activation between them."""

    obs_normalization: bool = False
    """Whether observations are normalised by their running mean and standard deviation."""


@dataclass
class AlgorithmCfg:
    """PPO: the arguments of :class:`rsl_rl.algorithms.PPO`, but for the discount, which is ``steering.gamma``."""

    num_learning_epochs: int = 10
    num_mini_batches: int = 8
    learning_rate: float = 1.0e-3
    schedule: str = "fixed"
    lam: float = 0.95
    entropy_coef: float = 0.0
    desired_kl: float | None = None
    max_grad_norm: float = 1.0
    optimizer: str = "adam"
    value_loss_coef: float = 1.0
    use_clipped_value_loss: bool = True
    clip_param: float = 0.2
    normalize_advantage_per_mini_batch: bool = False
    use_mixed_precision: bool = False


@dataclass
class SteeringRunnerCfg:
    """Settings of a steering run: those of :class:`rsl_rl.runners.OnPolicyRunner`, plus ``steering``."""

    seed: int = 42
    """Seed of everything."""

    device: str = "cpu"
    """Device of the task and the networks."""

    num_steps_per_env: int = 16
    """Decisions of each environment per iteration."""

    max_iterations: int = 100
    """Iterations of the whole run; a resumed run goes on to the same number."""

    save_interval: int = 10
    """Iterations between checkpoints, each with an evaluation on fixed starts."""

    experiment_name: str = "score"
    """Folder of the experiment below ``logs/rsl_rl``."""

    run_name: str = ""
    """Appended to the name of the run's folder."""

    check_for_nan: bool = True
    """Whether rsl_rl looks for numbers that are not finite in what the environment sends."""

    torch_compile_mode: str | None = None
    """Mode of :func:`torch.compile` for actor and critic; None compiles nothing."""

    logger: str = "tensorboard"
    """One of :data:`LOGGERS`."""

    wandb_project: str = "score"
    """Project of the logger ``wandb``."""

    neptune_project: str = "score"
    """Project of the logger ``neptune``."""

    steering: SteeringCfg = field(default_factory=SteeringCfg)
    """What PPO acts on, and how."""

    actor: NetworkCfg = field(default_factory=NetworkCfg)
    """Steering policy. Its input comes normalised from the base policy; ``steering`` sets its distribution."""

    critic: NetworkCfg = field(default_factory=lambda: NetworkCfg(obs_normalization=True))
    """Value network, on the true state."""

    algorithm: AlgorithmCfg = field(default_factory=AlgorithmCfg)
    """PPO."""


def use_method(cfg: SteeringRunnerCfg, name: str, given: Sequence[str] = ()) -> None:
    """Choose a method, with the settings that it is published with.

    Args:
        cfg: Settings, changed in place.
        name: Name of the method.
        given: Overrides ``agent.key=value`` of the user, which are in ``cfg`` already, and stay.

    Raises:
        UserError: There is no such method.
    """
    method, own = find_method(name), {text.split("=", 1)[0] for text in given}
    cfg.steering.method = name
    for key, value in method.settings.items():
        if f"agent.{key}" not in own:
            group, _, field_name = key.partition(".")
            setattr(getattr(cfg, group), field_name, copy.deepcopy(value))


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
    """Translate the settings into what :class:`rsl_rl.runners.OnPolicyRunner` takes: plain values.

    Args:
        cfg: Valid settings.
    """
    values = asdict(cfg)
    steering = values.pop("steering")
    values["class_name"] = "OnPolicyRunner"
    values["obs_groups"] = copy.deepcopy(OBSERVATION_GROUPS)
    values["algorithm"] |= {"class_name": "score.steering.ppo:SemiMarkovPPO", "gamma": steering["gamma"]}
    values["critic"] |= {"class_name": "MLPModel", "distribution_cfg": None}
    distribution = {"class_name": "score.steering.distribution:BoundedGaussianDistribution"}
    distribution |= {"init_std": steering["initial_std"]} | {key: steering[key] for key in ("learn_std", "bound")}
    actor = {"class_name": "score.steering.actor:SteeringModel", "feature_limit": steering["feature_limit"]}
    values["actor"] |= actor | {"distribution_cfg": distribution}
    return values
