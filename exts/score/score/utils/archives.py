# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Zip archives that a user hands in, looked at before anything in them is believed. Standard library only."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

SLACK = 64 * 2**20
"""What the members of an archive may unpack to beyond its own size [bytes]: compressed source code does."""
_LARGEST_DIRECTORY = 8 * 2**20
"""Longest list of members that is read [bytes]; the archives of this project have some hundred members."""
_ENCRYPTED = 1

DAMAGED = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, OverflowError, MemoryError, TypeError),
)
"""What Python's readers of archives, and of what is in them, raise on damaged bytes. NotImplementedError is among
them: archives of other methods."""


class ArchiveError(ValueError):
    """What is wrong with an archive, in words that follow its name: ``is ...``, ``unpacks to ...``."""


def check_archive(source: Path | BinaryIO, *, slack: int = SLACK) -> list[str]:
    """Check that an archive is whole and no larger than it looks, and list its members.

    Args:
        source: The file, or a stream of it.
        slack: What the members may unpack to beyond the size of the archive [bytes].

    Returns:
        Names of the members.

    Raises:
        ArchiveError: It is damaged, encrypted, names a member twice, or would unpack to far more than it holds.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return check_archive(stream, slack=slack)
        size = source.seek(0, 2)
        # Before ZipFile, which reads the whole list at once.
        if _directory_size(source, size) > _LARGEST_DIRECTORY:
            raise ArchiveError("has far too many members")
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            if any(entry.flag_bits & _ENCRYPTED for entry in entries):
                raise ArchiveError("is encrypted")
            # Two readers may differ on which of two entries of one name counts; torch's ignores case.
            if len({entry.filename.lower() for entry in entries}) < len(entries):
                raise ArchiveError("names a part twice")
            if sum(entry.file_size for entry in entries) > size + slack:
                raise ArchiveError("unpacks to far more than its size")
            if archive.testzip() is not None:
                raise ArchiveError("is cut off or damaged")
    except ArchiveError:
        raise
    except PermissionError:
        raise
    except DAMAGED as error:
        raise ArchiveError("is cut off or damaged") from error
    return [entry.filename for entry in entries]


def _directory_size(stream: BinaryIO, size: int) -> int:
    """Length of the list of members [bytes] as the end of the archive states it; 0 where there is no such end."""
    stream.seek(max(0, size - 2**16 - 128))
    tail = stream.read()
    length, classic = 0, tail.rfind(b"PK\5\6")
    if classic >= 0:
        length = int.from_bytes(tail[classic + 12 : classic + 16], "little")
    large = tail.rfind(b"PK\6\6") if length == 2**32 - 1 else -1
    return int.from_bytes(tail[large + 40 : large + 48], "little") if large >= 0 else length
