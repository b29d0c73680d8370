# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrations of any home: our HDF5, robomimic's and Isaac Lab's own, or a LeRobot data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from score.imitation.data_interface import read_data_interface
from score.imitation.dataset import DemonstrationSet, read_demonstrations
from score.imitation.lerobot_data import is_lerobot_data, read_lerobot_data
from score.utils.errors import UserError


def read_any(
    path: Path, keys: Sequence[str], cloud_keys: Sequence[str] = (), interface: Path | None = None
) -> DemonstrationSet:
    """Read demonstrations, whatever wrote them.

    Args:
        path: An HDF5 file, or the folder of a LeRobot data set.
        keys: Vector observations to read.
        cloud_keys: Point clouds to read.
        interface: What the data do not say; by default ``data.yaml`` in the folder, or FILE.yaml beside FILE.hdf5 where
            there is one.

    Raises:
        UserError: The data are unsound, or nothing that is known.
    """
    if path.is_dir():
        if not is_lerobot_data(path):
            raise UserError(f"{path} is a folder without meta/info.json: give an HDF5 file or a LeRobot data set.")
        return read_lerobot_data(path, keys, cloud_keys, interface)
    page = interface or path.with_suffix(".yaml")
    settings = read_data_interface(page) if interface is not None or page.is_file() else None
    return read_demonstrations(path, keys, cloud_keys, settings)
