# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From the pieces of a trained policy to one TorchScript module."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from score.deployment.noise_table import NoiseTable
from score.deployment.runtime import CapsulePolicy
from score.utils.errors import UserError, near_names

if TYPE_CHECKING:
    from score.policies.spec import PolicySpec
    from score.steering.plan import SteeringHead

MEASURED_KEY = "joint_pos"
"""The raw observation that targets are clamped against, unless the caller names another."""

PAST_TARGET_KEY = "joint_pos_target"
"""The window of past commanded targets, unless the caller names another. It is kept inside, never an input."""


def build_policy(
    head: SteeringHead,
    spec: PolicySpec,
    *,
    max_offset: float | Sequence[float] | None,
    measured_key: str = MEASURED_KEY,
    past_target_key: str = PAST_TARGET_KEY,
    sampled: bool = False,
    seed: int = 0,
    late_steps: int = 0,
) -> torch.jit.ScriptModule:
    """Compile a steering policy, its base policy and the bookkeeping around them into one module on the CPU.

    Args:
        head: Trained steering policy, the base policy inside.
        spec: Specification of the base policy, with the limits that the task holds actions to.
        max_offset: Largest distance of a target from the measured position, in action units, one for all actions or one
            for each; None for a task that
            measures no positions and keeps no targets: its limits alone hold, and all observations are inputs.
        measured_key: Observation that targets are compared with.
        past_target_key: Observation that holds past commanded targets; the policy may do without.
        sampled: Draw codes from the trained distribution instead of taking their mean.
        seed: Seed of the draws.
        late_steps: Control steps from a decision's observation to the first action of its chunk.

    Returns:
        The module, reset; see :class:`score.deployment.runtime.CapsulePolicy`.

    Raises:
        UserError: The specification does not allow such a policy.
    """
    if not 1 <= head.chunk_steps <= spec.horizon:
        raise UserError(
            f"Chunk length {head.chunk_steps} does not fit the base policy: it must be 1 to {spec.horizon}."
        )
    require_late_steps(late_steps, head.chunk_steps)
    if max_offset is None:
        measured_key = past_target_key = ""
    else:
        _check_measured(spec, max_offset, measured_key, past_target_key)
    raw = {name: item for name, item in spec.observations.items() if name != past_target_key}
    past = spec.observations.get(past_target_key)
    head = copy.deepcopy(head).cpu().eval().requires_grad_(False)
    policy = CapsulePolicy(
        head,
        NoiseTable(head, sampled, seed),
        sampled,
        shapes={name: list(item.shape) for name, item in raw.items()},
        histories={name: item.history for name, item in raw.items()},
        past_target_history=past.history if past is not None else 0,
        low=torch.tensor(spec.actions.low),
        high=torch.tensor(spec.actions.high),
        max_offset=torch.tensor(0.0 if max_offset is None else max_offset),
        chunk_length=head.chunk_steps,
        measured_key=measured_key,
        past_target_key=past_target_key,
        segments={
            name: {segment.name: segment.points for segment in item.segments}
            for name, item in raw.items()
            if item.segments
        },
        late_steps=late_steps,
    )
    scripted = torch.jit.script(policy.eval())
    scripted.reset()
    return scripted


def require_late_steps(late_steps: int, chunk_steps: int) -> None:
    """Check how late the first action of a chunk may be.

    Args:
        late_steps: Control steps from a decision's observation to the first action of its chunk.
        chunk_steps: Control steps executed of each chunk.

    Raises:
        UserError: It is more than a chunk leaves.
    """
    if not 0 <= late_steps < chunk_steps:
        raise UserError(
            f"--late_steps {late_steps}: a decision may take from 0 to {chunk_steps - 1} control steps, fewer than are"
            " executed of a chunk."
        )


def _check_measured(
    spec: PolicySpec, max_offset: float | Sequence[float], measured_key: str, past_target_key: str
) -> None:
    count = len(spec.actions.names)
    offsets = [max_offset] * count if isinstance(max_offset, float | int) else list(max_offset)
    if len(offsets) != count or not all(0.0 < offset < math.inf for offset in offsets):
        raise UserError(
            f"max_offset must be a positive number in {spec.actions.units}, one or {count} of them, got {max_offset}."
        )
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
