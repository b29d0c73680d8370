# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Where the packages of the one distribution lie. All else is in pyproject.toml."""

from __future__ import annotations

from setuptools import find_packages, setup

ROOTS = {"score": "exts/score", "score_tasks": "tasks", "score_assets": "assets"}
"""Top-level import package: the folder that holds it."""

DATA = ["py.typed"] + [
    f"**/*.{suffix}" for suffix in ("json", "npz", "pt", "safetensors", "toml", "usd", "usda", "usdc", "yaml")
]
"""What a package ships beside its code."""

FOLDERS = {name: f"{root}/{name}" for name, root in ROOTS.items()} | {"score_scripts": "scripts"}
"""The scripts are a package of another name, for the console commands of a wheel."""

setup(
    packages=[package for name, root in ROOTS.items() for package in find_packages(root, include=[name, f"{name}.*"])]
    + ["score_scripts"],
    package_dir=FOLDERS,
    package_data=dict.fromkeys(ROOTS, DATA),
)
