# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Tells a capsule from the other files that people hand in for one, without unpickling anything."""

from __future__ import annotations

from pathlib import Path

from score.deployment.manifest import EXPORT_COMMAND, MANIFEST_FILE, POLICY_FILE
from score.utils.errors import UserError, near_names
from score.utils.file_kinds import FileKind, file_kind, newest_model

_DAMAGED = (FileKind.TRUNCATED, FileKind.EMPTY)


def require_torchscript(file: Path) -> None:
    """Refuse a policy file that is no TorchScript.

    Raises:
        UserError: The message says what the file is instead.
    """
    kind = file_kind(file)
    if kind is FileKind.ARCHIVE:
        raise UserError(
            f"{file} is a training checkpoint (weights only), not a TorchScript policy. Export it: "
            f"{EXPORT_COMMAND.format(checkpoint=file)}"
        )
    if kind is FileKind.PICKLE:
        raise UserError(
            f"{file} is a Python pickle and was not opened: it could run any code. Export the capsule again."
        )
    if kind in _DAMAGED:
        raise UserError(f"{file} {kind.value}. Copy or export the capsule again.")
    if kind is not FileKind.TORCHSCRIPT:
        raise UserError(f"{file} is not a TorchScript file. Copy or export the capsule again.")


def require_capsule_folder(path: Path) -> None:
    """Refuse what is no capsule folder, and name what it is.

    Raises:
        UserError: The path does not exist, is a file, or a folder of another kind.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind is FileKind.MISSING:
        parent = path.parent
        names = [item.name for item in parent.iterdir() if item.is_dir()] if parent.is_dir() else []
        raise UserError(
            f"{path} does not exist.{near_names(path.name, names)} Make a capsule: "
            f"{EXPORT_COMMAND.format(checkpoint='FILE')}"
        )
    if path.is_file():
        _refuse_file(path)
    if kind is FileKind.CAPSULE:
        return
    if kind is FileKind.RUN:
        raise UserError(
            f"{path} {kind.value}, not a capsule. Export it: "
            f"{EXPORT_COMMAND.format(checkpoint=newest_model(path) or 'FILE')}"
        )
    if kind is FileKind.BUNDLE:
        raise UserError(
            f"{path} is a base policy, not a capsule: a capsule holds a trained steering policy too. Make one: "
            f"{EXPORT_COMMAND.format(checkpoint='FILE')}"
        )
    raise UserError(
        f"{path} is not a capsule: it has no {MANIFEST_FILE}. Make one: {EXPORT_COMMAND.format(checkpoint='FILE')}"
    )


def _refuse_file(path: Path) -> None:
    kind = file_kind(path)
    if kind is FileKind.TORCHSCRIPT and path.name == POLICY_FILE:
        raise UserError(f"{path} is one file of a capsule: name its folder, {path.parent}.")
    if kind in (FileKind.ARCHIVE, FileKind.PICKLE, *_DAMAGED):
        require_torchscript(path)
    raise UserError(
        f"{path} is a file, and a capsule is a folder. Make one: {EXPORT_COMMAND.format(checkpoint='FILE')}"
    )
