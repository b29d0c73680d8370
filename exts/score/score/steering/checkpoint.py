# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Checkpoint files of steering runs: which file is meant, what a file is, and reading it without unpickling anything.

A checkpoint has the keys of rsl_rl's own, plus ``score`` (what it was trained with, totals, random states). It is
read with ``weights_only=True`` alone. This module needs torch only.
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch

from score.utils.errors import UserError, near_names
from score.utils.fields import brief, whole_number
from score.utils.file_kinds import FileKind, file_kind, newest_model
from score.utils.file_kinds import iteration_of as iteration_of
from score.utils.files import atomic_file
from score.utils.tensor_files import ForeignObjectsError, NotFiniteError, load_plain

FORMAT = "score.steering/1"
"""Value of ``state["score"]["format"]``."""

RUN_FILE = "run.json"
"""What a run says of itself, beside its checkpoints; :mod:`.run_folder` writes it."""

RUN_VERSION = 1
"""Version of that file, Isaac Lab's."""

LIBRARY = "score"
"""Library named in that file, by which Isaac Lab's checkpoint selectors find our runs."""

SELECTORS = ("latest", "best")
"""Names that stand for a checkpoint of the newest run of a task."""

_WORDS = (*SELECTORS, "shipped", "none")
"""What the commands take in the place of a file."""

BEST_NAME = "model_best.pt"
"""File of the checkpoint with the best evaluation; its score is in the .json beside it."""


def load_checkpoint(path: Path | str) -> dict[str, Any]:
    """Read a checkpoint of a steering run onto the CPU.

    Args:
        path: The file.

    Returns:
        What :class:`~score.steering.runner.SteeringRunner` saved; ``iter`` and ``score.identity`` are of their types,
        all tensors finite, and nothing else is checked.

    Raises:
        UserError: The path is anything but such a file; the message says what it is, and what to do.
    """
    path = Path(path)
    kind = file_kind(path)
    if kind is not FileKind.ARCHIVE:
        raise UserError(_message(kind, path))
    try:
        state = load_plain(path)
    except ForeignObjectsError as error:
        raise UserError(
            f"--checkpoint: {path} holds Python objects beside tensors and is never opened, as they could run any code."
            " Give a model_<i>.pt that train.py of this project wrote."
        ) from error
    except NotFiniteError as error:
        raise UserError(f"--checkpoint: {path}: {error} is not finite.{_remedy(FileKind.TRUNCATED, path)}") from error
    except ValueError as error:
        raise UserError(_message(FileKind.TRUNCATED, path)) from error
    header = state.get("score") if isinstance(state, dict) else None
    if isinstance(header, dict) and header.get("format") == FORMAT:
        whole_number(f"--checkpoint: {path}: iter", state.get("iter"), 0, 2**62)
        if not isinstance(header.setdefault("identity", {}), dict):
            raise UserError(f"--checkpoint: {path} was edited: its identity is not a mapping.")
        # Before there were methods there was one, and before there was a limit there was none.
        header["identity"].setdefault("method", "score")
        header["identity"].setdefault("feature_limit", None)
        return state
    if isinstance(header, dict):
        raise UserError(
            f"--checkpoint: {path} has the format {brief(header.get('format'))}, and this version reads '{FORMAT}'."
            " Use the version of the project that trained it (run.json names its commit)."
        )
    if isinstance(state, dict) and ("actor_state_dict" in state or "model_state_dict" in state):
        raise UserError(
            f"--checkpoint: {path} is a plain rsl_rl checkpoint: it does not say which base policy and latent"
            " basis it belongs to. Give a model_<i>.pt that train.py of this project wrote."
        )
    raise UserError(_message(FileKind.OTHER, path))


def policy_state(state: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """Take out of a checkpoint what its steering policy needs: no critic, no optimiser, nothing of the training.

    Args:
        state: What :func:`load_checkpoint` returned.
        run: What is to be known of the training: names to texts and numbers.

    Returns:
        A smaller checkpoint, from which a policy can be loaded and no training resumed.
    """
    header = {"format": FORMAT, "identity": state["score"]["identity"], "run": run}
    header["familiarity"] = state["score"].get("familiarity")
    return {"actor_state_dict": state["actor_state_dict"], "iter": state["iter"], "infos": None, "score": header}


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
    for run in _runs_of(task.rpartition(":")[2], Path(root)):
        if selector == "best" and (run / BEST_NAME).is_file():
            return (run / BEST_NAME).resolve()
        last = max(run.glob("model_*.pt"), key=iteration_of, default=None)
        if last is not None and iteration_of(last) >= 0:
            return last.resolve()
    raise UserError(
        f"--checkpoint {selector}: no run of '{task}' with a checkpoint in {root}. Train one with"
        f" scripts/train.py --task {task}, or give the file of a checkpoint."
    )


def _runs_of(task: str, root: Path) -> list[Path]:
    """Return the folders of a task's runs, the newest first."""
    runs = []
    for file in root.glob(f"*/{RUN_FILE}"):
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
            known = (manifest["version"], manifest["library"], manifest["task"]) == (RUN_VERSION, LIBRARY, task)
            created = datetime.datetime.fromisoformat(manifest["created_at"])
        except (OSError, KeyError, TypeError, ValueError):
            continue
        if known:
            runs.append((created, file.parent))
    return [folder for _, folder in sorted(runs, reverse=True)]


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
            other = brief(saved.get(key)).strip("'")[:12]
            raise UserError(
                f"--checkpoint: {path} steers another base policy (weights sha256 {other},"
                f" the given one has {str(value)[:12]}), and fits no other. Give the --base_policy that it was trained"
                " with; the run.json beside it names it."
            )
        before = brief(saved.get(key)).strip("'")
        raise UserError(
            f"--checkpoint: {path} was trained with {key.replace('_', ' ')} {before}, and now it is"
            f" {value}."
            " Use the settings that it was trained with (params/agent.yaml beside it), or start a new run."
        )


_UNUSABLE = {getattr(FileKind, name) for name in ("MISSING", "EMPTY", "TRUNCATED", "PICKLE", "SPECIAL", "BOMB")}


def _message(kind: FileKind, path: Path) -> str:
    what = "is" if kind is FileKind.OTHER else f"{kind.value},"
    unusable = kind in _UNUSABLE
    return f"--checkpoint: {path} {kind.value if unusable else f'{what} not a checkpoint'}.{_remedy(kind, path)}"


def _remedy(kind: FileKind, path: Path) -> str:
    if kind is FileKind.MISSING:
        siblings = [file.name for file in path.parent.glob("model_*.pt")] if path.parent.is_dir() else []
        return near_names(path.name, [*_WORDS, *siblings]) or " Give latest, best, or a model_<i>.pt of a run."
    if kind in (FileKind.TRUNCATED, FileKind.EMPTY):
        return " Use an earlier model_<i>.pt of the same run."
    newest = newest_model(path) if kind is FileKind.RUN else None
    if newest is not None:
        return f" Give one of its files, such as {newest}, or use latest or best."
    return " Give latest, best, or a model_<i>.pt that train.py wrote."
