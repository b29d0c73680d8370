# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files that are either whole or absent: write beside, then rename."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from .errors import UserError

MINIMUM_FREE_BYTES = 50 * 1024 * 1024
"""Least free space [bytes] that :func:`require_writable` accepts: one checkpoint and its log, with room to spare."""

LONGEST_NAME = 200
"""Longest name of a file or folder to write [bytes]: file systems take 255, and names beside it are longer."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(\..*)?")
_STALE_SECONDS = 3600.0
"""Temporary files that nobody has written to for so long were left by a process that was killed."""


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write a file so that a reader sees the old one or the whole new one, never a part.

    Args:
        path: The file to make or replace. Missing parent folders are made.

    Yields:
        A temporary path in the same folder, with the same suffix. It does not exist yet. It replaces ``path``
        when the block ends, and is removed when the block raises.

    Raises:
        UserError: ``path`` is a folder, or its parent cannot be one, or no file can have its name.
        FileNotFoundError: The block wrote nothing to the temporary path.
    """
    path = Path(path)
    require_file_place(path)
    _make_directory(path.parent)
    _remove_leftovers(path.parent)
    temporary = _name_beside(path)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: Path, *, replaces: Collection[str] = ()) -> Iterator[Path]:
    """Fill a folder so that it appears whole or not at all.

    Args:
        path: The folder to make. Missing parent folders are made.
        replaces: See :func:`require_folder_place`. The old folder stays until the new one is whole.

    Yields:
        An empty temporary folder beside ``path``. It becomes ``path`` when the block ends, and is removed with
        all that it holds when the block raises.

    Raises:
        UserError: See :func:`require_folder_place`; or the parent cannot be a folder.
    """
    path = Path(path)
    require_folder_place(path, replaces)
    _make_directory(path.parent)
    _remove_leftovers(path.parent)
    temporary = _name_beside(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in _files_below(temporary):
            _sync(file)
        require_folder_place(path, replaces)  # another process may have made it meanwhile
        _replace_directory(temporary, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_file_place(path: Path) -> None:
    """Check that a file may be written to a path; one that is there would be replaced.

    Raises:
        UserError: It is a folder, or no file can have that name.
    """
    _require_name(Path(path), file=True)
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder, and a file is to be written there: name another file.")


def require_new_file(path: Path, suffix: str) -> None:
    """Check that a file can be written where none is, before long work depends on it.

    Args:
        path: The file.
        suffix: How its name must end, for example ``.hdf5``.

    Raises:
        UserError: It has another ending, is there, or its folder cannot be written.
    """
    path = Path(path)
    require_file_place(path)
    if path.suffix.lower() != suffix:
        raise UserError(f"--output must name a {suffix} file, got {path}.")
    if path.exists():
        raise UserError(f"{path} already exists: remove it or name another file.")
    require_writable(Path(os.path.abspath(path)).parent)


def require_plain_name(name: str, what: str) -> None:
    """Check that a name of the user is one name below a folder, and cannot lead out of it.

    Args:
        name: The name.
        what: Where it was given, for the message.

    Raises:
        UserError: It is empty, hidden, has a separator, or is too long.
    """
    if not name or name.startswith(".") or not name.isprintable() or set(name) & set('/\\:*?"<>|'):
        raise UserError(
            f"{what} is '{name[:60]}': give the name of a folder, of letters, digits, - and _, without path."
        )
    if len(os.fsencode(name)) > LONGEST_NAME // 2:
        raise UserError(f"{what} is '{name[:40]}...', of {len(name)} letters: give at most {LONGEST_NAME // 2}.")


def require_folder_place(path: Path, replaces: Collection[str] = ()) -> None:
    """Check that a folder may be made at a path.

    Args:
        path: The folder.
        replaces: Patterns of the names that a folder which is there may hold to be replaced: those that the command
            itself writes. Empty: no folder may be there.

    Raises:
        UserError: Something is there that would be lost, or no folder can have that name.
    """
    path = Path(path)
    _require_name(path)
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file, and a folder is to be written there: remove it or name another folder.")
    if not path.exists():
        return
    if not replaces:
        raise UserError(f"{path} already exists: remove it or name another folder.")
    names = sorted(item.name for item in path.iterdir())
    foreign = [name for name in names if not any(fnmatch.fnmatchcase(name, pattern) for pattern in replaces)]
    if foreign:
        raise UserError(
            f"{path} holds other things than what is to be written there ({', '.join(foreign[:3])}), and they would be"
            " lost: name another folder."
        )


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


def _require_name(path: Path, *, file: bool = False) -> None:
    here, whole = Path.cwd(), Path(os.path.abspath(path))
    if not file and (whole == here or whole in here.parents):
        raise UserError(f"{path} is the folder that the command runs in, or one above it: name a new one.")
    for part in whole.parts:
        if len(os.fsencode(part)) > LONGEST_NAME:
            raise UserError(f"The name '{part[:40]}...' has {len(part)} letters: at most {LONGEST_NAME} are possible.")


def _remove_leftovers(directory: Path) -> None:
    """Remove the temporary files and folders of processes that were killed."""
    for item in directory.glob(".*.tmp*"):
        with contextlib.suppress(OSError):
            if _TEMPORARY.fullmatch(item.name) and time.time() - item.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(item) if item.is_dir() else item.unlink()


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
