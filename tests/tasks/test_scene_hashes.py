# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Every file that decides what a scene is changes the hashes that runs and evaluations keep."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import isaaclab.sim as sim_utils

from score.reconstruction.scene import read_scene
from score.scene_files import scene_files
from score_assets import USD_DIR, scene_file
from score_tasks.kit.scene import object_cfg


def hashes(scene: Path) -> dict[str, str]:
    robot = SimpleNamespace(spawn=sim_utils.UsdFileCfg(usd_path=str(USD_DIR / "franka_leap.usda")))
    item = object_cfg(read_scene(scene).named("object"))
    return scene_files(SimpleNamespace(scene_file=str(scene), scene=SimpleNamespace(robot=robot, object=item, n=3)))


@pytest.mark.parametrize("changed", ["scene.yaml", "cup/asset.yaml", "cup/points.npz", "cup/cup.usdc"])
def test_hashes_name_the_file_that_changed(tmp_path: Path, changed: str) -> None:
    folder = tmp_path / "kitchen"
    shutil.copytree(scene_file("cup_grasp").parent, folder)
    before = hashes(folder / "scene.yaml")
    names = ["cup/asset.yaml", "cup/points.npz", "cup/cup.usdc"]
    assert before.keys() == {
        f"{tmp_path.name}/kitchen/scene.yaml",
        "score_assets/usd/franka_leap.usda",
        *(f"kitchen/{name}" for name in names),
    }
    read, path = read_scene(folder / "scene.yaml"), folder / changed
    item = object_cfg(read.named("object"))
    path.write_bytes(path.read_bytes() + b"\n")
    cfg = SimpleNamespace(scene_file=str(folder / "scene.yaml"), scene=SimpleNamespace(object=item))
    after = scene_files(cfg)
    (name,) = (name for name in after if after[name] != before[name])
    assert name.endswith(f"kitchen/{changed}")
