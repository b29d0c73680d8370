# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Which scans a folder holds, and what is said about each in ``batch.yaml``.

::

    format: score-batch/1
    defaults: {unit: mm}                        # of every scan; the flags' names with _ for -, lengths in mm
    scans:
      mug: {file: mug/mug.obj, mass: 250g}      # name of the asset: its file, and settings of its own
      plate: {file: plate.stl, material: ceramic, wall: 4}

Without that file every mesh below the folder is a scan, named after its file or, where files have names such as
``textured.obj``, after its folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from score.reconstruction.asset_folder import require_name
from score.reconstruction.options import OPTIONS
from score.reconstruction.scan.formats import SUFFIXES
from score.utils.errors import UserError, near_names
from score.utils.fields import brief
from score.utils.settings_files import read_yaml

__all__ = ["PLAN_FILE", "BatchItem", "BatchResult", "read_plan"]

PLAN_FILE = "batch.yaml"
PLAN_FORMAT = "score-batch/1"
MOST_SCANS = 10_000
_COMMON_NAMES = frozenset(("textured", "nontextured", "model", "mesh", "scan", "object", "texture", "raw", "untitled"))
_BEST_FIRST = (".glb", ".gltf", ".obj", ".ply", ".off", ".stl")
"""Of several exports of one scan the one that says most."""


@dataclass(frozen=True)
class BatchItem:
    """One scan to be made an asset."""

    name: str
    """Name of the asset and of its folder."""
    scan: Path
    """The scan."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings as the user wrote them."""


@dataclass(frozen=True)
class BatchResult:
    """What became of one scan."""

    name: str
    """Name of the asset."""
    scan: str
    """The scan, as it was given."""
    status: str
    """``passed``; ``failed``: made, and a check failed; ``refused``: not made; ``crashed``; ``timeout``."""
    message: str
    """What is wrong; empty where nothing is."""
    seconds: float
    """Wall time [s]."""
    key: str
    """Hash of the scan and its settings: the same key needs no second run."""
    cpu: float = 0.0
    """CPU time of all its processes [s], which other work on the machine does not change; 0 where it did not end."""


def read_plan(directory: Path, defaults: Mapping[str, Any]) -> list[BatchItem]:
    """List the scans of a folder.

    Args:
        directory: The folder, with or without :data:`PLAN_FILE`.
        defaults: Settings of every scan, which the file's go before.

    Raises:
        UserError: It is no folder, holds no scan, or its file is unsound.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise UserError(f"batch: {directory} is not a folder: give the folder that holds the scans.")
    path = directory / PLAN_FILE
    items = _stated(path, defaults) if path.is_file() else _found(directory, defaults)
    if not items:
        raise UserError(f"batch: {directory} holds no scan ({', '.join(SUFFIXES)}): check the folder.")
    return items


_ALTERNATIVES = (("mass", "material"), ("unit", "known_length"))
"""Settings of which a scan has one at most."""


def _stated(path: Path, defaults: Mapping[str, Any]) -> list[BatchItem]:
    data = read_yaml(path)
    if not isinstance(data, dict) or data.get("format") != PLAN_FORMAT:
        found = brief(data.get("format")) if isinstance(data, dict) else "none"
        raise UserError(f"{path}: format is {found}, and this version reads '{PLAN_FORMAT}'.")
    _require_known(data, ("format", "defaults", "scans"), str(path))
    common = {**defaults, **_settings(data.get("defaults") or {}, f"{path}: defaults")}
    scans = data.get("scans")
    if not isinstance(scans, dict) or not 0 < len(scans) <= MOST_SCANS:
        raise UserError(f"{path}: 'scans' must map 1 to {MOST_SCANS:,} names to their files and settings.")
    items = []
    for name, entry in scans.items():
        where = f"{path}: scans.{name if isinstance(name, str) else brief(name)}"
        require_name(name)
        own = dict(entry) if isinstance(entry, dict) else {}
        file = own.pop("file", None)
        if not isinstance(file, str) or not file:
            raise UserError(f"{where} lacks 'file': name the scan, relative to the folder.")
        scan = path.parent / file
        try:
            inside = scan.resolve().is_relative_to(path.parent.resolve())
        except (OSError, ValueError):  # too long, or with a zero byte
            raise UserError(f"{where}.file is {brief(file)}, and no file can have that name.") from None
        # A path out of the folder would let a batch that somebody hands over read other files.
        if not inside:
            raise UserError(f"{where}.file is {brief(file)}, which lies outside {path.parent}: keep all scans in it.")
        stated = _settings(own, where)
        # What a scan says goes before the defaults, also where the two say the same thing in another way.
        beaten = {other for pair in _ALTERNATIVES for other in pair if set(pair) & set(stated) - {other}}
        items.append(BatchItem(name, scan, {key: common[key] for key in common if key not in beaten} | stated))
    return items


def _found(directory: Path, defaults: Mapping[str, Any]) -> list[BatchItem]:
    files = sorted(path for path in directory.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if len(files) > MOST_SCANS:
        raise UserError(f"batch: {directory} holds {len(files):,} meshes, at most {MOST_SCANS:,} are made: divide it.")
    best: dict[Path, Path] = {}
    for path in files:
        stem = path.with_suffix("")
        if stem not in best or _rank(path) < _rank(best[stem]):
            best[stem] = path
    names: dict[str, BatchItem] = {}
    for path in best.values():
        name, count = _name_of(path, directory), 2
        unique = name
        while unique in names:
            unique, count = f"{name}_{count}", count + 1
        names[unique] = BatchItem(unique, path, dict(defaults))
    return list(names.values())


def _rank(path: Path) -> int:
    return _BEST_FIRST.index(path.suffix.lower())


def _name_of(path: Path, directory: Path) -> str:
    parts = list(path.relative_to(directory).with_suffix("").parts)
    while len(parts) > 1 and parts[-1].lower() in _COMMON_NAMES:
        parts.pop()
    if len(parts) == 1 and parts[0].lower() in _COMMON_NAMES:
        parts = [directory.resolve().name]
    name = re.sub(r"[^A-Za-z0-9]+", "_", parts[-1]).strip("_")[:60] or "scan"
    return name if name[0].isalpha() else f"scan_{name}"


def _settings(data: Any, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise UserError(f"{where} is not a mapping of settings.")
    _require_known(data, OPTIONS, where)
    return data


def _require_known(data: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    for key in data:
        if key not in known:
            near = near_names(str(key), known) or f" It may have {', '.join(known)}."
            raise UserError(f"{where} has an unknown key {brief(key)}.{near}")
