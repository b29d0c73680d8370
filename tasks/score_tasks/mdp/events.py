# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the events of the tasks share."""

from __future__ import annotations

import torch


def pose_bounds(ranges: dict[str, tuple[float, float]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Lower and upper bounds (6,) of x, y, z, roll, pitch, yaw; a missing key is fixed at 0."""
    pairs = torch.tensor(
        [ranges.get(key, (0.0, 0.0)) for key in ("x", "y", "z", "roll", "pitch", "yaw")], device=device
    )
    return pairs[:, 0], pairs[:, 1]
