# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A trained steering policy, apart from the runner that trained it: for evaluation, playing and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDict

from score.policies.base_policy import BasePolicy
from score.utils.errors import UserError

from .actor import SteeringModel
from .checkpoint import load_checkpoint, require_same, weights_sha256
from .checkpoint_checks import REMEDY, checked_identity, require_network, sound_or_refused
from .chunked_env import ChunkedVecEnv
from .config import OBSERVATION_GROUPS, SteeringRunnerCfg
from .distribution import BoundedGaussianDistribution
from .familiarity import Familiarity, load_familiarity
from .methods import make_plan, plan_identity
from .plan import Plan, SteeringHead


def head_of(
    actor: SteeringModel,
    plan: Plan,
    chunk_steps: int,
    method: str,
    iteration: int = 0,
    familiarity: Familiarity | None = None,
) -> SteeringHead:
    """Take the steering policy out of rsl_rl's model; the head shares its networks.

    Args:
        actor: The model; its distribution has to be a :class:`BoundedGaussianDistribution`.
        plan: What its codes do.
        chunk_steps: Control steps per decision.
        method: Name of the method.
        iteration: Iterations of training.
        familiarity: What it met in training, if that is known.
    """
    distribution = actor.distribution
    assert isinstance(distribution, BoundedGaussianDistribution)
    return SteeringHead(
        plan,
        torch.nn.Sequential(actor.feature_limit, actor.obs_normalizer, actor.mlp),
        distribution.squash,
        distribution.fixed_std,
        chunk_steps=chunk_steps,
        method=method,
        iteration=iteration,
        familiarity=familiarity,
    )


def run_identity(env: ChunkedVecEnv, cfg: SteeringRunnerCfg, base_policy_sha256: str) -> dict[str, Any]:
    """Return what a checkpoint says of the policy that a run trains: all that :func:`load_steering_policy` needs.

    Args:
        env: The environment, reset.
        cfg: Settings of the run.
        base_policy_sha256: Hash of the base policy's weights.
    """
    observations = env.get_observations()
    return {
        "base_policy_sha256": base_policy_sha256,
        "chunk_steps": env.chunk_steps,
        **plan_identity(vars(cfg.steering), env.plan),
        "horizon": env.plan.noise_shape[0],
        "action_dim": env.plan.noise_shape[1],
        "condition_dim": observations["policy"].shape[1],
        "critic_dim": observations["critic"].shape[1],
        "actor_hidden_dims": list(cfg.actor.hidden_dims),
        "actor_activation": str(cfg.actor.activation),
        "actor_obs_normalization": cfg.actor.obs_normalization,
        "feature_limit": cfg.steering.feature_limit,
        "critic_hidden_dims": list(cfg.critic.hidden_dims),
        "critic_activation": str(cfg.critic.activation),
    }


def load_steering_policy(path: Path | str, base_policy: BasePolicy, device: torch.device | str = "cpu") -> SteeringHead:
    """Read the steering policy of a checkpoint, with the method that it was trained by.

    Args:
        path: A model_<i>.pt of a steering run.
        base_policy: The base policy that it is to steer, on the device.
        device: Where it runs.

    Returns:
        The policy in evaluation mode, frozen.

    Raises:
        UserError: The file is no checkpoint, or steers another base policy.
    """
    state = load_checkpoint(path)
    identity = checked_identity(path, state)
    rows, columns = base_policy.latent_shape
    present = {"base_policy_sha256": weights_sha256(base_policy), "horizon": rows, "action_dim": columns}
    require_same(path, identity, present)
    if identity["chunk_steps"] > base_policy.spec.horizon:
        raise UserError(f"--checkpoint: {path} executes more steps of a chunk than the base policy makes. {REMEDY}")
    with sound_or_refused(path):
        return _make_head(path, state, identity, base_policy).to(device).eval().requires_grad_(False)


def _make_head(
    path: Path | str, state: dict[str, Any], identity: dict[str, Any], base_policy: BasePolicy
) -> SteeringHead:
    plan = make_plan(base_policy, identity)
    observations = TensorDict({"policy": torch.zeros(1, identity["condition_dim"])}, batch_size=[1])
    # The class is named here and not in the file: a file must not choose what is imported.
    distribution = {"class_name": BoundedGaussianDistribution, "bound": identity["bound"]}
    actor = SteeringModel(
        observations,
        OBSERVATION_GROUPS,
        "actor",
        plan.code_dim,
        hidden_dims=identity["actor_hidden_dims"],
        activation=identity["actor_activation"],
        obs_normalization=identity["actor_obs_normalization"],
        distribution_cfg=distribution,
        feature_limit=identity["feature_limit"],
    )
    require_network(path, state.get("actor_state_dict"), actor)
    actor.load_state_dict(state["actor_state_dict"])
    widths, where = (identity["condition_dim"], base_policy.extents_dim), f"--checkpoint: {path}"
    familiarity = load_familiarity(state["score"].get("familiarity"), widths, where)
    return head_of(actor, plan, identity["chunk_steps"], identity["method"], state["iter"], familiarity)
