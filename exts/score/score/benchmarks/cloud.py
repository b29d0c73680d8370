# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The cloud suite: time and memory of moving a cloud with the poses of many environments."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import psutil
import torch
from torch.utils.benchmark import Timer


def benchmark_cloud(
    move: Callable[[tuple[torch.Tensor, torch.Tensor], torch.Tensor], torch.Tensor],
    *,
    num_envs: int,
    num_points: int = 512,
    device: str | None = None,
    seconds: float = 5.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Time one control step.

    Args:
        move: Poses, as positions (N, 3) and rotations (N, 3, 3), and points (N, P, 3) to moved points (N, P, 3).
        num_envs: Number of environments.
        num_points: Points of the cloud.
        device: Torch device; a GPU if there is one if None.
        seconds: Least time of the measurement.
        seed: Seed of points and poses.

    Returns:
        What was measured: median and interquartile range in ms, size of the cloud and growth of the process in MiB.
    """
    device = device or ("cuda:0" if torch.cuda.is_available() else "cpu")
    threads = os.cpu_count() or 1
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(num_points, 3, generator=generator).to(device).expand(num_envs, -1, -1)
    pos = torch.randn(num_envs, 3, generator=generator).to(device)
    rot = torch.linalg.qr(torch.randn(num_envs, 3, 3, generator=generator)).Q.to(device)
    before = psutil.Process().memory_info().rss
    names = {"move": move, "points": points, "pose": (pos, rot)}
    measured = Timer("move(pose, points)", globals=names, num_threads=threads).blocked_autorange(min_run_time=seconds)
    grew = (psutil.Process().memory_info().rss - before) / 2**20
    return {
        "num_envs": num_envs,
        "num_points": num_points,
        "device": device,
        "threads": threads,
        "median_ms": measured.median * 1e3,
        "iqr_ms": measured.iqr * 1e3,
        "cloud_mib": 12 * num_envs * num_points / 2**20,
        "process_grew_mib": grew,
    }
