# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Observation windows -> one flat vector of low-dimensional features, before normalisation."""

import torch
from torch import Tensor

from score.policies.spec import ObservationSpec, PolicySpec
from score.utils.errors import UserError, near_names


class WindowFeatures(torch.nn.Module):
    """Lays out the low-dimensional windows of a spec as one vector.

    With a reference observation (``spec.actions.relative_to``, for example joint positions q) the vector is

        ``[q_now | q_older - q_now ... | others - q_now ... | plain others ...]``, oldest frame first in each block,

    where ``others`` are the ``relative_observations`` (for example past joint targets). An arm that pushes shows a
    target 1e-3 rad away from the measured angle; in a column normalised over the 0.5 rad of the workspace that
    would drown, as a difference with a statistic of its own it is plain to see. So is the arm's speed.
    Without a reference every window enters as it is, observation by observation or frame by frame.
    """

    # TorchScript cannot infer the type of a list that may be empty.
    relative_keys: list[str]
    plain_keys: list[str]

    def __init__(self, spec: PolicySpec, relative_observations: tuple[str, ...], frame_by_frame: bool = False) -> None:
        """Set up.

        Args:
            spec: The policy's interface. Observations of shape (P, 3) are point clouds, at most one, of one frame; all
                others must have one axis.
            relative_observations: Observations to enter relative to the newest frame of ``spec.actions.relative_to``.
            frame_by_frame: Whether features are ordered by frame first; see
                :attr:`~score.policies.settings.EncoderCfg.frame_by_frame`.

        Raises:
            UserError: The spec does not fit the above.
        """
        super().__init__()
        clouds = [key for key, entry in spec.observations.items() if len(entry.shape) == 2 and entry.shape[-1] == 3]
        low_dim = [key for key in spec.observations if key not in clouds]
        for key in low_dim:
            if len(spec.observations[key].shape) != 1:
                raise UserError(
                    f"Observation '{key}' has shape {spec.observations[key].shape}: a flow policy reads vectors (D,)"
                    " and one point cloud (P, 3)."
                )
        if len(clouds) > 1 or (clouds and spec.observations[clouds[0]].history != 1):
            raise UserError(
                f"Point clouds {clouds}: a flow policy reads at most one, and of it only the current frame."
            )
        if not low_dim:
            raise UserError("A flow policy needs a low-dimensional observation besides the point cloud.")
        self.cloud_key = clouds[0] if clouds else ""
        self.reference_key = spec.actions.relative_to or ""
        self.relative_keys = list(relative_observations) if self.reference_key else []
        _check_relative(spec, low_dim, self.reference_key, self.relative_keys)
        self.plain_keys = [key for key in low_dim if key not in (self.reference_key, *self.relative_keys)]
        self.window_shapes: dict[str, list[int]] = {
            key: list(entry.window_shape) for key, entry in spec.observations.items()
        }
        self.histories: dict[str, int] = {key: entry.history for key, entry in spec.observations.items()}
        # Lengths of the two leading blocks: newest reference frame, everything relative to it.
        self.newest_size = spec.observations[self.reference_key].shape[0] if self.reference_key else 0
        relative_frames = sum(self.histories[key] for key in self.relative_keys)
        if self.reference_key:
            relative_frames += self.histories[self.reference_key] - 1
        self.relative_size = relative_frames * self.newest_size
        self.size = sum(spec.observations[key].history * spec.observations[key].shape[0] for key in low_dim)
        self.frame_by_frame = frame_by_frame
        if frame_by_frame and (self.reference_key or len({self.histories[key] for key in low_dim}) > 1):
            raise UserError(
                "network.frame_by_frame needs actions that are relative to nothing, and one history for all vectors,"
                f" not {[self.histories[key] for key in low_dim]}."
            )

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Lay out the windows (B, [history,] D) as features (B, F) in the observations' own units.

        Raises:
            ValueError: A window is missing or has the wrong shape.
        """
        parts: list[Tensor] = []
        if self.frame_by_frame:
            for key in self.plain_keys:
                parts.append(self._frames(observations, key))
            return torch.cat(parts, dim=-1).flatten(1)
        if self.reference_key != "":
            frames = self._frames(observations, self.reference_key)
            newest = frames[:, -1:]
            parts.append(frames[:, -1])
            parts.append((frames[:, :-1] - newest).flatten(1))
            for key in self.relative_keys:
                parts.append((self._frames(observations, key) - newest).flatten(1))
        for key in self.plain_keys:
            parts.append(self._frames(observations, key).flatten(1))
        return torch.cat(parts, dim=-1)

    @torch.jit.export
    def cloud(self, observations: dict[str, Tensor]) -> Tensor:
        """Return the point cloud (B, P, 3), checked like the other windows."""
        return self._window(observations, self.cloud_key)

    def labels(self, spec: PolicySpec) -> list[str]:
        """Name each feature, for messages: ``joint_pos[-1] panda_joint1`` is one step before the newest frame."""
        labels: list[str] = []
        if self.frame_by_frame:
            steps = range(1 - self.histories[self.plain_keys[0]], 1)
            return [
                f"{key}[{frame}] {name}"
                for frame in steps
                for key in self.plain_keys
                for name in _names(spec.observations[key])
            ]
        reference = [self.reference_key] if self.reference_key else []
        for key in [*reference, *self.relative_keys, *self.plain_keys]:
            entry = spec.observations[key]
            names = _names(entry)
            frames = list(range(1 - entry.history, 1))
            if key == self.reference_key:
                frames = [0, *frames[:-1]]
            labels += [f"{key}[{frame}] {name}" for frame in frames for name in names]
        return labels

    def _frames(self, observations: dict[str, Tensor], key: str) -> Tensor:
        window = self._window(observations, key)
        return window if self.histories[key] > 1 else window.unsqueeze(1)

    def _window(self, observations: dict[str, Tensor], key: str) -> Tensor:
        if key not in observations:
            raise ValueError(f"Observation '{key}' is missing; given are {list(observations.keys())}.")
        window = observations[key]
        if list(window.shape[1:]) != self.window_shapes[key]:
            raise ValueError(
                f"Observation '{key}' has shape {list(window.shape)}; (batch, *{self.window_shapes[key]}) is needed."
            )
        return window


def _names(entry: ObservationSpec) -> tuple[str, ...]:
    return entry.names or tuple(str(i) for i in range(entry.shape[0]))


def _check_relative(spec: PolicySpec, low_dim: list[str], reference_key: str, relative_keys: list[str]) -> None:
    if not reference_key:
        return
    if reference_key not in low_dim:
        raise UserError(
            f"actions.relative_to '{reference_key}' is not a vector observation of the policy."
            f"{near_names(reference_key, low_dim)}"
        )
    shape, reference = (len(spec.actions.names),), spec.observations[reference_key]
    if reference.shape != shape or reference.units != spec.actions.units:
        raise UserError(
            f"actions.relative_to '{reference_key}' has shape {reference.shape} [{reference.units}], and actions have"
            f" {shape} [{spec.actions.units}]: they must agree to be added."
        )
    for key in relative_keys:
        if key not in low_dim or key == reference_key:
            raise UserError(
                f"relative_observations names '{key}', no other vector observation.{near_names(key, low_dim)}"
            )
        if spec.observations[key].shape != shape or spec.observations[key].units != reference.units:
            raise UserError(
                f"relative_observations: '{key}' must have shape {shape} and units '{reference.units}' like"
                f" '{reference_key}', and has {spec.observations[key].shape} and '{spec.observations[key].units}'."
            )
