# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What ``export.py`` does before it opens a task, and without one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from score.cli.shipped import POLICY_FILE, SHIPPED_FILES
from score.utils.errors import UserError
from score.utils.settings_files import read_json

if TYPE_CHECKING:
    from score.deployment.record import ExportCfg

_RUN_FACTS = ("run", "checkpoint", "seed", "git_commit", "versions", "physics")


def training_of(checkpoint: Path) -> tuple[str, dict[str, Any]]:
    """Return the method of a steering checkpoint, and its training: iterations, and what is known of the run."""
    from score.steering.checkpoint import load_checkpoint

    state = load_checkpoint(checkpoint)
    # A policy that was taken out of its run says where it comes from.
    kept = state["score"].get("run")
    run = kept if isinstance(kept, dict) else run_facts(checkpoint)
    facts = {key: run[key] for key in _RUN_FACTS if isinstance(run.get(key), (str, int))}
    return state["score"]["identity"]["method"], {**facts, "iteration": state["iter"]}


def run_facts(checkpoint: Path) -> dict[str, Any]:
    """Names of run and checkpoint, and what the run's ``run.json`` says of it."""
    facts: dict[str, Any] = {"run": checkpoint.resolve().parent.name, "checkpoint": checkpoint.name}
    manifest = checkpoint.parent / "run.json"
    if manifest.is_file():
        run = read_json(manifest)
        values = run.get("metadata") if isinstance(run, dict) else None
        known = values if isinstance(values, dict) else {}
        facts |= {key: known[key] for key in _RUN_FACTS if key in known}
    return facts


def export_cfg(args: argparse.Namespace, bundle: Path, checkpoint: Path, training: dict[str, Any]) -> ExportCfg:
    """Make the settings of an export from the flags of ``export.py``.

    Args:
        args: The flags.
        bundle: Folder of the base policy.
        checkpoint: Steering checkpoint.
        training: What is known of its training.

    Returns:
        Settings that lack only what the opened task knows.

    Raises:
        UserError: ``--evaluation`` is not one report of this task, or ``--late_steps`` is more than a chunk leaves.
    """
    from score.deployment.build import require_late_steps
    from score.deployment.record import ExportCfg
    from score.policies.load import policy_sha256
    from score.steering.checkpoint import load_checkpoint
    from score.utils.files import sha256_of

    require_late_steps(args.late_steps, load_checkpoint(checkpoint)["score"]["identity"]["chunk_steps"])
    task = args.task.rpartition(":")[2]
    reports = read_evaluations(args.evaluation, task)
    if len(reports) > 1:
        raise UserError("--evaluation: a capsule takes one report, and --steering_only one of each domain.")
    return ExportCfg(
        task=task,
        output=args.output,
        sampled=args.sampled,
        seed=args.seed,
        late_steps=args.late_steps,
        attempts=args.attempts,
        overwrite=args.overwrite,
        base_policy={"name": bundle.name, "sha256": policy_sha256(bundle)},
        training_run={**training, "sha256": sha256_of(checkpoint)},
        evaluation=next(iter(reports.values()), {}),
    )


def read_evaluations(files: Sequence[Path], task: str) -> dict[str, dict[str, Any]]:
    """Read reports of ``evaluate.py`` that are to go with a steering policy.

    Args:
        files: The reports.
        task: Gym id that they have to be of.

    Returns:
        Domain to report.

    Raises:
        UserError: One is no report, of another task, without a steered arm, or there are two of one domain.
    """
    from score.evaluation.schema import read_report

    reports: dict[str, dict[str, Any]] = {}
    for file in files:
        report = read_report(file)
        if report["task"] != task or "steered" not in report["arms"]:
            raise UserError(f"--evaluation {file} is of task '{report['task']}', or of the base policy alone: give one"
                            f" of this checkpoint on '{task}'.")  # fmt: skip
        if reports.setdefault(report["domain"], report) is not report:
            raise UserError(f"--evaluation: two reports are of the domain '{report['domain']}': give one of each.")
    return reports


def write_steering_policy(args: argparse.Namespace, checkpoint: Path, training: dict[str, Any]) -> None:
    """Write a steering policy that can come with a task: :mod:`.shipped` says what it holds.

    Args:
        args: The flags of ``export.py``.
        checkpoint: A checkpoint of a run.
        training: What is known of its training.

    Raises:
        UserError: ``--evaluation`` is of something else, or the folder cannot be made.
    """
    from score.steering.checkpoint import load_checkpoint, policy_state, save_checkpoint, save_json
    from score.utils.files import atomic_directory

    reports = read_evaluations(args.evaluation, args.task.rpartition(":")[2])
    state = policy_state(load_checkpoint(checkpoint), training)
    with atomic_directory(args.output, replaces=SHIPPED_FILES if args.overwrite else ()) as folder:
        save_checkpoint(state, folder / POLICY_FILE)
        for domain, report in reports.items():
            save_json(report, folder / f"evaluation_{domain}.json")
