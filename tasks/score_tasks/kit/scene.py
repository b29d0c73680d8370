# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab scenes from scene files: table and objects of a ``scene.yaml``, ready for a task's own robot and terms.

Each object stands under its name in the file, with the mass and friction that the file states; resets draw its pose
from the file's ranges.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import isaaclab.sim as sim_utils
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg, AssetBaseCfg, RigidObjectCfg
from isaaclab.scene import InteractiveSceneCfg

from score.reconstruction.asset_folder import read_asset
from score.reconstruction.scene import JointCfg, Scene, SceneObject
from score.reconstruction.usd.scene_usd import write_scene_object
from score.utils.errors import UserError
from score_assets.usd_authoring import add_rigid_body, add_xform, new_stage, stage_text
from score_assets.usd_joints import add_articulation_root, add_fixed_joint, add_joint

__all__ = ["add_objects", "asset_surface", "object_cfg", "placed_bodies", "table_cfg"]

TABLE_COLOR = (0.45, 0.33, 0.25)


def add_objects(cfg: InteractiveSceneCfg, scene: Scene, skip: tuple[str, ...] = ()) -> None:
    """Put the table and the objects of a file into a task's scene, each under its own name.

    Args:
        cfg: The task's scene, changed in place; it may hold placeholders for objects.
        scene: The scene that was read.
        skip: Objects that the task puts there itself.

    Raises:
        UserError: An object has the name of something that the task itself has.
    """
    cfg.table = table_cfg(scene)
    for item in scene.objects:
        if item.name in skip:
            continue
        taken = getattr(cfg, item.name, None)
        if hasattr(cfg, item.name) and not isinstance(taken, RigidObjectCfg):
            raise UserError(f"{scene.path}: objects.{item.name}: the task itself has a '{item.name}': rename it.")
        setattr(cfg, item.name, object_cfg(item))


def placed_bodies(scene: Scene, half_turn: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """Tell what :class:`~score_tasks.kit.events.PlaceBodies` has to know of the bodies of a file that a reset places.

    Args:
        scene: The scene that was read.
        half_turn: Objects that also stand the other way round.
    """
    return {
        item.name: {
            "ranges": dict(item.ranges),
            "half_turn": item.name in half_turn,
            "moves": not item.fixed and item.joint is None,
            "inside": item.inside,
        }
        for item in scene.objects
        if item.ranges or not item.fixed
    }


def table_cfg(scene: Scene) -> AssetBaseCfg:
    """Make the table a static collider: a kinematic body would cost MuJoCo six degrees of freedom."""
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


def object_cfg(
    item: SceneObject, prim_name: str | None = None, placed: bool | None = None
) -> RigidObjectCfg | ArticulationCfg | AssetBaseCfg:
    """Make an object at its nominal pose, as what it is.

    A free object is a rigid body. A ``fixed`` one that resets place is a kinematic body, else colliders alone, which
    cost MuJoCo no degrees of freedom. One with a ``joint`` is an articulation whose body ``body`` moves.

    Args:
        item: The object.
        prim_name: Name of its prim in each environment; its name in the file with a capital if None.
        placed: Whether resets place it; if it has ranges, by default.
    """
    path = "{ENV_REGEX_NS}/" + (prim_name or item.name.capitalize())
    pose = {"pos": item.position, "rot": item.quaternion}
    static = item.fixed and not (bool(item.ranges) if placed is None else placed)
    spawn = sim_utils.UsdFileCfg(usd_path=str(_layer(item, static)))
    if item.joint is not None:
        drive = ImplicitActuatorCfg(
            joint_names_expr=["joint"],
            stiffness=0.0,
            damping=item.joint.damping,
            friction=item.joint.friction,
            armature=item.joint.armature,
        )
        init = ArticulationCfg.InitialStateCfg(**pose)
        return ArticulationCfg(prim_path=path, spawn=spawn, init_state=init, actuators={"joint": drive})
    if static:
        return AssetBaseCfg(prim_path=path, spawn=spawn, init_state=AssetBaseCfg.InitialStateCfg(**pose))
    return RigidObjectCfg(prim_path=path, spawn=spawn, init_state=RigidObjectCfg.InitialStateCfg(**pose))


def asset_surface(
    asset_dir: str, origin: tuple[float, float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (M, 3) and outward unit normals (M, 3) of an asset's surface about an object's origin, for a cloud [m]."""
    points, normals = read_asset(Path(asset_dir)).surface()
    return points - np.asarray(origin, np.float32), normals


def _layer(item: SceneObject, static: bool) -> Path:
    """Return the object's USD layer in this process' own temporary folder, one per content."""
    asset = item.asset.usd_path
    said = (str(asset), asset.stat().st_mtime_ns, static, repr(item))
    key = hashlib.sha256(repr(said).encode()).hexdigest()[:16]
    path = Path(layers().name) / key / f"{item.name}.usda"
    if not path.is_file():
        write_scene_object(item, path, static=static)
    return path if item.joint is None else _jointed(item, item.joint, path)


def _jointed(item: SceneObject, joint: JointCfg, body: Path) -> Path:
    """Make a layer in which the object hangs on a joint from a root that stands in the world."""
    path = body.with_name(f"{item.name}_jointed.usda")
    if path.is_file():
        return path
    stage, root = new_stage(item.name)
    name = f"/{item.name}"
    add_articulation_root(root)
    add_rigid_body(add_xform(stage, f"{name}/base"), mass=1.0, inertia=(0.01, 0.01, 0.01), gravity=False)
    if joint.stand:
        stand = replace(item, asset=read_asset(Path(joint.stand)), joint=None, resistance=None)
        layer = write_scene_object(stand, body.with_name(f"{item.name}_stand.usda"), static=True)
        add_xform(stage, f"{name}/base/stand").GetReferences().AddReference(str(layer))
    add_xform(stage, f"{name}/body").GetReferences().AddReference(str(body))
    add_xform(stage, f"{name}/joints")
    add_fixed_joint(stage, f"{name}/joints/root_joint", parent=None, child=f"{name}/base")
    add_joint(
        stage,
        f"{name}/joints/joint",
        kind=joint.kind,
        axis=joint.axis,
        parent=f"{name}/base",
        child=f"{name}/body",
        position=(0.0, 0.0, 0.0),
        quat=(0.0, 0.0, 0.0, 1.0),
        limits=(joint.limits[0], joint.limits[1]),
        effort=1000.0,
        stiffness=0.0,
        damping=0.0,
    )
    stage.GetRootLayer().customLayerData = {"score_scene_object": item.name}
    path.write_text(stage_text(stage), encoding="utf-8")
    return path


@functools.cache
def layers() -> tempfile.TemporaryDirectory[str]:
    """Return this process' folder of USD layers: readable by this user alone, and removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="score_scenes_")
