# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Scans and folders of scans that users hand in, one subject a way to change one of them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import yaml
from PIL import Image
from tests.hostile.mutations import Subject, mutated_bytes, mutated_tree, mutated_words

from score.reconstruction.batch.plan import read_plan
from score.reconstruction.build import build_asset
from score.reconstruction.options import asset_cfg
from score.reconstruction.scan.closing import close_mesh
from score.reconstruction.scan.isolate import isolate, levelled
from score.reconstruction.scan.scan import read_scan
from score.reconstruction.settings import AssetCfg
from score.reconstruction.shape.mass import mass_properties


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


def _make_textured(folder: Path) -> dict[str, bytes]:
    """A mesh with its material library and texture; small, for the field of a torn one has cells of 0.4 mm."""
    mesh = trimesh.creation.icosphere(subdivisions=2, radius=0.02)
    picture = Image.new("RGB", (8, 8), (200, 10, 10))
    material = trimesh.visual.material.SimpleMaterial(image=picture)
    mesh.visual = trimesh.visual.TextureVisuals(uv=mesh.vertices[:, :2], material=material)
    mesh.export(folder / "scan.obj")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _write_textured(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
    for name, data in sound.items():
        (folder / name).write_bytes(data)
    name = rng.choice(("scan.obj", "scan.obj", *sorted(sound)))
    if name.endswith((".obj", ".mtl")) and rng.random() < 0.7:
        text, what = mutated_words(sound[name].decode(), rng)
        changed = text.encode()
    else:
        changed, what = mutated_bytes(sound[name], rng)
    (folder / name).write_bytes(changed)
    return f"{name}: {what}"


def _isolate(_: Any, folder: Path) -> None:
    """The stages up to the object that stands closed."""
    cfg = AssetCfg(folder / "scan.obj", "ball", folder / "out", unit="m", mass=0.1)
    steps: dict[str, Any] = {}
    upright = isolate(read_scan(cfg.scan), cfg, steps)
    upright, closed = levelled(upright, close_mesh(upright.surface, on_table=upright.on_table), steps)
    mass_properties(closed.mesh, float(upright.surface.area), cfg)


def _build(_: Any, folder: Path) -> None:
    """The whole command but for the engines; it makes its folder or nothing, and touches no other."""
    before = {path: path.read_bytes() for path in folder.iterdir()}
    cfg = AssetCfg(folder / "scan.obj", "ball", folder / "out", unit="m", mass=0.1, collision="hull")
    try:
        build_asset(cfg, drop=False, progress=lambda line: None)
    finally:
        shutil.rmtree(folder / "out", ignore_errors=True)
        assert {path: path.read_bytes() for path in folder.iterdir()} == before, "it wrote beside its folder"


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
    Subject("scan stages", _make_textured, _write_textured, _isolate),
    Subject("batch", _make_batch, _write_batch, _read_batch),
)
"""All of them."""

WHOLE_SUBJECTS = (Subject("scan to asset", _make_textured, _write_textured, _build),)
"""Those that take seconds each, for the command alone."""
