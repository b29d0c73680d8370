# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""HDF5 files that a user hands in: only what lies in the file itself is read, and no more than it can hold.

An HDF5 file may point elsewhere: external and virtual data are other files of whoever opens it, links may lead nowhere
or to themselves. It may also declare any size, and be damaged in places that the library notices only on reading.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from score.utils.archives import DAMAGED
from score.utils.errors import UserError, near_names
from score.utils.fields import brief

_MOST_TIMES, _SLACK = 16, 2**26
"""Numbers may have 16 times the size of their file, as they may be compressed, and 64 MiB beyond."""
_LONGEST_TEXT = 2**20
"""Longest text of an attribute [bytes]."""


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading; whatever the library says of damage in the block is a user's message.

    Raises:
        UserError: It is no HDF5 file, or a damaged one.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file: give an HDF5 file.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except UserError:
        raise
    # h5py raises KeyError and RuntimeError on damaged links and groups, OSError on damaged numbers.
    except (*DAMAGED, RecursionError, AttributeError) as error:
        raise UserError(
            f"{path} is not an HDF5 file, or a truncated one ({brief(error, 150)}): copy or collect it again."
        ) from error


def child(group: h5py.Group, key: str, where: str) -> h5py.Group | h5py.Dataset:
    """Return what lies at a path below a group, in this file.

    Args:
        group: The group.
        key: Names joined by ``/``.
        where: Where the group stands, for messages.

    Raises:
        UserError: Something of the path is missing, or a link.
    """
    found = group
    for name in key.split("/"):
        if not isinstance(found, h5py.Group) or name not in found.keys():  # noqa: SIM118 - `in` would follow links
            siblings = [str(other) for other in found][:50] if isinstance(found, h5py.Group) else []
            near = near_names(name, siblings) or (f" It has {', '.join(map(repr, siblings[:20]))}." if siblings else "")
            raise UserError(f"{where} lacks the dataset '{key}'.{near}")
        if not isinstance(found.get(name, getlink=True), h5py.HardLink):
            raise UserError(f"{where}/{key} is a link, which is not followed: copy the data into the file.")
        found = found[name]
    return found


def numbers_at(group: h5py.Group, key: str, where: str) -> h5py.Dataset:
    """Return a dataset of numbers that lie in this file.

    Args:
        group: The group that it lies in.
        key: Its path.
        where: Where the group stands, for messages.

    Raises:
        UserError: It is missing, holds something else, lies in other files, or declares more than the file can hold.
    """
    dataset = child(group, key, where)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "fiu":
        raise UserError(f"{where}/{key} is not a dataset of numbers.")
    if dataset.is_virtual or dataset.external:
        raise UserError(f"{where}/{key} lies in other files, which are not read: copy the data into the file.")
    size, most = int(dataset.size or 0) * max(4, dataset.dtype.itemsize), _MOST_TIMES * _size_of(dataset) + _SLACK
    chunk = int(np.prod(dataset.chunks or (0,), dtype=object)) * dataset.dtype.itemsize
    if max(size, chunk) > most:
        raise UserError(
            f"{where}/{key} declares {max(size, chunk) / 2**30:.1f} GiB of numbers, far more than its file"
            " holds: copy or collect it again."
        )
    return dataset


def text_of(group: h5py.Group, name: str, default: str, where: str) -> str:
    """Read a text attribute.

    Raises:
        UserError: It is no text, or a very long one.
    """
    if name not in group.attrs:
        return default
    value = group.attrs.get_id(name)
    if value.get_storage_size() > _LONGEST_TEXT:
        raise UserError(f"{where}: attribute '{name}' is {value.get_storage_size()} bytes long: restore it.")
    text = group.attrs[name]
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
        raise UserError(f"{where}: attribute '{name}' is not text.")
    return text


def _size_of(dataset: h5py.Dataset) -> int:
    return Path(dataset.file.filename).stat().st_size
