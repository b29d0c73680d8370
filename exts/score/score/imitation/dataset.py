# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reading demonstrations in Isaac Lab's HDF5 episode layout.

The layout is that of ``isaaclab.utils.datasets.HDF5DatasetFileHandler`` (read with h5py alone, so that no simulator
is needed): group ``data`` with an attribute ``env_args`` (JSON), and one group ``demo_<i>`` per episode with the
datasets ``obs/<key>`` (T, ...) and ``actions`` (T, A) and an attribute ``success``. Row t of ``obs`` is what the robot
saw before ``actions[t]``, the commanded target, was sent. Observations are single frames; windows are made later.

``env_args`` must hold ``control_rate_hz``, ``action_names`` and ``units``: a mapping from ``actions`` and observation
names to units, or one string for all but point clouds, which are then in metres. It may hold ``action_low`` and
``action_high`` [units], ``frames`` (observation name -> coordinate frame) and ``segments`` (name of a point cloud ->
list of ``{name, points, seen_by}``, see :class:`~score.policies.spec.CloudSegment`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from score.imitation.data_interface import DataInterface
from score.imitation.frames import CloudStore, first_not_finite
from score.imitation.hdf5_files import child, numbers_at, open_hdf5, text_of
from score.policies.spec import CloudSegment, read_segments
from score.utils.errors import UserError, near_names
from score.utils.fields import brief, finite_number, finite_numbers
from score.utils.files import sha256_of

ACTIONS = "actions"
"""Dataset of commanded actions in an episode."""


@dataclass(frozen=True)
class Episode:
    """One demonstration of T steps."""

    name: str
    """Name of its group, for example ``demo_0``."""
    observations: dict[str, torch.Tensor]
    """Frames by name, float32, shape (T, ...) [their units]."""
    actions: torch.Tensor
    """Commanded actions, float32, shape (T, A) [action units]."""
    success: bool | None
    """Whether the task was solved; None where the file does not say."""

    def __len__(self) -> int:
        return self.actions.shape[0]


@dataclass(frozen=True)
class DemonstrationSet:
    """All demonstrations of a file, and what their numbers mean."""

    path: Path
    """The file."""
    sha256: str
    """Hash of the file."""
    episodes: tuple[Episode, ...]
    """Demonstrations in the order of their numbers."""
    control_rate_hz: float
    """Steps per second [Hz]."""
    action_names: tuple[str, ...]
    """Name of each number of an action."""
    units: dict[str, str]
    """Units of ``actions`` and of every observation read."""
    frames: dict[str, str]
    """Coordinate frame of observations that have one."""
    segments: dict[str, tuple[CloudSegment, ...]]
    """Segments of point clouds that have some."""
    action_low: tuple[float, ...]
    """Least allowed actions; the least demonstrated ones where the file states none [action units]."""
    action_high: tuple[float, ...]
    """Greatest allowed actions, likewise."""
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the numbers of observations, where the file says them."""
    notes: tuple[str, ...] = ()
    """What the reader found strange, a line each."""

    @property
    def steps(self) -> int:
        """Steps of all episodes together."""
        return sum(len(episode) for episode in self.episodes)

    @property
    def success_rate(self) -> float | None:
        """Share of episodes marked as successes, of those that are marked; None if none is."""
        marked = [episode.success for episode in self.episodes if episode.success is not None]
        return sum(marked) / len(marked) if marked else None


def read_demonstrations(
    path: Path, keys: Sequence[str], cloud_keys: Sequence[str] = (), interface: DataInterface | None = None
) -> DemonstrationSet:
    """Read and check a file of demonstrations.

    Args:
        path: The HDF5 file.
        keys: Vector observations to read, each (T, D).
        cloud_keys: Point clouds to read, each (T, P, 3).
        interface: What a file of another home does not say; then ``env_args`` is not needed.

    Raises:
        UserError: The file is missing, no HDF5, or not of the layout above; an episode lacks a key, has a wrong shape
            or a number that is not finite, or more numbers than there is space. The message names file, episode and
            key.
    """
    path = Path(path)
    if not path.is_file():
        near = near_names(path.name, (p.name for p in path.parent.glob("*.hdf5")))
        raise UserError(f"Demonstrations {path} do not exist: give a file that collect.py wrote.{near}")
    with open_hdf5(path) as file:
        data = child(file, "data", str(path)) if "data" in file.keys() else None  # noqa: SIM118 - no link is followed
        if not isinstance(data, h5py.Group):
            raise UserError(f"{path} has no group 'data': it is not of Isaac Lab's episode layout.")
        names = sorted((name for name in data if re.fullmatch(r"demo_\d+", name)), key=lambda name: int(name[5:]))
        if not names:
            raise UserError(f"{path} holds no episodes (no group 'data/demo_<i>'): collect some first.")
        facts = _read_env_args(data, path) if interface is None else _facts(data, interface, path)
        columns = {} if interface is None else {key: interface.column(key, path).column for key in (*keys, *cloud_keys)}
        groups = {name: child(data, name, f"{path}: data") for name in names}
        places = {key: f"obs/{columns.get(key, key)}" for key in (*keys, *cloud_keys)}
        commanded = (interface.actions.column if interface is not None else "") or ACTIONS
        sizes = [_numbers(groups, path, [places[key] for key in some]) for some in (keys, cloud_keys)]
        store = CloudStore(path, *sizes)
        episodes = tuple(
            _read_episode(group, path, name, commanded, places, cloud_keys, store) for name, group in groups.items()
        )
    _require_same_shapes(path, episodes)
    action_names = tuple(str(name) for name in facts["action_names"])
    source, labels = "env_args", {ACTIONS: action_names}
    if interface is not None:
        source, labels = "its page", labels | {key: interface.observations[key].names for key in keys}
    frames = {**episodes[0].observations, ACTIONS: episodes[0].actions}
    for key, given in labels.items():
        if (given or key == ACTIONS) and len(given) != frames[key].shape[1]:
            raise UserError(f"{path}: {source} has {len(given)} names for the {frames[key].shape[1]} of '{key}'.")
    low, high = _action_limits(facts, episodes, len(action_names), path)
    return DemonstrationSet(
        path=path,
        sha256=sha256_of(path),
        episodes=episodes,
        control_rate_hz=facts["control_rate_hz"],
        action_names=action_names,
        units=_units(facts["units"], (ACTIONS, *keys, *cloud_keys), set(cloud_keys), path),
        frames=_frames(facts.get("frames", {}), path),
        segments=_segments(facts.get("segments", {}), cloud_keys, episodes[0], path),
        action_low=low,
        action_high=high,
        names={key: given for key, given in labels.items() if given and key != ACTIONS},
    )


def _frames(given: Any, path: Path) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise UserError(f"{path}: env_args.frames is not a mapping from observations to coordinate frames.")
    return {str(key): str(frame) for key, frame in given.items()}


def _segments(
    given: Any, cloud_keys: Sequence[str], episode: Episode, path: Path
) -> dict[str, tuple[CloudSegment, ...]]:
    where = f"{path}: env_args.segments"
    if not isinstance(given, Mapping):
        raise UserError(f"{where} is not a mapping from point clouds to segments.")
    found = {key: read_segments(given[key], f"{where}.{key}") for key in cloud_keys if key in given}
    for key, segments in found.items():
        points = episode.observations[key].shape[1]
        if segments and sum(segment.points for segment in segments) != points:
            raise UserError(f"{where}.{key} does not add up to the {points} points of the cloud.")
    return found


def _read_env_args(data: h5py.Group, path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(text_of(data, "env_args", "{}", str(path)))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: attribute 'env_args' of 'data' is not JSON ({brief(error)}).") from error
    if not isinstance(facts, dict):
        raise UserError(f"{path}: attribute 'env_args' of 'data' is not a JSON object.")
    for key in ("control_rate_hz", "action_names", "units"):
        if key not in facts:
            near = near_names(key, facts)
            raise UserError(f"{path}: attribute 'env_args' of 'data' lacks '{key}': collect.py writes it.{near}")
    rate = facts["control_rate_hz"]
    if finite_number(f"{path}: env_args.control_rate_hz", rate) <= 0:
        raise UserError(f"{path}: env_args.control_rate_hz is {rate!r}, and must be a positive number.")
    if not isinstance(facts["action_names"], list):
        raise UserError(
            f"{path}: env_args.action_names is {brief(facts['action_names'])}, and must be a list of names."
        )
    return {**facts, "control_rate_hz": float(rate)}


def _facts(data: h5py.Group, interface: DataInterface, path: Path) -> dict[str, Any]:
    """Return what an interface says, in the words of ``env_args``; of the rate also what robomimic writes there."""
    rate = interface.control_rate_hz
    if rate is None:
        try:
            rate = float(json.loads(text_of(data, "env_args", "{}", str(path)))["env_kwargs"]["control_freq"])
        except (TypeError, ValueError, LookupError, RecursionError) as error:
            raise UserError(f"{path} names no rate: give control_rate_hz in {path.with_suffix('.yaml')}.") from error
    columns = interface.observations
    return {
        "control_rate_hz": rate,
        "action_names": interface.actions.names,
        "units": {ACTIONS: interface.actions.units, **{key: column.units for key, column in columns.items()}},
        "frames": {key: column.frame for key, column in columns.items() if column.frame},
        "segments": {key: [asdict(item) for item in items] for key, items in interface.segments.items()},
    }


def _read_episode(
    group: h5py.Group,
    path: Path,
    name: str,
    commanded: str,
    places: Mapping[str, str],
    clouds: Sequence[str],
    store: CloudStore,
) -> Episode:
    where = f"{path}: data/{name}"
    actions = _read_array(group, commanded, where, "(T, A)", lambda shape: len(shape) == 2)
    if not len(actions):
        raise UserError(f"{where}/{commanded} has no steps: remove the episode.")
    observations = {}
    for key, place in places.items():
        if key in clouds:
            array = _read_array(group, place, where, "(T, P, 3)", _is_cloud, store.empty)
        else:
            array = _read_array(group, place, where, "(T, D), single frames", lambda s: len(s) == 2 and s[1] > 0)
        if len(array) != len(actions):
            raise UserError(f"{where}/{place} has {len(array)} steps, and {commanded} has {len(actions)}.")
        observations[key] = array
    return Episode(name, observations, actions, _success(group, where))


def _is_cloud(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] > 0 and shape[2] == 3


def _numbers(groups: Mapping[str, h5py.Group], path: Path, places: Sequence[str]) -> int:
    """Numbers that datasets of all episodes hold."""
    items = ((name, group, place) for name, group in groups.items() for place in places)
    return sum(int(numbers_at(group, place, f"{path}: data/{name}").size or 0) for name, group, place in items)


def _success(group: h5py.Group, where: str) -> bool | None:
    """Whether the episode is marked as a success; what only looks like a mark (``"False"``) is none."""
    success = group.attrs.get("success")
    if success is None or isinstance(success, bool | np.bool_):
        return None if success is None else bool(success)
    if isinstance(success, int | float | np.number) and success in (0, 1):
        return bool(success)
    raise UserError(f"{where}: attribute 'success' is {str(success)[:40]!r}, and must be true or false.")


def _read_array(
    group: h5py.Group, key: str, where: str, wanted: str, fits: Any, empty: Callable[[Any], np.ndarray] | None = None
) -> torch.Tensor:
    dataset = numbers_at(group, key, where)
    if not fits(dataset.shape):
        raise UserError(f"{where}/{key} has shape {dataset.shape}, and {wanted} is needed.")
    numbers = np.empty(dataset.shape, dtype=np.float32) if empty is None else empty(dataset.shape)
    if numbers.size:
        dataset.read_direct(numbers)
    step = first_not_finite(numbers)
    if step is not None:
        raise UserError(f"{where}/{key} has a number that is not finite at step {step}: remove or repair the episode.")
    return torch.from_numpy(numbers)


def _require_same_shapes(path: Path, episodes: Sequence[Episode]) -> None:
    first = episodes[0]
    for episode in episodes[1:]:
        pairs = {ACTIONS: (first.actions, episode.actions)}
        pairs |= {f"obs/{key}": (first.observations[key], frames) for key, frames in episode.observations.items()}
        for key, (ours, theirs) in pairs.items():
            if ours.shape[1:] != theirs.shape[1:]:
                raise UserError(
                    f"{path}: {key} has frames of shape {tuple(theirs.shape[1:])} in {episode.name} and"
                    f" {tuple(ours.shape[1:])} in {first.name}: all episodes must agree."
                )


def _action_limits(
    facts: Mapping[str, Any], episodes: Sequence[Episode], count: int, path: Path
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    every = torch.cat([episode.actions for episode in episodes])
    limits = []
    for key, demonstrated in (("action_low", every.amin(0)), ("action_high", every.amax(0))):
        given = facts.get(key, demonstrated.tolist())
        if isinstance(given, list) and len(given) != count:
            raise UserError(f"{path}: env_args.{key} has {len(given)} numbers for {count} actions.")
        values = finite_numbers(f"{path}: env_args.{key}", given, count)
        limits.append(values)
    return limits[0], limits[1]


def _units(units: Any, keys: Sequence[str], clouds: set[str], path: Path) -> dict[str, str]:
    if isinstance(units, str):
        # One string is that of the actions and of vectors like them; Isaac Lab's lengths are metres.
        return {key: "m" if key in clouds else units for key in keys}
    if not isinstance(units, Mapping):
        raise UserError(
            f"{path}: env_args.units is {brief(units)}, and must be a string or a mapping from names to units."
        )
    for key in keys:
        if key not in units:
            raise UserError(f"{path}: env_args.units lacks '{key}'.{near_names(key, units)}")
    return {key: str(units[key]) for key in keys}
