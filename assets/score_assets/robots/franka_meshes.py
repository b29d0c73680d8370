# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What a Franka looks like, for pictures and viewers: meshes of the package ``franky-sim``, where it is installed.

The package (Apache-2.0) holds the visual meshes of Franka Robotics' FR3 and of the Franka Hand, as
``google-deepmind/mujoco_menagerie`` prepared them. The FR3's link frames are the Panda's. Nothing of them is part of
this project: they are read when a task is opened to be looked at, and physics keeps the primitives of the robot's file.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import trimesh
from pxr import Usd, UsdGeom, Vt

from score_assets.usd_authoring import new_stage, vec3f

__all__ = ["dressed_robot", "mesh_folder"]

_MODEL = "fr3.xml"
_LINKS = {f"fr3_link{i}": f"panda_link{i}" for i in range(8)} | {
    "hand": "panda_hand",
    "left_finger": "panda_leftfinger",
    "right_finger": "panda_rightfinger",
}
"""Body of the model -> link of the robot's file."""


def mesh_folder() -> Path | None:
    """Return the folder of the model and its meshes, or None where ``franky-sim`` is not installed."""
    package = importlib.util.find_spec("franky_sim")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "assets"
    return folder if (folder / _MODEL).is_file() else None


def dressed_robot(usd_path: Path, folder: Path, output: Path) -> Path:
    """Write a layer over a robot's file, in which its links are seen as meshes.

    Engines and renderers of Isaac Lab draw a body's colliders only where it has nothing else to be seen.

    Args:
        usd_path: The robot's file, whose links are children of the default prim.
        folder: Folder of :func:`mesh_folder`.
        output: The ``.usdc`` that is written.

    Returns:
        ``output``.
    """
    source = Usd.Stage.Open(str(usd_path))
    robot = source.GetDefaultPrim()
    stage, root = new_stage(robot.GetName())
    root.GetReferences().AddReference(str(usd_path))
    # As scene layers: a run names the files it is made from by their hashes, and this one is only seen.
    stage.GetRootLayer().customLayerData = {"score_scene_object": "robot"}
    model = ElementTree.parse(folder / _MODEL).getroot()
    files = {mesh.get("name"): mesh.get("file") for mesh in model.iter("mesh")}
    colors = {
        material.get("name"): [float(value) for value in material.get("rgba", "1 1 1 1").split()[:3]]
        for material in model.iter("material")
    }
    for body in model.iter("body"):
        link = _LINKS.get(body.get("name", ""))
        if link is None or not robot.GetChild(link):
            continue
        for geom in body.findall("geom"):
            if geom.get("class") == "visual":
                name = str(geom.get("mesh"))
                mesh = _read(folder / "meshes" / str(files[name]))
                _add_mesh(stage, f"{root.GetPath()}/{link}/visual_{name}", mesh, colors[geom.get("material")])
    output.parent.mkdir(parents=True, exist_ok=True)
    stage.GetRootLayer().Export(str(output))
    return output


def _read(path: Path) -> trimesh.Trimesh:
    mesh = trimesh.load(path, force="mesh", skip_materials=True)
    # The files split vertices at edges of texture and shade, which a triangle's own normal does as well.
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def _add_mesh(stage: Usd.Stage, path: str, mesh: trimesh.Trimesh, color: list[float]) -> None:
    """Add a mesh that is only seen, in the frame of its link."""
    prim = UsdGeom.Mesh.Define(stage, path)
    prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.asarray(mesh.vertices, np.float32)))
    prim.CreateFaceVertexCountsAttr([3] * len(mesh.faces))
    prim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.asarray(mesh.faces, np.int32).reshape(-1)))
    prim.CreateSubdivisionSchemeAttr("none")
    prim.CreateExtentAttr([vec3f(bound) for bound in mesh.bounds])
    prim.CreateDisplayColorAttr([vec3f(color)])
