# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The asset folder: what ``asset.yaml`` says, how it is written and how it is read (strictly).

<name>/<name>.usdc    visual mesh as scanned, collision pieces, mass, friction
<name>/asset.yaml     this schema
<name>/points.npz     surface points in farthest-point order
<name>/report.json    the passport; pictures beside it
"""

from __future__ import annotations

import dataclasses
import math
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from score.utils.archives import DAMAGED, check_archive
from score.utils.errors import UserError, near_names
from score.utils.fields import brief, finite_number, finite_numbers, read_fields
from score.utils.settings_files import read_yaml

FORMAT = "score-asset/1"
"""Value of ``format`` in ``asset.yaml``."""
ASSET_FILE = "asset.yaml"
REPORT_FILE = "report.json"


def asset_files(name: str) -> tuple[str, ...]:
    """All that the folder of an asset holds, as ``reconstruct.py asset`` makes it."""
    return (
        ASSET_FILE,
        REPORT_FILE,
        f"{name}.usdc",
        "points.npz",
        "preview.png",
        "collision.png",
        f"{name}_texture.jpg",
    )


NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of assets: they become the root prim of a USD file."""


@dataclass(frozen=True)
class CavityRecord:
    """The open hollow of a cup, bowl or socket, in the asset frame."""

    center: tuple[float, float]
    """x and y of the largest circle inside it at half depth [m]."""
    floor: float
    """z of its deepest point [m]."""
    rim: float
    """z up to which it holds [m]."""
    radius: float
    """Radius of that circle [m]."""
    volume: float
    """Volume [m^3]."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", finite_numbers("cavity.center", self.center, 2))
        for name in ("floor", "rim", "radius", "volume"):
            object.__setattr__(self, name, finite_number(f"cavity.{name}", getattr(self, name)))
        if not (self.rim > self.floor and self.radius >= 0.0 and self.volume > 0.0):
            raise UserError("cavity: rim must lie above floor, radius and volume must be positive.")


@dataclass(frozen=True)
class CollisionRecord:
    """What the engines collide with."""

    kind: str
    """Policy that made it: ``primitive``, ``fit:slot``, ``fit:ring``, ``sectors``, ``coacd``, ``hull`` or ``hand``."""
    pieces: int
    """Number of primitives and convex pieces."""
    cavity: CavityRecord | None = None
    """The hollow that the pieces leave open, where there is one."""

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or not self.kind:
            raise UserError(f"collision.kind holds {self.kind!r}: give the name of a collision policy.")
        if not isinstance(self.pieces, int) or isinstance(self.pieces, bool) or self.pieces < 1:
            raise UserError(f"collision.pieces holds {self.pieces!r}: give a whole number of at least 1.")


@dataclass(frozen=True)
class RestPose:
    """Pose of the asset frame over a horizontal table at z = 0 in which the object stood when it was scanned."""

    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Position [m]."""
    quaternion: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    """Orientation (x, y, z, w), a unit quaternion."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", finite_numbers("rest_pose.position", self.position, 3))
        object.__setattr__(self, "quaternion", finite_numbers("rest_pose.quaternion", self.quaternion, 4))
        if abs(math.hypot(*self.quaternion) - 1.0) > 1e-3:
            raise UserError(f"rest_pose.quaternion {self.quaternion} is not a unit quaternion (x, y, z, w).")


@dataclass(frozen=True)
class SourceRecord:
    """Where the asset came from."""

    file: str
    """Name of the scan, without its folder."""
    sha256: str
    """Hash of the scan as 64 hexadecimal digits."""


@dataclass(frozen=True)
class AssetRecord:
    """Content of ``asset.yaml``.

    The asset frame has z up; for assets made here its origin is the middle of the footprint on the table.
    """

    name: str
    """Name of the asset, of its USD file and of the file's root prim."""
    usd: str
    """USD file, relative to the folder."""
    mass: float
    """Mass [kg]."""
    friction: float
    """Static and dynamic friction coefficient."""
    collision: CollisionRecord
    """What the engines collide with."""
    size: tuple[float, float, float]
    """Extents of the visual mesh along the axes of the asset frame [m]."""
    rest_pose: RestPose = field(default_factory=RestPose)
    """How it stood on the table."""
    center_of_mass: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre of mass in the asset frame [m]."""
    points: str = ""
    """Surface points (.npz), relative to the folder; empty where there are none."""
    source: SourceRecord | None = None
    """The scan; None for a hand-made asset."""
    units: str = "m"
    """Unit of every length here and in the USD file; always ``m``."""

    def __post_init__(self) -> None:
        require_name(self.name)
        for key in ("usd", "points"):
            _require_plain_file_name(key, getattr(self, key), empty=key == "points")
        for key in ("mass", "friction"):
            object.__setattr__(self, key, finite_number(key, getattr(self, key)))
        object.__setattr__(self, "size", finite_numbers("size", self.size, 3))
        object.__setattr__(self, "center_of_mass", finite_numbers("center_of_mass", self.center_of_mass, 3))
        if not self.mass > 0.0 or self.friction < 0.0:
            raise UserError(f"mass {self.mass} must be positive and friction {self.friction} must not be negative.")
        if min(self.size) <= 0.0:
            raise UserError(f"size {self.size} must be positive in every direction.")
        if self.units != "m":
            raise UserError(f"units are {self.units!r}, and only 'm' is read: convert the asset to metres.")


@dataclass(frozen=True)
class Asset:
    """An asset folder that was read."""

    directory: Path
    """The folder."""
    record: AssetRecord
    """What its ``asset.yaml`` says."""

    @property
    def usd_path(self) -> Path:
        """Absolute path of the USD file."""
        return (self.directory / self.record.usd).resolve()

    def points(self, count: int | None = None) -> NDArray[np.float32]:
        """Read surface points in farthest-point order: any prefix is a cloud of the whole surface.

        Args:
            count: Number of points; None for all.

        Returns:
            Points [m], shape (count, 3), float32, asset frame.

        Raises:
            UserError: There is no readable file of points, or it holds fewer.
        """
        points = self.surface()[0]
        if count is not None and count > len(points):
            path = self.directory / self.record.points
            raise UserError(f"{path} holds {len(points)} points and {count} were asked for: make it with --points.")
        return points[:count]

    def surface(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read all surface points and their outward unit normals, each (N, 3), float32, asset frame [m].

        Raises:
            UserError: There is no readable file of points.
        """
        if not self.record.points:
            raise UserError(f"{self.directory / ASSET_FILE}: the key 'points' is empty: this asset has no points.")
        path = self.directory / self.record.points
        try:
            # Deflated numbers are a little smaller than plain ones, and no array is made that is larger than its file.
            check_archive(path, slack=64 * path.stat().st_size)
            with np.load(path, allow_pickle=False) as data:
                arrays = {name: np.asarray(data[name]) for name in ("points", "normals")}
        except (*DAMAGED, SyntaxError, tokenize.TokenError) as error:  # headers of arrays are read as Python
            reason = brief(error, 100)
            raise UserError(f"{path} is missing or not a file of points ({reason}): make the asset again.") from error
        for name, array in arrays.items():
            if array.ndim != 2 or array.shape[1] != 3 or array.dtype != np.float32 or not np.isfinite(array).all():
                raise UserError(f"{path}: '{name}' must be finite float32 of shape (N, 3): make the asset again.")
        if len(arrays["points"]) != len(arrays["normals"]):
            raise UserError(f"{path} does not have one normal per point: make the asset again.")
        return arrays["points"], arrays["normals"]


def require_name(name: object) -> str:
    """Check the name of an asset.

    Raises:
        UserError: It is no identifier (letters, digits, underscores, no digit first).
    """
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise UserError(f"An asset cannot have the name {name!r}: use letters, digits and _, a letter first.")
    return name


def write_asset(record: AssetRecord, directory: Path) -> None:
    """Write ``asset.yaml`` into a folder that is being filled.

    Args:
        record: What it says.
        directory: The folder, usually a temporary one of :func:`score.utils.files.atomic_directory`.
    """
    data = {"format": FORMAT, **_plain(dataclasses.asdict(record))}
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120)
    (directory / ASSET_FILE).write_text(text, encoding="utf-8")


def read_asset(directory: Path) -> Asset:
    """Read an asset folder.

    Args:
        directory: The folder.

    Returns:
        The asset; its USD file exists, what is in it was not looked at.

    Raises:
        UserError: The folder does not hold a valid asset. The message names file, key and remedy.
    """
    directory = Path(directory)
    path = directory / ASSET_FILE
    if not path.is_file():
        near = near_names(directory.name, (p.name for p in directory.parent.glob("*/"))) if not path.exists() else ""
        raise UserError(f"{directory} has no {ASSET_FILE}: give a folder made by 'reconstruct.py asset'.{near}")
    data = read_yaml(path)
    found = data.pop("format", None) if isinstance(data, dict) else None
    if found != FORMAT:
        raise UserError(f"{path} has format {brief(found)}, and this version reads '{FORMAT}'. Make the asset again.")
    try:
        record = _parse(data, str(path))
    except UserError as error:
        # The checks of the dataclasses know the key and not the file.
        text = str(error)
        raise UserError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    if not (directory / record.usd).is_file():
        raise UserError(f"{path}: the USD file {record.usd!r} is missing: keep the files of an asset together.")
    return Asset(directory, record)


def _parse(data: Any, where: str) -> AssetRecord:
    values = read_fields(AssetRecord, data, where)
    nested = {"collision": CollisionRecord, "rest_pose": RestPose, "source": SourceRecord}
    for key, kind in nested.items():
        if values.get(key) is not None:
            inner = read_fields(kind, values[key], f"{where}: {key}")
            if key == "collision" and inner.get("cavity") is not None:
                fields = read_fields(CavityRecord, inner["cavity"], f"{where}: collision.cavity")
                inner["cavity"] = CavityRecord(**fields)
            values[key] = kind(**inner)
    if values.get("collision") is None:
        raise UserError(f"{where}: collision is empty.")
    if values.get("rest_pose", True) is None:
        del values["rest_pose"]
    return AssetRecord(**values)


def _require_plain_file_name(key: str, name: object, *, empty: bool) -> None:
    # A path could leave the folder, so that an asset would read other files of whoever opens it.
    plain = isinstance(name, str) and name == Path(name).name and name not in (".", "..")
    if not plain and not (empty and name == ""):
        raise UserError(f"{key} holds {name!r}: give the name of a file in the folder, without a path.")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
