# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Finds the files that a scan names: its material library, textures and buffers, however their names are written."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from PIL import Image
from trimesh.resolvers import Resolver

from score.reconstruction.scan.pictures import BROKEN_PICTURE

__all__ = ["CompanionFiles"]

_MOST_FILES = 20_000
"""Files below the scan's folder that are looked at for a name; a whole disk is none of a scan's."""
_DEEPEST = 4
"""Levels of subfolders that are looked at."""
_LONGEST_NAME = 1000
_LARGEST_FILE = 2**31
_OPTION = re.compile(r"-[A-Za-z]+")
_VALUE = re.compile(r"on|off|[rgbmlz]|[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".tga")


class CompanionFiles(Resolver):
    """Gives trimesh the files beside a scan, and never one outside the scan's folder.

    A name may be a URI with escapes, a path of Windows or of another computer, in other letter case, with options
    of the material library before it (``-s 1 1 1 skin.png``), or lie in a subfolder.
    """

    def __init__(self, scan: Path) -> None:
        """Remember the folder.

        Args:
            scan: The scan.
        """
        self._folder = scan.resolve().parent
        self._files: dict[str, list[Path]] | None = None
        self.missing: list[str] = []
        """Names that were asked for and are nowhere."""
        self.damaged: list[str] = []
        """Pictures that are there and cannot be read."""

    def get(self, name: str) -> bytes:
        """Content of a file.

        Raises:
            FileNotFoundError: It is nowhere in the scan's folder.
        """
        name = str(name).strip()
        path = self.find(name)
        if path is None:
            self._note(self.missing, name)
            raise FileNotFoundError(name)
        data = path.read_bytes()
        if path.suffix.lower() in _PICTURES and not _is_picture(data):
            self._note(self.damaged, path.name)
        return data

    def find(self, name: str) -> Path | None:
        """Return the file that a name means; None where there is none."""
        readings = _readings(name[:_LONGEST_NAME])
        for text in readings:
            path = self._inside(text) or self._inside(text.rpartition("/")[2])
            if path is not None:
                return path
        for parts in (text.lower().split("/") for text in readings):
            found = self._below().get(parts[-1], [])
            if found:
                # Of several files of one name, the one whose folders agree best.
                return max(found, key=lambda path: (self._agreement(path, parts), -len(path.parts), str(path)))
        return None

    def keys(self) -> Iterator[str]:
        """Names of all files in the folder."""
        return (str(path.relative_to(self._folder)) for paths in self._below().values() for path in paths)

    def namespaced(self, namespace: str) -> CompanionFiles:
        """Return the same folder: names are searched in all of it."""
        return self

    def write(self, name: str, data: object) -> None:
        """Refuse.

        Raises:
            PermissionError: Always: a scan is only read.
        """
        raise PermissionError(f"A scan is only read, {name} is not written.")

    def _inside(self, name: str) -> Path | None:
        try:
            path = (self._folder / name).resolve()
            # A name or a link out of the folder would let a scan read other files of whoever opens it.
            fits = path.is_relative_to(self._folder) and path.is_file() and path.stat().st_size <= _LARGEST_FILE
        except (OSError, ValueError, RuntimeError):
            return None
        return path if fits else None

    def _below(self) -> dict[str, list[Path]]:
        if self._files is None:
            self._files = {}
            count = 0
            for folder, folders, names in os.walk(self._folder):
                depth = len(Path(folder).relative_to(self._folder).parts)
                folders[:] = sorted(folders) if depth < _DEEPEST else []
                for name in sorted(names):
                    path = self._inside(str(Path(folder) / name))
                    if path is not None:
                        self._files.setdefault(name.lower(), []).append(path)
                count += len(names)
                if count > _MOST_FILES:
                    break
        return self._files

    def _agreement(self, path: Path, parts: list[str]) -> int:
        own = [part.lower() for part in path.relative_to(self._folder).parts]
        same = 0
        while same < min(len(own), len(parts)) and own[-1 - same] == parts[-1 - same]:
            same += 1
        return same

    def _note(self, where: list[str], name: str) -> None:
        if name not in where:
            where.append(name if len(name) <= 80 else f"{name[:77]}...")


def _readings(name: str) -> list[str]:
    """Return what a name may mean, the likeliest first: as it is, without escapes, without options; slashes forward."""
    plain = [name, unquote(name), _without_options(name), unquote(_without_options(name))]
    return list(dict.fromkeys(text.replace("\\", "/").strip().strip('"') for text in plain))


def _without_options(name: str) -> str:
    """Return a texture's name without a material library's options before it: ``-o 0 0 0 -clamp on my skin.png``."""
    words = name.split()
    while len(words) > 1 and _OPTION.fullmatch(words[0]):
        words.pop(0)
        while len(words) > 1 and _VALUE.fullmatch(words[0]):
            words.pop(0)
    return " ".join(words)


def _is_picture(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (64, 64))
            picture.load()
    except BROKEN_PICTURE:
        return False
    return True
