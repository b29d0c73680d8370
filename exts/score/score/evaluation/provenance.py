# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What made a number: the commit of the source, and the command."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path


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
    """The command of this process, as the README writes it."""
    return f"./isaaclab.sh -p {shlex.join(sys.argv)}"
