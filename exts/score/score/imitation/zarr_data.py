# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads demonstrations from the replay buffers of diffusion_policy, DP3 and UMI: zarr, version 2, as a folder or a zip.

``data/<column>`` holds the frames of all episodes, (T, ...), ``meta/episode_ends`` where each ends. Names, units and
rate are not in it: they stand in a page beside it. What a buffer says of its arrays is looked at before zarr reads
them: some of the codecs that it may name run code.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from score.imitation.data_interface import Column, read_data_interface
from score.imitation.dataset import ACTIONS, DemonstrationSet, Episode
from score.imitation.frames import CloudStore
from score.imitation.lerobot_data import described_set, finite_frames
from score.utils.archives import DAMAGED
from score.utils.errors import UserError, near_names
from score.utils.fields import brief
from score.utils.files import sha256_of

_ENDS = "meta/episode_ends"
_CODECS = ("blosc", "zstd", "lz4", "zlib", "gzip", "bz2", "lzma", "shuffle", "delta")
"""Codecs that do nothing but pack numbers."""
_LARGEST_FACTS = 2**16
_PIECE = 4096
"""Clouds that are read at a time."""
_LARGEST_CHUNK = 2**31 - 1
"""Largest chunk of an array [bytes]; that of Blosc."""


def is_zarr_data(path: Path) -> bool:
    """Whether a path is a replay buffer: a folder of zarr, or a zip of one."""
    return (path / ".zgroup").is_file() or (path.is_file() and path.name.endswith(".zarr.zip"))


def page_of(path: Path) -> Path:
    """Where the page of a replay buffer lies by default: beside it, and in its name without ``.zarr`` and ``.zip``."""
    return path.with_name(f"{path.name.removesuffix('.zip').removesuffix('.zarr')}.yaml")


def read_zarr_data(
    path: Path, keys: Sequence[str], cloud_keys: Sequence[str] = (), interface: Path | None = None
) -> DemonstrationSet:
    """Read a replay buffer.

    Args:
        path: Its folder, or a ``.zarr.zip``.
        keys: Vector observations, by the names of the page.
        cloud_keys: Point clouds, likewise.
        interface: The page; by default :func:`page_of`.

    Raises:
        UserError: The buffer is unsound or larger than there is space, the page does not fit it, or zarr is not
            installed.
    """
    page = interface or page_of(path)
    settings = read_data_interface(page)
    if settings.control_rate_hz is None or not settings.actions.names:
        raise UserError(f"{page}: a replay buffer knows no rate and no names: give control_rate_hz and actions.names.")
    wanted = {ACTIONS: settings.actions, **{key: settings.column(key, page) for key in (*keys, *cloud_keys)}}
    places = {key: f"data/{column.column or 'action'}" for key, column in wanted.items()}
    shapes = {place: _shape_of(path, place) for place in (*places.values(), _ENDS)}
    for key, column in wanted.items():
        _require_shape(shapes[places[key]], column, key in cloud_keys, f"{page}: {key} is {places[key]}, and")
    clouds = {places[key] for key in cloud_keys}
    numbers = [sum(math.prod(shapes[place]) for place in some) for some in (shapes.keys() - clouds, clouds)]
    arrays = _arrays(path, shapes, clouds, CloudStore(path, *numbers))
    ends = arrays[_ENDS].reshape(-1).astype(np.int64)  # whole numbers of any type: differences of unsigned ones wrap
    if np.any(np.diff(ends, prepend=0) < 1) or any(shapes[place][0] != ends[-1] for place in places.values()):
        lengths = ", ".join(f"{place} {shapes[place][0]}" for place in places.values())
        raise UserError(f"{path}: {_ENDS} does not rise to the number of frames ({lengths}): copy it again.")
    episodes = []
    for number, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        parts = {
            key: finite_frames(arrays[place][begin:end], f"{path}: episode {number}, {key}")
            for key, place in places.items()
        }
        episodes.append(Episode(f"episode_{number}", parts, parts.pop(ACTIONS), None))
    return described_set(
        path=path,
        sha256=hashlib.sha256("".join(map(sha256_of, (path, page))).encode()).hexdigest(),
        episodes=tuple(episodes),
        rate=settings.control_rate_hz,
        wanted=wanted,
        names={key: column.names for key, column in wanted.items() if key not in cloud_keys},
        segments={key: settings.segments[key] for key in cloud_keys if key in settings.segments},
    )


def _require_shape(shape: tuple[int, ...], column: Column, cloud: bool, where: str) -> None:
    fits = len(shape) == 3 and shape[2] == 3 if cloud else len(shape) == 2
    if not fits or (column.names and len(column.names) != shape[-1]):
        wanted = "(T, P, 3)" if cloud else f"(T, {len(column.names) or 'D'})"
        raise UserError(f"{where} has the shape {shape}: {wanted} is needed, with a name for each number or none.")


def _shape_of(path: Path, place: str) -> tuple[int, ...]:
    """Shape of an array, as the buffer says it, if it is one of plain numbers and of sane size."""
    where = f"{path}: {place}"
    try:
        if not set(place.split("/")).isdisjoint({"", ".", ".."}):
            raise ValueError("no name of an array")
        text = _read(path, f"{place}/.zarray")
        if text is None:
            near = near_names(place.split("/")[1], (name.split("/")[1] for name in _members(path, "data/")))
            raise UserError(f"{where} is not there.{near}")
        facts = json.loads(text)
        shape, chunks = (tuple(int(size) for size in facts[key]) for key in ("shape", "chunks"))
        kind = np.dtype(str(facts["dtype"]))
        codecs = [codec["id"] for codec in (facts["compressor"], *(facts["filters"] or ())) if codec is not None]
        if facts["zarr_format"] != 2 or len(chunks) != len(shape) or min((*shape, *chunks), default=0) < 1:
            raise ValueError("no array of version 2")
    except (*DAMAGED, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{where}/.zarray is damaged ({brief(error, 100)}): copy the whole buffer.") from error
    unknown = [str(codec)[:40] for codec in codecs if codec not in _CODECS]
    if unknown or kind.kind not in "fiu":
        what = f"packed with '{unknown[0]}'" if unknown else f"of type {kind}"
        raise UserError(f"{where} is {what}: only numbers that {', '.join(_CODECS)} pack are read.")
    size, packed = math.prod(shape) * kind.itemsize, _packed(path, place)
    if math.prod(chunks) * kind.itemsize > _LARGEST_CHUNK or packed > 2 * size + _LARGEST_FACTS:
        raise UserError(f"{where} has chunks out of all bounds: copy the whole buffer.")
    return shape


def _members(path: Path, prefix: str) -> Iterator[str]:
    """Names below a prefix."""
    if path.is_dir():
        yield from (item.relative_to(path).as_posix() for item in (path / prefix).rglob("*"))
    else:
        with zipfile.ZipFile(path) as archive:
            yield from (name for name in archive.namelist() if name.startswith(prefix))


def _read(path: Path, name: str) -> bytes | None:
    """Return a small member; None if there is none."""
    if path.is_dir():
        file = path / name
        return file.read_bytes() if file.is_file() and file.stat().st_size < _LARGEST_FACTS else None
    with zipfile.ZipFile(path) as archive:
        small = name in archive.namelist() and archive.getinfo(name).file_size < _LARGEST_FACTS
        return archive.read(name) if small else None


def _packed(path: Path, place: str) -> int:
    """Bytes that an array takes in the file."""
    if path.is_dir():
        return sum(item.stat().st_size for item in (path / place).rglob("*") if item.is_file())
    with zipfile.ZipFile(path) as archive:
        return sum(item.file_size for item in archive.infolist() if item.filename.startswith(f"{place}/"))


def _arrays(
    path: Path, shapes: Mapping[str, tuple[int, ...]], clouds: set[str], store: CloudStore
) -> dict[str, np.ndarray]:
    """All numbers, but clouds a few frames at a time, into the space for them."""
    try:
        import zarr
    except ImportError as error:
        raise UserError("Replay buffers need zarr: install it (pip install 'score-isaaclab[zarr]').") from error
    try:
        source: Any = str(path) if path.is_dir() else zarr.storage.ZipStore(path, mode="r")
        group = zarr.open_group(source, mode="r", zarr_format=2)
        arrays = {place: np.asarray(group[place][...]) for place in shapes.keys() - clouds}
        for place in clouds:
            array, arrays[place] = group[place], store.empty(shapes[place])
            for begin in range(0, len(arrays[place]), _PIECE):
                arrays[place][begin : begin + _PIECE] = array[begin : begin + _PIECE]
        return arrays
    except DAMAGED as error:
        raise UserError(f"{path} cannot be read as zarr ({brief(error, 150)}): copy the whole buffer.") from error
