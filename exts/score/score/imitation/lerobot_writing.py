# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Writes demonstrations as a LeRobot data set, version 3, without LeRobot: its JSON, and its Parquet with pyarrow.

``observation.state`` is the measured vector, ``observation.environment_state`` the centroid of every segment of the
cloud (LeRobot's policies read no clouds), ``action`` the commanded targets, and ``next.success`` marks the last step of
an episode that succeeded. The cloud itself is a column that is not named like an observation, so that LeRobot's
trainings leave it alone. Two pages lie beside: ``data.yaml``, with which ``pretrain.py`` reads the set again, and
``interface.yaml``, which belongs beside a checkpoint that LeRobot trains on it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from score.imitation.data_interface import DATA_INTERFACE_FILE
from score.imitation.dataset import DemonstrationSet, Episode, read_demonstrations
from score.imitation.lerobot_tables import FILES_IN_CHUNK, pyarrow_modules, write_data, write_episodes
from score.policies.interface import INTERFACE_FILE
from score.utils import ranks
from score.utils.errors import UserError
from score.utils.files import atomic_directory, require_folder_place, require_new_file

PREFIX = "lerobot:"
"""What an output begins with that is to be a LeRobot data set."""
STATE, PLACES, CLOUD, ACTION, SUCCESS = (
    *("observation.state", "observation.environment_state", "point_cloud", "action", "next.success"),
)
_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_MOST_FOR_QUANTILES = 200_000
"""Rows that quantiles are taken of, evenly spread."""
_STILL = 1e-6
"""Range of a centroid that never moves [m]."""
_RATE_ROUNDING = 1e-6
"""What the step length of a task may leave of a whole number [Hz]."""
_INFERENCE_STEPS = 10
"""Passes of DDIM that the page for a checkpoint proposes."""


def require_output(output: Path) -> None:
    """Check that demonstrations can be written to what the user named, before they are recorded.

    Raises:
        UserError: It is neither a new ``.hdf5`` file nor ``lerobot:`` and a new folder, or pyarrow is missing.
    """
    folder = _folder_of(output)
    if folder is None:
        require_new_file(output, ".hdf5")
    else:
        pyarrow_modules()
        require_folder_place(folder)


def require_rate(output: Path, rate: float) -> None:
    """Check, before they are recorded, that demonstrations of this rate [Hz] can be written to an output.

    Raises:
        UserError: LeRobot takes whole numbers only.
    """
    if _folder_of(output) is not None and abs(rate - round(rate)) > _RATE_ROUNDING:
        raise UserError(f"--output {output}: {rate:g} steps a second, and LeRobot takes whole numbers only: give HDF5.")


@contextlib.contextmanager
def recording_file(output: Path, task: str) -> Iterator[Path]:
    """Where to record what is to become an output, HDF5 either way.

    Args:
        output: See :func:`require_output`.
        task: What the robot does, for LeRobot.

    Yields:
        The file; when the block ends, a LeRobot data set is made of it, and it is removed.

    Raises:
        UserError: No data set can be made of it; the file stays, and the message says where.
    """
    folder = _folder_of(output)
    if folder is None:
        yield output
        return
    file = folder.parent / f".{folder.name}.hdf5"
    kept = False
    try:
        yield file
        if ranks.index() == 0:
            write_lerobot_data(read_demonstrations(file, ["joint_pos"], ["point_cloud"]), folder, task)
    except UserError as error:
        kept = file.exists()
        raise UserError(f"{error}{f' What was recorded is in {file}.' if kept else ''}") from error
    finally:
        if ranks.index() == 0 and not kept:
            file.unlink(missing_ok=True)


def write_lerobot_data(data: DemonstrationSet, folder: Path, task: str) -> None:
    """Write demonstrations of one vector observation, and of one point cloud or none.

    Args:
        data: The demonstrations.
        folder: Folder of the data set, whole or not at all.
        task: What the robot does, in words.

    Raises:
        UserError: See :func:`require_rate`, or the folder is there.
    """
    require_rate(Path(f"{PREFIX}{folder}"), data.control_rate_hz)
    frames = [_columns(data, episode) for episode in data.episodes]
    features = _features(data, frames[0])
    with atomic_directory(folder) as temporary:
        places = write_data(temporary, frames, features, data.control_rate_hz)
        write_episodes(temporary, [len(episode) for episode in data.episodes], places, task)
        _write_json(temporary / "meta" / "info.json", _info(data, features))
        floats = [name for name in features if features[name]["dtype"] == "float32" and name != "timestamp"]
        _write_json(temporary / "meta" / "stats.json", {name: _statistics(frames, name) for name in floats})
        for name, page in ((DATA_INTERFACE_FILE, _data_page(data)), (INTERFACE_FILE, _interface_page(data, frames))):
            text = yaml.safe_dump(page, sort_keys=False, default_flow_style=None, width=120)
            (temporary / name).write_text(text, encoding="utf-8")


def _folder_of(output: Path) -> Path | None:
    text = str(output)
    return Path(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else None


def _cloud_key(data: DemonstrationSet) -> str | None:
    return next((key for key, frames in data.episodes[0].observations.items() if frames.ndim == 3), None)


def _state_key(data: DemonstrationSet) -> str:
    return next(key for key, frames in data.episodes[0].observations.items() if frames.ndim == 2)


def _columns(data: DemonstrationSet, episode: Episode) -> dict[str, np.ndarray]:
    """Return the numbers of an episode by LeRobot's names, one row a step."""
    columns = {STATE: episode.observations[_state_key(data)].numpy()}
    cloud_key = _cloud_key(data)
    if cloud_key is not None:
        cloud = episode.observations[cloud_key]
        segments = [segment.points for segment in data.segments.get(cloud_key, ())] or [cloud.shape[1]]
        centroids = [part.mean(dim=1).numpy() for part in cloud.split(segments, dim=1)]
        columns |= {PLACES: np.concatenate(centroids, axis=1), CLOUD: cloud.numpy()}
    columns[ACTION] = episode.actions.numpy()
    if all(other.success is not None for other in data.episodes):
        columns[SUCCESS] = np.arange(len(episode)) == (len(episode) - 1 if episode.success else -1)
    return columns


def _features(data: DemonstrationSet, columns: dict[str, np.ndarray]) -> dict[str, Any]:
    cloud_key, state = _cloud_key(data), _state_key(data)
    own = data.names.get(state) or (data.action_names if columns[STATE].shape[1] == len(data.action_names) else ())
    segments = [segment.name for segment in data.segments.get(cloud_key or "", ())] or ["cloud"]
    names: dict[str, Any] = {
        STATE: list(own) or None,
        PLACES: [f"{segment}.{axis}" for segment in segments for axis in "xyz"],
        CLOUD: ["point", "xyz"],
        ACTION: list(data.action_names),
    }
    features = {
        name: {
            "dtype": "bool" if values.dtype == bool else "float32",
            "shape": list(values.shape[1:]) or [1],
            "names": names.get(name),
        }
        for name, values in columns.items()
    }
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    counters = ("frame_index", "episode_index", "index", "task_index")
    return features | {name: {"dtype": "int64", "shape": [1], "names": None} for name in counters}


def _info(data: DemonstrationSet, features: dict[str, Any]) -> dict[str, Any]:
    return {
        "codebase_version": "v3.0",
        "fps": round(data.control_rate_hz),
        "features": features,
        "total_episodes": len(data.episodes),
        "total_frames": data.steps,
        "total_tasks": 1,
        "chunks_size": FILES_IN_CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": None,
        "robot_type": None,
        "splits": {"train": f"0:{len(data.episodes)}"},
    }


def _statistics(frames: list[dict[str, np.ndarray]], name: str) -> dict[str, list[float]]:
    """Of the last axis, over all steps and points."""
    values = np.concatenate([columns[name] for columns in frames])
    steps, rows = len(values), values.reshape(-1, values.shape[-1])
    some = rows[:: -(-len(rows) // _MOST_FOR_QUANTILES)].astype(np.float64)
    found = {
        "min": rows.min(axis=0),
        "max": rows.max(axis=0),
        "mean": rows.mean(axis=0, dtype=np.float64),
        "std": rows.std(axis=0, dtype=np.float64),
        **{key: np.quantile(some, share, axis=0) for key, share in _QUANTILES.items()},
    }
    return {**{key: value.astype(float).tolist() for key, value in found.items()}, "count": [steps]}


def _data_page(data: DemonstrationSet) -> dict[str, Any]:
    """With what :mod:`score.imitation.lerobot_data` reads the set again."""
    state, cloud = _state_key(data), _cloud_key(data)
    observations: dict[str, Any] = {state: {"column": STATE, "units": data.units[state]}}
    page: dict[str, Any] = {"observations": observations, "actions": {"units": data.units["actions"]}}
    if cloud is not None:
        observations[cloud] = {"column": CLOUD, "units": data.units[cloud], "frame": data.frames.get(cloud, "")}
        if data.segments.get(cloud):
            page["segments"] = {cloud: [asdict(segment) for segment in data.segments[cloud]]}
    return page


def _interface_page(data: DemonstrationSet, frames: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    """For a diffusion policy of LeRobot that was trained on the set."""
    inputs: dict[str, Any] = {STATE: [{"observation": _state_key(data)}]}
    if _cloud_key(data) is not None:
        inputs[PLACES] = _places(data, np.concatenate([columns[PLACES] for columns in frames]))
    return {
        "control_rate_hz": data.control_rate_hz,
        "inference_steps": _INFERENCE_STEPS,
        "inputs": inputs,
        "actions": [{"names": list(data.action_names)}],
    }


def _places(data: DemonstrationSet, places: np.ndarray) -> list[dict[str, Any]]:
    """Parts of the centroids (T, 3 S): the task's, but constants for what stands still in the cloud's frame."""
    cloud = _cloud_key(data)
    parts: list[dict[str, Any]] = []
    segments = data.segments.get(cloud or "", ())
    still = [float(np.ptp(places[:, 3 * i : 3 * i + 3], axis=0).max()) <= _STILL for i in range(len(segments))]
    for index, segment in enumerate(segments):
        if still[index]:
            parts.append({"constant": places[0, 3 * index : 3 * index + 3].astype(float).tolist()})
        elif parts and "names" in parts[-1]:
            parts[-1]["names"].append(segment.name)
        else:
            parts.append({"observation": cloud, "pool": "centroids", "names": [segment.name], "hold": True})
    return parts if any(still) else [{"observation": cloud, "pool": "centroids", "hold": True}]


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
