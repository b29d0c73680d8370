# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What looks wrong in demonstrations: suspicious but possible, so it is said in a line and kept in the bundle."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from score.imitation.dataset import ACTIONS, DemonstrationSet

_MOST_TURNS = 2.0
"""Angles beyond this many turns are taken for degrees."""
_JUMP = 1.5 * math.pi
"""A step of an angle this large is a wrap [rad]."""
_CLEARLY = 0.5
"""Another column must follow a joint this much closer before names are doubted, relative."""


def implausible(data: DemonstrationSet) -> list[str]:
    """Look for what is possible, but was probably not meant.

    Returns:
        A line for each finding; empty if nothing stands out.
    """
    first = data.episodes[0]
    vectors = {ACTIONS: [episode.actions for episode in data.episodes]}
    vectors |= {
        key: [episode.observations[key] for episode in data.episodes]
        for key, frames in first.observations.items()
        if frames.ndim == 2
    }
    findings = [*data.notes, *_short_episodes(data)]
    for key, episodes in vectors.items():
        names = data.action_names if episodes[0].shape[1] == len(data.action_names) else ()
        label = _labels(key, names)
        if data.units.get(key) == "rad":
            findings += [*_degrees(episodes, label), *_jumps(data, episodes, label)]
        findings += _whole_numbers(key, episodes)
        findings += _still(episodes, label)
    for key, frames in first.observations.items():
        if frames.shape[1:] == first.actions.shape[1:] and data.units[key] == data.units[ACTIONS]:
            findings += _permuted(data, key)
    return findings


def _labels(key: str, names: Sequence[str]) -> Callable[[int], str]:
    return lambda column: f"{key} '{names[column]}'" if names else f"{key} number {column}"


def _short_episodes(data: DemonstrationSet) -> list[str]:
    short = [episode.name for episode in data.episodes if len(episode) < 2]
    return [f"{len(short)} episodes have a single step ({', '.join(short[:3])}): remove them."] if short else []


def _degrees(episodes: Sequence[Tensor], label: Callable[[int], str]) -> list[str]:
    largest = torch.stack([frames.abs().amax(dim=0) for frames in episodes]).amax(dim=0)
    far = (largest > _MOST_TURNS * 2.0 * math.pi).nonzero().flatten().tolist()
    return [
        f"{label(column)} reaches {float(largest[column]):.4g} rad, {float(largest[column]) / 2 / math.pi:.0f} turns:"
        " are these degrees? Convert them."
        for column in far[:3]
    ]


def _jumps(data: DemonstrationSet, episodes: Sequence[Tensor], label: Callable[[int], str]) -> list[str]:
    for episode, frames in zip(data.episodes, episodes, strict=True):
        steps = frames.diff(dim=0)
        wraps = ((steps.abs() > _JUMP) & (steps.abs() < 2.0 * math.pi + 0.5 * math.pi)).nonzero()
        if len(wraps):
            step, column = (int(value) for value in wraps[0])
            return [
                f"{label(column)} jumps by {float(steps[step, column]):.3g} rad at step {step + 1} of {episode.name}:"
                " an angle that wraps? Unwrap it."
            ]
    return []


def _whole_numbers(key: str, episodes: Sequence[Tensor]) -> list[str]:
    values = torch.cat(list(episodes))
    fewest = 2 if key == ACTIONS else 3  # an observation may be a flag
    if len(values) < 10 or bool((values != values.round()).any()) or len(values.unique()) < fewest:
        return []
    return [f"{key} holds whole numbers only: were they rounded when they were stored?"]


def _still(episodes: Sequence[Tensor], label: Callable[[int], str]) -> list[str]:
    values = torch.cat(list(episodes))
    flat = (values.amax(dim=0) - values.amin(dim=0) <= 1e-6).nonzero().flatten().tolist()
    return [f"{label(column)} is {float(values[0, column]):.6g} in every step." for column in flat[:3]]


def _permuted(data: DemonstrationSet, key: str) -> list[str]:
    """Find actions that follow another joint much closer than that of their own name: names or order are in doubt.

    One that hardly moves follows nothing: what is near it only stands still as well. And where the order is wrong,
    another action follows the joint that it left: joints that only move alike, as those of fingers do, have none.
    """
    names = data.names.get(key) or data.action_names
    if names != data.action_names and sorted(names) == sorted(data.action_names):
        return [f"{key} is in the order {', '.join(names)}, and actions in {', '.join(data.action_names)}: give one."]
    measured = torch.cat([episode.observations[key] for episode in data.episodes])
    actions = torch.cat([episode.actions for episode in data.episodes])
    # Deviations, so that an offset counts as little as it does to a network.
    distance = (actions.unsqueeze(2) - measured.unsqueeze(1)).std(dim=0)
    moves = actions.std(dim=0)
    findings = []
    for column, name in enumerate(data.action_names):
        nearest, own = int(distance[column].argmin()), float(distance[column, column])
        left = float(distance[:, column].min()) < _CLEARLY * own
        if left and float(distance[column, nearest]) < _CLEARLY * min(own, float(moves[column])):
            findings.append(
                f"action '{name}' follows number {nearest} of '{key}' ('{data.action_names[nearest]}') more closely"
                " than its own: is the order of one of them another?"
            )
    return findings[:3]
