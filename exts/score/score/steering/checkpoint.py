# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Checkpoint files of steering runs: which file is meant, what a file is, and reading it without unpickling anything.

A checkpoint has the keys of rsl_rl's own, plus ``score`` (what it was trained with, totals, random states). It is
read with ``weights_only=True`` alone. This module needs torch only.
"""

from __future__ import annotations

import enum
import errno
import hashlib
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from score.utils.errors import UserError, near_names
from score.utils.files import atomic_file

FORMAT = "score.steering/1"
"""Value of ``state["score"]["format"]``."""

LIBRARY = "score"
"""Library named in run.json, by which Isaac Lab's checkpoint selectors find our runs."""

SELECTORS = ("latest", "best")
"""Names that stand for a checkpoint of the newest run of a task."""

BEST_NAME = "model_best.pt"
"""File of the checkpoint with the best evaluation; its score is in the .json beside it."""


class FileKind(enum.Enum):
    """What lies at a path; the value describes it in messages."""

    MISSING = "does not exist"
    EMPTY = "is empty"
    TRUNCATED = "is cut off or damaged"
    PICKLE = "is a Python pickle, which could run any code and is never opened"
    TORCHSCRIPT = "is a TorchScript file (the policy.pt of a capsule), not a checkpoint"
    ARCHIVE = "is a file of torch.save"
    CAPSULE = "is a capsule (made by export.py), not a checkpoint"
    BUNDLE = "is a base policy bundle, not a checkpoint"
    RUN = "is the folder of a training run, not a checkpoint"
    FOLDER = "is a folder, not a checkpoint"
    OTHER = "is not a checkpoint"


def file_kind(path: Path) -> FileKind:
    """Find out what lies at a path by its first bytes and its names; nothing is unpickled."""
    path = Path(path)
    if path.is_dir():
        if (path / "manifest.json").exists():
            return FileKind.CAPSULE
        if (path / "policy.yaml").exists():
            return FileKind.BUNDLE
        return FileKind.RUN if any(path.glob("model_*.pt")) else FileKind.FOLDER
    if not path.exists():
        return FileKind.MISSING
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        return FileKind.EMPTY
    if head[:2] == b"PK":
        return _archive_kind(path)
    # Protocol 2 and later start with 0x80; that is also how torch.save wrote before its archives.
    return FileKind.PICKLE if head[0] == 0x80 else FileKind.OTHER


def _archive_kind(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.split("/", 1)[-1] for name in archive.namelist()]
            if archive.testzip() is not None:
                return FileKind.TRUNCATED
    except (zipfile.BadZipFile, EOFError):
        return FileKind.TRUNCATED
    if "constants.pkl" in names:
        return FileKind.TORCHSCRIPT
    return FileKind.ARCHIVE if "data.pkl" in names else FileKind.OTHER


def load_checkpoint(path: Path | str, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint of a steering run.

    Args:
        path: The file.
        device: Where its tensors go.

    Returns:
        What :class:`~score.steering.runner.SteeringRunner` saved.

    Raises:
        UserError: The path is anything but such a file; the message says what it is, and what to do.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind is not FileKind.ARCHIVE:
        raise UserError(f"--checkpoint: {path} {kind.value}.{_remedy(kind, path)}")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"--checkpoint: {path} holds Python objects beside tensors and is never opened, as they could run any code."
            " Give a model_<i>.pt that train.py of this project wrote."
        ) from error
    except (RuntimeError, EOFError) as error:
        raise UserError(
            f"--checkpoint: {path} {FileKind.TRUNCATED.value}.{_remedy(FileKind.TRUNCATED, path)}"
        ) from error
    header = state.get("score") if isinstance(state, dict) else None
    if isinstance(header, dict) and header.get("format") == FORMAT:
        # Before there were methods there was one.
        header.setdefault("identity", {}).setdefault("method", "score")
        return state
    if isinstance(header, dict):
        raise UserError(
            f"--checkpoint: {path} has the format '{header.get('format')}', and this version reads '{FORMAT}'."
            " Use the version of the project that trained it (run.json names its commit)."
        )
    if isinstance(state, dict) and ("actor_state_dict" in state or "model_state_dict" in state):
        raise UserError(
            f"--checkpoint: {path} is a plain rsl_rl checkpoint: it does not say which base policy and latent"
            " basis it belongs to. Give a model_<i>.pt that train.py of this project wrote."
        )
    raise UserError(f"--checkpoint: {path} {FileKind.OTHER.value}.{_remedy(FileKind.OTHER, path)}")


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        state: Tensors and plain values.
        path: The file; an older one is replaced in one step.

    Raises:
        UserError: The disk is full or cannot be written; earlier checkpoints stay as they are.
    """
    buffer = io.BytesIO()  # torch hides the operating system's error when it writes a file itself
    torch.save(state, buffer)
    _write_bytes(path, buffer.getvalue(), "checkpoint")


def save_json(values: dict[str, Any], path: Path) -> None:
    """Write a JSON file whole or not at all; errors as in :func:`save_checkpoint`."""
    _write_bytes(path, (json.dumps(values, indent=2, sort_keys=True) + "\n").encode(), "file")


def _write_bytes(path: Path, data: bytes, what: str) -> None:
    try:
        with atomic_file(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or str(error))
        raise UserError(
            f"Cannot save the {what} {path}: {reason}. Earlier checkpoints in {path.parent} are intact;"
            " free some space and go on with --checkpoint latest."
        ) from error


def resolve_checkpoint(selector: str, root: Path | str, task: str) -> Path:
    """Turn ``latest``, ``best`` or a file name into a path.

    ``latest`` and ``best`` look in the newest run of the task: the last checkpoint, or the one with the best
    evaluation.

    Args:
        selector: What the user gave as ``--checkpoint``.
        root: Folder of the experiment, ``logs/rsl_rl/<experiment>``.
        task: Gym id of the task.

    Raises:
        UserError: There is no such checkpoint.
    """
    if selector not in SELECTORS:
        return Path(selector)
    # Imported here: reading a known file must not need Isaac Lab.
    from isaaclab_rl.entrypoints.common import resolve_checkpoint_selector

    try:
        return Path(
            resolve_checkpoint_selector(
                str(root),
                selector,
                library=LIBRARY,
                task=task,
                checkpoint_pattern=r"model_\d+\.pt" if selector == "latest" else r"model_(\d+|best)\.pt",
                preferred_checkpoint_pattern=r"model_best\.pt",
            )
        )
    except ValueError as error:
        raise UserError(
            f"--checkpoint {selector}: no run of '{task}' with a checkpoint in {root}. Train one with"
            f" scripts/train.py --task {task}, or give the file of a checkpoint."
        ) from error


def iteration_of(path: Path) -> int:
    """Return the i of model_i.pt, -1 for any other name."""
    digits = path.stem.removeprefix("model_")
    return int(digits) if path.suffix == ".pt" and digits.isdecimal() else -1


def weights_sha256(module: torch.nn.Module) -> str:
    """Hash names, types, shapes and bits of all weights and buffers of a module."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def require_same(path: Path | str, saved: dict[str, Any], present: dict[str, Any]) -> None:
    """Check that a checkpoint belongs to the present base policy and settings.

    Args:
        path: The checkpoint, for the message.
        saved: What it was trained with, ``state["score"]["identity"]``.
        present: The same of the present run, or a part of it.

    Raises:
        UserError: They differ; the message names the first difference.
    """
    for key, value in present.items():
        if saved.get(key) == value:
            continue
        if key == "base_policy_sha256":
            raise UserError(
                f"--checkpoint: {path} steers another base policy (weights sha256 {str(saved.get(key))[:12]},"
                f" the given one has {str(value)[:12]}), and fits no other. Give the --base_policy that it was trained"
                " with; the run.json beside it names it."
            )
        raise UserError(
            f"--checkpoint: {path} was trained with {key.replace('_', ' ')} {saved.get(key)}, and now it is {value}."
            " Use the settings that it was trained with (params/agent.yaml beside it), or start a new run."
        )


def _remedy(kind: FileKind, path: Path) -> str:
    if kind is FileKind.MISSING:
        siblings = [file.name for file in path.parent.glob("model_*.pt")] if path.parent.is_dir() else []
        return near_names(path.name, [*SELECTORS, *siblings]) or " Give latest, best, or a model_<i>.pt of a run."
    if kind in (FileKind.TRUNCATED, FileKind.EMPTY):
        return " Use an earlier model_<i>.pt of the same run."
    if kind is FileKind.RUN:
        return (
            f" Give one of its files, such as {max(path.glob('model_*.pt'), key=iteration_of)}, or use latest or best."
        )
    return " Give latest, best, or a model_<i>.pt that train.py wrote."
