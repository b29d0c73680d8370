# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The cloud suite: what is moved, and what is reported."""

from __future__ import annotations

import torch

from score.benchmarks.cloud import benchmark_cloud


def test_every_environment_moves_every_point() -> None:
    seen: list[tuple[torch.Size, ...]] = []

    def move(pose: tuple[torch.Tensor, torch.Tensor], points: torch.Tensor) -> torch.Tensor:
        seen.append((pose[0].shape, pose[1].shape, points.shape))
        # Rotations keep lengths.
        assert torch.allclose(torch.linalg.det(pose[1]).abs(), torch.ones(64), atol=1e-4)
        return points + pose[0].unsqueeze(1)

    row = benchmark_cloud(move, num_envs=64, device="cpu", seconds=0.01)
    assert set(seen) == {((64, 3), (64, 3, 3), (64, 512, 3))}
    # 64 clouds of 512 points of 12 bytes are 393,216 bytes.
    assert row["cloud_mib"] == 0.375
    assert row["median_ms"] > 0
