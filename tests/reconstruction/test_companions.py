# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Textures are found however their names are written; colours and several materials are kept."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from score.reconstruction.scan.companions import CompanionFiles
from score.reconstruction.scan.scan import read_scan

RED = (200, 10, 10)


def scan_with(folder: Path, entry: str, picture: str) -> Path:
    """A tetrahedron whose material library says ``map_Kd ENTRY``, and the picture where it really is."""
    (folder / picture).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), RED).save(folder / picture)
    (folder / "look.mtl").write_text(f"newmtl a\nKd 1 1 1\nmap_Kd {entry}\n")
    path = folder / "scan.obj"
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 0 1\n"
    faces = "f 1/1 3/3 2/2\nf 1/1 2/2 4/3\nf 2/2 3/3 4/3\nf 1/1 4/3 3/3\n"
    path.write_text(f"mtllib look.mtl\n{corners}usemtl a\n{faces}")
    return path


@pytest.mark.parametrize(
    ("entry", "picture"),
    [
        ("skin.png", "skin.png"),
        ("my%20skin.png", "my skin.png"),
        ("my skin.png", "my skin.png"),
        ("100%.png", "100%.png"),
        ("textures\\skin.png", "textures/skin.png"),
        ("C:\\Users\\me\\scans\\skin.png", "skin.png"),
        ("/elsewhere/scan/tex/skin.png", "tex/skin.png"),
        ("SKIN.PNG", "skin.png"),
        ("Textures/Skin.PNG", "textures/skin.png"),
        ("skin.png", "images/skin.png"),
        ("-s 1 1 1 skin.png", "skin.png"),
        ("-o 0.0 0.0 0.0 -clamp on -mm 0 1 tex/skin.png", "tex/skin.png"),
        ("-imfchan r -bm 1.5 skin.png", "skin.png"),
        ('"skin.png"', "skin.png"),
        ("../skin.png", "skin.png"),
    ],
)
def test_a_texture_is_found_however_its_name_is_written(tmp_path: Path, entry: str, picture: str) -> None:
    scan = read_scan(scan_with(tmp_path, entry, picture))
    assert scan.notes == ()
    assert scan.texture is not None
    assert np.allclose(np.asarray(Image.open(io.BytesIO(scan.texture)))[0, 0], RED, atol=3)


def test_of_two_textures_of_one_name_the_one_in_the_named_folder_is_taken(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "skin.png").write_bytes(folder.encode())
    files = CompanionFiles(tmp_path / "scan.obj")
    assert files.get("D:\\x\\B\\skin.png") == b"b"
    assert files.damaged == ["skin.png"]


def test_only_what_is_truly_missing_is_noted_once(tmp_path: Path) -> None:
    path = scan_with(tmp_path, "-s 1 1 1 gone.png", "skin.png")
    scan = read_scan(path)
    assert scan.notes == ("texture: -s 1 1 1 gone.png is missing, goes on without it",)
    # Without its picture the part keeps the material's colour.
    assert scan.colors is not None
    assert np.array_equal(np.unique(scan.colors, axis=0), [[255, 255, 255]])


def test_a_damaged_texture_is_noted_and_gone_on_without(tmp_path: Path) -> None:
    path = scan_with(tmp_path, "skin.png", "skin.png")
    whole = (tmp_path / "skin.png").read_bytes()
    (tmp_path / "skin.png").write_bytes(whole[: len(whole) // 2])
    scan = read_scan(path)
    assert "texture: skin.png is damaged, goes on without it" in scan.notes
    assert scan.texture is None


@pytest.mark.parametrize("name", ["../secret.txt", "%2e%2e/secret.txt", "/etc/hostname", "link.txt", "a\0b"])
def test_nothing_outside_the_folder_is_read(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "scan"
    inside.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (inside / "link.txt").symlink_to(tmp_path / "secret.txt")
    files = CompanionFiles(inside / "scan.obj")
    with pytest.raises(FileNotFoundError):
        files.get(name)


def test_spaces_after_a_name_cost_nothing(tmp_path: Path) -> None:
    path = scan_with(tmp_path, "skin.png", "skin.png")
    path.write_text(path.read_text().replace("mtllib look.mtl", "mtllib look.mtl" + " " * 100_000))
    assert read_scan(path).texture is not None


def test_an_escaped_uri_of_a_gltf_is_found(tmp_path: Path) -> None:
    picture = Image.new("RGB", (4, 4), RED)
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    box = trimesh.creation.box((0.1, 0.1, 0.1))
    box.visual = trimesh.visual.TextureVisuals(uv=np.zeros((len(box.vertices), 2)), material=material)
    box.export(tmp_path / "a.gltf")
    tree = json.loads((tmp_path / "a.gltf").read_text())
    picture.save(tmp_path / "my skin.png")
    for image in tree["images"]:
        image.clear()
        image["uri"] = "my%20skin.png"
    (tmp_path / "a.gltf").write_text(json.dumps(tree))
    scan = read_scan(tmp_path / "a.gltf")
    assert (scan.notes, scan.texture is not None) == ((), True)


def test_colours_of_vertices_are_kept_beside_a_material(tmp_path: Path) -> None:
    corners = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nv 0 0 1 1 1 1\n"
    (tmp_path / "look.mtl").write_text("newmtl a\nKd 0.8 0.8 0.8\n")
    (tmp_path / "a.obj").write_text(f"mtllib look.mtl\n{corners}usemtl a\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n")
    scan = read_scan(tmp_path / "a.obj")
    assert scan.colors is not None
    order = np.argsort(scan.vertices @ [1.0, 2.0, 3.0])
    assert scan.colors[order].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]


def test_a_picture_and_a_plain_part_become_one_texture(tmp_path: Path) -> None:
    lower, upper = trimesh.creation.box((0.1, 0.1, 0.1)), trimesh.creation.box((0.1, 0.1, 0.1))
    upper.apply_translation([0.0, 0.1, 0.0])
    picture = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.new("RGB", (8, 8), RED))
    plain = trimesh.visual.material.PBRMaterial(baseColorFactor=[10, 200, 10, 255])
    lower.visual = trimesh.visual.TextureVisuals(uv=np.full((len(lower.vertices), 2), 0.5), material=picture)
    upper.visual = trimesh.visual.TextureVisuals(uv=np.full((len(upper.vertices), 2), 0.5), material=plain)
    trimesh.Scene([lower, upper]).export(tmp_path / "a.glb")
    scan = read_scan(tmp_path / "a.glb")
    assert scan.texture is not None
    assert scan.uv is not None
    pixels = np.asarray(Image.open(io.BytesIO(scan.texture)).convert("RGB"))
    rows = np.clip(((1.0 - scan.uv[:, 1]) * len(pixels)).astype(int), 0, len(pixels) - 1)
    columns = np.clip((scan.uv[:, 0] * pixels.shape[1]).astype(int), 0, pixels.shape[1] - 1)
    seen = pixels[rows, columns].astype(int)
    top = scan.vertices[:, 1] > 0.06
    assert np.abs(seen[top] - [10, 200, 10]).max() < 25
    bottom = scan.vertices[:, 1] < 0.04
    assert np.abs(seen[bottom] - RED).max() < 25
