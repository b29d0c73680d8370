# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The USD files of this package: what each is called and what writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from score_assets.objects import peg_socket_usd
from score_assets.robots.franka_leap_usd import franka_leap_usda
from score_assets.robots.franka_usd import franka_usda
from score_assets.usd_authoring import write_text

__all__ = ["USD_FILES", "outdated_usd_files", "write_usd_files"]

USD_FILES: dict[str, Callable[[], str]] = {
    "franka_leap.usda": franka_leap_usda,
    "franka_panda_gripper.usda": franka_usda,
    "peg_20mm.usda": peg_socket_usd.peg_usda,
    "socket_static.usda": peg_socket_usd.socket_static_usda,
    "socket_kinematic.usda": peg_socket_usd.socket_kinematic_usda,
    "socket_welded.usda": peg_socket_usd.socket_welded_usda,
    "socket_fixture.usda": peg_socket_usd.socket_fixture_usda,
}
"""File name -> function that returns its text."""


def write_usd_files(directory: Path) -> list[Path]:
    """Write every file into a folder and return their paths."""
    paths = []
    for name, author in USD_FILES.items():
        write_text(author(), directory / name)
        paths.append(directory / name)
    return paths


def outdated_usd_files(directory: Path) -> list[str]:
    """Compare a folder with what would be written, byte for byte.

    Returns:
        One line for each file that is missing, differs, or is not ours; empty if all is well.
    """
    problems = []
    for name, author in USD_FILES.items():
        path = directory / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        elif path.read_bytes() != author().encode("utf-8"):
            problems.append(f"{name}: differs from what the code writes")
    known = set(USD_FILES)
    strangers = sorted(path.name for path in directory.glob("*.usd*") if path.name not in known)
    return problems + [f"{name}: not written by the code" for name in strangers]
