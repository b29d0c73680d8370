# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The folder of a training run: its name, ``run.json`` and ``params/``.

``run.json`` has the keys of Isaac Lab's, so that its checkpoint selectors find our runs too.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from score.utils import ranks
from score.utils.errors import UserError
from score.utils.files import atomic_file, require_plain_name, require_writable
from score.utils.provenance import command_line, package_versions, source_commit

from .checkpoint import LIBRARY, RUN_FILE, RUN_VERSION, iteration_of, load_checkpoint, save_json
from .config import SteeringRunnerCfg


def run_directory(root: Path | str, run_name: str = "", resume: Path | str | None = None) -> Path:
    """Choose the folder of a run: that of the checkpoint to resume if it is the last one there, or else make a new one.

    Going on from an earlier checkpoint is another run, which must not mix with what came after in the old one.

    Args:
        root: Folder of the experiment, ``logs/rsl_rl/<experiment>``.
        run_name: Appended to the time that names a new folder.
        resume: Checkpoint to go on from.

    Returns:
        The folder. A new one is made at once, so that no other run of the same second can get it.

    Raises:
        UserError: The name leads elsewhere, or the folder cannot be made.
    """
    if resume is not None:
        folder = Path(resume).resolve().parent
        if (folder / RUN_FILE).exists() and not _later_checkpoints(Path(resume)):
            return folder
    name = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    if run_name:
        require_plain_name(run_name, "--run_name")
        name = f"{name}_{run_name}"
    if ranks.index() > 0:
        return Path(root)  # the first process makes the folder, and tells the others
    require_writable(Path(root))
    for number in itertools.count(1):
        folder = Path(root) / (name if number == 1 else f"{name}_{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError


def require_free(log_dir: Path, resume: Path | str | None) -> None:
    """Refuse a folder that cannot be written, or that holds another run.

    Args:
        log_dir: Folder of the run.
        resume: Checkpoint to go on from.

    Raises:
        UserError: It is such a folder.
    """
    require_writable(log_dir)
    if resume is not None and Path(resume).resolve().parent == log_dir.resolve():
        later = _later_checkpoints(Path(resume))
        if later:
            raise UserError(
                f"{resume} is not the last checkpoint of {log_dir}: {', '.join(later)} came after it."
                " Resume the latest one, or go on in a new folder."
            )
    elif (log_dir / RUN_FILE).exists():
        raise UserError(f"{log_dir} already holds a run. Choose another folder, or go on with --checkpoint latest.")


def write_run(
    log_dir: Path,
    task: str,
    cfg: SteeringRunnerCfg,
    settings: Mapping[str, Any],
    completed: int,
    metadata: Mapping[str, Any],
) -> None:
    """Write params/ and run.json; a resumed run keeps those of its start, and adds the settings it goes on with.

    Args:
        log_dir: Folder of the run.
        task: Gym id of the task.
        cfg: Settings of steering.
        settings: Settings of the environment.
        completed: Iterations done.
        metadata: What else run.json says; it adds seed, command, commit and versions.
    """
    resumed = (log_dir / RUN_FILE).exists()
    for name, values in (("agent", asdict(cfg)), ("env", dict(settings))):
        with atomic_file(log_dir / "params" / f"{name}{f'_from_{completed}' if resumed else ''}.yaml") as temporary:
            temporary.write_text(yaml.dump(values, sort_keys=False), encoding="utf-8")
    if resumed:
        return
    facts = {
        "command": command_line(),
        "git_commit": source_commit(),
        "versions": ", ".join(f"{name} {version}" for name, version in package_versions().items()),
        "seed": str(cfg.seed),
    }
    manifest = {
        "version": RUN_VERSION,
        "library": LIBRARY,
        "task": task.rpartition(":")[2],
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(),
        "metadata": {**facts, **metadata},
    }
    save_json(manifest, log_dir / RUN_FILE)


def _later_checkpoints(checkpoint: Path) -> list[str]:
    """Return the checkpoints beside one that were written after it; only one of another name has to be read."""
    iteration = iteration_of(checkpoint)
    if iteration < 0:
        iteration = load_checkpoint(checkpoint)["iter"]
    return sorted(file.name for file in checkpoint.parent.glob("model_*.pt") if iteration_of(file) > iteration)
