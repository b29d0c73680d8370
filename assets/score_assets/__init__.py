# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Robots, objects, shipped base policies and steering policies of SCORE, and the code that locates them.

Nothing here imports the rest of the project. Only the ``*_cfg`` modules need Isaac Lab.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["ASSETS_DIR", "USD_DIR", "base_policy_dir", "scene_file", "steering_policy_dir"]

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
    return _folder("base_policies", name, "policy.yaml", "base policy")


def steering_policy_dir(name: str) -> Path:
    """Return the folder of a steering policy that ships with the project, with its evaluations.

    Args:
        name: Name of the base policy that it steers, a folder of ``score_assets/steering_policies``.

    Raises:
        FileNotFoundError: There is no such policy; the message lists those that are there.
    """
    return _folder("steering_policies", name, "steering.pt", "steering policy")


def scene_file(name: str) -> Path:
    """Return the scene file of a task that ships with the project.

    Args:
        name: Name of the scene, a folder of ``score_assets/scenes``.

    Raises:
        FileNotFoundError: There is no such scene; the message lists those that are there.
    """
    return _folder("scenes", name, "scene.yaml", "scene") / "scene.yaml"


def _folder(kind: str, name: str, file: str, what: str) -> Path:
    """Return the folder ``name`` below the folder ``kind``; it has to hold ``file``."""
    root = ASSETS_DIR / kind
    if not (root / name / file).is_file():
        there = sorted(item.parent.name for item in root.glob(f"*/{file}"))
        raise FileNotFoundError(f"No {what} '{name}' in {root}. There: {', '.join(there) or 'none'}.")
    return root / name
