# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The policy as the robot runs it: raw observations of one control step in, one action in robot units out.

Everything that the simulator does around the networks is inside: history windows, steering, the queue of a decoded
chunk, the clamping of targets. The modules of this file are compiled by TorchScript (hence no postponed annotations
and the ``typing`` generics) and the saved file needs nothing but torch.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

SAMPLED_DECISIONS = 1024
"""Decisions after which the noise table of a ``sampled`` capsule repeats itself."""


class SteeringHead(nn.Module):
    """The trained steering policy: condition in, latent out (DESIGN 3.2).

    With ``mean`` the code is the bounded mean and the complement of a reduced basis is zero, so that equal
    observations always give equal actions. With ``sampled`` the code is drawn from the trained distribution and the
    complement is N(0, 1); both come from a table made from a seed, so that an episode can be repeated.
    """

    basis: Tensor
    std: Tensor
    noise: Tensor

    def __init__(
        self,
        network: nn.Module,
        basis: Tensor,
        bound: float,
        scale: float,
        std: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        """Make the head.

        Args:
            network: Condition (B, C) to the unbounded mean (B, d), observation normaliser included.
            basis: Orthonormal rows (d, H, A): latent = code @ basis.
            bound: The code is ``bound * tanh(u / bound) / scale``.
            scale: Divisor that gives the bounded code of u ~ N(0, 1) a unit variance.
            std: Standard deviation (d,) of u for the ``sampled`` rule; None for the ``mean`` rule.
            seed: Seed of the noise table; only ``sampled`` uses it.

        Raises:
            ValueError: The basis is not orthonormal, or bound, scale or std is not positive.
        """
        super().__init__()
        d, horizon, actions = basis.shape
        flat = basis.detach().float().reshape(d, horizon * actions)
        if not torch.allclose(flat @ flat.T, torch.eye(d, device=flat.device), atol=1e-5):
            raise ValueError(f"The rows of the latent basis {tuple(basis.shape)} are not orthonormal.")
        if not (bound > 0.0 and math.isfinite(bound) and scale > 0.0 and math.isfinite(scale)):
            raise ValueError(f"Bound and scale of the latent must be positive numbers, got {bound} and {scale}.")
        self.network = network
        self.bound = float(bound)
        self.scale = float(scale)
        self.limit = self.bound / self.scale
        self.horizon = horizon
        self.actions = actions
        self.sampled = std is not None
        self.seed = seed
        self.register_buffer("basis", flat.clone())
        std = torch.zeros(d) if std is None else std.detach().float().reshape(-1).clone()
        if std.shape != (d,) or bool((std < 0.0).any()) or not bool(torch.isfinite(std).all()):
            raise ValueError(f"The standard deviation must be {d} finite, non-negative numbers, got {std.tolist()}.")
        self.register_buffer("std", std)
        rows = torch.zeros(1, horizon * actions)
        if self.sampled:
            rows = torch.randn(SAMPLED_DECISIONS, horizon * actions, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("noise", rows)

    def forward(self, condition: Tensor, decision: int) -> Tensor:
        """Choose the latent.

        Args:
            condition: Condition (B, C) from the base policy's ``encode``.
            decision: Decisions taken since the reset; picks the row of the noise table.

        Returns:
            Latent (B, H, A).
        """
        noise = self.noise[decision % self.noise.shape[0]]
        inside = self.basis @ noise
        unbounded = self.network(condition) + self.std * inside
        latent = (torch.tanh(unbounded / self.bound) * self.limit) @ self.basis
        if self.sampled:
            # The part of the noise that the basis cannot express: what a N(0, I) latent has there.
            latent = latent + noise - inside @ self.basis
        return latent.reshape(condition.shape[0], self.horizon, self.actions)


class Planner(nn.Module):
    """One decision: observation windows to a chunk of actions. Stateless."""

    def __init__(self, base: Any, steering: nn.Module) -> None:
        """Join a base policy (``encode``, ``decode``) and a :class:`SteeringHead`."""
        super().__init__()
        self.base = base
        self.steering = steering

    def forward(self, windows: dict[str, Tensor], decision: int) -> Tensor:
        """Windows of one robot, each (1, history, *shape) or (1, *shape), to actions (H, A) in action units."""
        condition = self.base.encode(windows)
        chunk = self.base.decode(condition, self.steering(condition, decision))
        return chunk[0]


class CapsulePolicy(nn.Module):
    """The deployable policy of one robot.

    Called once per control step; ``reset()`` before each episode. A wrong input raises and leaves the state as it
    was. If the *networks* return a number that is not finite it raises too, and the episode must be reset.
    """

    low: Tensor
    high: Tensor
    input_names: list[str]
    shapes: dict[str, list[int]]
    histories: dict[str, int]
    windows: dict[str, Tensor]

    def __init__(
        self,
        planner: nn.Module,
        shapes: dict[str, list[int]],
        histories: dict[str, int],
        past_target_history: int,
        low: Tensor,
        high: Tensor,
        max_offset: float,
        chunk_length: int,
        measured_key: str = "joint_pos",
        past_target_key: str = "joint_pos_target",
    ) -> None:
        """Make the policy; :func:`score.deployment.capsule.build_policy` does it from a policy's specification.

        Args:
            planner: A :class:`Planner`.
            shapes: Shape of one frame of every raw observation, in the order of the manifest.
            histories: Frames in the window of every raw observation; 1 means a window without history axis.
            past_target_history: Frames of past commanded targets, 0 if the base policy does not see them.
            low: Lowest target (A,) in action units.
            high: Highest target (A,) in action units.
            max_offset: Largest distance of a target from the measured joint position, in action units.
            chunk_length: Actions of a chunk that are executed before the next decision.
            measured_key: The raw observation that targets are compared with, shape (A,).
            past_target_key: Name of the window of past commanded targets. Not an input: it is kept inside.
        """
        super().__init__()
        self.planner = planner
        self.input_names = list(shapes.keys())
        self.shapes = {key: list(shape) for key, shape in shapes.items()}
        self.histories = dict(histories)
        self.past_target_history = past_target_history
        self.max_offset = float(max_offset)
        self.chunk_length = chunk_length
        self.measured_key = measured_key
        self.past_target_key = past_target_key
        self.register_buffer("low", low.detach().float().clone())
        self.register_buffer("high", high.detach().float().clone())
        self.windows = {}
        self.chunk = torch.zeros(chunk_length, low.shape[0])
        self.step_in_chunk = 0
        self.decisions = 0
        self.last_step_decided = False

    @torch.jit.export
    def reset(self) -> None:
        """Forget the episode: the next step fills the windows with its own frame and takes a decision."""
        self.windows.clear()
        self.step_in_chunk = 0
        self.decisions = 0
        self.last_step_decided = False

    @torch.jit.export
    def example_observations(self) -> dict[str, Tensor]:
        """Zeros in the right shapes, for warming up: the first calls of a TorchScript file compile it."""
        example: dict[str, Tensor] = {}
        for name in self.input_names:
            example[name] = torch.zeros(self.shapes[name], device=self.low.device)
        return example

    @torch.jit.export
    def decided(self) -> bool:
        """Whether the last control step took a new decision (True once per chunk)."""
        return self.last_step_decided

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """One control step.

        Args:
            observations: The newest frame of every raw observation, by name, each in its shape of the manifest.

        Returns:
            Target (A,) to send to the robot now: within ``max_offset`` of the measured position and within the limits.

        Raises:
            torch.jit.Error: An observation is missing, unknown, of a wrong type or shape, or not finite.
        """
        frames = self._checked(observations)
        measured = frames[self.measured_key]
        self._advance(frames)
        self.last_step_decided = self.step_in_chunk == 0
        if self.last_step_decided:
            self.chunk = self.planner(self.windows, self.decisions)
            self.decisions += 1
        wanted = self.chunk[self.step_in_chunk]
        if not bool(torch.isfinite(wanted).all()):
            raise ValueError("The policy computed an action that is not finite: stop the robot, then call reset().")
        target = torch.clamp(wanted, measured - self.max_offset, measured + self.max_offset)
        target = torch.clamp(target, self.low, self.high)
        if self.past_target_history > 0:
            self._push(self.past_target_key, target, self.past_target_history)
        self.step_in_chunk = (self.step_in_chunk + 1) % self.chunk_length
        return target.clone()

    def _checked(self, observations: dict[str, Tensor]) -> dict[str, Tensor]:
        """Refuse what the policy was not trained on, before any state changes."""
        expected = ", ".join(self.input_names)
        for name in observations:
            if name not in self.shapes:
                raise ValueError(f"Unknown observation '{name}'; expected exactly: {expected}.")
        frames: dict[str, Tensor] = {}
        for name in self.input_names:
            if name not in observations:
                raise ValueError(f"Observation '{name}' is missing; expected exactly: {expected}.")
            frames[name] = self._checked_frame(name, observations[name])
        return frames

    def _checked_frame(self, name: str, frame: Tensor) -> Tensor:
        shape = self.shapes[name]
        if frame.dtype != torch.float32 and frame.dtype != torch.float64:
            raise ValueError(f"Observation '{name}' must be float32 or float64; convert it with .float().")
        if list(frame.shape) != shape:
            if len(shape) == 2 and frame.dim() == 2 and frame.shape[1] == shape[1]:
                raise ValueError(
                    f"Observation '{name}' has {frame.shape[0]} points, the policy was trained with {shape[0]}: "
                    f"resample the cloud to {shape[0]} points."
                )
            raise ValueError(
                f"Observation '{name}' has shape {list(frame.shape)}, expected {shape} "
                "(one control step, no batch axis)."
            )
        # A copy: a driver that reuses its buffer must not change the history.
        frame = frame.detach().to(device=self.low.device, dtype=torch.float32, copy=True)
        if not bool(torch.isfinite(frame).all()):
            raise ValueError(f"Observation '{name}' holds NaN or infinity.")
        return frame

    def _advance(self, frames: dict[str, Tensor]) -> None:
        """Append the newest frames; right after a reset a window is filled with copies of the first frame."""
        if self.past_target_history > 0 and self.past_target_key not in self.windows:
            # Nothing was commanded yet: the simulator takes the measured position for it.
            self._push(self.past_target_key, frames[self.measured_key], self.past_target_history)
        for name in self.input_names:
            self._push(name, frames[name], self.histories[name])

    def _push(self, name: str, frame: Tensor, history: int) -> None:
        newest = frame.unsqueeze(0)
        if history == 1:
            self.windows[name] = newest
        elif name not in self.windows:
            self.windows[name] = torch.stack([frame] * history).unsqueeze(0)
        else:
            self.windows[name] = torch.cat([self.windows[name][:, 1:], newest.unsqueeze(0)], dim=1)
