# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files that are either whole or absent: write beside, then rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import UserError

MINIMUM_FREE_BYTES = 50 * 1024 * 1024
"""Least free space [bytes] that :func:`require_writable` accepts: one checkpoint and its log, with room to spare."""


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write a file so that a reader sees the old one or the whole new one, never a part.

    Args:
        path: The file to make or replace. Missing parent folders are made.

    Yields:
        A temporary path in the same folder, with the same suffix. It does not exist yet. It replaces ``path``
        when the block ends, and is removed when the block raises.

    Raises:
        UserError: ``path`` is a folder, or its parent cannot be one.
        FileNotFoundError: The block wrote nothing to the temporary path.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder, and a file is to be written there: name another file.")
    _make_directory(path.parent)
    temporary = _name_beside(path)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Fill a folder so that it appears whole or not at all.

    Args:
        path: The folder to make. Missing parent folders are made.
        overwrite: Whether an existing folder is replaced. The old one stays until the new one is whole.

    Yields:
        An empty temporary folder beside ``path``. It becomes ``path`` when the block ends, and is removed with
        all that it holds when the block raises.

    Raises:
        UserError: ``path`` exists and ``overwrite`` is False, or it is a file, or its parent cannot be a folder.
    """
    path = Path(path)
    _refuse_existing(path, overwrite)
    _make_directory(path.parent)
    temporary = _name_beside(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in _files_below(temporary):
            _sync(file)
        _refuse_existing(path, overwrite)  # another process may have made it meanwhile
        _replace_directory(temporary, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_writable(directory: Path) -> None:
    """Make a folder for output and show that it can be written, before long work depends on it.

    Args:
        directory: The folder. It and missing parents are made.

    Raises:
        UserError: It cannot be made or written (permission, read-only file system, a file of that name), or less
            than :data:`MINIMUM_FREE_BYTES` is free.
    """
    directory = Path(directory)
    _make_directory(directory)
    try:
        # Only a real write tells: permission bits say nothing about read-only mounts, nor do they bind root.
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"\0")
            probe.flush()
    except OSError as error:
        raise UserError(_cannot("write to", directory, error)) from error
    free = shutil.disk_usage(directory).free
    if free < MINIMUM_FREE_BYTES:
        raise UserError(
            f"Only {free / 2**20:.0f} MB are free on the disk of {directory}, and at least"
            f" {MINIMUM_FREE_BYTES / 2**20:.0f} MB are needed: free some space or choose another folder."
        )


def sha256_of(path: Path) -> str:
    """Hash a file, or a folder with the names and contents of all files below it.

    Args:
        path: A file or a folder. For a folder the result depends on relative names and contents only: not on
            where the folder lies, nor on times, permissions or empty folders.

    Returns:
        The SHA-256 as 64 hexadecimal digits.

    Raises:
        UserError: Nothing is at ``path``.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist: check the path.")
    if path.is_file():
        return _sha256_of_file(path)
    total = hashlib.sha256()
    for file in _files_below(path):
        # A name holds no NUL and a digest has a fixed length, so no two folders can give the same bytes.
        total.update(file.relative_to(path).as_posix().encode() + b"\0" + bytes.fromhex(_sha256_of_file(file)))
    return total.hexdigest()


def _sha256_of_file(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files_below(directory: Path) -> list[Path]:
    files = (file for file in directory.rglob("*") if file.is_file())
    return sorted(files, key=lambda file: file.relative_to(directory).as_posix())


def _name_beside(path: Path) -> Path:
    # Hidden, so that a glob such as model_*.pt never meets it; the suffix stays, as some writers look at it.
    return path.with_name(f".{path.stem}.{os.urandom(4).hex()}.tmp{path.suffix}")


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(_cannot("make the folder", directory, error)) from error


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file, and a folder is to be written there: remove it or name another folder.")
    if path.exists() and not overwrite:
        raise UserError(f"{path} already exists: remove it or name another folder.")


def _replace_directory(new: Path, path: Path) -> None:
    """Move ``new`` to ``path``; a folder that is there is set aside first, and put back if the move fails."""
    if not path.exists():
        os.replace(new, path)
        return
    aside = _name_beside(path)
    os.replace(path, aside)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk, so that a power cut after the rename cannot leave it empty."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot(action: str, directory: Path, error: OSError) -> str:
    return f"Cannot {action} {directory}: {error.strerror}. Choose another folder, or repair this one."
