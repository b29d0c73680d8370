# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of an asset as a user writes them, on the command line or in a file: lengths in mm, a mass with its unit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from score.reconstruction.settings import AssetCfg, parse_mass, parse_measures
from score.utils.errors import UserError, near_names
from score.utils.fields import brief, finite_number, finite_numbers, whole_number

__all__ = ["OPTIONS", "asset_cfg"]

_TEXTS = ("unit", "up", "table", "material", "collision")
_NUMBERS = ("friction", "coacd_threshold", "coacd_timeout")
_MILLIMETRES = ("wall", "voxel")
OPTIONS = (*_TEXTS, *_NUMBERS, *_MILLIMETRES, "mass", "known_length", "roi", "measure", "points")
"""Names of the settings, those of the flags of ``reconstruct.py asset`` with _ for -."""


def asset_cfg(scan: Path, name: str, output: Path, options: Mapping[str, Any], *, overwrite: bool = False) -> AssetCfg:
    """Read the settings of an asset.

    Args:
        scan: The scanned mesh.
        name: Name of the asset.
        output: Folder to make.
        options: Setting of :data:`OPTIONS` -> value as the user wrote it.
        overwrite: Whether an existing output folder is replaced.

    Raises:
        UserError: A setting is unknown or does not fit.
    """
    values: dict[str, Any] = {}
    for key, value in options.items():
        if key not in OPTIONS:
            near = near_names(str(key), OPTIONS) or f" Known are {', '.join(OPTIONS)}."
            raise UserError(f"The setting {brief(key)} is unknown.{near}")
        if key in _TEXTS:
            values[key] = _text(key, value)
        elif key in _NUMBERS:
            values[key] = finite_number(key, value)
        elif key in _MILLIMETRES:
            values[key] = finite_number(key, value) / 1000.0
        elif key == "mass":
            values[key] = parse_mass(value if isinstance(value, str) else repr(finite_number(key, value)))
        elif key == "known_length":
            values[key] = next(iter(parse_measures([_text(key, value)], "--known-length").items()))
        elif key == "roi":
            values[key] = finite_numbers("roi", value, 6)
        elif key == "measure":
            values["measures"] = _measures(value)
        else:
            values["num_points"] = whole_number(key, value, 1, 1_000_000)
    return AssetCfg(scan=scan, name=name, output=output, overwrite=overwrite, **values)


def _measures(value: Any) -> dict[str, float]:
    if isinstance(value, Mapping):
        return {str(key): finite_number(f"measure.{key}", number) / 1000.0 for key, number in value.items()}
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UserError(f"measure holds {brief(value)}: give millimetres by name, for example {{width: 21}}.")
    return parse_measures(value)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"{key} holds {brief(value)}: give a text.")
    return value
