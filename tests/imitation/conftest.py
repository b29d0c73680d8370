# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Small files of demonstrations."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from score.imitation import AugmentationCfg, PretrainCfg
from score.policies import DiffusionNetworkCfg, FlowNetworkCfg

JOINTS = ("a", "b")
ENV_ARGS = {"env_name": "toy", "type": 2, "control_rate_hz": 10.0, "action_names": JOINTS, "units": "rad"}


def write_demonstrations(path: Path, episodes: int = 6, steps: int = 12, points: int = 16, **env_args: object) -> Path:
    """Write random episodes of a robot of two joints, in the layout of Isaac Lab's handler."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["format_version"] = 1
        data = file.create_group("data")
        facts = {**ENV_ARGS, **env_args}
        data.attrs["env_args"] = json.dumps({key: value for key, value in facts.items() if value is not None})
        for index in range(episodes):
            demo = data.create_group(f"demo_{index}")
            demo.attrs["num_samples"] = steps
            demo.attrs["success"] = index % 2 == 0
            joints = rng.standard_normal((steps, 2)).cumsum(axis=0).astype(np.float32) * 0.1
            demo["actions"] = joints + rng.standard_normal((steps, 2)).astype(np.float32) * 0.05
            demo["obs/joint_pos"] = joints
            demo["obs/point_cloud"] = rng.standard_normal((steps, points, 3)).astype(np.float32) * 0.1
    return path


def tiny_cfg(**changes: object) -> PretrainCfg:
    """Settings that train in a second."""
    settings: dict = {
        "horizon": 4,
        "network": FlowNetworkCfg(point_widths=(8,), global_widths=(), embedding_dim=8, width=16, depth=1),
        "augmentation": AugmentationCfg(points=8),
        "updates": 12,
        "batch_size": 8,
        "draws": 2,
        "warmup": 2,
        "validation_every": 4,
        "validation_windows": 8,
        "checkpoint_every": 6,
    }
    return PretrainCfg(**{**settings, **changes})


def tiny_diffusion(form: str = "mlp") -> DiffusionNetworkCfg:
    """The same sizes for a diffusion policy."""
    return DiffusionNetworkCfg(
        point_widths=(8,), global_widths=(), embedding_dim=8, width=16, depth=1, form=form, down_dims=(8, 16),
        kernel_size=3, step_embed_dim=8,
    )  # fmt: skip


@pytest.fixture
def demonstrations(tmp_path: Path) -> Path:
    """Six episodes of twelve steps."""
    return write_demonstrations(tmp_path / "demos.hdf5")
