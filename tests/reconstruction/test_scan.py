# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reading scans: what is kept, and what a broken file is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from score.reconstruction.scan.scan import read_scan
from score.utils.errors import UserError

SOLID = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def textured(tmp_path: Path) -> Path:
    Image.new("RGB", (4, 4), (200, 10, 10)).save(tmp_path / "look.png")
    write(tmp_path / "look.mtl", "newmtl a\nmap_Kd look.png\n")
    return write(
        tmp_path / "scan.obj",
        "mtllib look.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl a\n"
        "f 1/1 3/3 2/2\nf 1/1 2/2 4/3\nf 2/2 3/3 4/3\nf 1/1 4/3 3/3\n",
    )


def test_a_mesh_keeps_its_numbers_and_its_texture(tmp_path: Path) -> None:
    scan = read_scan(textured(tmp_path))
    assert scan.faces.shape == (4, 3)
    assert np.allclose(scan.vertices.max(axis=0), 1.0)
    assert scan.texture is not None
    assert scan.texture[:2] == b"\xff\xd8"  # a JPEG
    assert scan.uv is not None
    assert (scan.notes, scan.format_unit, scan.format_up) == ((), None, "z")


def test_a_glb_is_in_metres_and_y_up(tmp_path: Path) -> None:
    trimesh.creation.box((0.1, 0.2, 0.3)).export(tmp_path / "box.glb")
    scan = read_scan(tmp_path / "box.glb")
    assert (scan.format_unit, scan.format_up) == ("m", "y")


def test_a_missing_texture_is_named_and_gone_on_without(tmp_path: Path) -> None:
    path = textured(tmp_path)
    (tmp_path / "look.png").unlink()
    scan = read_scan(path)
    assert scan.texture is None
    assert scan.notes == ("texture: look.png is missing, goes on without it",)


def test_a_missing_material_library_is_named(tmp_path: Path) -> None:
    path = textured(tmp_path)
    (tmp_path / "look.mtl").unlink()
    assert read_scan(path).notes == ("texture: look.mtl is missing, goes on without it",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "holds 3 points and no faces"),
        ("a.obj", "# nothing\n", "holds no faces"),
        ("a.obj", "", "is empty: export or copy it again"),
        ("a.obj", SOLID.replace("v 1 0 0", "v 1 nan 0"), "1 vertices that are NaN or infinite"),
        ("a.obj", SOLID.replace("v 1 0 0", "v 1 0"), "has vertices of 2 numbers: it is damaged"),
        ("a.obj", SOLID.replace("f 1 2 4", "f 1 2 9"), "truncated or damaged"),
        ("a.obj", "# Faces: 16384\n" + SOLID, "header states 16,384 faces and it holds 4"),
        ("a.obj", "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "are one point"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "holds 1 faces .* no surface of an object"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\n" + 9 * "f 1 2 3\n", "no surface of an object"),
        ("a.obj", SOLID.replace("v 1 0 0", "v 1e30 0 0"), "reaches over 1e.30 units"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_scan(write(tmp_path / name, text))
    assert str(caught.value).startswith("load: ")


def test_a_file_that_is_not_there_suggests_the_one_that_is(tmp_path: Path) -> None:
    write(tmp_path / "mug.obj", SOLID)
    with pytest.raises(UserError, match=r"does not exist.*Did you mean 'mug.obj'"):
        read_scan(tmp_path / "mugg.obj")


@pytest.mark.parametrize("suffix", ["ply", "glb", "stl"])
def test_a_truncated_binary_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"box.{suffix}"
    trimesh.creation.box((0.1, 0.1, 0.1)).export(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UserError, match="truncated"):
        read_scan(path)


def test_a_ply_of_points_only(tmp_path: Path) -> None:
    trimesh.PointCloud(np.random.default_rng(0).normal(size=(50, 3))).export(tmp_path / "cloud.ply")
    with pytest.raises(UserError, match=r"50 points and no faces.*reconstruct.py fuse"):
        read_scan(tmp_path / "cloud.ply")


def test_faces_can_be_kept_with_the_vertices_that_they_use(tmp_path: Path) -> None:
    scan = read_scan(write(tmp_path / "a.obj", SOLID))
    part = scan.with_faces(np.array([False, True, False, False]))
    assert part.places is not None
    assert np.array_equal(part.places, part.vertices)
    assert (len(part.faces), len(part.vertices)) == (1, 3)


def test_a_scan_is_scaled_then_turned_then_moved(tmp_path: Path) -> None:
    scan = read_scan(write(tmp_path / "a.obj", SOLID))
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    moved = scan.transformed(turn, np.array([0.0, 0.0, 5.0]), scale=2.0)
    # (1, 0, 0) -> (2, 0, 0) -> (0, 2, 0) -> (0, 2, 5)
    assert any(np.allclose(vertex, [0.0, 2.0, 5.0]) for vertex in moved.vertices)
