# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrations in, base policy out: reading, windows, augmentation, training."""

from __future__ import annotations

from .augmentation import AugmentationCfg
from .dataset import DemonstrationSet, Episode, read_demonstrations
from .settings import PretrainCfg
from .train import TrainingResult, train_base_policy

__all__ = [
    "AugmentationCfg",
    "DemonstrationSet",
    "Episode",
    "PretrainCfg",
    "TrainingResult",
    "read_demonstrations",
    "train_base_policy",
]
