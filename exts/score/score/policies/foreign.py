# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A diffusion policy from somebody else's checkpoint, in the checkpoint's own words: its names, units and order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from score.policies.base_policy import BasePolicy
from score.policies.contents import require_finite
from score.policies.contract import random_inputs
from score.policies.ddim import DdimCfg
from score.policies.diffusion import DiffusionPolicy, diffusion_parameter_count
from score.policies.normalisation import MIN_SCALE, Statistic
from score.policies.settings import DiffusionNetworkCfg
from score.policies.spec import ActionSpec, Chunk, ObservationSpec, PolicySpec
from score.utils.errors import UserError
from score.utils.tensor_files import require_tensors

UNKNOWN_UNITS = "unknown"
"""Units of a checkpoint that does not say them."""


@dataclass(frozen=True)
class Columns:
    """The numbers of one input or of the actions, with ``normalised = (x - offset) / scale``."""

    offset: Tensor
    """Shape (D,)."""
    scale: Tensor
    """Shape (D,), positive."""
    low: Tensor
    """Least value in the training data, or as far as the statistics tell, shape (D,)."""
    high: Tensor
    """Greatest value, likewise."""
    still: dict[int, float]
    """Columns that never moved in the training data, and where they stood."""


@dataclass(frozen=True)
class ForeignPolicy[P: BasePolicy]:
    """What is known of a checkpoint."""

    policy: P
    """In the checkpoint's own names; its rate is a placeholder."""
    inputs: dict[str, Columns]
    """Statistics of its inputs, in their order."""
    actions: Columns
    """Statistics of its actions."""
    origin: dict[str, Any]
    """Where it comes from, kept in the bundle."""


@dataclass(frozen=True)
class ForeignParts:
    """What a reader found in a checkpoint."""

    where: str
    """The checkpoint, for messages."""
    inputs: dict[str, Columns]
    """In the order in which a frame is laid out."""
    actions: Columns
    """Those of the network's rows."""
    frames: int
    """Frames of every input."""
    chunk: Chunk
    """Rows of the network."""
    network: DiffusionNetworkCfg
    """The U-Net."""
    sampler: DdimCfg
    """The schedule."""
    tensors: dict[str, Tensor]
    """Of the U-Net, under the names of :class:`~score.policies.unet.UnetDenoiser`."""
    size: int
    """Bytes of the checkpoint: no network is made that has more numbers."""
    origin: dict[str, Any]
    """See :class:`ForeignPolicy`."""


def min_max(low: Tensor, high: Tensor, output: bool) -> Columns:
    """Normalisation of a range to [-1, 1].

    A column without a range is always -1 to the network: for an input, at the value that it had; of an action, all
    that comes out is that value.

    Args:
        low: Least values, shape (D,).
        high: Greatest values, shape (D,).
        output: Whether these are actions.
    """
    flat = high - low <= 0.0
    scale = torch.where(flat, torch.full_like(low, MIN_SCALE if output else 1.0), (high - low) / 2.0)
    offset = torch.where(flat, low if output else low + 1.0, (high + low) / 2.0)
    return Columns(offset, scale, low, high, _still(flat, low))


def mean_std(mean: Tensor, std: Tensor, epsilon: float, output: bool, low: Tensor, high: Tensor) -> Columns:
    """Normalisation by mean and deviation; a column without one is always 0 to the network.

    Args:
        mean: Shape (D,).
        std: Shape (D,).
        epsilon: Added to the deviation on the way in.
        output: Whether these are actions.
        low: Least values, shape (D,).
        high: Greatest values, shape (D,).
    """
    flat = std <= 0.0
    scale = torch.where(flat, torch.full_like(std, MIN_SCALE if output else 1.0), std + (0.0 if output else epsilon))
    return Columns(mean, scale, low, high, _still(flat, mean))


def identity(size: int) -> Columns:
    """No normalisation, and nothing known of the values."""
    unknown = torch.full((size,), torch.inf)
    return Columns(torch.zeros(size), torch.ones(size), -unknown, unknown, {})


def in_own_words(policy: BasePolicy) -> bool:
    """Whether a policy needs an interface file: nobody has said what its actions are measured in."""
    return policy.spec.actions.units == UNKNOWN_UNITS


def foreign_of(policy: BasePolicy, origin: dict[str, Any]) -> ForeignPolicy:
    """Wrap a policy in its own words that has its normalisation inside, so that nothing is known of its numbers."""
    inputs = {name: identity(entry.shape[-1]) for name, entry in policy.spec.observations.items()}
    return ForeignPolicy(policy, inputs, identity(len(policy.spec.actions.names)), origin)


def _still(flat: Tensor, values: Tensor) -> dict[int, float]:
    return {int(index): float(values[index]) for index in flat.nonzero().flatten()}


def make_foreign(parts: ForeignParts) -> ForeignPolicy[DiffusionPolicy]:
    """Make the policy of what a reader found.

    Raises:
        UserError: The tensors are not those that the settings describe.
    """
    count = len(parts.actions.offset)
    observations = {
        name: ObservationSpec((len(columns.offset),), parts.frames, UNKNOWN_UNITS)
        for name, columns in parts.inputs.items()
    }
    names = tuple(f"action.{index}" for index in range(count))
    infinity = (float("inf"),) * count
    actions = ActionSpec(names, UNKNOWN_UNITS, tuple(-limit for limit in infinity), infinity, None)
    horizon = parts.chunk.rows - parts.chunk.first
    spec = PolicySpec(observations, actions, 1.0, horizon)
    described = diffusion_parameter_count(spec, parts.network, parts.sampler, (parts.chunk.rows, count))
    if described > parts.size:  # four bytes each; how many there must be exactly is seen below
        raise UserError(
            f"{parts.where} describes a network of {described} parameters, and its weights have {parts.size} bytes:"
            " settings and weights do not belong together. Copy it again."
        )
    frame = [torch.cat([getattr(item, part) for item in parts.inputs.values()]) for part in ("offset", "scale")]
    statistics = {
        "features": Statistic(frame[0].repeat(parts.frames), frame[1].repeat(parts.frames)),
        "actions": Statistic(parts.actions.offset.expand(horizon, -1), parts.actions.scale.expand(horizon, -1)),
    }
    policy = DiffusionPolicy(spec, parts.network, parts.sampler, statistics, None, None, parts.chunk)
    denoiser = policy.sampler.denoiser
    require_finite(parts.tensors, parts.where)
    require_tensors(parts.tensors, denoiser.state_dict(), parts.where, "its configuration", "Copy it again.")
    denoiser.load_state_dict(parts.tensors, strict=True)
    _require_finite_actions(policy.eval().requires_grad_(False), parts.where)
    return ForeignPolicy(policy, parts.inputs, parts.actions, parts.origin)


_LARGEST_WEIGHT = 1e8
"""A larger one is a flipped bit: it overflows for some inputs, and others do not show it."""


def _require_finite_actions(policy: DiffusionPolicy, where: str) -> None:
    """Refuse damaged weights: a checkpoint has no hash, and one flipped bit may make a sound number a huge one."""
    if any(float(weight.abs().amax()) > _LARGEST_WEIGHT for weight in policy.parameters() if weight.numel()):
        raise UserError(f"{where}: it has weights over {_LARGEST_WEIGHT:.0e}: copy it again.")
    windows, latent = random_inputs(policy, 2, seed=0)
    with torch.no_grad():
        if not bool(torch.isfinite(policy.decode(policy.encode(windows), latent)).all()):
            raise UserError(f"{where}: its weights give actions that are not finite: copy it again.")
