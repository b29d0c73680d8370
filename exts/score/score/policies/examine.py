# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a base policy takes and gives, how much its noise moves its actions, and what a decision costs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from score.policies.base_policy import BasePolicy
from score.policies.contract import contract_problems, random_inputs
from score.policies.foreign import ForeignPolicy
from score.policies.spec import PolicySpec
from score.utils.random import preserved_random_state

_BATCHES = (1, 64)
_DRAWS = 64
"""Latents for one observation that the spread is measured on."""


@dataclass(frozen=True)
class Examination:
    """What :func:`examine` found."""

    lines: list[str]
    """A report for people."""
    problems: list[str]
    """What does not hold of the contract of base policies, in words."""


def examine(policy: BasePolicy) -> Examination:
    """Run a policy on random windows and latents.

    Args:
        policy: The policy, frozen and in evaluation mode; the global random generators are left as they were.
    """
    spec, chunk = policy.spec, policy.chunk
    lines = [
        f"reads     {name}: {entry.history} x {list(entry.shape)} {entry.units}"
        for name, entry in spec.observations.items()
    ]
    lines += [
        f"gives     {', '.join(spec.actions.names)} [{spec.actions.units}]",
        f"chunk     {spec.horizon} steps at {spec.control_rate_hz:g} Hz, {chunk.executed} of them executed",
        f"latent    {policy.latent_shape[0]} x {policy.latent_shape[1]}, of which {chunk.first} rows lie in the past",
        f"condition {policy.condition_dim} numbers",
        f"size      {sum(tensor.numel() for tensor in policy.state_dict().values()) / 1e6:.2f} million numbers",
    ]
    problems = contract_problems(policy)
    if not any("fails with" in problem or "returns" in problem for problem in problems):
        lines += [_spread(policy), *_costs(policy)]
    return Examination(lines, problems)


def _spread(policy: BasePolicy) -> str:
    """How far apart the actions of one observation are, of many latents."""
    with torch.no_grad(), preserved_random_state(torch.device("cpu")):
        windows, latents = random_inputs(policy, _DRAWS, seed=8)
        condition = policy.encode({name: window[:1] for name, window in windows.items()}).expand(_DRAWS, -1)
        deviation = policy.decode(condition, latents).std(dim=0).mean(dim=0)
    values = ", ".join(
        f"{name} {float(value):.3g}" for name, value in zip(policy.spec.actions.names, deviation, strict=True)
    )
    return f"its noise moves the actions by {values} {policy.spec.actions.units} (deviation, at a random observation)"


def _costs(policy: BasePolicy) -> list[str]:
    """CPU or GPU time of a decision, against how long its actions last."""
    lasts = policy.chunk.executed / policy.spec.control_rate_hz
    lines = []
    for batch in _BATCHES:
        windows, latent = random_inputs(policy, batch, seed=9)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            with torch.no_grad():
                policy.decode(policy.encode(windows), latent).sum().item()
            times.append(time.perf_counter() - started)
        text = f"a decision of {batch} takes {1e3 * min(times):.1f} ms"
        slow = " and is too late" if batch == 1 and min(times) > lasts else ""
        lines.append(f"{text}; its actions last {1e3 * lasts:.0f} ms{slow}")
    return lines


def proposed_interface(foreign: ForeignPolicy, task: PolicySpec) -> str:
    """Return an interface file to begin with, as text: what fits by its size, and marks where only the user knows."""
    inner, lines = foreign.policy.spec, [f"control_rate_hz: {task.control_rate_hz:g}  # of the checkpoint", "inputs:"]
    for key, entry in inner.observations.items():
        lines.append(f"  {key}:  # {' x '.join(map(str, entry.shape))} numbers, {entry.history} frames")
        fitting = [name for name, offered in task.observations.items() if offered.shape == entry.shape]
        still = foreign.inputs[key].still
        for name in fitting or ['"???"']:  # quoted, or the page is no YAML
            lines.append(f"    - {{observation: {name}}}{'  # keep one' if len(fitting) > 1 else ''}")
        lines += [f"    # number {column} never moved: {{constant: [{value:.6g}]}}" for column, value in still.items()]
    count = len(inner.actions.names)
    lines += ["actions:", f"  # {count} numbers; name those of the task in the checkpoint's order"]
    lines.append(f"  - {{names: [{', '.join(task.actions.names)}], units: {task.actions.units}}}")
    if count > len(task.actions.names):
        lines.append(f"  - {{drop: {count - len(task.actions.names)}}}")
    return "\n".join(lines) + "\n"
