# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records what one episode saw and did, step by step: the golden episode of an exported policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch


class _Observation(Protocol):
    @property
    def history(self) -> int: ...


class Recorder(Protocol):
    """Is told what happens in the environments, as :class:`EpisodeRecorder` is."""

    def record_decision(self, latent: torch.Tensor) -> None:
        """Take the latents (N, H, A) of a decision."""
        ...

    def record_observations(self, windows: Mapping[str, torch.Tensor]) -> None:
        """Take the observation windows before a control step."""
        ...

    def record_actions(self, action: torch.Tensor, commanded: torch.Tensor) -> None:
        """Take actions and targets (N, A) of a control step."""
        ...

    def finish(self, steps: int) -> None:
        """Take the number of control steps of the first episode, when it has ended."""
        ...


class EpisodeRecorder:
    """Collects raw observations, actions and latents of the first episode of :func:`~.episodes.run_episodes`.

    That runs in environment 0. The step that ends the episode is left out: the environment has been reset by the time
    its target could be read.
    """

    def __init__(self, observations: Mapping[str, _Observation]) -> None:
        """Prepare a recording.

        Args:
            observations: The base policy's observations, ``spec.observations``: which keys to keep, and which are
                windows.
        """
        self._histories = {key: spec.history for key, spec in observations.items()}
        self._steps: dict[str, list[torch.Tensor]] = {}
        self._latents: list[torch.Tensor] = []
        self._length: int | None = None

    def record_decision(self, latent: torch.Tensor) -> None:
        """Keep the latent (N, H, A) of a decision."""
        if self._length is None:
            self._latents.append(latent[0].clone())

    def record_observations(self, windows: Mapping[str, torch.Tensor]) -> None:
        """Keep the newest frames before a control step.

        Args:
            windows: Observation windows, key -> (N, history, *shape), or (N, *shape) without history.
        """
        for key, history in self._histories.items():
            window = windows[key][0]
            self._keep(f"observations/{key}", window[-1] if history > 1 else window)

    def record_actions(self, action: torch.Tensor, commanded: torch.Tensor) -> None:
        """Keep what a control step did.

        Args:
            action: Actions of the policy, (N, A), in action units.
            commanded: Targets really sent, after clamping, (N, A).
        """
        self._keep("actions", action[0])
        self._keep("commanded", commanded[0])

    def finish(self, steps: int) -> None:
        """Cut the recording at the end of the episode, of ``steps`` control steps; what is told later is not kept."""
        if self._length is None:
            self._length = steps - 1

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the recording, on the CPU, time first.

        Returns:
            ``observations/<key>`` (T, *shape): newest frame before each step; ``actions`` (T, A): what the policy
            asked for; ``commanded`` (T, A): what was sent; ``latents`` (D, H, A): one for each decision.

        Raises:
            ValueError: The episode has not finished, or was one step long.
        """
        if not self._length:
            raise ValueError("No step of a finished episode was recorded.")
        tensors = {name: torch.stack(steps[: self._length]).cpu() for name, steps in self._steps.items()}
        return tensors | {"latents": torch.stack(self._latents).cpu()}

    def _keep(self, name: str, value: torch.Tensor) -> None:
        if self._length is None:
            # Cloned: simulators reuse their buffers.
            self._steps.setdefault(name, []).append(value.clone())
