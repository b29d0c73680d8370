# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Tells what kind of file a scan is before it is read: what is no mesh is named as such, with the way to a mesh."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

from score.utils.errors import UserError, near_names

__all__ = ["SUFFIXES", "gltf_notes", "require_mesh_file"]

SUFFIXES = (".obj", ".ply", ".stl", ".glb", ".gltf", ".off")
_HEAD = 2**16
"""Bytes of a .ply that are searched for the end of its header."""
_LARGEST_GLTF_TREE = 2**26
"""Longest description of a .gltf or .glb that is read [bytes]; geometry and pictures come on top."""
_MOST_NUMBERS = 30_000_000
"""Most vertices or corners in one part of a .gltf."""
_CLOUD = (
    "a point cloud, and points are not a surface: make a mesh of it (MeshLab or CloudCompare, Poisson reconstruction),"
    " or fuse the depth frames with 'reconstruct.py fuse'"
)
_SPLAT = (
    "a Gaussian splat, which has looks and no surface: export the mesh from the app that made it ('Mesh' instead of"
    " 'Splat'), train it with a surface method such as 2DGS, or fuse depth frames with 'reconstruct.py fuse'"
)
_USD = (
    "a USD file, which phones write: export the scan as GLB or OBJ from the app instead, or open it in Blender (File,"
    " Import, USD) and export GLB"
)
_EDITOR = "a file of a 3-D editor: open it in Blender and export GLB, or OBJ with its textures"
_CAD = "a file of a CAD program: export it as STL (give --unit mm) or OBJ"
_ARCHIVE = "an archive: unpack it, and give the mesh that is inside"
_OTHERS = {
    **dict.fromkeys((".usdz", ".usd", ".usda", ".usdc", ".reality"), _USD),
    **dict.fromkeys((".splat", ".ksplat", ".spz", ".sog", ".lcc"), _SPLAT),
    **dict.fromkeys((".pcd", ".las", ".laz", ".e57", ".xyz", ".pts", ".ptx", ".copc"), _CLOUD),
    **dict.fromkeys((".fbx", ".blend", ".dae", ".3ds", ".3mf", ".wrl", ".x3d", ".max", ".c4d", ".usdr"), _EDITOR),
    **dict.fromkeys((".step", ".stp", ".iges", ".igs", ".sldprt", ".f3d", ".ipt"), _CAD),
    **dict.fromkeys((".zip", ".7z", ".rar", ".gz", ".tar", ".tgz"), _ARCHIVE),
}
"""Ending -> what such a file is and how a mesh comes of it."""
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
_DRACO = "KHR_draco_mesh_compression"
_BASIS = "KHR_texture_basisu"


def require_mesh_file(path: Path) -> None:
    """Check that a file is there and is of a kind that holds a mesh.

    Raises:
        UserError: It is not; what is recognised as another kind is named, with the way to a mesh.
    """
    if not path.is_file():
        near = near_names(path.name, (p.name for p in path.parent.glob("*"))) if path.parent.is_dir() else ""
        what = "is a folder, not a mesh file" if path.is_dir() else "does not exist"
        raise UserError(f"load: {path} {what}: check the path.{near}")
    suffix = path.suffix.lower()
    if suffix in _OTHERS:
        raise UserError(f"load: {path} is {_OTHERS[suffix]}.")
    if suffix not in SUFFIXES:
        raise UserError(f"load: {path} is of an unknown kind: export the scan as one of {', '.join(SUFFIXES)}.")
    if path.stat().st_size == 0:
        raise UserError(f"load: {path} is empty: export or copy it again.")
    if suffix == ".ply":
        _require_surface(path)
    elif suffix in (".glb", ".gltf"):
        _require_readable_gltf(path)


def no_surface(path: Path, points: int) -> UserError:
    """Return what to say of a file with points and no faces."""
    return UserError(f"load: {path} holds {points} points and no faces: it is {_CLOUD}.")


def gltf_notes(path: Path) -> list[str]:
    """Return what in a .gltf or .glb cannot be kept."""
    if path.suffix.lower() not in (".glb", ".gltf"):
        return []
    textures = _list(_gltf_tree(path).get("textures"))
    packed = sum(isinstance(t, dict) and "source" not in t and _BASIS in _dict(t.get("extensions")) for t in textures)
    if not packed:
        return []
    return ["texture: compressed for GPUs (KTX2), goes on without it; export with PNG or JPEG textures to keep it"]


def _require_surface(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    header = head.partition(b"end_header")[0].decode("ascii", errors="replace")
    words = [line.split() for line in header.splitlines()]
    properties = {line[-1] for line in words if line[:1] == ["property"] and len(line) > 1}
    if {"f_dc_0", "opacity", "scale_0"} <= properties:
        raise UserError(f"load: {path} is {_SPLAT}.")
    counts = {line[1]: line[2] for line in words if line[:1] == ["element"] and len(line) == 3}
    # Triangle strips are another name for faces.
    if "vertex" in counts and not any(counts.get(name, "0") != "0" for name in ("face", "tristrips")):
        raise no_surface(path, int(counts["vertex"][:18]) if counts["vertex"].isdigit() else 0)


def _require_readable_gltf(path: Path) -> None:
    tree = _gltf_tree(path)
    for accessor in _list(tree.get("accessors")):
        count = _dict(accessor).get("count")
        # One without data is made of zeros, so its size is not bounded by the file's.
        if isinstance(count, int) and count > _MOST_NUMBERS:
            raise UserError(f"load: {path} states {count:.3g} vertices, more than any scan needs: export it again.")
    needed = {str(name) for key in ("extensionsUsed", "extensionsRequired") for name in _list(tree.get(key))}
    if needed & set(_MESHOPT):
        raise UserError(
            f"load: {path} is compressed with meshopt, which is not read: export it without compression, or run"
            " 'npx @gltf-transform/cli copy IN.glb OUT.glb', which unpacks it."
        )
    if _DRACO in needed and importlib.util.find_spec("DracoPy") is None:
        raise UserError(
            f'load: {path} is compressed with Draco: install "score-isaaclab[scans]" (DracoPy), or export it without'
            " compression."
        )


def _gltf_tree(path: Path) -> dict[str, Any]:
    """Return the description of a .gltf or .glb; empty where it is damaged, which reading the meshes says better."""
    with path.open("rb") as stream:
        head = stream.read(20)
        if head[:4] == b"glTF" and len(head) == 20:
            length = struct.unpack("<I", head[12:16])[0]
            text = stream.read(min(length, _LARGEST_GLTF_TREE))
        else:
            text = head + stream.read(_LARGEST_GLTF_TREE)
    try:
        return _dict(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
