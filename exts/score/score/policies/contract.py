# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Whether a base policy keeps the contract that steering relies on, whatever its kind."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from score.policies.base_policy import BasePolicy
from score.utils.random import preserved_random_state

_TOLERANCE = 1e-5
"""Largest difference of numbers that must agree, relative to the largest: kernels round by the size of the batch."""


def contract_problems(policy: BasePolicy, batches: Sequence[int] = (1, 2, 7)) -> list[str]:
    """Check a policy on random windows and latents; the global random generators are left as they were.

    Args:
        policy: The policy, in evaluation mode.
        batches: Sizes of batches to compare.

    Returns:
        What does not hold, in words; empty if the policy can be steered.
    """
    problems: list[str] = []
    try:
        with preserved_random_state(_device(policy)):
            before = _random_state(policy)
            windows, latent = random_inputs(policy, max(batches), seed=1)
            problems += _shape_problems(policy, windows, latent)
            if not problems:  # the others compare tensors of the right shapes
                for check in (_repeat_problems, _latent_problems, _row_problems, _script_problems):
                    problems += check(policy, windows, latent, batches)
            if _random_state(policy) != before:
                problems.append("it uses or seeds the global random generators")
    except Exception as error:  # whatever another's network raises is a finding
        problems.append(f"it fails with {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return problems


def random_inputs(policy: BasePolicy, batch: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """Draw standard normal windows and latents for a policy, on its device, from a generator of their own."""
    generator, device = torch.Generator().manual_seed(seed), _device(policy)
    windows = {
        name: torch.randn(batch, *entry.window_shape, generator=generator).to(device)
        for name, entry in policy.spec.observations.items()
    }
    return windows, torch.randn(batch, *policy.latent_shape, generator=generator).to(device)


def _shape_problems(policy: BasePolicy, windows: dict[str, Tensor], latent: Tensor) -> list[str]:
    batch, actions = len(latent), len(policy.spec.actions.names)
    condition = policy.encode(windows)
    problems = _tensor_problems("encode", condition, (batch, policy.condition_dim))
    if problems:
        return problems
    features = policy.features(condition)
    problems += _tensor_problems("features", features, (batch, features.shape[-1]))
    problems += _tensor_problems("extents", policy.extents(windows), (batch, policy.extents_dim))
    return problems + _tensor_problems(
        "decode", policy.decode(condition, latent), (batch, policy.spec.horizon, actions)
    )


def _tensor_problems(method: str, tensor: Tensor, shape: tuple[int, ...]) -> list[str]:
    if tuple(tensor.shape) != shape:
        return [f"{method} returns the shape {tuple(tensor.shape)}, and {shape} is declared"]
    return [] if bool(torch.isfinite(tensor).all()) else [f"{method} returns numbers that are not finite"]


def _repeat_problems(policy: BasePolicy, windows: dict[str, Tensor], latent: Tensor, _: Sequence[int]) -> list[str]:
    first = _run(policy, windows, latent)
    _run(policy, *random_inputs(policy, len(latent), seed=2))
    if all(map(torch.equal, first, _run(policy, windows, latent))):
        return []
    return ["the same window and latent give other actions the second time: it draws noise or keeps state"]


def _row_problems(policy: BasePolicy, windows: dict[str, Tensor], latent: Tensor, batches: Sequence[int]) -> list[str]:
    together = _run(policy, windows, latent)
    wrong = [
        size
        for size in batches
        if not _agree(_run(policy, {name: rows[:size] for name, rows in windows.items()}, latent[:size]), together)
    ]
    return [f"rows of a batch touch each other: {size} alone are not as among {len(latent)}" for size in wrong]


def _latent_problems(policy: BasePolicy, windows: dict[str, Tensor], latent: Tensor, _: Sequence[int]) -> list[str]:
    condition = policy.encode(windows).detach().requires_grad_(True)
    latent = latent.clone().requires_grad_(True)
    with torch.enable_grad():
        actions = policy.decode(condition, latent)
    still = (actions - policy.decode(condition, -latent)).detach().abs().amax(dim=(1, 2)) == 0.0
    if bool(still.any()):
        return ["the latent does not change the actions, so there is nothing to steer"]
    problems = []
    for name, tensor in (("latent", latent), ("condition", condition)):
        gradient = None
        if actions.requires_grad:
            (gradient,) = torch.autograd.grad(actions.sum(), tensor, retain_graph=True, allow_unused=True)
        if gradient is None or not bool(torch.isfinite(gradient).all()) or not bool(gradient.any()):
            problems.append(f"decode is not differentiable with respect to the {name}")
    return problems


def _script_problems(
    policy: BasePolicy, windows: dict[str, Tensor], latent: Tensor, batches: Sequence[int]
) -> list[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            scripted = torch.jit.script(policy)
    except RuntimeError as error:
        return [f"it does not go through torch.jit.script: {' '.join(str(error).split())[:300]}"]
    wrong = []
    for seed, size in enumerate(batches, start=3):  # values and sizes that it was not compiled or traced with
        inputs = random_inputs(policy, size, seed)
        if not _agree(_run(scripted, *inputs), _run(policy, *inputs)):
            wrong.append(f"as TorchScript it gives other actions for a batch of {size}")
    return wrong


def _run(policy: Any, windows: dict[str, Tensor], latent: Tensor) -> tuple[Tensor, ...]:
    """Condition, features and actions, and the extents where there are any."""
    with torch.no_grad():
        condition, extents = policy.encode(windows), policy.extents(windows)
        found = (condition, policy.features(condition), policy.decode(condition, latent))
    return (*found, extents) if extents.shape[1] else found


def _agree(parts: Sequence[Tensor], wholes: Sequence[Tensor]) -> bool:
    """Whether tensors are as the first rows of others."""
    pairs = [(part, whole[: len(part)]) for part, whole in zip(parts, wholes, strict=True)]
    return all(bool((part - whole).abs().max() <= _TOLERANCE * whole.abs().max()) for part, whole in pairs)


def _random_state(policy: BasePolicy) -> list[object]:
    device = _device(policy)
    states = [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])
    numbers = np.random.get_state(legacy=True)
    return [*(state.numpy().tobytes() for state in states), numbers[1].tobytes(), numbers[2], random.getstate()]


def _device(policy: torch.nn.Module) -> torch.device:
    return next((tensor.device for tensor in policy.state_dict().values()), torch.device("cpu"))
