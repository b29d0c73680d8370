# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From the pieces of a trained policy to one TorchScript module."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from score.deployment.runtime import CapsulePolicy, Planner, SteeringHead
from score.utils.errors import UserError, near_names

if TYPE_CHECKING:
    from score.policies.spec import PolicySpec
    from score.steering.latent import LatentBasis

MEASURED_KEY = "joint_pos"
"""The raw observation that targets are clamped against, unless the caller names another."""

PAST_TARGET_KEY = "joint_pos_target"
"""The window of past commanded targets, unless the caller names another. It is kept inside, never an input."""


class TrainedSteering(Protocol):
    """The parts of ``score.steering.policy.SteeringPolicy`` that are read; rsl_rl is not imported for it."""

    basis: LatentBasis
    """What a code means."""

    @property
    def network(self) -> nn.Module:
        """Condition (B, C) to the unbounded mean (B, d)."""
        ...

    @property
    def bound(self) -> float:
        """Bound of the code before scaling."""
        ...

    @property
    def scale(self) -> float:
        """Divisor of the bounded code."""
        ...

    @property
    def std(self) -> torch.Tensor:
        """Standard deviation (d,) of the unbounded code."""
        ...


def head_from_policy(steering: TrainedSteering, *, sampled: bool = False, seed: int = 0) -> SteeringHead:
    """Take what a robot needs out of a trained steering policy.

    Args:
        steering: ``score.steering.policy.SteeringPolicy``.
        sampled: Draw the code from the trained distribution instead of taking its mean.
        seed: Seed of the draws.

    Returns:
        The head, on the CPU and independent of the steering policy.
    """
    basis = steering.basis
    rows = basis.expand(torch.eye(basis.code_dim, device=basis.columns.device)).cpu()
    return SteeringHead(
        copy.deepcopy(steering.network).cpu().eval(),
        rows,
        steering.bound,
        steering.scale,
        std=steering.std.cpu() if sampled else None,
        seed=seed,
    )


def build_policy(
    base: nn.Module,
    steering: SteeringHead,
    spec: PolicySpec,
    *,
    chunk_length: int,
    max_offset: float,
    measured_key: str = MEASURED_KEY,
    past_target_key: str = PAST_TARGET_KEY,
) -> torch.jit.ScriptModule:
    """Compile base policy, steering policy and the bookkeeping around them into one module on the CPU.

    Args:
        base: Base policy with ``encode`` and ``decode`` (DESIGN 3.1).
        steering: Trained steering policy.
        spec: Specification of the base policy, with the limits that the task holds actions to.
        chunk_length: Actions executed per decision, 1 to ``spec.horizon``.
        max_offset: Largest distance of a target from the measured position, in action units.
        measured_key: Observation that targets are compared with.
        past_target_key: Observation that holds past commanded targets; the policy may do without.

    Returns:
        The module, reset; see :class:`score.deployment.runtime.CapsulePolicy`.

    Raises:
        UserError: The specification does not allow such a policy.
    """
    _check(spec, chunk_length, max_offset, measured_key, past_target_key)
    raw = {name: item for name, item in spec.observations.items() if name != past_target_key}
    past = spec.observations.get(past_target_key)
    planner = Planner(copy.deepcopy(base), copy.deepcopy(steering)).cpu().eval().requires_grad_(False)
    policy = CapsulePolicy(
        planner,
        shapes={name: list(item.shape) for name, item in raw.items()},
        histories={name: item.history for name, item in raw.items()},
        past_target_history=past.history if past is not None else 0,
        low=torch.tensor(spec.actions.low),
        high=torch.tensor(spec.actions.high),
        max_offset=max_offset,
        chunk_length=chunk_length,
        measured_key=measured_key,
        past_target_key=past_target_key,
    )
    scripted = torch.jit.script(policy.eval())
    scripted.reset()
    return scripted


def _check(spec: PolicySpec, chunk_length: int, max_offset: float, measured_key: str, past_target_key: str) -> None:
    count = len(spec.actions.names)
    if not 1 <= chunk_length <= spec.horizon:
        raise UserError(f"Chunk length {chunk_length} does not fit the base policy: it must be 1 to {spec.horizon}.")
    if not 0.0 < max_offset < float("inf"):
        raise UserError(f"max_offset must be a positive number in {spec.actions.units}, got {max_offset}.")
    if measured_key not in spec.observations:
        hint = near_names(measured_key, spec.observations)
        raise UserError(
            f"A capsule clamps targets to the measured positions, but the base policy observes no '{measured_key}'."
            f"{hint} It observes: {', '.join(spec.observations)}."
        )
    for key in (measured_key, past_target_key):
        item = spec.observations.get(key)
        if item is not None and (tuple(item.shape) != (count,) or item.units != spec.actions.units):
            raise UserError(
                f"Observation '{key}' is {tuple(item.shape)} in '{item.units}', but the {count} actions are in "
                f"'{spec.actions.units}': targets cannot be compared with it."
            )
