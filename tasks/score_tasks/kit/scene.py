# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab scenes from scene files: table and objects of a ``scene.yaml``, ready for a task's own robot and terms.

Each object becomes a rigid body under its name in the file, with the mass and friction that the file states; a reset
event draws its pose from the file's ranges.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import isaaclab.envs.mdp as isaac_mdp
import isaaclab.sim as sim_utils
from isaaclab.assets import AssetBaseCfg, RigidObjectCfg
from isaaclab.managers import EventTermCfg, SceneEntityCfg
from isaaclab.scene import InteractiveSceneCfg

from score.reconstruction.asset_folder import read_asset
from score.reconstruction.scene import Scene, SceneObject
from score.reconstruction.usd.scene_usd import write_scene_object

__all__ = ["asset_surface", "object_cfg", "reset_event", "scene_cfg", "table_cfg"]

TABLE_COLOR = (0.45, 0.33, 0.25)


def scene_cfg(scene: Scene, *, num_envs: int = 64, env_spacing: float = 2.5) -> InteractiveSceneCfg:
    """Build the scene of a file: table, light, and every object under its own name.

    Args:
        scene: The scene that was read.
        num_envs: Number of environments.
        env_spacing: Distance between them [m].
    """
    cfg = InteractiveSceneCfg(num_envs=num_envs, env_spacing=env_spacing)
    cfg.table = table_cfg(scene)
    cfg.light = AssetBaseCfg(prim_path="/World/Light", spawn=sim_utils.DomeLightCfg(intensity=1500.0))
    for item in scene.objects:
        setattr(cfg, item.name, object_cfg(item))
    return cfg


def table_cfg(scene: Scene) -> AssetBaseCfg:
    """The table as a static collider: a kinematic body would cost MuJoCo six degrees of freedom."""
    x, y, top = scene.table.position
    return AssetBaseCfg(
        prim_path="{ENV_REGEX_NS}/Table",
        spawn=sim_utils.CuboidCfg(
            size=tuple(scene.table.size),
            collision_props=sim_utils.UsdPhysicsCollisionCfg(),
            visual_material=sim_utils.PreviewSurfaceCfg(diffuse_color=TABLE_COLOR),
        ),
        init_state=AssetBaseCfg.InitialStateCfg(pos=(x, y, top - scene.table.size[2] / 2.0)),
    )


def object_cfg(item: SceneObject, prim_name: str | None = None) -> RigidObjectCfg:
    """An object as a rigid body (kinematic where the file says ``fixed``), at its nominal pose.

    Args:
        item: The object.
        prim_name: Name of its prim in each environment; its name in the file with a capital if None.
    """
    return RigidObjectCfg(
        prim_path="{ENV_REGEX_NS}/" + (prim_name or item.name.capitalize()),
        spawn=sim_utils.UsdFileCfg(usd_path=str(_layer(item))),
        init_state=RigidObjectCfg.InitialStateCfg(pos=item.position, rot=item.quaternion),
    )


def reset_event(item: SceneObject) -> EventTermCfg:
    """A reset event that draws the object's pose from its ranges; for objects that are not ``fixed``."""
    return EventTermCfg(
        func=isaac_mdp.reset_root_state_uniform,
        mode="reset",
        params={"pose_range": dict(item.ranges), "velocity_range": {}, "asset_cfg": SceneEntityCfg(item.name)},
    )


def asset_surface(
    asset_dir: str, origin: tuple[float, float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (M, 3) and outward unit normals (M, 3) of an asset's surface about an object's origin, for a cloud [m]."""
    points, normals = read_asset(Path(asset_dir)).surface()
    return points - np.asarray(origin, np.float32), normals


def _layer(item: SceneObject) -> Path:
    """The object's USD layer in this process' own temporary folder, one per content."""
    asset = item.asset.usd_path
    said = (str(asset), asset.stat().st_mtime_ns, item.name, item.mass, item.friction, item.fixed, item.origin)
    key = hashlib.sha256(repr(said).encode()).hexdigest()[:16]
    path = Path(_layers().name) / key / f"{item.name}.usda"
    return path if path.is_file() else write_scene_object(item, path)


@functools.cache
def _layers() -> tempfile.TemporaryDirectory[str]:
    """Readable by this user alone, and removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="score_scenes_")
