# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Episodes -> windows: what the policy would have seen at each step, and the actions that followed.

At the edges of an episode:

* observations before the start repeat the first frame (published);
* past actions before the start are the first *measured* frame. Published are zeros; but a task refills the history at
  a reset with what holds the robot still, and zeros are no pose of an arm at rest;
* actions after the end repeat the last one (published).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from score.imitation.dataset import ACTIONS, DemonstrationSet, Episode
from score.imitation.frames import CloudFrames
from score.imitation.settings import PretrainCfg
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.utils.errors import UserError


@dataclass(frozen=True)
class WindowSet:
    """One sample per step of some episodes."""

    observations: dict[str, Tensor]
    """Windows by name, (N, history, D) oldest first, (N, D) for one frame [their units]."""
    actions: Tensor
    """Action chunks, shape (N, H, A) [action units]."""
    clouds: dict[str, CloudFrames] = field(default_factory=dict)
    """Clouds by name, each N of (P, 3) [their units]."""

    def __len__(self) -> int:
        return self.actions.shape[0]

    def take(self, indices: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Observations and actions of the samples ``indices`` (B,)."""
        windows = {key: window[indices] for key, window in self.observations.items()}
        clouds = {key: frames[indices].to(indices.device) for key, frames in self.clouds.items()}
        return windows | clouds, self.actions[indices]

    def to(self, device: str | torch.device) -> WindowSet:
        """Return the same windows on another device."""
        return WindowSet(
            {key: window.to(device) for key, window in self.observations.items()},
            self.actions.to(device),
            {key: frames.to(torch.device(device)) for key, frames in self.clouds.items()},
        )


def make_spec(data: DemonstrationSet, cfg: PretrainCfg) -> PolicySpec:
    """Interface of the policy that these demonstrations and settings give."""
    first = data.episodes[0]
    observations = {}
    for key, history in cfg.histories.items():
        width = first.observations[key].shape[1]
        # What measures the commanded joints has their names and units; of other numbers nothing is known.
        like_actions = width == len(data.action_names) and data.units[key] == data.units[ACTIONS]
        names = data.names.get(key) or (data.action_names if like_actions else ())
        observations[key] = ObservationSpec((width,), history, data.units[key], data.frames.get(key, ""), names)
    if cfg.past_actions is not None:
        observations[cfg.past_actions] = ObservationSpec(
            (len(data.action_names),), cfg.past_action_history, data.units[ACTIONS], names=data.action_names
        )
    if cfg.point_cloud is not None:
        shape = tuple(first.observations[cfg.point_cloud].shape[1:])
        frame = data.frames.get(cfg.point_cloud, "")
        segments = data.segments.get(cfg.point_cloud, ())
        observations[cfg.point_cloud] = ObservationSpec(shape, 1, data.units[cfg.point_cloud], frame, segments=segments)
    actions = ActionSpec(
        names=data.action_names,
        units=data.units[ACTIONS],
        low=data.action_low,
        high=data.action_high,
        relative_to=cfg.measured if cfg.relative else None,
    )
    return PolicySpec(observations, actions, data.control_rate_hz, cfg.horizon)


def make_windows(episodes: Sequence[Episode], cfg: PretrainCfg) -> WindowSet:
    """Cut episodes into one window per step.

    Args:
        episodes: At least one episode.
        cfg: Histories, horizon and names.

    Raises:
        UserError: The measured observation does not have one number per action.
    """
    parts: dict[str, list[Tensor]] = {}
    for episode in episodes:
        for key, history in cfg.histories.items():
            parts.setdefault(key, []).append(observation_windows(episode.observations[key], history))
        if cfg.past_actions is not None:
            measured = episode.observations[cfg.measured]
            if measured.shape[1] != episode.actions.shape[1]:
                raise UserError(
                    f"Observation '{cfg.measured}' has {measured.shape[1]} numbers and actions have"
                    f" {episode.actions.shape[1]}: name the observation that measures what actions command."
                )
            past = past_action_windows(episode.actions, measured[0], cfg.past_action_history)
            parts.setdefault(cfg.past_actions, []).append(past)
    cloud_keys = () if cfg.point_cloud is None else (cfg.point_cloud,)
    clouds = {key: CloudFrames([episode.observations[key] for episode in episodes]) for key in cloud_keys}
    chunks = torch.cat([action_chunks(episode.actions, cfg.horizon) for episode in episodes])
    return WindowSet({key: torch.cat(windows) for key, windows in parts.items()}, chunks, clouds)


def observation_windows(frames: Tensor, history: int) -> Tensor:
    """Windows that end at each step.

    Args:
        frames: Shape (T, D).
        history: Frames in a window.

    Returns:
        Shape (T, history, D), oldest first; (T, D) if ``history`` is 1. Before the start the first frame repeats.
    """
    if history == 1:
        return frames
    steps = torch.arange(len(frames)).unsqueeze(1) + torch.arange(1 - history, 1)
    return frames[steps.clamp(min=0)]


def past_action_windows(actions: Tensor, before: Tensor, history: int) -> Tensor:
    """Return the actions sent before each step.

    Args:
        actions: Shape (T, A).
        before: What stands for an action before the start, shape (A,).
        history: Actions in a window.

    Returns:
        Shape (T, history, A), oldest first; (T, A) if ``history`` is 1. Window t ends with ``actions[t - 1]``.
    """
    shifted = torch.cat([before.unsqueeze(0), actions[:-1]])
    return observation_windows(shifted, history)


def action_chunks(actions: Tensor, horizon: int) -> Tensor:
    """Return the actions sent from each step on, (T, horizon, A). After the end the last of ``actions`` repeats."""
    steps = torch.arange(len(actions)).unsqueeze(1) + torch.arange(horizon)
    return actions[steps.clamp(max=len(actions) - 1)]


def split_episodes(count: int, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Choose validation episodes at random. Whole episodes: neighbouring steps are near copies of each other.

    Args:
        count: Number of episodes, at least 2.
        fraction: Share for validation; at least one episode, and at least one is left for training.
        seed: Seed of the choice.

    Returns:
        Indices for training and for validation, each in rising order.

    Raises:
        UserError: There are fewer than two episodes.
    """
    if count < 2:
        raise UserError(f"Training needs at least 2 episodes, one of them for validation, and got {count}.")
    held_out = min(max(1, round(count * fraction)), count - 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    return sorted(order[held_out:]), sorted(order[:held_out])
