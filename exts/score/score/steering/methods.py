# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The registry of methods: what a policy that PPO trains acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from score.policies.base_policy import BasePolicy
from score.utils.errors import UserError, near_names

from .latent import NO_BASIS, LatentBasis
from .plan import Plan
from .squash import Squash

if TYPE_CHECKING:
    from .config import SteeringRunnerCfg


@dataclass(frozen=True)
class Method:
    """One way to improve a base policy. A method that needs a loss term of its own gets a field for it here."""

    acts_on: str
    """What it does, in a few words."""

    latent: bool
    """Whether it steers the base policy's latent."""

    residual: bool
    """Whether it adds a bounded residual to the base policy's actions."""


METHODS = {
    "score": Method("the latent of the base policy", latent=True, residual=False),
    "residual": Method("a bounded residual on its actions", latent=False, residual=True),
    "score_residual": Method("the latent and a bounded residual", latent=True, residual=True),
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
        settings: ``method``, ``basis``, ``knots``, ``bound`` and ``residual_limit`` (action units) as in
            :class:`~score.steering.config.SteeringCfg`, or as :func:`plan_identity` gave them; others are ignored.

    Raises:
        UserError: The method or the basis is unknown, or the knots do not fit.
    """
    chosen, spec, basis = find_method(settings["method"]), base_policy.spec, settings["basis"]
    latent = LatentBasis(basis if chosen.latent else NO_BASIS, *base_policy.latent_shape, settings["knots"])
    rows, columns = spec.horizon, len(spec.actions.names)
    residual = LatentBasis(basis if chosen.residual else NO_BASIS, rows, columns, settings["knots"])
    if not chosen.residual:
        return Plan(base_policy, latent, residual)
    # The largest number of a row that codes within their bound can make.
    reach = residual.columns.abs().sum(dim=1).max().item() * Squash(settings["bound"]).limit
    return Plan(base_policy, latent, residual, settings["residual_limit"] / reach)


def plan_identity(settings: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Return what a checkpoint has to say of its plan, so that :func:`make_plan` can build it again."""
    names = ("method", "bound", "residual_limit") if plan.own_dim else ("method", "bound")
    return {name: settings[name] for name in names} | {"basis": plan.kind, "knots": plan.knots}


def training_identity(
    cfg: SteeringRunnerCfg, plan: Plan, chunk_steps: int, observations: Mapping[str, torch.Tensor], base_sha256: str
) -> dict[str, Any]:
    """Return what has to be the same where a checkpoint is loaded: the plan, and the shape of both networks.

    Args:
        cfg: Settings of the run.
        plan: The plan that it trains.
        chunk_steps: Control steps of a decision.
        observations: What actor (``policy``, (N, C)) and critic (``critic``, (N, D)) read.
        base_sha256: Hash of the base policy's weights.
    """
    return {
        "base_policy_sha256": base_sha256,
        "chunk_steps": chunk_steps,
        **plan_identity(vars(cfg.steering), plan),
        "horizon": plan.noise_shape[0],
        "action_dim": plan.noise_shape[1],
        "condition_dim": observations["policy"].shape[1],
        "critic_dim": observations["critic"].shape[1],
        "actor_hidden_dims": list(cfg.actor.hidden_dims),
        "actor_activation": str(cfg.actor.activation),
        "actor_obs_normalization": cfg.actor.obs_normalization,
        "critic_hidden_dims": list(cfg.critic.hidden_dims),
        "critic_activation": str(cfg.critic.activation),
    }
