# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Small helpers shared by every part: user errors, safe writing of files, command-line exits.

Standard library only, so that ``score.policies`` and ``score.deployment`` load on a robot that has only torch.
"""

from __future__ import annotations

from .cli import run_command
from .errors import UserError, near_names
from .files import atomic_directory, atomic_file, require_writable, sha256_of

__all__ = [
    "UserError",
    "atomic_directory",
    "atomic_file",
    "near_names",
    "require_writable",
    "run_command",
    "sha256_of",
]
