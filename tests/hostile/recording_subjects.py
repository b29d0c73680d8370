# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Recordings and scene files that users hand in, one subject a way to change one of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from tests.hostile.mutations import Subject, mutated_bytes, mutated_tree, mutated_words
from tests.reconstruction.test_recordings import LAYOUTS
from tests.reconstruction.test_scene import make_box

from score.reconstruction.check.scene_checks import check_scene
from score.reconstruction.scan.frames import read_color, read_depth
from score.reconstruction.scan.recordings.read import read_frames
from score.reconstruction.scene import read_scene

SCENE: dict[str, Any] = {
    "format": "score-scene/1",
    "table": {"size": [0.8, 1.2, 0.04], "position": [0.55, 0.0, 0.0]},
    "camera": {"eye": [1.3, 0.7, 0.7], "target": [0.5, 0.0, 0.05], "fov": 35.0, "width": 64, "height": 48},
    "objects": {
        "tray": {"asset": "slab", "position": [0.5, 0.0, 0.0], "ranges": {"x": [-0.02, 0.02]}},
        "cube": {
            "asset": "cube",
            "position": [0.5, 0.0, 0.02],
            "quaternion": [0.0, 0.0, 0.0, 1.0],
            "mass": 0.1,
            "friction": 0.5,
            "inside": "tray",
            "resistance": {"linear_damping": 0.1, "rolling_friction": 0.005},
        },
        "lamp": {
            "asset": "cube",
            "position": [0.7, 0.3, 0.1],
            "support": "free",
            "ranges": {"yaw": [-0.1, 0.1]},
            "joint": {"kind": "revolute", "axis": "Z", "limits": [-3.0, 3.0], "stand": "slab"},
        },
    },
}


def _own(root: Path) -> None:
    """The project's own layout, which names every file and number."""
    root.mkdir(parents=True)
    frames = []
    for index in range(3):
        Image.fromarray(np.full((6, 8), 500 + index, dtype=np.uint16)).save(root / f"depth{index}.png")
        Image.new("RGB", (8, 6), (1, 2, 3)).save(root / f"color{index}.png")
        pose = np.eye(4).tolist()
        frames.append({"depth": f"depth{index}.png", "color": f"color{index}.png", "camera_to_world": pose})
    camera = {"width": 8, "height": 6, "fx": 10.0, "fy": 10.0, "cx": 3.5, "cy": 2.5, "distortion": [0.01, 0.0]}
    data = {"format": "score-frames/1", "depth_unit": 0.001, "intrinsics": camera, "frames": frames}
    (root / "cameras.json").write_text(json.dumps(data))


def _make(write: Callable[[Path], None]) -> Callable[[Path], dict[str, bytes]]:
    def make(folder: Path) -> dict[str, bytes]:
        write(folder / "recording")
        files = [path for path in (folder / "recording").rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return make


def _write(sound: dict[str, bytes], folder: Path, rng: random.Random) -> str:
    """Values of a description in three of four, else bytes of any file."""
    for name, data in sound.items():
        (folder / name).write_bytes(data)
    texts = sorted(name for name in sound if not name.endswith((".png", ".jpg")))
    name = rng.choice(texts) if rng.random() < 0.75 else rng.choice(sorted(sound))
    data = sound[name]
    if name.endswith(".json") and rng.random() < 0.8:
        tree, what = mutated_tree(json.loads(data), rng)
        data = json.dumps(tree).encode()
    elif name.endswith(".txt") and rng.random() < 0.8:
        text, what = mutated_words(data.decode(), rng)
        data = text.encode()
    else:
        data, what = mutated_bytes(data, rng)
    (folder / name).write_bytes(data)
    return f"{name}: {what}"


def _read(_: Any, folder: Path) -> None:
    frames = read_frames(folder / "recording")
    for frame in frames.frames[:3]:
        read_depth(frames, frame)
        read_color(frames, frame)


def _make_scene(folder: Path) -> dict[str, Any]:
    make_box(folder, "cube", (0.05, 0.05, 0.05))
    make_box(folder, "slab", (0.2, 0.1, 0.02))
    (folder / "scene.yaml").write_text(yaml.safe_dump(SCENE, sort_keys=False))
    return SCENE


def _write_scene(sound: dict[str, Any], folder: Path, rng: random.Random) -> str:
    if rng.random() < 0.3:
        data, what = mutated_bytes(yaml.safe_dump(sound, sort_keys=False).encode(), rng)
        (folder / "scene.yaml").write_bytes(data)
        return what
    tree, what = mutated_tree(sound, rng)
    (folder / "scene.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return what


def _read_scene(_: Any, folder: Path) -> None:
    check_scene(read_scene(folder / "scene.yaml"))


RECORDING_SUBJECTS = (
    Subject("recording score", _make(_own), _write, _read),
    *(Subject(f"recording {layout}", _make(write), _write, _read) for layout, write in LAYOUTS.items()),
    Subject("scene", _make_scene, _write_scene, _read_scene),
)
"""All of them."""
