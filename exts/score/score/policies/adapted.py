# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A base policy in the words of a task: other names, orders, units, rates and histories than its own."""

# No `from __future__ import annotations`: TorchScript reads the annotations.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from score.policies.base_policy import BasePolicy
from score.policies.spec import MOST_STEPS, Chunk, ObservationSpec, PolicySpec
from score.utils.errors import UserError
from score.utils.fields import finite_numbers, read_fields, whole_number


@dataclass(frozen=True)
class Wire:
    """Some columns of one input of the policy: what they are made of."""

    observation: str
    """Observation of the task; empty for constants."""
    frames: tuple[int, ...]
    """Its frames, by index into the window, oldest first."""
    columns: tuple[int, ...]
    """Its numbers, by index; of a cloud the coordinates of the centroids."""
    segments: tuple[int, ...]
    """Points of each segment of a cloud, whose centroids are taken; empty for a vector."""
    scale: tuple[float, ...]
    """One for each column: task = policy * scale + offset."""
    offset: tuple[float, ...]
    """One for each column; where the column is a constant, its value."""


@dataclass(frozen=True)
class Wiring:
    """How a policy is connected to a task."""

    inputs: dict[str, tuple[Wire, ...]]
    """Input of the policy -> its columns, in order."""
    actions: tuple[int, ...]
    """For each action of the task the policy's column; -1 for a constant."""
    scale: tuple[float, ...]
    """For each action of the task: task = policy * scale + offset."""
    offset: tuple[float, ...]
    """For each action of the task; where it is a constant, its value."""
    repeat: int
    """Control steps of the task for each step of the policy."""


class _WireModule(torch.nn.Module):
    """Makes the columns of one :class:`Wire`, (B, frames, columns)."""

    segments: list[int]
    columns: Tensor
    frames: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(self, wire: Wire, single: bool) -> None:
        """Set up; ``single``: whether the observation comes without a frame axis."""
        super().__init__()
        self.key = wire.observation
        self.single = single
        self.segments = list(wire.segments)
        self.register_buffer("frames", torch.tensor(wire.frames, dtype=torch.long))
        self.register_buffer("columns", torch.tensor(wire.columns, dtype=torch.long))
        self.register_buffer("scale", torch.tensor(wire.scale, dtype=torch.float32))
        self.register_buffer("offset", torch.tensor(wire.offset, dtype=torch.float32))

    def forward(self, observations: dict[str, Tensor], batch: int) -> Tensor:
        if self.key == "":
            return self.offset.expand(batch, self.frames.shape[0], -1)
        window = observations[self.key]
        if self.single:
            window = window.unsqueeze(1)
        window = window.index_select(1, self.frames)
        if len(self.segments) > 0:
            centroids = [part.mean(dim=2) for part in window.split(self.segments, dim=2)]
            window = torch.cat(centroids, dim=-1)
        return (window.index_select(-1, self.columns) - self.offset) / self.scale


class _Input(torch.nn.Module):
    """Makes one input of the policy from all its wires."""

    def __init__(self, wires: list[_WireModule], single: bool) -> None:
        """Set up; ``single``: whether the policy takes one frame, without a frame axis."""
        super().__init__()
        self.single = single
        self.wires = torch.nn.ModuleList(wires)

    def forward(self, observations: dict[str, Tensor], batch: int) -> Tensor:
        parts: list[Tensor] = []
        for wire in self.wires:
            parts.append(wire(observations, batch))
        window = torch.cat(parts, dim=-1)
        return window[:, 0] if self.single else window


class AdaptedPolicy(BasePolicy):
    """Turns the task's windows into the policy's, and the policy's actions into the task's."""

    keys: list[str]
    actions: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(self, inner: BasePolicy, spec: PolicySpec, wiring: Wiring) -> None:
        """Set up.

        Args:
            inner: The policy in its own words.
            spec: Its interface in those of the task.
            wiring: What connects the two.

        Raises:
            UserError: The wiring does not fit the two interfaces.
        """
        _require_fit(inner.spec, spec, wiring)
        chunk = inner.chunk
        if wiring.repeat > 1:
            chunk = Chunk(spec.horizon, 0, inner.chunk.executed * wiring.repeat)
        super().__init__(spec, inner.condition_dim, inner.latent_shape, chunk)
        self.inner = inner
        self.extents_dim = inner.extents_dim
        self.wiring = wiring
        self.first_key = next(iter(spec.observations))
        self.inputs = torch.nn.ModuleList(
            _Input(
                [_WireModule(wire, _is_single(wire, spec)) for wire in wires],
                inner.spec.observations[key].history == 1,
            )
            for key, wires in wiring.inputs.items()
        )
        self.keys = list(wiring.inputs)
        self.repeat = wiring.repeat
        constant = torch.tensor([column < 0 for column in wiring.actions])
        self.register_buffer("actions", torch.tensor(wiring.actions, dtype=torch.long).clamp(min=0))
        self.register_buffer("scale", torch.tensor(wiring.scale, dtype=torch.float32).masked_fill(constant, 0.0))
        self.register_buffer("offset", torch.tensor(wiring.offset, dtype=torch.float32))

    @torch.jit.export
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """See :meth:`BasePolicy.encode`."""
        return self.inner.encode(self._own_windows(observations))

    @torch.jit.export
    def features(self, condition: Tensor) -> Tensor:
        """See :meth:`BasePolicy.features`."""
        return self.inner.features(condition)

    @torch.jit.export
    def extents(self, observations: dict[str, Tensor]) -> Tensor:
        """See :meth:`BasePolicy.extents`."""
        return self.inner.extents(self._own_windows(observations))

    def _own_windows(self, observations: dict[str, Tensor]) -> dict[str, Tensor]:
        batch = observations[self.first_key].shape[0]
        windows: dict[str, Tensor] = {}
        for index, item in enumerate(self.inputs):
            windows[self.keys[index]] = item(observations, batch)
        return windows

    @torch.jit.export
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See :meth:`BasePolicy.decode`."""
        chunk = self.inner.decode(condition, latent).index_select(-1, self.actions) * self.scale + self.offset
        return chunk.repeat_interleave(self.repeat, dim=1) if self.repeat > 1 else chunk

    def forward(self, observations: dict[str, Tensor], latent: Tensor) -> Tensor:
        """``decode(encode(observations), latent)``."""
        return self.decode(self.encode(observations), latent)


def read_wiring(data: Any, where: str) -> Wiring:
    """Read a wiring from the settings of a bundle.

    Raises:
        UserError: It is none, or a number is out of bounds.
    """
    fields = read_fields(Wiring, data, where)
    if not isinstance(fields["inputs"], Mapping):
        raise UserError(f"{where}.inputs is not a mapping.")
    inputs = {
        str(key): tuple(_read_wire(item, f"{where}.inputs.{str(key)[:60]}") for item in _items(wires, where))
        for key, wires in fields["inputs"].items()
    }
    columns = _whole(fields["actions"], f"{where}.actions", -1)
    scale, offset = (finite_numbers(f"{where}.{key}", fields[key], len(columns)) for key in ("scale", "offset"))
    return Wiring(inputs, columns, scale, offset, whole_number(f"{where}.repeat", fields["repeat"], 1, 1000))


def _read_wire(data: Any, where: str) -> Wire:
    fields = read_fields(Wire, data, where)
    columns = _whole(fields["columns"], f"{where}.columns", -1)
    scale, offset = (finite_numbers(f"{where}.{key}", fields[key], len(columns)) for key in ("scale", "offset"))
    frames, segments = (_whole(fields[key], f"{where}.{key}", 0) for key in ("frames", "segments"))
    return Wire(str(fields["observation"]), frames, columns, segments, scale, offset)


def _items(data: Any, where: str) -> list[Any]:
    if not isinstance(data, list | tuple) or len(data) > MOST_STEPS:
        raise UserError(f"{where} holds {str(data)[:40]!r}: give a list.")
    return list(data)


def _whole(data: Any, where: str, least: int) -> tuple[int, ...]:
    return tuple(whole_number(where, item, least, 10**8) for item in _items(data, where))


def _is_single(wire: Wire, spec: PolicySpec) -> bool:
    return wire.observation != "" and spec.observations[wire.observation].history == 1


def _require_fit(inner: PolicySpec, outer: PolicySpec, wiring: Wiring) -> None:
    """Whatever a file says, no index leaves its tensor."""
    problems = [] if set(wiring.inputs) == set(inner.observations) else ["its inputs are not the policy's"]
    for key, wires in wiring.inputs.items():
        entry = inner.observations.get(key)
        if entry is None:
            continue
        if sum(len(wire.columns) for wire in wires) != entry.shape[-1] or len(wires) > 1 < len(entry.shape):
            problems.append(f"'{key}' needs {entry.shape} numbers")
        for wire in wires:
            problems += _wire_problems(wire, outer, entry)
    counts = {len(wiring.actions), len(wiring.scale), len(wiring.offset), len(outer.actions.names)}
    if len(counts) > 1 or max(wiring.actions, default=0) >= len(inner.actions.names):
        problems.append("its actions are not those of the policy and the task")
    if outer.horizon != inner.horizon * wiring.repeat:
        problems.append(f"a horizon of {outer.horizon} is not {wiring.repeat} times {inner.horizon}")
    if problems:
        raise UserError(f"The interface does not fit the base policy: {'; '.join(problems)}. Write it anew.")


def _wire_problems(wire: Wire, outer: PolicySpec, inner: ObservationSpec) -> list[str]:
    frames = inner.history
    if wire.observation == "":
        constant = len(wire.frames) == frames and len(inner.shape) == 1
        return [] if constant else [f"a constant of {len(wire.frames)} frames stands for {frames} of {inner.shape}"]
    entry = outer.observations.get(wire.observation)
    if entry is None:
        return [f"there is no observation '{wire.observation}'"]
    width = entry.shape[-1] * max(1, len(wire.segments))
    fits = (
        len(wire.frames) == frames
        and max(wire.frames, default=0) < entry.history
        and wire.columns
        and 0 <= min(wire.columns) <= max(wire.columns) < width
        and all(value != 0.0 for value in wire.scale)
        and _takes_all(wire, entry.shape, inner.shape)
    )
    return [] if fits else [f"frames, columns or segments of '{wire.observation}' do not fit"]


def _takes_all(wire: Wire, offered: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Clouds and images go through as they are; of a cloud, all points belong to a centroid."""
    if len(wanted) > 1:
        return offered == wanted and not wire.segments
    return sum(wire.segments) == offered[0] if len(offered) == 2 else len(offered) == 1 and not wire.segments
