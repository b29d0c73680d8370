# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""SCORE-Insert-Scene-v0: the insertion task with peg, socket and table from a scene file (``env.scene_file=FILE``)."""

from __future__ import annotations

from pathlib import Path

from scipy.spatial.transform import Rotation

from isaaclab.managers import EventTermCfg
from isaaclab.utils import configclass

from score.reconstruction.scene import Scene, SceneObject, read_scene
from score.utils.errors import UserError
from score_tasks.insert.env_cfg import InsertEnvCfg
from score_tasks.insert.frames import GEOMETRY
from score_tasks.kit.events import PlaceBodies
from score_tasks.kit.scene import add_objects, object_cfg, placed_bodies

TOLERANCE = 0.003
"""Scans are this wrong at worst; a peg or socket of another size is another task [m]."""


class NoSceneFileError(UserError, ValueError):
    """No scene file is given. Also a ValueError, by which Isaac Lab's ``list_envs`` sees what cannot be launched."""


@configclass
class InsertSceneEnvCfg(InsertEnvCfg):
    """Same task; what stands in the scene comes from a file made by ``reconstruct.py``.

    The file needs objects ``peg`` (origin at its centre, +z to the tip, ``support: free``) and ``socket`` (origin at
    the middle of its foot, ``fixed: true``) of the dimensions in :mod:`score_assets.objects.peg_socket`. Its other
    objects stand by.
    """

    scene_file: str = ""
    """Scene file."""

    def validate_config(self) -> None:
        """Put the file's objects into the scene; Isaac Lab calls it when the environment is built."""
        if not self.scene_file:
            raise NoSceneFileError("SCORE-Insert-Scene-v0 needs a scene file: add env.scene_file=FILE.yaml.")
        scene = read_scene(Path(self.scene_file))
        peg, socket = scene.named("peg"), scene.named("socket")
        _require_fit(scene, peg, socket)
        add_objects(self.scene, scene, skip=("peg", "socket"))
        self.scene.peg = object_cfg(peg, "Peg")
        self.scene.socket = object_cfg(socket, "Socket", placed=True)
        if hasattr(self.scene, "contact_forces"):  # asked for before the socket was known
            self.add_contact_sensor()
        # The task draws the socket's place itself: around the file's pose, within the file's ranges.
        start = self.events.start.params["socket_range"]
        x, y, _ = socket.position
        for key, nominal in (("x", x), ("y", y), ("yaw", _yaw(scene, socket))):
            low, high = socket.ranges.get(key, (0.0, 0.0))
            start[key] = (nominal + low, nominal + high)
        bodies = placed_bodies(scene)
        others = {name: options for name, options in bodies.items() if name not in ("peg", "socket")}
        term = EventTermCfg(func=PlaceBodies, mode="reset", params={"bodies": others})
        setattr(self.events, "bodies", term)  # noqa: B010 - the insertion task itself has no such event


def _require_fit(scene: Scene, peg: SceneObject, socket: SceneObject) -> None:
    """Check that the objects are those that the task's geometry, cloud and success term are written for."""
    for item, wanted in (
        (peg, (GEOMETRY.peg_width, GEOMETRY.peg_width, GEOMETRY.peg_length)),
        (socket, (GEOMETRY.outer_width, GEOMETRY.outer_width, GEOMETRY.rim_height)),
    ):
        size = item.asset.record.size
        if max(abs(a - b) for a, b in zip(size, wanted, strict=True)) > TOLERANCE:
            raise UserError(
                f"{scene.path}: objects.{item.name} is {_mm(size)} mm, and the insertion task needs {_mm(wanted)} mm"
                f" within {TOLERANCE * 1e3:g} mm, along the axes of the asset."
            )
    if not socket.fixed or peg.fixed:
        raise UserError(f"{scene.path}: objects.socket must be fixed: true and objects.peg fixed: false.")


def _yaw(scene: Scene, socket: SceneObject) -> float:
    """Turn of the socket about the vertical [rad]."""
    rotation = Rotation.from_quat(socket.quaternion)
    if rotation.apply((0.0, 0.0, 1.0))[2] < 1.0 - 1e-6:
        raise UserError(f"{scene.path}: objects.socket.quaternion tilts the socket: turn it about the vertical only.")
    return float(rotation.as_rotvec()[2])


def _mm(size: tuple[float, ...]) -> str:
    return " x ".join(f"{1e3 * value:.1f}" for value in size)
