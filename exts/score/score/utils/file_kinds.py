# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What lies at a path, told by names and layout: for every reader of a file that a user hands in.

Nothing is unpickled, and nothing beyond the standard library is needed.
"""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Any

from .archives import ArchiveError, check_archive

_ZIP_START = b"PK\x03\x04"
_LARGEST_HEADER = 2**24
"""Longest header of a safetensors file that is read [bytes]; one with 10,000 tensors has a million."""


class FileKind(enum.Enum):
    """What lies at a path; the value describes it in messages."""

    MISSING = "does not exist"
    EMPTY = "is empty"
    TRUNCATED = "is cut off or damaged"
    PICKLE = "is a Python pickle, which could run any code and is never opened"
    TORCHSCRIPT = "is a TorchScript file (the policy.pt of a capsule or of a base policy)"
    ARCHIVE = "is a file of torch.save"
    SAFETENSORS = "is a safetensors file"
    CAPSULE = "is a capsule (made by export.py)"
    BUNDLE = "is a base policy bundle"
    RUN = "is the folder of a training run"
    FOLDER = "is a folder"
    SPECIAL = "is not a regular file (a device or a named pipe)"
    BOMB = "is an archive that names a part twice, is encrypted, or unpacks to far more than its size"
    OTHER = "is of no known kind"


def file_kind(path: Path) -> FileKind:
    """Find out what lies at a path."""
    path = Path(path)
    if path.is_dir():
        return _folder_kind(path)
    if not path.exists():
        return FileKind.MISSING
    if not path.is_file():
        return FileKind.SPECIAL  # opening a named pipe would wait for somebody to write into it
    with path.open("rb") as file:
        head = file.read(9)
    if not head:
        return FileKind.EMPTY
    # First: the length that a safetensors file begins with may look like the start of a pickle.
    if head[8:] == b"{" and int.from_bytes(head[:8], "little") <= _LARGEST_HEADER:
        return _safetensors_kind(path, int.from_bytes(head[:8], "little"))
    if head[:4] == _ZIP_START:
        return _archive_kind(path)
    # Protocols 2 to 5; that is also how torch.save wrote before its archives.
    return FileKind.PICKLE if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" else FileKind.OTHER


def newest_model(run: Path) -> Path | None:
    """Return the ``model_<i>.pt`` of the greatest i in the folder of a training run; None if it holds no model."""
    return max(run.glob("model_*.pt"), key=iteration_of, default=None)


def iteration_of(path: Path) -> int:
    """Return the i of model_i.pt, -1 for any other name."""
    digits = path.stem.removeprefix("model_")
    return int(digits) if path.suffix == ".pt" and digits.isdecimal() else -1


def _folder_kind(path: Path) -> FileKind:
    if (path / "manifest.json").is_file():
        return FileKind.CAPSULE
    if (path / "policy.yaml").is_file():
        return FileKind.BUNDLE
    return FileKind.RUN if newest_model(path) is not None or (path / "params").is_dir() else FileKind.FOLDER


def _archive_kind(path: Path) -> FileKind:
    try:
        names = [name.partition("/")[2] for name in check_archive(path)]
    except ArchiveError as error:
        return FileKind.TRUNCATED if "damaged" in str(error) else FileKind.BOMB
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return FileKind.TORCHSCRIPT
    return FileKind.ARCHIVE if "data.pkl" in names else FileKind.OTHER


def _safetensors_kind(path: Path, length: int) -> FileKind:
    with path.open("rb") as file:
        file.seek(8)
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            whole = 8 + length + max(ends, default=0) == path.stat().st_size
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            whole = False
    return FileKind.SAFETENSORS if whole else FileKind.TRUNCATED
