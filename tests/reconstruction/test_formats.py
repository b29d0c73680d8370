# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files that are no mesh, or a compressed one: named as what they are, with the way to a mesh."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from score.reconstruction.scan.formats import gltf_notes, require_mesh_file
from score.reconstruction.scan.scan import read_scan
from score.utils.errors import UserError


def glb(path: Path, **tree: Any) -> Path:
    text = json.dumps({"asset": {"version": "2.0"}, **tree}).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(b"glTF" + struct.pack("<IIII", 2, 20 + len(text), len(text), 0x4E4F534A) + text)
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mug.usdz", "is a USD file, which phones write: export the scan as GLB or OBJ"),
        ("mug.USDC", "is a USD file"),
        ("mug.spz", "is a Gaussian splat.* export the mesh from the app"),
        ("mug.pcd", "is a point cloud.* Poisson reconstruction"),
        ("mug.e57", "is a point cloud"),
        ("mug.fbx", "open it in Blender and export GLB"),
        ("mug.step", "export it as STL"),
        ("mug.zip", "is an archive: unpack it"),
        ("mug.txt", "is of an unknown kind: export the scan as one of .obj, .ply"),
    ],
)
def test_other_kinds_are_named_with_the_way_to_a_mesh(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=message):
        require_mesh_file(tmp_path / name)


def test_a_splat_in_a_ply_is_no_point_cloud(tmp_path: Path) -> None:
    names = ("x", "y", "z", "f_dc_0", "opacity", "scale_0", "rot_0")
    head = "ply\nformat ascii 1.0\nelement vertex 1\n" + "".join(f"property float {name}\n" for name in names)
    (tmp_path / "a.ply").write_text(head + "end_header\n0 0 0 1 1 1 1\n")
    with pytest.raises(UserError, match=r"is a Gaussian splat, which has looks and no surface"):
        read_scan(tmp_path / "a.ply")


def test_a_ply_of_points_is_told_before_it_is_read(tmp_path: Path) -> None:
    trimesh.PointCloud(np.zeros((50, 3))).export(tmp_path / "a.ply")
    with pytest.raises(UserError, match="holds 50 points and no faces: it is a point cloud"):
        require_mesh_file(tmp_path / "a.ply")


@pytest.mark.parametrize("name", ["EXT_meshopt_compression", "KHR_meshopt_compression"])
def test_meshopt_is_named_with_the_program_that_unpacks_it(tmp_path: Path, name: str) -> None:
    path = glb(tmp_path / "a.glb", extensionsRequired=[name])
    with pytest.raises(UserError, match=r"compressed with meshopt.*gltf-transform"):
        read_scan(path)


def test_draco_without_its_decoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = glb(tmp_path / "a.glb", extensionsUsed=["KHR_draco_mesh_compression"])
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "DracoPy" else found(name))
    with pytest.raises(UserError, match=r'compressed with Draco: install "score-isaaclab\[scans\]"'):
        read_scan(path)


def test_draco_is_decoded(tmp_path: Path) -> None:
    pytest.importorskip("DracoPy")
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.05)
    ball.export(tmp_path / "a.glb", extension_draco=True)
    assert b"KHR_draco_mesh_compression" in (tmp_path / "a.glb").read_bytes()
    scan = read_scan(tmp_path / "a.glb")
    # 14 bits over 0.1 m: steps of 6 micrometres.
    assert len(scan.faces) == len(ball.faces)
    assert np.linalg.norm(scan.vertices, axis=1) == pytest.approx(0.05, abs=1e-5)


def test_more_vertices_than_the_file_can_hold_are_not_made(tmp_path: Path) -> None:
    path = glb(tmp_path / "a.glb", accessors=[{"count": 10**10, "componentType": 5126, "type": "VEC3"}])
    with pytest.raises(UserError, match=r"states 1e\+10 vertices, more than any scan needs"):
        read_scan(path)


def test_textures_for_gpus_are_noted(tmp_path: Path) -> None:
    path = glb(tmp_path / "a.glb", textures=[{"extensions": {"KHR_texture_basisu": {"source": 0}}}])
    assert "KTX2" in gltf_notes(path)[0]
    assert gltf_notes(glb(tmp_path / "b.glb", textures=[{"source": 0}])) == []


@pytest.mark.parametrize("data", [b"glTF", b"glTF" + bytes(40), b"{", b"[" * 100_000, b"\xff" * 64], ids=range(5))
def test_a_damaged_gltf_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.gltf").write_bytes(data)
    with pytest.raises(UserError, match="truncated"):
        read_scan(tmp_path / "a.gltf")


def test_a_buffer_that_is_missing_is_named(tmp_path: Path) -> None:
    trimesh.creation.box((0.1, 0.1, 0.1)).export(tmp_path / "a.gltf")
    for buffer in tmp_path.glob("*.bin"):
        buffer.unlink()
    with pytest.raises(UserError, match=r"needs the file .*\.bin, which is missing: keep the files of a scan together"):
        read_scan(tmp_path / "a.gltf")
