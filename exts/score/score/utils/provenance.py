# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What made a number: the commit of the source, the versions of packages, and the command."""

from __future__ import annotations

import importlib.metadata
import shlex
import subprocess
import sys
from pathlib import Path

import score

_PACKAGES = ("isaaclab", "rsl-rl-lib", "torch", "newton", "ovphysx", "warp-lang", "numpy")


def source_commit() -> str:
    """Commit of the source tree, with ``-dirty`` where files differ from it; ``unknown`` without git or a clone."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return (
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip() or "unknown"
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def command_line() -> str:
    """Return the command of this process, as the README writes it, or that of an installed wheel.

    Of paths outside the working folder only the name is kept: folders of a machine say nothing to others.
    """
    script, *words = sys.argv
    words = [_portable(word) for word in words]
    if (name := Path(script).name).startswith("score-"):
        return shlex.join([name, *words])
    here = Path.cwd()
    if Path(script).is_relative_to(here):  # one of several processes is started with the whole path
        script = str(Path(script).relative_to(here))
    return f"./isaaclab.sh -p {shlex.join([script, *words])}"


def _portable(word: str) -> str:
    path = Path(word)
    if not path.is_absolute():
        return word
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def package_versions() -> dict[str, str]:
    """Versions of this project, of Python, and of the packages that decide what a run computes."""
    found: dict[str, str] = {"score": score.__version__, "python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
