# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Base policies of any home: bundles, and what is in its own words and has an interface file beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from score.policies.adapt import adapt
from score.policies.base_policy import BasePolicy
from score.policies.bundle import bundle_sha256, load_bundle, read_spec
from score.policies.checkpoints import read_checkpoint
from score.policies.contents import SETTINGS_FILE
from score.policies.foreign import UNKNOWN_UNITS, ForeignPolicy, foreign_of
from score.policies.interface import INTERFACE_FILE, Interface, read_interface
from score.policies.lerobot import CONFIG_FILE, PIPELINES, WEIGHTS_FILE, is_lerobot, read_lerobot
from score.policies.spec import PolicySpec
from score.utils.errors import UserError
from score.utils.file_kinds import FileKind, file_kind
from score.utils.files import sha256_of


def load_policy(folder: Path, task: PolicySpec, device: str | torch.device = "cpu") -> BasePolicy:
    """Read a base policy, frozen and in evaluation mode.

    Args:
        folder: A bundle, or a LeRobot checkpoint.
        task: What the task offers: a LeRobot checkpoint, or a bundle that ``freeze`` wrote, is put into its words.
        device: Where the policy's tensors go.

    Raises:
        UserError: The folder does not hold a valid base policy, or what needs an interface does not fit the task. That
            another bundle fits is the business of :func:`~score.policies.spec.require_match`.
    """
    if not _has_interface(folder):
        return load_bundle(folder, device)
    return adapt(*read_foreign(folder), task).to(device).eval().requires_grad_(False)


def check_policy(folder: Path) -> BasePolicy:
    """Read a base policy in its own words, before there is a task.

    Raises:
        UserError: The folder does not hold a valid base policy.
    """
    return read_foreign(folder)[0].policy if _has_interface(folder) else load_bundle(folder)


def is_foreign(path: Path) -> bool:
    """Whether a policy is in its own words: a LeRobot folder, a file of ``torch.save``, or what ``freeze`` wrote.

    Raises:
        UserError: It is a bundle whose settings are unsound.
    """
    if is_lerobot(path) or file_kind(path) is FileKind.ARCHIVE:
        return True
    return (path / SETTINGS_FILE).is_file() and read_spec(path).actions.units == UNKNOWN_UNITS


def _has_interface(folder: Path) -> bool:
    """Tell whether a folder holds a policy in its own words; a file is for ``policy.py`` alone."""
    return folder.is_dir() and is_foreign(folder)


def _read_frozen(folder: Path, inference_steps: int | None) -> ForeignPolicy:
    if inference_steps is not None:
        raise UserError(
            f"{folder / INTERFACE_FILE}: inference_steps is of no use to a frozen policy, which has its steps inside."
        )
    return foreign_of(load_bundle(folder), {"home": "frozen", "weights_sha256": bundle_sha256(folder)})


def read_foreign(path: Path, interface: Path | None = None) -> tuple[ForeignPolicy, Interface, Path]:
    """Read somebody else's checkpoint and its interface file.

    Args:
        path: A LeRobot folder, a checkpoint file of diffusion_policy, robomimic or ManiSkill, or what ``freeze`` wrote.
        interface: The interface file; by default that in the folder or beside the file, if there is one.

    Returns:
        The checkpoint, the interface, and where that stands.

    Raises:
        UserError: One of them is unsound.
    """
    folder = path if path.is_dir() else path.parent
    where = interface or folder / INTERFACE_FILE
    settings = read_interface(where)
    reader = read_checkpoint if path.is_file() else read_lerobot if is_lerobot(path) else _read_frozen
    return reader(path, settings.inference_steps), settings, where


def policy_sha256(folder: Path) -> str:
    """Hash of all that decides what a base policy does, as 64 hexadecimal digits.

    Raises:
        UserError: A file is missing, or the settings are unsound.
    """
    if not is_lerobot(folder):
        bundle, page = bundle_sha256(folder), folder / INTERFACE_FILE
        if not page.is_file() or not is_foreign(folder):
            return bundle
        return hashlib.sha256(f"{bundle} {sha256_of(page)}".encode()).hexdigest()
    names = [CONFIG_FILE, WEIGHTS_FILE, *PIPELINES, INTERFACE_FILE]
    names += sorted(path.name for path in folder.glob("policy_*processor_step_*.safetensors"))
    digests = [f"{name} {sha256_of(folder / name)}" for name in names if (folder / name).is_file()]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
