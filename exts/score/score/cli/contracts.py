# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What ``check_contract.py`` does before and after the replay."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from score.utils.errors import UserError, near_names

if TYPE_CHECKING:
    from score.imitation import DemonstrationSet
    from score.imitation.channels import Finding
    from score.policies import PolicySpec


def require_demonstrations(path: Path, flag: str = "--dataset", interface: Path | None = None) -> None:
    """Read demonstrations without their observations, whose names only the opened task knows.

    Raises:
        UserError: There are none, or they are unsound.
    """
    from score.imitation.read import read_any

    if not path.exists():
        raise UserError(f"{flag} {path} does not exist: check the path.")
    read_any(path, [], [], interface)


def check_flags(args: argparse.Namespace) -> None:
    """Find what is wrong with files before a simulator is started.

    Raises:
        UserError: There are no demonstrations, or no sound base policy to leave the mark in.
    """
    from score.policies.load import check_policy

    require_demonstrations(args.dataset, interface=args.interface)
    if args.base_policy is not None:
        check_policy(args.base_policy)


def read_data(args: argparse.Namespace, task: PolicySpec) -> DemonstrationSet:
    """Read the observations of demonstrations that are to be compared.

    Raises:
        UserError: The task has no such observation, or the data are unsound.
    """
    from score.imitation.read import read_any

    for key in args.observations:
        if key not in task.observations:
            near = near_names(key, task.observations) or f" It has {', '.join(task.observations)}."
            raise UserError(f"--observations: the task has no '{key}'.{near}")
    clouds = [key for key in args.observations if len(task.observations[key].shape) == 2]
    vectors = [key for key in args.observations if key not in clouds]
    data = read_any(args.dataset, vectors, clouds, args.interface)
    for key, frames in data.episodes[0].observations.items():
        ours, theirs = tuple(frames.shape[1:]), task.observations[key].shape
        if len(ours) == 1 and ours != theirs:
            raise UserError(f"{args.dataset}: '{key}' has {ours[0]} numbers, and the task's has {theirs[0]}.")
    if len(data.action_names) != len(task.actions.names):
        raise UserError(
            f"{args.dataset}: actions have {len(data.action_names)} numbers, and the task takes"
            f" {len(task.actions.names)}: {', '.join(task.actions.names)}."
        )
    return data


def report(args: argparse.Namespace, data: DemonstrationSet, findings: Sequence[Finding]) -> int:
    """Print the findings and leave the mark; return the exit code, 1 if something is red."""
    from score.policies.contract_mark import MARK_FILE, write_mark

    for finding in findings:
        print(f"{'RED      ' if finding.red else 'LOOK AT  '} {finding.channel} {finding.text}.")
    red, others = ([f"{item.channel} {item.text}" for item in findings if item.red is side] for side in (True, False))
    if args.base_policy is not None:
        write_mark(args.base_policy, args.task.rpartition(":")[2], data.sha256, red, others)
        print(f"Marked {args.base_policy / MARK_FILE}")
    replayed = f"{min(args.episodes, len(data.episodes))} episodes replayed"
    print(f"{replayed}: {f'{len(red)} channels do not fit.' if red else 'data and task mean the same.'}")
    return 1 if red else 0
