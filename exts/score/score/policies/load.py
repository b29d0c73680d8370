# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Base policies of any home: a bundle, or the folder of a LeRobot checkpoint with an interface file in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from score.policies.adapt import adapt
from score.policies.base_policy import BasePolicy
from score.policies.bundle import bundle_sha256, load_bundle
from score.policies.checkpoints import read_checkpoint
from score.policies.foreign import ForeignPolicy
from score.policies.interface import INTERFACE_FILE, Interface, read_interface
from score.policies.lerobot import CONFIG_FILE, PIPELINES, WEIGHTS_FILE, is_lerobot, read_lerobot
from score.policies.spec import PolicySpec
from score.utils.file_kinds import FileKind, file_kind
from score.utils.files import sha256_of


def load_policy(folder: Path, task: PolicySpec, device: str | torch.device = "cpu") -> BasePolicy:
    """Read a base policy, frozen and in evaluation mode.

    Args:
        folder: A bundle, or a LeRobot checkpoint.
        task: What the task offers: a LeRobot checkpoint is put into its words.
        device: Where the policy's tensors go.

    Raises:
        UserError: The folder does not hold a valid base policy, or a LeRobot checkpoint does not fit the task. That a
            bundle fits is the business of :func:`~score.policies.spec.require_match`.
    """
    if not is_lerobot(folder):
        return load_bundle(folder, device)
    return adapt(*read_foreign(folder), task).to(device).eval().requires_grad_(False)


def check_policy(folder: Path) -> BasePolicy:
    """Read a base policy in its own words, before there is a task.

    Raises:
        UserError: The folder does not hold a valid base policy.
    """
    return read_foreign(folder)[0].policy if is_lerobot(folder) else load_bundle(folder)


def is_foreign(path: Path) -> bool:
    """Whether a path is somebody else's checkpoint: a LeRobot folder, or a file of ``torch.save``."""
    return is_lerobot(path) or file_kind(path) is FileKind.ARCHIVE


def read_foreign(path: Path, interface: Path | None = None) -> tuple[ForeignPolicy, Interface, Path]:
    """Read somebody else's checkpoint and its interface file.

    Args:
        path: A LeRobot folder, or a checkpoint file of diffusion_policy, robomimic or ManiSkill.
        interface: The interface file; by default that in the folder or beside the file, if there is one.

    Returns:
        The checkpoint, the interface, and where that stands.

    Raises:
        UserError: One of them is unsound.
    """
    folder = path if path.is_dir() else path.parent
    where = interface or folder / INTERFACE_FILE
    settings = read_interface(where)
    reader = read_lerobot if path.is_dir() else read_checkpoint
    return reader(path, settings.inference_steps), settings, where


def policy_sha256(folder: Path) -> str:
    """Hash of all that decides what a base policy does, as 64 hexadecimal digits.

    Raises:
        UserError: A file is missing, or the settings are unsound.
    """
    if not is_lerobot(folder):
        return bundle_sha256(folder)
    names = [CONFIG_FILE, WEIGHTS_FILE, *PIPELINES, INTERFACE_FILE]
    names += sorted(path.name for path in folder.glob("policy_*processor_step_*.safetensors"))
    digests = [f"{name} {sha256_of(folder / name)}" for name in names if (folder / name).is_file()]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
