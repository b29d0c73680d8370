# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads demonstrations from a LeRobot data set, version 3, without LeRobot: its JSON, and its Parquet with pyarrow.

Vectors and point clouds are read; cameras are not. A data set says names and rate, but no units and no frames, and not
which of its features a task calls what: that stands in ``data.yaml`` in its folder.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from score.imitation.data_interface import DATA_INTERFACE_FILE, Column, DataInterface, read_data_interface
from score.imitation.dataset import ACTIONS, DemonstrationSet, Episode
from score.imitation.frames import CloudStore, first_not_finite
from score.imitation.lerobot_tables import pyarrow_modules
from score.policies.spec import CloudSegment
from score.utils.errors import UserError, near_names
from score.utils.files import sha256_of

_INFO = Path("meta") / "info.json"
_LARGEST_INFO = 2**22
_LATE = 1.5
"""Steps between two frames that count as a dropped one."""


def is_lerobot_data(path: Path) -> bool:
    """Whether a folder is a LeRobot data set, of whatever version."""
    return (path / _INFO).is_file()


def read_lerobot_data(
    folder: Path, keys: Sequence[str], cloud_keys: Sequence[str] = (), interface: Path | None = None
) -> DemonstrationSet:
    """Read a data set.

    Args:
        folder: Its folder.
        keys: Vector observations, by the names of the interface.
        cloud_keys: Point clouds, likewise.
        interface: The interface; by default ``data.yaml`` in the folder.

    Raises:
        UserError: The data set is unsound, of another version, or larger than there is space, or the interface does
            not fit it. The message names the place.
    """
    page = interface or folder / DATA_INTERFACE_FILE
    info, settings = _read_info(folder), read_data_interface(page)
    actions = replace(settings.actions, column=settings.actions.column or "action")
    wanted = {ACTIONS: actions, **{key: settings.column(key, page) for key in (*keys, *cloud_keys)}}
    picks = {key: _pick(info["features"], column, f"{page}: {key}") for key, column in wanted.items()}
    clouds = {wanted[key].column for key in cloud_keys}
    tables = _read_tables(folder, [column.column for column in wanted.values()], clouds, info["features"])
    names = picks[ACTIONS][1]
    if not names:
        raise UserError(f"{page}: the data set has no names for its actions: give actions.names.")
    episodes, notes = _episodes(folder, tables, info, wanted, {key: pick[0] for key, pick in picks.items()})
    files = [folder / _INFO, page, *_data_files(folder)]
    return described_set(
        path=folder,
        sha256=hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest(),
        episodes=episodes,
        rate=_rate(settings, info, page),
        wanted=wanted,
        names={key: picks[key][1] for key in (ACTIONS, *keys)},
        segments={key: settings.segments[key] for key in cloud_keys if key in settings.segments},
        notes=notes,
    )


def described_set(
    *,
    path: Path,
    sha256: str,
    episodes: tuple[Episode, ...],
    rate: float,
    wanted: Mapping[str, Column],
    names: Mapping[str, tuple[str, ...]],
    segments: Mapping[str, tuple[CloudSegment, ...]],
    notes: tuple[str, ...] = (),
) -> DemonstrationSet:
    """Make a set whose numbers a page describes: ``wanted``, ``names`` of actions, observations by the task's names."""
    every = torch.cat([episode.actions for episode in episodes])
    return DemonstrationSet(
        path=path,
        sha256=sha256,
        episodes=episodes,
        control_rate_hz=rate,
        action_names=names[ACTIONS],
        units={key: column.units for key, column in wanted.items()},
        frames={key: column.frame for key, column in wanted.items() if column.frame},
        segments=dict(segments),
        action_low=tuple(every.amin(dim=0).tolist()),
        action_high=tuple(every.amax(dim=0).tolist()),
        names={key: value for key, value in names.items() if key != ACTIONS},
        notes=notes,
    )


def _read_info(folder: Path) -> dict[str, Any]:
    path = folder / _INFO
    try:
        if path.stat().st_size > _LARGEST_INFO:
            raise ValueError("it is far too long")
        info = json.loads(path.read_text(encoding="utf-8"))
        version, features = str(info["codebase_version"]), info["features"]
        if not all(isinstance(features[name]["shape"], list) for name in features):
            raise ValueError("a feature has no shape")
        for feature in features.values():
            if not all(isinstance(size, int) and 0 < size < 10**7 for size in feature["shape"]):
                raise ValueError("a feature has a shape out of all bounds")
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path} is not that of a LeRobot data set ({reason}): copy it again.") from error
    if not version.startswith("v3"):
        raise UserError(f"{path} is of version {version[:20]}: convert the data set to v3.0 with LeRobot's own script.")
    return info


def _rate(settings: DataInterface, info: dict[str, Any], page: Path) -> float:
    rate = settings.control_rate_hz or info.get("fps")
    if not isinstance(rate, int | float) or not 0.0 < rate < 1e5:
        raise UserError(f"{page}: the data set names no rate: give control_rate_hz.")
    return float(rate)


def _pick(features: dict[str, Any], column: Column, where: str) -> tuple[list[int], tuple[str, ...]]:
    """Return the indices of the numbers to read (empty for all), and their names."""
    if column.column not in features:
        near = near_names(column.column, features) or f" It has {', '.join(features)}."
        raise UserError(f"{where}: the data set has no feature '{column.column}'.{near}")
    feature = features[column.column]
    if feature.get("dtype") in ("video", "image", "string"):
        raise UserError(f"{where}: '{column.column}' is a {feature['dtype']}, and only numbers are read.")
    theirs = feature.get("names")
    known = tuple(str(name) for name in theirs) if isinstance(theirs, list) and len(feature["shape"]) == 1 else ()
    if not column.names or column.names == known:
        return [], known
    if not known and len(column.names) == feature["shape"][-1]:
        return [], column.names
    for name in column.names:
        if name not in known:
            near = near_names(name, known) or f" It has {', '.join(known) or 'no names'}."
            raise UserError(f"{where}: '{column.column}' has no '{name}'.{near}")
    return [known.index(name) for name in column.names], column.names


def _data_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("data/chunk-*/file-*.parquet"))


def _read_tables(
    folder: Path, columns: Sequence[str], clouds: set[str], features: dict[str, Any]
) -> dict[str, np.ndarray]:
    """All rows of some columns, each (rows, *shape), and the counters of rows."""
    pyarrow, parquet = pyarrow_modules()
    counters = [name for name in ("episode_index", "frame_index", "timestamp", "next.success") if name in features]
    paths, shapes = _data_files(folder), {name: features[name]["shape"] for name in (*columns, *counters)}
    if not paths:
        raise UserError(f"{folder} has no data/chunk-*/file-*.parquet: copy the whole data set.")
    found: dict[str, list[np.ndarray]] = {name: [] for name in shapes if name not in clouds}
    try:
        files = [parquet.ParquetFile(path) for path in paths]
        rows = sum(file.metadata.num_rows for file in files)
        numbers = [sum(rows * math.prod(shapes[name]) for name in some) for some in (found, clouds)]
        store, done = CloudStore(folder, *numbers), 0
        whole = {name: store.empty((rows, *shapes[name])) for name in clouds}
        for path, file in zip(paths, files, strict=True):
            end = done + file.metadata.num_rows
            for name, shape in shapes.items():
                if name not in file.schema_arrow.names:
                    raise UserError(f"{path} lacks the column '{name}': copy the whole data set.")
                values = _flat(file.read(columns=[name])[name].combine_chunks(), pyarrow)
                if values.size != file.metadata.num_rows * math.prod(shape):
                    raise UserError(f"{path}: '{name}' does not hold frames of shape {shape}: copy it again.")
                if name in whole:
                    if values.dtype.kind not in "fiu":
                        raise ValueError(f"'{name}' holds no numbers")
                    whole[name][done:end] = values.reshape(-1, *shape)
                else:
                    found[name].append(values.reshape(-1, *shape))
            done = end
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise UserError(f"{folder} is damaged ({reason}): copy it again.") from error
    return whole | {name: np.concatenate(parts) for name, parts in found.items()}


def _flat(values: Any, pyarrow: Any) -> np.ndarray:
    """Return the numbers of a column of lists of lists in a row."""
    while True:
        values = getattr(values, "storage", values)  # two-dimensional features are of an extension type
        if values.null_count:
            raise ValueError("a column has empty entries")
        if not pyarrow.types.is_nested(values.type):
            return np.asarray(values)
        values = values.flatten()


def _episodes(
    folder: Path, table: dict[str, np.ndarray], info: dict[str, Any], wanted: dict[str, Column], picks: dict[str, Any]
) -> tuple[tuple[Episode, ...], tuple[str, ...]]:
    if "episode_index" not in table:
        raise UserError(f"{folder / _INFO} lists no 'episode_index': copy the whole data set.")
    index, late, episodes = table["episode_index"].reshape(-1), [], []
    for number in np.unique(index).tolist():
        rows = np.nonzero(index == number)[0]
        if "frame_index" in table:
            rows = rows[np.argsort(table["frame_index"].reshape(-1)[rows], kind="stable")]
        parts = {}
        for key, column in wanted.items():
            # Rows in their order are a view: a cloud in a file stays there.
            ordered = bool((np.diff(rows) == 1).all())
            frames = table[column.column][slice(rows[0], rows[-1] + 1) if ordered else rows]
            parts[key] = finite_frames(
                frames[:, picks[key]] if picks[key] else frames, f"{folder}: episode {number}, {key}"
            )
        success = table.get("next.success")
        solved = None if success is None else bool(success[rows].any())
        episodes.append(Episode(f"episode_{number}", parts, parts.pop(ACTIONS), solved))
        late += _dropped(table, rows, info, number)
    notes = (f"{len(late)} episodes have dropped frames, the first at {late[0]}",) if late else ()
    return tuple(episodes), notes


def finite_frames(frames: np.ndarray, where: str) -> torch.Tensor:
    """Frames (T, ...) as float32.

    Raises:
        UserError: They are no numbers, or one is not finite.
    """
    if frames.dtype.kind not in "fiu":
        raise UserError(f"{where} holds no numbers but {frames.dtype}.")
    numbers = np.ascontiguousarray(frames, dtype=np.float32)
    if first_not_finite(numbers) is not None:
        raise UserError(f"{where} has a number that is not finite: remove or repair the episode.")
    return torch.from_numpy(numbers)


def _dropped(table: dict[str, np.ndarray], rows: np.ndarray, info: dict[str, Any], number: int) -> list[str]:
    """Where time goes on by more than a step."""
    if "timestamp" not in table or not isinstance(info.get("fps"), int | float):
        return []
    steps = np.diff(table["timestamp"].reshape(-1)[rows].astype(np.float64)) * info["fps"]
    gaps = np.nonzero(steps > _LATE)[0]
    return [f"step {int(gaps[0]) + 1} of episode {number}"] if len(gaps) else []
