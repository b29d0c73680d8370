# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The tables of a LeRobot data set, version 3: its rows, its episodes and its tasks as Parquet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from score.utils.errors import UserError

FILES_IN_CHUNK = 1000
"""Files of data in one folder."""
_FILE_BYTES = 100 * 2**20
"""Numbers in one file of data [bytes]; LeRobot's own limit."""


def pyarrow_modules() -> tuple[Any, Any]:
    """``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        UserError: They are not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(
            "LeRobot data sets need pyarrow: install it (pip install 'score-isaaclab[lerobot]')."
        ) from error
    return pyarrow, pyarrow.parquet


def write_data(
    folder: Path, frames: Sequence[dict[str, np.ndarray]], features: dict[str, Any], rate: float
) -> list[tuple[int, int]]:
    """Write the rows of all episodes.

    Args:
        folder: Folder of the data set.
        frames: Of each episode the columns by name, (T, ...) with at most three axes; ``action`` is one.
        features: Description of each column, as ``info.json`` holds it.
        rate: Steps per second [Hz].

    Returns:
        Number of chunk and file that each episode lies in.
    """
    _, parquet = pyarrow_modules()
    places, writer, written, number, index = [], None, 0, -1, 0
    try:
        for episode, columns in enumerate(frames):
            table = _table(columns, features, episode, index, rate)
            if writer is None or written + table.nbytes > _FILE_BYTES:
                if writer is not None:
                    writer.close()
                number, written = number + 1, 0
                path = folder / f"data/chunk-{number // FILES_IN_CHUNK:03d}/file-{number % FILES_IN_CHUNK:03d}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
            written, index = written + table.nbytes, index + table.num_rows
            places.append(divmod(number, FILES_IN_CHUNK))
    finally:
        if writer is not None:
            writer.close()
    return places


def _table(columns: dict[str, np.ndarray], features: dict[str, Any], episode: int, index: int, rate: float) -> Any:
    pa, _ = pyarrow_modules()
    steps = np.arange(len(columns["action"]))
    rows = {
        **columns,
        "timestamp": (steps / rate).astype(np.float32),
        "frame_index": steps,
        "episode_index": np.full_like(steps, episode),
        "index": index + steps,
        "task_index": np.zeros_like(steps),
    }
    fields, arrays = [], []
    for name, values in rows.items():
        array, metadata = pa.array(np.ascontiguousarray(values).reshape(-1)), None
        if values.ndim == 2:
            array = pa.FixedSizeListArray.from_arrays(array, values.shape[1])
        elif values.ndim == 3:  # as the library of data sets that LeRobot reads with keeps an array of two axes
            for size in (values.shape[2], values.shape[1]):
                array = pa.ListArray.from_arrays(pa.array(np.arange(0, len(array) + 1, size, dtype=np.int32)), array)
            metadata = {
                "ARROW:extension:name": "datasets.features.features.Array2DExtensionType",
                "ARROW:extension:metadata": json.dumps([features[name]["shape"], "float32"]),
            }
        fields.append(pa.field(name, array.type, metadata=metadata))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def write_episodes(folder: Path, lengths: Sequence[int], places: Sequence[tuple[int, int]], task: str) -> None:
    """Write the tables of episodes and tasks.

    Args:
        folder: Folder of the data set.
        lengths: Steps of each episode.
        places: What :func:`write_data` returned.
        task: The one task, in words.
    """
    pa, parquet = pyarrow_modules()
    ends, count = np.cumsum(lengths), len(lengths)
    table = pa.table(
        {
            "episode_index": np.arange(count),
            "tasks": [[task]] * count,
            "length": np.array(lengths),
            "data/chunk_index": np.array([chunk for chunk, _ in places]),
            "data/file_index": np.array([file for _, file in places]),
            "dataset_from_index": np.concatenate([[0], ends[:-1]]),
            "dataset_to_index": ends,
            "meta/episodes/chunk_index": np.zeros(count, dtype=np.int64),
            "meta/episodes/file_index": np.zeros(count, dtype=np.int64),
        }
    )
    path = folder / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    path.parent.mkdir(parents=True)
    parquet.write_table(table, path)
    # LeRobot looks a task up in the index of a data frame of pandas, which is a note on a column.
    column = {"field_name": "task_index", "metadata": None, "name": "task_index"}
    note = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {**column, "numpy_type": "int64", "pandas_type": "int64"},
            {**column, "name": "task", "field_name": "task", "numpy_type": "object", "pandas_type": "unicode"},
        ],
        "pandas_version": "2.0.0",
    }
    tasks = pa.table({"task_index": np.array([0]), "task": [task]})
    parquet.write_table(tasks.replace_schema_metadata({"pandas": json.dumps(note)}), folder / "meta" / "tasks.parquet")
