#!/usr/bin/env python3
# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Runs a capsule on a Franka arm. Needs torch, numpy and franky-control (requirements.txt).

python run_franka.py capsule HOST --dry_run                     reads the arm, decides, sends nothing
python run_franka.py capsule HOST --move_to_start --steps 150   the recorded episode's cloud, the arm's joints
python run_franka.py capsule HOST --camera camera.json --log run.safetensors

The loop is the capsule's own run_policy.py, with its three functions filled in: when it stops the arm, and when it
ends the run, is said there. All its other flags (--steps, --dry_run, --log, --replay) are passed on.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from arm import FrankaArm
from clouds import RealSenseCloud, RecordedCloud

Reader = Callable[[], tuple[dict[str, torch.Tensor], float]]


def load_program(capsule: Path) -> ModuleType:
    """Import the capsule's run_policy.py as a module.

    Raises:
        SystemExit: The folder has none.
    """
    file = capsule / "run_policy.py"
    if not file.is_file():
        raise SystemExit(f"error: {file} is missing: {capsule} is not a capsule")
    spec = importlib.util.spec_from_file_location("run_policy", file)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def connect(program: ModuleType, arm: FrankaArm, read_cloud: Reader) -> None:
    """Fill in the three functions of a capsule's program: an observation is as old as the oldest of its parts."""

    def read_robot(manifest: dict[str, Any]) -> tuple[dict[str, torch.Tensor], float]:
        joints, moved = arm.read_joints()
        cloud, seen = read_cloud()
        return {manifest["output"]["offset_from"]: joints, **cloud}, min(moved, seen)

    vars(program).update(read_robot=read_robot, send_to_robot=arm.send, stop_robot=arm.stop)


def known_segments(manifest: dict[str, Any], name: str, cloud: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the segments of a cloud (n, 3) that follow from the joints alone, (n_i, 3) each.

    For a gripper that does not open, in its own frame, that is what it was in the recorded episode.
    """
    parts = next(item["segments"] for item in manifest["inputs"] if item["name"] == name)
    pieces = cloud.split([part["points"] for part in parts])
    return {part["name"]: points for part, points in zip(parts, pieces, strict=True) if part["seen_by"] == "joints"}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("capsule", type=Path, help="folder that export.py wrote")
    parser.add_argument("host", help="name or address of the arm")
    parser.add_argument("--camera", type=Path, metavar="FILE", help="a RealSense camera's settings, see clouds.py")
    parser.add_argument("--input", default="point_cloud", help="name of the cloud among the capsule's inputs")
    parser.add_argument("--move_to_start", action="store_true", help="first move slowly to where the episode began")
    parser.add_argument("--no_realtime", action="store_true", help="for the server of loopback.py: any kernel will do")
    args, rest = parser.parse_known_args()
    program = load_program(args.capsule)
    manifest = program.load(args.capsule)[1]
    episode = program.inputs_of(program.read_safetensors(args.capsule / "golden.safetensors"))
    arm = FrankaArm(args.host, realtime=not args.no_realtime)
    arm.require(manifest)
    if args.camera is None:
        read_cloud = RecordedCloud(torch.stack(episode[args.input]), args.input).read
    else:
        known = known_segments(manifest, args.input, episode[args.input][0])
        read_cloud = RealSenseCloud(args.camera, arm.tcp_pose, known, args.input).read
    connect(program, arm, read_cloud)
    if args.move_to_start:
        arm.move_to(episode[manifest["output"]["offset_from"]][0].tolist())
    sys.argv[1:] = rest
    program.main()


if __name__ == "__main__":
    main()
