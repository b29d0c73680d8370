# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The files that a simulated scene is made from, by their hashes: a run and an evaluation say what they ran in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from score.utils.files import sha256_of


def scene_files(env_cfg: Any) -> dict[str, str]:
    """Hash the files that a scene is made from: scene file, assets with their clouds, USD files with all they name.

    Args:
        env_cfg: Settings of an environment that was built.

    Returns:
        End of a file's path -> SHA-256. Layers that are written from a scene file for one process are left out.
    """
    from pxr import UsdUtils

    spawns = [getattr(item, "spawn", None) for item in vars(env_cfg.scene).values()]
    spawns += [part for spawn in spawns for part in getattr(spawn, "assets_cfg", ())]
    named = [getattr(spawn, "usd_path", None) for spawn in spawns]
    files = {Path(scene).resolve() for scene in [getattr(env_cfg, "scene_file", "")] if scene}
    for root in {str(path) for path in named if path and Path(path).is_file()}:
        layers, others, _ = UsdUtils.ComputeAllDependencies(root)
        files |= {Path(layer.realPath) for layer in layers if "score_scene_object" not in layer.customLayerData}
        files |= {Path(other) for other in others}
    for folder in {file.parent for file in files if (file.parent / "asset.yaml").is_file()}:
        files |= {folder / "asset.yaml", folder / "points.npz"}
    return {"/".join(file.parts[-3:]): sha256_of(file) for file in sorted(files) if file.is_file()}
