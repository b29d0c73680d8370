# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Tells a capsule from the other files that people hand in for one, without unpickling anything."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from score.deployment.manifest import EXPORT_COMMAND, MANIFEST_FILE, POLICY_FILE
from score.utils.errors import UserError, near_names

Kind = Literal["torchscript", "checkpoint", "pickle", "cut off", "unknown"]
_ZIP_START = b"PK\x03\x04"


def kind_of(file: Path) -> Kind:
    """Tell what a ``.pt`` file is by its layout.

    Returns:
        ``torchscript``; ``checkpoint`` (``torch.save``, as rsl_rl's ``model_N.pt``); ``pickle`` (also ``torch.save``
        of before 2020); ``cut off`` (the start of a zip archive without its end); or ``unknown``.
    """
    with Path(file).open("rb") as stream:
        start = stream.read(4)
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
    except zipfile.BadZipFile:
        if start == _ZIP_START:
            return "cut off"
        return "pickle" if start[:1] == b"\x80" and start[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"} else "unknown"
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return "torchscript"
    return "checkpoint" if "data.pkl" in names else "unknown"


def require_torchscript(file: Path) -> None:
    """Refuse a policy file that is no TorchScript.

    Raises:
        UserError: The message says what the file is instead.
    """
    kind = kind_of(file)
    if kind == "checkpoint":
        raise UserError(
            f"{file} is a training checkpoint (weights only), not a TorchScript policy. Export it: "
            f"{EXPORT_COMMAND.format(checkpoint=file)}"
        )
    if kind == "pickle":
        raise UserError(
            f"{file} is a Python pickle and was not opened: it could run any code. Export the capsule again."
        )
    if kind == "cut off":
        raise UserError(f"{file} is cut off (the end of the archive is missing). Copy or export the capsule again.")
    if kind == "unknown":
        raise UserError(f"{file} is no TorchScript file. Copy or export the capsule again.")


def require_capsule_folder(path: Path) -> None:
    """Refuse what is no capsule folder, and name what it is.

    Raises:
        UserError: The path does not exist, is a file, or a folder of another kind.
    """
    path = Path(path)
    if not path.exists():
        parent = path.parent
        names = [item.name for item in parent.iterdir() if item.is_dir()] if parent.is_dir() else []
        raise UserError(
            f"{path} does not exist.{near_names(path.name, names)} Make a capsule: "
            f"{EXPORT_COMMAND.format(checkpoint='FILE')}"
        )
    if path.is_file():
        _refuse_file(path)
    if (path / MANIFEST_FILE).is_file():
        return
    checkpoints = sorted(path.glob("model_*.pt"), key=_iteration)
    if checkpoints or (path / "params").is_dir():
        checkpoint = checkpoints[-1] if checkpoints else "FILE"
        raise UserError(
            f"{path} is the folder of a training run, not a capsule. Export it: "
            f"{EXPORT_COMMAND.format(checkpoint=checkpoint)}"
        )
    if (path / "policy.yaml").is_file():
        raise UserError(
            f"{path} is a base policy, not a capsule: a capsule holds a trained steering policy too. Make one: "
            f"{EXPORT_COMMAND.format(checkpoint='FILE')}"
        )
    raise UserError(
        f"{path} is no capsule: it has no {MANIFEST_FILE}. Make one: {EXPORT_COMMAND.format(checkpoint='FILE')}"
    )


def _refuse_file(path: Path) -> None:
    kind = kind_of(path)
    if kind == "torchscript" and path.name == POLICY_FILE:
        raise UserError(f"{path} is one file of a capsule: name its folder, {path.parent}.")
    if kind in ("checkpoint", "pickle", "cut off"):
        require_torchscript(path)
    raise UserError(
        f"{path} is a file, and a capsule is a folder. Make one: {EXPORT_COMMAND.format(checkpoint='FILE')}"
    )


def _iteration(file: Path) -> int:
    found = re.search(r"(\d+)$", file.stem)
    return int(found.group(1)) if found else -1
