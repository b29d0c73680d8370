# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scans, recordings and folders of scans that users hand in, one subject a way to change one of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import yaml
from PIL import Image
from tests.hostile.mutations import Subject, mutated_bytes, mutated_tree

from score.reconstruction.batch.plan import read_plan
from score.reconstruction.options import asset_cfg
from score.reconstruction.scan.frames import read_color, read_depth
from score.reconstruction.scan.recordings.read import read_frames
from score.reconstruction.scan.scan import read_scan


def _make_scan(suffix: str) -> Callable[[Path], bytes]:
    def make(folder: Path) -> bytes:
        mesh = trimesh.creation.icosphere(subdivisions=1, radius=0.05)
        picture = Image.new("RGB", (4, 4), (200, 10, 10))
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
        if suffix == "glb":
            mesh.visual = trimesh.visual.TextureVisuals(uv=np.zeros((len(mesh.vertices), 2)), material=material)
        mesh.export(folder / f"scan.{suffix}")
        return (folder / f"scan.{suffix}").read_bytes()

    return make


def _write_scan(suffix: str) -> Callable[[bytes, Path, random.Random], str]:
    def write(sound: bytes, folder: Path, rng: random.Random) -> str:
        changed, what = mutated_bytes(sound, rng)
        (folder / f"scan.{suffix}").write_bytes(changed)
        return what

    return write


def _read_scan(suffix: str) -> Callable[[Any, Path], None]:
    def read(_: Any, folder: Path) -> None:
        read_scan(folder / f"scan.{suffix}")

    return read


def _make_pictures(folder: Path) -> None:
    for index in range(3):
        Image.fromarray(np.full((6, 8), 500 + index, dtype=np.uint16)).save(folder / f"depth{index}.png")
        Image.new("RGB", (8, 6), (1, 2, 3)).save(folder / f"color{index}.png")


def _make_own(folder: Path) -> dict[str, Any]:
    _make_pictures(folder)
    camera = {"width": 8, "height": 6, "fx": 10.0, "fy": 10.0, "cx": 3.5, "cy": 2.5, "distortion": [0.01, 0.0]}
    frames = [
        {"depth": f"depth{index}.png", "color": f"color{index}.png", "camera_to_world": np.eye(4).tolist()}
        for index in range(3)
    ]
    data = {"format": "score-frames/1", "depth_unit": 0.001, "intrinsics": camera, "frames": frames}
    (folder / "cameras.json").write_text(json.dumps(data))
    return data


def _make_nerfstudio(folder: Path) -> dict[str, Any]:
    _make_pictures(folder)
    frames = [
        {
            "depth_file_path": f"depth{index}.png",
            "file_path": f"color{index}.png",
            "transform_matrix": np.eye(4).tolist(),
        }
        for index in range(3)
    ]
    data = {"fl_x": 10.0, "fl_y": 10.0, "cx": 3.5, "cy": 2.5, "w": 8, "h": 6, "k1": 0.01, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(data))
    return data


def _write_json(name: str) -> Callable[[dict[str, Any], Path, random.Random], str]:
    def write(sound: dict[str, Any], folder: Path, rng: random.Random) -> str:
        tree, what = mutated_tree(sound, rng)
        (folder / name).write_text(json.dumps(tree))
        return what

    return write


def _write_depth(sound: Any, folder: Path, rng: random.Random) -> str:
    changed, what = mutated_bytes(sound, rng)
    (folder / "depth0.png").write_bytes(changed)
    return what


def _make_depth(folder: Path) -> bytes:
    _make_own(folder)
    return (folder / "depth0.png").read_bytes()


def _read_frames(_: Any, folder: Path) -> None:
    frames = read_frames(folder)
    read_depth(frames, frames.frames[0])
    read_color(frames, frames.frames[0])


def _make_batch(folder: Path) -> dict[str, Any]:
    scans = {
        "mug": {"file": "mug.obj", "mass": "250g", "roi": [0, 1, 0, 1, 0, 1]},
        "cup": {"file": "b/c.ply", "wall": 4},
    }
    data = {"format": "score-batch/1", "defaults": {"unit": "mm", "material": "pla"}, "scans": scans}
    (folder / "batch.yaml").write_text(yaml.safe_dump(data))
    return data


def _write_batch(sound: dict[str, Any], folder: Path, rng: random.Random) -> str:
    tree, what = mutated_tree(sound, rng)
    (folder / "batch.yaml").write_text(yaml.safe_dump(tree))
    return what


def _read_batch(_: Any, folder: Path) -> None:
    for item in read_plan(folder, {}):
        asset_cfg(item.scan, item.name, folder / "out", item.options)


SCAN_SUBJECTS = (
    *(
        Subject(f"scan {suffix}", _make_scan(suffix), _write_scan(suffix), _read_scan(suffix))
        for suffix in ("obj", "ply", "stl", "glb", "off")
    ),
    Subject("frames", _make_own, _write_json("cameras.json"), _read_frames),
    Subject("transforms", _make_nerfstudio, _write_json("transforms.json"), _read_frames),
    Subject("depth bytes", _make_depth, _write_depth, _read_frames),
    Subject("batch", _make_batch, _write_batch, _read_batch),
)
"""All of them."""
