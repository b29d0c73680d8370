# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The registry of methods: what a policy that PPO trains acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from score.policies.base_policy import BasePolicy
from score.utils.errors import UserError, near_names

from .latent import NO_BASIS, LatentBasis
from .plan import Plan
from .squash import Squash


@dataclass(frozen=True)
class Method:
    """One way to improve a base policy."""

    acts_on: str
    """What it does, in a few words."""

    latent: bool = False
    """Whether it steers the base policy's latent."""

    own: bool = False
    """Whether it has actions of its own: a bounded residual on those of the base policy, or all of them."""

    base: bool = True
    """Whether the base policy acts. Without it, the steering policy still sees the scene through its encoder."""

    clones: bool = False
    """Whether a loss pulls it towards the base policy's actions."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that it is published with, by their names below ``agent``; what a user sets goes before them."""


METHODS = {
    "score": Method("the latent of the base policy", latent=True),
    "residual": Method("a bounded residual on its actions", own=True),
    "score_residual": Method("the latent and a bounded residual", latent=True, own=True),
    "ppo": Method(
        "actions of its own",
        own=True,
        base=False,
        # The published state-based runs of rsl_rl: 5 epochs of 4 mini-batches at a rate that follows the divergence.
        settings={
            "actor.hidden_dims": [512, 256, 128],
            "critic.hidden_dims": [512, 256, 128],
            "algorithm.num_learning_epochs": 5,
            "algorithm.num_mini_batches": 4,
            "algorithm.learning_rate": 3e-4,
            "algorithm.schedule": "adaptive",
            "algorithm.desired_kl": 0.01,
            "algorithm.entropy_coef": 0.006,
            "steering.final_learning_rate": None,
            "steering.initial_std": 1.0,
        },
    ),
    "bc_ppo": Method(
        "actions of its own, kept near those of the base policy",
        own=True,
        base=False,
        clones=True,
        # The published weight is the best of five decades, the deviation exp(-3), the value's weight 0.1; cloning took
        # 500 epochs. Its one epoch at a rate of 1e-4 needs rollouts of 800,000 steps: epochs and rate stay the task's.
        settings={
            "actor.hidden_dims": [512, 512, 512],
            "critic.hidden_dims": [512, 512, 512],
            "actor.activation": "tanh",
            "critic.activation": "tanh",
            "algorithm.value_loss_coef": 0.1,
            "steering.initial_std": 0.05,
            "steering.cloning_weight": 1000.0,
            "steering.warm_up_iterations": 5,
        },
    ),
}
"""All methods by name."""


def find_method(name: str) -> Method:
    """Look a method up.

    Raises:
        UserError: There is none of that name; near names are listed.
    """
    if name not in METHODS:
        raise UserError(f"Unknown method '{name}'.{near_names(name, METHODS)} There are: {', '.join(METHODS)}.")
    return METHODS[name]


def make_plan(base_policy: BasePolicy, settings: Mapping[str, Any]) -> Plan:
    """Build the plan of a method, on the CPU but for the base policy.

    Args:
        base_policy: The frozen base policy.
        settings: ``method``, ``basis``, ``knots``, ``bound``, ``residual_limit`` and ``action_reach`` (action units) as
            in :class:`~score.steering.config.SteeringCfg`, or as :func:`plan_identity` gave them; others are ignored.

    Raises:
        UserError: The method or the basis is unknown, or the knots do not fit.
    """
    chosen, spec, basis = find_method(settings["method"]), base_policy.spec, settings["basis"]
    latent = LatentBasis(basis if chosen.latent else NO_BASIS, *base_policy.latent_shape, settings["knots"])
    rows, columns = spec.horizon, len(spec.actions.names)
    own = LatentBasis(basis if chosen.own else NO_BASIS, rows, columns, settings["knots"])
    if not chosen.own:
        return Plan(base_policy, latent, own)
    # The largest number of a row that codes within their bound can make.
    largest = own.columns.abs().sum(dim=1).max().item() * Squash(settings["bound"]).limit
    if chosen.base:
        return Plan(base_policy, latent, own, torch.tensor(settings["residual_limit"] / largest))
    low, high = torch.tensor(spec.actions.low), torch.tensor(spec.actions.high)
    # A later row may lie further from where the robot was measured: the reach is that of one control step.
    steps = torch.arange(1.0, rows + 1.0).unsqueeze(1)
    reach = settings["action_reach"] * steps if base_policy.relative else (high - low) / 2
    return Plan(base_policy, latent, own, reach / largest, (low + high) / 2)


def plan_identity(settings: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Return what a checkpoint has to say of its plan, so that :func:`make_plan` can build it again."""
    chosen = METHODS[settings["method"]]
    own = ("residual_limit" if chosen.base else "action_reach",) if chosen.own else ()
    return {name: settings[name] for name in ("method", "bound", *own)} | {"basis": plan.kind, "knots": plan.knots}
