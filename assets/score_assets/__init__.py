# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Robots, objects and shipped base policies of SCORE, and the code that locates them.

Nothing here imports the rest of the project. Only the ``*_cfg`` modules need Isaac Lab.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["ASSETS_DIR", "USD_DIR", "base_policy_dir", "scene_file"]

ASSETS_DIR = Path(__file__).resolve().parent
"""Folder of this package."""
USD_DIR = ASSETS_DIR / "usd"
"""Folder of the USD files that ``scripts/author_assets.py`` writes."""


def base_policy_dir(name: str) -> Path:
    """Return the folder of a base policy that ships with the project.

    Args:
        name: Name of the bundle, a folder of ``score_assets/base_policies``.

    Raises:
        FileNotFoundError: There is no such bundle; the message lists those that are there.
    """
    root = ASSETS_DIR / "base_policies"
    there = sorted(path.name for path in root.iterdir() if (path / "policy.yaml").is_file()) if root.is_dir() else []
    if name not in there:
        raise FileNotFoundError(f"No base policy '{name}' in {root}. There: {', '.join(there) or 'none'}.")
    return root / name


def scene_file(name: str) -> Path:
    """Return the scene file of a task that ships with the project.

    Args:
        name: Name of the scene, a folder of ``score_assets/scenes``.

    Raises:
        FileNotFoundError: There is no such scene; the message lists those that are there.
    """
    root = ASSETS_DIR / "scenes"
    path = root / name / "scene.yaml"
    if not path.is_file():
        there = sorted(item.parent.name for item in root.glob("*/scene.yaml"))
        raise FileNotFoundError(f"No scene '{name}' in {root}. There: {', '.join(there) or 'none'}.")
    return path
