# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scene files: a table, a camera and assets with their poses, read strictly (docs/RECONSTRUCTION.md, section Scenes).

The scene frame is the robot's base frame: metres, z up. Quaternions are (x, y, z, w).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from scipy.spatial.transform import Rotation

from score.reconstruction.asset_folder import Asset, read_asset, require_name
from score.reconstruction.scene_joint import JointCfg, checked_joint
from score.reconstruction.scene_motion import ResistanceCfg, checked_resistance, require_carriers
from score.utils.errors import UserError, near_names
from score.utils.fields import brief, finite_numbers
from score.utils.settings_files import UNREADABLE

__all__ = ["RANGE_KEYS", "SCENE_FORMAT", "JointCfg", "Scene", "SceneCameraCfg", "SceneObject", "TableCfg", "read_scene"]

SCENE_FORMAT = "score-scene/1"
RANGE_KEYS = ("x", "y", "z", "roll", "pitch", "yaw")
SUPPORTS = ("table", "free")
MAX_BYTES = 1024 * 1024
"""Largest scene file."""


@dataclass
class TableCfg:
    """A box that carries the objects."""

    size: list[float] = field(default_factory=lambda: [0.8, 1.2, 0.04])
    """Extents along x, y, z [m]."""
    position: list[float] = field(default_factory=lambda: [0.55, 0.0, 0.0])
    """Middle of its upper face [m]."""


@dataclass
class SceneCameraCfg:
    """Where the picture is taken."""

    eye: list[float] = field(default_factory=lambda: [1.3, 0.7, 0.7])
    """Position [m]."""
    target: list[float] = field(default_factory=lambda: [0.5, 0.0, 0.05])
    """Point that it looks at [m]."""
    fov: float = 35.0
    """Horizontal angle of view [deg]."""
    width: int = 640
    """Width [pixels]."""
    height: int = 480
    """Height [pixels]."""


@dataclass
class ObjectCfg:
    """An asset in the scene."""

    asset: str = MISSING
    """Asset folder, relative to the scene file."""
    position: list[float] = MISSING
    """Position of the object's origin [m]."""
    quaternion: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 1.0])
    """Orientation of the asset frame (x, y, z, w)."""
    origin: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    """Point of the asset that is placed [m], asset frame; a task may reason about the centre, say."""
    ranges: dict[str, Any] = field(default_factory=dict)
    """Offsets from the pose at reset: ``x``, ``y``, ``z`` [m], ``roll``, ``pitch``, ``yaw`` [rad] -> [low, high]."""
    mass: float | None = None
    """Mass [kg]; None keeps the asset's."""
    friction: float | None = None
    """Friction coefficient; None keeps the asset's."""
    fixed: bool = False
    """Whether it moves only when it is placed, as a fixture does."""
    support: str = "table"
    """``table``: stands on the table or on another object; ``free``: held or in the air, not checked for support."""
    reach: bool = True
    """Whether the arm must reach it."""
    joint: JointCfg | None = None
    """Joint between the object and the world; None for a body that is free or fixed."""
    resistance: ResistanceCfg | None = None
    """What stops it when it rolls or slides beside friction; None leaves it to the engines."""
    inside: str = ""
    """Object further up that carries it at reset: both get that one's offset, and this one its own on top."""


@dataclass
class _File:
    format: str = MISSING
    table: TableCfg = field(default_factory=TableCfg)
    camera: SceneCameraCfg = field(default_factory=SceneCameraCfg)
    objects: dict[str, ObjectCfg] = MISSING


@dataclass(frozen=True)
class SceneObject:
    """An object of a scene that was read."""

    name: str
    """Name in the scene."""
    asset: Asset
    """Its asset folder."""
    position: tuple[float, float, float]
    """Position of the object's origin [m], scene frame."""
    quaternion: tuple[float, float, float, float]
    """Orientation (x, y, z, w)."""
    origin: tuple[float, float, float]
    """The object's origin in the asset frame [m]."""
    ranges: dict[str, tuple[float, float]]
    """Offsets at reset, low and high; a missing key is fixed."""
    mass: float
    """Mass [kg]."""
    friction: float
    """Friction coefficient."""
    fixed: bool
    """Whether it moves only when it is placed."""
    support: str
    """``table`` or ``free``."""
    reach: bool
    """Whether the arm must reach it."""
    joint: JointCfg | None = None
    """Joint between the object and the world, if there is one."""
    resistance: ResistanceCfg | None = None
    """What stops it beside friction."""
    inside: str = ""
    """Object that carries it at reset; empty for none."""

    def pose(self, offset: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Pose of the asset frame, shape (4, 4) [m].

        Args:
            offset: Offset from the nominal pose as a reset draws it, shape (6,), in the order of :data:`RANGE_KEYS`.
        """
        shift = np.zeros(6) if offset is None else offset
        pose = np.eye(4)
        # As Isaac Lab does: the drawn turn comes first, in the object's own axes.
        turn = Rotation.from_quat(self.quaternion) * Rotation.from_euler("xyz", shift[3:])
        pose[:3, :3] = turn.as_matrix()
        pose[:3, 3] = np.asarray(self.position) + shift[:3] - pose[:3, :3] @ np.asarray(self.origin)
        return pose

    @property
    def bounds(self) -> NDArray[np.float64]:
        """Lowest and highest offset, shape (2, 6), in the order of :data:`RANGE_KEYS`."""
        return np.array([self.ranges.get(key, (0.0, 0.0)) for key in RANGE_KEYS]).T


@dataclass(frozen=True)
class Scene:
    """A scene file that was read."""

    path: Path
    """The file."""
    table: TableCfg
    """The table."""
    camera: SceneCameraCfg
    """The camera."""
    objects: tuple[SceneObject, ...]
    """The objects in the order of the file."""

    def named(self, name: str) -> SceneObject:
        """Return an object by its name.

        Raises:
            UserError: There is none of that name.
        """
        for item in self.objects:
            if item.name == name:
                return item
        names = [item.name for item in self.objects]
        raise UserError(f"{self.path} has no object '{name}'.{near_names(name, names)} It has: {', '.join(names)}.")


def read_scene(path: Path) -> Scene:
    """Read a scene file and the asset folders that it names.

    Raises:
        UserError: The file or an asset is unsound. The message names file, key and remedy.
    """
    path = Path(path)
    cfg = _parse(path)
    try:
        _check_table(cfg.table)
        _check_camera(cfg.camera)
        if not cfg.objects:
            raise UserError("objects is empty: put at least one asset into the scene.")
        objects = tuple(_object(name, item, path.parent) for name, item in cfg.objects.items())
        turning = [item.name for item in objects if item.ranges.keys() & {"roll", "pitch", "yaw"}]
        require_carriers({item.name: item.inside for item in objects}, turning)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return Scene(path, cfg.table, cfg.camera, objects)


def _parse(path: Path) -> Any:
    if not path.is_file():
        near = near_names(path.name, (p.name for p in path.parent.glob("*.yaml"))) if path.parent.is_dir() else ""
        raise UserError(f"{path} is not a file: give a scene file (.yaml).{near}")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES // 2**20} MB: it is not a scene file.")
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_tricks(text, path)
        data = OmegaConf.create(text)
    except (yaml.YAMLError, OmegaConfBaseException, *UNREADABLE) as error:
        raise UserError(f"{path} is not readable as YAML: {brief(error, 200)}. Correct it there.") from error
    found = data.get("format") if OmegaConf.is_dict(data) else None
    if found != SCENE_FORMAT:
        raise UserError(f"{path}: format is {found!r}, and this version reads '{SCENE_FORMAT}'.")
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(_File), data))
    except OmegaConfBaseException as error:
        raise UserError(f"{path}: {_explained(error)}") from error
    except UNREADABLE as error:  # an integer of 400 digits where a number is wanted
        raise UserError(f"{path} holds a value of the wrong type: {brief(error, 200)}.") from error


def _refuse_tricks(text: str, path: Path) -> None:
    """Interpolations would read the reader's environment, and aliases unpack to gigabytes."""
    if "${" in text:
        raise UserError(f"{path}: interpolations (${{...}}) are not read in a scene file: write the value.")
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
        raise UserError(f"{path}: aliases (*name) are not read in a scene file: write the value.")


def _explained(error: OmegaConfBaseException) -> str:
    """OmegaConf's message with the full key and, for a mistyped one, the near ones."""
    first = str(error).splitlines()[0].rstrip(".")
    key = error.full_key or error.key
    known = (
        [item.name for item in fields(error.object_type)]
        if hasattr(error.object_type, "__mro__") and hasattr(error.object_type, "__dataclass_fields__")
        else []
    )
    near = near_names(str(error.key), known) if str(error.key) not in known else ""
    if near or str(error.key) not in known:
        near = near or (f" It may have {', '.join(known)}." if known else "")
    if "MISSING" in first or "mandatory" in first.lower():
        return f"lacks the key '{key}'."
    return f"key '{key}': {first}.{near}"


def _check_table(table: TableCfg) -> None:
    size = finite_numbers("table.size", table.size, 3)
    finite_numbers("table.position", table.position, 3)
    if min(size) <= 0.0:
        raise UserError(f"table.size {list(size)} must be positive in every direction.")


def _check_camera(camera: SceneCameraCfg) -> None:
    if finite_numbers("camera.eye", camera.eye, 3) == finite_numbers("camera.target", camera.target, 3):
        raise UserError("camera.eye and camera.target are one point: move one of them.")
    if not 1.0 <= camera.fov <= 150.0:
        raise UserError(f"camera.fov is {camera.fov}: give 1 to 150 degrees.")
    for name in ("width", "height"):
        if not 16 <= getattr(camera, name) <= 4096:
            raise UserError(f"camera.{name} is {getattr(camera, name)}: give 16 to 4096 pixels.")


def _object(name: str, cfg: ObjectCfg, root: Path) -> SceneObject:
    key = f"objects.{name}"
    require_name(name)
    position = finite_numbers(f"{key}.position", cfg.position, 3)
    quaternion = finite_numbers(f"{key}.quaternion", cfg.quaternion, 4)
    if abs(math.hypot(*quaternion) - 1.0) > 1e-3:
        raise UserError(f"{key}.quaternion {list(quaternion)} is not a unit quaternion (x, y, z, w).")
    if cfg.support not in SUPPORTS:
        raise UserError(f"{key}.support is '{cfg.support}': use one of {', '.join(SUPPORTS)}.")
    if cfg.mass is not None and not (math.isfinite(cfg.mass) and cfg.mass > 0.0):
        raise UserError(f"{key}.mass is {cfg.mass}: give a positive number of kilograms.")
    if cfg.friction is not None and not (math.isfinite(cfg.friction) and 0.0 <= cfg.friction <= 4.0):
        raise UserError(f"{key}.friction is {cfg.friction}: give a coefficient from 0 to 4.")
    asset = read_asset(root / cfg.asset)
    return SceneObject(
        name=name,
        asset=asset,
        position=position,  # type: ignore[arg-type]
        quaternion=quaternion,  # type: ignore[arg-type]
        origin=finite_numbers(f"{key}.origin", cfg.origin, 3),  # type: ignore[arg-type]
        ranges={axis: _range(f"{key}.ranges", axis, values) for axis, values in cfg.ranges.items()},
        mass=asset.record.mass if cfg.mass is None else cfg.mass,
        friction=asset.record.friction if cfg.friction is None else cfg.friction,
        fixed=cfg.fixed,
        support=cfg.support,
        reach=cfg.reach,
        joint=checked_joint(f"{key}.joint", cfg.joint, cfg.fixed, root),
        resistance=checked_resistance(f"{key}.resistance", cfg.resistance),
        inside=cfg.inside,
    )


def _range(key: str, axis: str, values: Any) -> tuple[float, float]:
    if axis not in RANGE_KEYS:
        raise UserError(f"{key} has an unknown key '{axis}': use {', '.join(RANGE_KEYS)}.")
    low, high = finite_numbers(f"{key}.{axis}", values, 2)
    if low > high:
        raise UserError(f"{key}.{axis} is [{low}, {high}]: give the lower offset first.")
    return low, high
