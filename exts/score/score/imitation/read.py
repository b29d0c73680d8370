# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrations of any home: our HDF5, robomimic's and Isaac Lab's own, LeRobot data sets, and zarr."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from score.imitation.data_interface import read_data_interface
from score.imitation.dataset import DemonstrationSet, read_demonstrations
from score.imitation.lerobot_data import is_lerobot_data, read_lerobot_data
from score.imitation.zarr_data import is_zarr_data, read_zarr_data
from score.utils.errors import UserError


def read_any(
    path: Path, keys: Sequence[str], cloud_keys: Sequence[str] = (), interface: Path | None = None
) -> DemonstrationSet:
    """Read demonstrations, whatever wrote them.

    Args:
        path: An HDF5 file, the folder of a LeRobot data set, or a replay buffer of zarr, a folder or ``.zarr.zip``.
        keys: Vector observations to read.
        cloud_keys: Point clouds to read.
        interface: What the data do not say; by default ``data.yaml`` in the folder, FILE.yaml beside FILE.zarr, or
            beside FILE.hdf5 where there is one.

    Raises:
        UserError: The data are unsound, or nothing that is known.
    """
    if is_zarr_data(path):
        return read_zarr_data(path, keys, cloud_keys, interface)
    if path.is_dir():
        if not is_lerobot_data(path):
            raise UserError(
                f"{path} is a folder without meta/info.json and .zgroup: give an HDF5 file, a LeRobot data set or zarr."
            )
        return read_lerobot_data(path, keys, cloud_keys, interface)
    page = interface or path.with_suffix(".yaml")
    settings = read_data_interface(page) if interface is not None or page.is_file() else None
    return read_demonstrations(path, keys, cloud_keys, settings)
