# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Deployment: one TorchScript file for the robot, its folder, and a check of that folder anywhere torch runs.

Imports torch, the standard library and ``score.utils``; safetensors when a capsule is written, nothing else.
"""

from __future__ import annotations

from score.deployment.build import build_policy
from score.deployment.capsule import CapsulePieces, export_capsule
from score.deployment.golden import GoldenEpisode, read_golden, write_golden
from score.deployment.manifest import read_manifest
from score.deployment.runtime import CapsulePolicy
from score.deployment.verify import CapsuleReport, verify_capsule

__all__ = [
    "CapsulePieces",
    "CapsulePolicy",
    "CapsuleReport",
    "GoldenEpisode",
    "build_policy",
    "export_capsule",
    "read_golden",
    "read_manifest",
    "verify_capsule",
    "write_golden",
]
