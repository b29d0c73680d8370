# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The policy as the robot runs it: raw observations of one control step in, one action in robot units out.

Everything that the simulator does around the networks is inside: history windows, steering, the queue of a decoded
chunk, the clamping of targets. The modules of this file are compiled by TorchScript (hence no postponed annotations
and the ``typing`` generics) and the saved file needs nothing but torch.
"""

from typing import Any

import torch
from torch import Tensor, nn

from score.deployment.noise_table import NoiseTable
from score.utils.targets import clamp_target


class CapsulePolicy(nn.Module):
    """The deployable policy of one robot.

    Called once per control step; ``reset()`` before each episode. A wrong input raises and leaves the state as it
    was. If the *networks* return a number that is not finite it raises too, and the episode must be reset.

    A call is :meth:`observe`, :meth:`decide` and :meth:`accept` where a decision begins, and :meth:`act`. A loop may
    run ``decide`` in another thread meanwhile: what is executed is the newest chunk that is there and at least
    ``late_steps`` old, at the row of the present step, counted from the observation that the chunk was made from. Where
    a chunk has no more rows, the last one holds.
    """

    low: Tensor
    high: Tensor
    max_offset: Tensor
    input_names: list[str]
    shapes: dict[str, list[int]]
    histories: dict[str, int]
    segments: dict[str, list[int]]
    segment_names: dict[str, list[str]]
    windows: dict[str, Tensor]
    seen: dict[str, Tensor]

    def __init__(
        self,
        head: Any,
        table: NoiseTable,
        sampled: bool,
        shapes: dict[str, list[int]],
        histories: dict[str, int],
        past_target_history: int,
        low: Tensor,
        high: Tensor,
        max_offset: Tensor,
        chunk_length: int,
        measured_key: str,
        past_target_key: str,
        segments: dict[str, dict[str, int]],
        late_steps: int = 0,
    ) -> None:
        """Make the policy; :func:`score.deployment.build.build_policy` does it from a policy's specification.

        Args:
            head: A ``score.steering.plan.SteeringHead``, the base policy inside.
            table: The noise of its decisions.
            sampled: Whether codes are sampled.
            shapes: Shape of one frame of every raw observation, in the order of the manifest.
            histories: Frames in the window of every raw observation; 1 means a window without history axis.
            past_target_history: Frames of past commanded targets, 0 if the base policy does not see them.
            low: Lowest target (A,) in action units.
            high: Highest target (A,) in action units.
            max_offset: Largest distance of a target from the measured joint position, one or (A,), in action units.
            chunk_length: Actions of a chunk that are executed before the next decision.
            measured_key: The raw observation that targets are compared with, shape (A,); empty if there is none.
            past_target_key: Name of the window of past commanded targets. Not an input: it is kept inside.
            segments: Segmented cloud -> its segments in order -> points that the base policy takes of each.
            late_steps: Control steps from a decision's observation to the first action of its chunk, but in the first
                decision after a reset, for which the robot waits.
        """
        super().__init__()
        self.head = head
        self.table = table
        self.sampled = sampled
        self.input_names = list(shapes.keys())
        self.shapes = {key: list(shape) for key, shape in shapes.items()}
        self.histories = dict(histories)
        self.segments = {key: list(counts.values()) for key, counts in segments.items()}
        self.segment_names = {key: [f"{key}/{name}" for name in counts] for key, counts in segments.items()}
        self.past_target_history = past_target_history
        self.chunk_length = chunk_length
        self.measured_key = measured_key
        self.past_target_key = past_target_key
        self.measured = torch.zeros(0)
        self.register_buffer("low", low.detach().float().clone())
        self.register_buffer("high", high.detach().float().clone())
        self.register_buffer("max_offset", max_offset.detach().float().clone())
        self.late_steps = late_steps
        self.windows = {}
        self.seen = {}  # windows of the newest decision, which go on while it is made
        self.chunk = torch.zeros(1, low.shape[0])
        self.pending = torch.zeros(0, low.shape[0])
        self.age = 0  # steps since the observation that the chunk was made from
        self.pending_age = 0  # likewise of the newest decision, accepted or not
        self.deciding = False
        self.decisions = 0
        self.last_step_decided = False
        self.last_unfamiliarity = 0.0

    @torch.jit.export
    def reset(self) -> None:
        """Forget the episode: the next step fills the windows with its own frame and takes a decision."""
        self.windows.clear()
        self.pending = self.pending[:0]
        self.age = 0
        self.pending_age = 0
        self.deciding = False
        self.decisions = 0
        self.last_step_decided = False
        self.last_unfamiliarity = 0.0

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

    @torch.jit.export
    def unfamiliarity(self) -> float:
        """How far what the last decision saw is from the training in the simulator.

        1 is the limit that 99 % of the simulator's own observations keep; 0 if the policy does not know its training.
        """
        return self.last_unfamiliarity

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """One control step.

        Args:
            observations: The newest frame of every raw observation, by name, each in its shape of the manifest. A
                segmented cloud may also come as one tensor (n, 3) per segment, named ``<cloud>/<segment>``, of any
                number of points, which are then thinned or repeated evenly.

        Returns:
            Target (A,) to send to the robot now: within ``max_offset`` of the measured position (if there is one) and
            within the limits.

        Raises:
            torch.jit.Error: An observation is missing, unknown, of a wrong type or shape, or not finite.
        """
        if self.observe(observations):
            self.accept(self.decide())
        return self.act()

    @torch.jit.export
    def observe(self, observations: dict[str, Tensor]) -> bool:
        """Take the newest frames of one control step; return whether a decision begins, of which :meth:`decide` is due.

        Raises:
            torch.jit.Error: See :meth:`forward`.
        """
        frames = self._checked(observations)
        self._advance(frames)
        self.measured = frames[self.measured_key] if self.measured_key != "" else torch.zeros(0)
        self.age += 1
        self.pending_age += 1
        first = self.decisions == 0
        self.last_step_decided = not self.deciding and (first or self.pending_age >= self.chunk_length)
        if self.last_step_decided:
            self.seen = self.windows.copy()
            self.pending_age = 0
            self.deciding = True
        return self.last_step_decided

    @torch.jit.export
    def decide(self) -> Tensor:
        """Return the chunk (H, A) of the decision that has begun.

        It changes nothing but what :meth:`unfamiliarity` says, and may run beside everything else.
        """
        noise, own = self.table(self.decisions)
        condition = self.head.plan.encode(self.seen)
        self.last_unfamiliarity = float(self.head.unfamiliarity(condition, self.head.plan.extents(self.seen))[0])
        return self.head(condition, noise, own, self.sampled)[1][0]

    @torch.jit.export
    def accept(self, chunk: Tensor) -> None:
        """Take what :meth:`decide` returned."""
        if self.decisions == 0:  # nothing was executed meanwhile
            self.chunk = chunk
            self.age = self.pending_age
        else:
            self.pending = chunk
        self.decisions += 1
        self.deciding = False

    @torch.jit.export
    def act(self) -> Tensor:
        """Return the target (A,) of this control step, once; see :meth:`forward`.

        Raises:
            torch.jit.Error: No decision was accepted since :meth:`reset`.
        """
        if self.decisions == 0:
            raise ValueError("There is no decision yet: call accept(decide()) before the first act() of an episode.")
        if self.pending.shape[0] > 0 and self.pending_age >= self.late_steps:
            self.chunk = self.pending
            self.pending = self.pending[:0]
            self.age = self.pending_age
        wanted = self.chunk[min(self.age, self.chunk.shape[0] - 1)]
        if not bool(torch.isfinite(wanted).all()):
            raise ValueError("The policy computed an action that is not finite: stop the robot, then call reset().")
        measured: Tensor | None = None
        if self.measured_key != "":
            measured = self.measured
        target = clamp_target(wanted, self.low, self.high, measured, self.max_offset)
        if self.past_target_history > 0:
            self._push(self.past_target_key, target, self.past_target_history)
        return target.clone()

    def _checked(self, observations: dict[str, Tensor]) -> dict[str, Tensor]:
        """Refuse what the policy was not trained on, before any state changes."""
        expected = ", ".join(self.input_names)
        parts: list[str] = []
        for name in self.segment_names:
            if name not in observations:
                parts.extend(self.segment_names[name])
        for name in observations:
            if name not in self.shapes and name not in parts:
                raise ValueError(f"Unknown observation '{name}'; expected exactly: {expected}.")
        frames: dict[str, Tensor] = {}
        for name in self.input_names:
            if name in observations:
                frames[name] = self._checked_frame(name, observations[name], self.shapes[name])
            elif name in self.segments:
                frames[name] = self._checked_cloud(name, observations)
            else:
                raise ValueError(f"Observation '{name}' is missing; expected exactly: {expected}.")
        return frames

    def _checked_cloud(self, name: str, observations: dict[str, Tensor]) -> Tensor:
        """Put a cloud together from its segments, each resampled to the points that the base policy takes of it."""
        resampled: list[Tensor] = []
        for part, count in zip(self.segment_names[name], self.segments[name]):  # noqa: B905 - TorchScript
            if part not in observations:
                raise ValueError(
                    f"Observation '{name}' is missing: give the whole cloud, or its segments"
                    f" {', '.join(self.segment_names[name])}."
                )
            given = observations[part]
            if given.dim() != 2 or given.shape[0] < 1:
                raise ValueError(f"Segment '{part}' has shape {list(given.shape)}, expected (points, 3), not empty.")
            points = self._checked_frame(part, given, [given.shape[0], 3])
            resampled.append(points[torch.arange(count, device=points.device) * points.shape[0] // count])
        return torch.cat(resampled)

    def _checked_frame(self, name: str, frame: Tensor, shape: list[int]) -> Tensor:
        if frame.dtype != torch.float32 and frame.dtype != torch.float64:
            raise ValueError(f"Observation '{name}' must be float32 or float64; convert it with .float().")
        if list(frame.shape) != shape:
            if len(shape) == 2 and frame.dim() == 2 and frame.shape[1] == shape[1]:
                raise ValueError(
                    f"Observation '{name}' has {frame.shape[0]} points, the policy was trained with {shape[0]}: "
                    f"resample the cloud to {shape[0]} points, or give its segments one by one if it has any."
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
