# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What ``policy.py`` does once the task is known."""

from __future__ import annotations

import argparse
import shutil
from typing import TYPE_CHECKING, Any

from score.utils.errors import UserError, near_names

if TYPE_CHECKING:
    from score.policies import BasePolicy, PolicySpec
    from score.task import Task


def check_flags(args: argparse.Namespace) -> None:
    """Find what is wrong with flags and files before a simulator is started.

    Raises:
        UserError: An action is unknown, a flag is missing, or the folder does not hold a valid base policy.
    """
    from score.policies.bundle import require_bundle_place
    from score.policies.load import is_foreign

    if args.action not in ACTIONS:
        known = [*ACTIONS, "freeze"]  # which policy.py hands on with all its flags
        near = near_names(args.action, known) or f" There are {', '.join(known)}."
        raise UserError(f"Action '{args.action}' is unknown.{near}")
    if args.interface is not None and not args.interface.is_file():
        raise UserError(f"--interface {args.interface} does not exist: check the path.")
    if args.action == "convert":
        if args.output is None:
            raise UserError("--output is missing: name the folder of the new base policy.")
        require_bundle_place(args.output)
        if not is_foreign(args.policy):
            raise UserError(
                f"{args.policy} is not a checkpoint of LeRobot, diffusion_policy, robomimic or ManiSkill, and nothing"
                " that freeze wrote: nothing to convert."
            )
    _in_own_words(args)
    if args.interface is not None and not is_foreign(args.policy):
        raise UserError(f"--interface {args.interface} is of no use to {args.policy}, which says all of that itself.")


def check(args: argparse.Namespace, task: Task) -> int:
    """Print what a base policy is and what does not fit the task; return the exit code, 1 if it cannot be steered."""
    from score.policies import require_match
    from score.policies.examine import examine, proposed_interface
    from score.policies.interface import INTERFACE_FILE
    from score.policies.load import is_foreign

    policy, problems = _in_own_words(args), []
    try:
        adapted = _adapted(args, task.spec)
        require_match(adapted.spec, task.spec)
        policy = adapted
    except UserError as error:
        problems.append(str(error))
    examination = examine(policy)
    problems += examination.problems
    print("\n".join(examination.lines))
    for problem in problems:
        print(f"PROBLEM   {problem}")
    if problems and is_foreign(args.policy):
        from score.policies.load import read_foreign

        foreign = read_foreign(args.policy, args.interface)[0]
        print(f"To begin with, as {INTERFACE_FILE} beside it:\n{proposed_interface(foreign, task.spec)}")
    if args.episodes is not None and not problems:
        print(_success(policy, task, args))
    print("Cannot be steered yet." if problems else "Can be steered.")
    return 1 if problems else 0


def _success(policy: BasePolicy, task: Any, args: argparse.Namespace) -> str:
    """How often a base policy solves the task by itself, on development starts."""
    from score.cli.progress import console_progress
    from score.evaluation.statistics import wilson_interval
    from score.rollout.arms import base_arm
    from score.rollout.episodes import run_episodes
    from score.rollout.seeds import report_seed

    steps = min(task.agent_cfg.steering.chunk_steps, policy.spec.horizon)
    policy.decode_batch = task.agent_cfg.steering.decode_batch
    with console_progress() as progress:
        results = run_episodes(
            task,
            policy.to(task.device),
            base_arm(),
            episodes=range(args.episodes),
            seed=report_seed("development", args.seed),
            chunk_steps=steps,
            progress=lambda done, total: progress("episodes", done, total),
        )
    solved = int(results.success.sum())
    low, high = wilson_interval(solved, args.episodes)
    return (
        f"success   {solved} of {args.episodes} starts without steering ({100 * solved / args.episodes:.0f} %,"
        f" {100 * low:.0f} to {100 * high:.0f}), {steps} steps of each chunk"
    )


def convert(args: argparse.Namespace, task: Task) -> int:
    """Write a checkpoint as a base policy."""
    from score.policies.bundle import save_bundle
    from score.policies.contract import contract_problems
    from score.policies.contract_mark import MARK_FILE
    from score.policies.load import read_foreign

    policy, origin = _adapted(args, task.spec), read_foreign(args.policy, args.interface)[0].origin
    problems = contract_problems(policy)
    if problems:
        raise UserError(f"{args.policy} cannot be steered: {'; '.join(problems)}. Nothing was written.")
    save_bundle(policy, args.output, origin)
    mark = args.policy / MARK_FILE
    if mark.is_file():  # what a replay found of it holds of the bundle too
        shutil.copy(mark, args.output)
    print(f"Wrote {args.output}")
    return 0


def _in_own_words(args: argparse.Namespace) -> BasePolicy:
    from score.policies.load import check_policy, is_foreign, read_foreign

    if is_foreign(args.policy):
        return read_foreign(args.policy, args.interface)[0].policy
    return check_policy(args.policy)


def _adapted(args: argparse.Namespace, task: PolicySpec) -> BasePolicy:
    from score.policies.adapt import adapt
    from score.policies.load import is_foreign, load_policy, read_foreign

    if is_foreign(args.policy):
        return adapt(*read_foreign(args.policy, args.interface), task).requires_grad_(False)
    return load_policy(args.policy, task)


ACTIONS = {"check": check, "convert": convert}
"""What ``policy.py`` can do."""
