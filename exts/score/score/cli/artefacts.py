# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Finds and reads what a command evaluates: base policy, steering checkpoint, where the report goes."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from score.cli.shipped import SHIPPED, shipped_checkpoint
from score.utils.errors import UserError
from score.utils.files import require_plain_name

if TYPE_CHECKING:
    from score.evaluation import EvaluationCfg
    from score.policies import BasePolicy
    from score.steering.chunked_env import ChunkedVecEnv
    from score.steering.plan import SteeringHead

NO_CHECKPOINT = "none"
"""Selector that evaluates the base policy alone."""

LOG_ROOT = Path("logs") / "rsl_rl"
"""Where training runs lie, below the working folder."""


def find_inputs(
    args: argparse.Namespace, overrides: Sequence[str], *, resume: bool = False
) -> tuple[Path, Path | None]:
    """Find what a command works with, and refuse what is wrong with it before a simulator is started.

    Args:
        args: Flags ``--task``, ``--base_policy`` and ``--checkpoint`` (None: none), maybe ``--domain``.
        overrides: Hydra overrides.
        resume: Whether a training is to go on from the checkpoint.

    Returns:
        Folder of the base policy, and the steering checkpoint or None.

    Raises:
        UserError: There is no such task, domain, setting ``agent.*``, base policy or checkpoint, or a file is unsound,
            or the checkpoint steers another base policy.
    """
    experiment = experiment_name(args.task, overrides, getattr(args, "domain", "sim"))
    checkpoint = find_checkpoint(args.checkpoint or NO_CHECKPOINT, args.task, experiment, resume=resume)
    bundle = args.base_policy or shipped_base_policy(args.task)
    check_policies(bundle, checkpoint)
    return bundle, checkpoint


def find_checkpoint(selector: str, task: str, experiment: str, *, resume: bool = False) -> Path | None:
    """Find a steering checkpoint and refuse a wrong file before a simulator is started for it.

    Args:
        selector: ``latest``, ``best``, ``shipped``, a file, or ``none``.
        task: Gym id of the task.
        experiment: Name of the experiment, the folder of its runs.
        resume: Whether a training is to go on from it.

    Returns:
        The file; None for ``none``.

    Raises:
        UserError: There is no such checkpoint, or the file is something else.
    """
    if selector == NO_CHECKPOINT:
        return None
    from score.steering.checkpoint import load_checkpoint, resolve_checkpoint

    if selector == SHIPPED:
        path = shipped_checkpoint(task)
    else:
        try:
            path = resolve_checkpoint(selector, LOG_ROOT / experiment, task)
        except UserError as error:
            raise UserError(f"{error}{'' if resume else _shipped_instead(task)}") from error
    state = load_checkpoint(path)
    if resume and "optimizer_state_dict" not in state:
        raise UserError(
            f"--checkpoint: {path} holds a steering policy alone, from which no training can go on: give latest, best"
            " or a model_<i>.pt of a run, or leave the flag out to start anew."
        )
    return path


def _shipped_instead(task: str) -> str:
    """Return what to do where nothing was trained yet: some tasks come with a steering policy."""
    try:
        shipped_checkpoint(task)
    except UserError:
        return ""
    return f" One comes with the task: --checkpoint {SHIPPED}."


def results_folder(selector: str, checkpoint: Path | None) -> Path:
    """Where results about a checkpoint go by default: to its run, or to ``logs`` where it is of none."""
    return Path("logs") if checkpoint is None or selector == SHIPPED else checkpoint.parent


def experiment_name(task: str, overrides: Sequence[str], domain: str = "sim") -> str:
    """Name of the experiment below which a task's runs lie, before its environment is built.

    Args:
        task: Gym id of the task.
        overrides: Hydra overrides; the last ``agent.experiment_name=NAME`` decides.
        domain: Domain of the task.

    Returns:
        The name.

    Raises:
        UserError: The task or its domain is unknown, there is no such setting of steering, or the name is none.
    """
    from score.open_task import agent_settings

    name = str(agent_settings(task, overrides, domain).experiment_name)
    require_plain_name(name, "agent.experiment_name")
    return name


def shipped_base_policy(task: str) -> Path:
    """Find the base policy that a task ships with.

    Args:
        task: Gym id of the task.

    Returns:
        Folder of the bundle.

    Raises:
        UserError: The task is unknown, or its bundle is missing.
    """
    from score.open_task import entry_point, task_kwargs

    locate, name = entry_point(task, "base_policy_entry_point"), task_kwargs(task)[1].get("base_policy")
    try:
        return Path(locate(name) if name is not None else locate())
    except FileNotFoundError as error:
        raise UserError(
            f"Task '{task}' ships no base policy: {error} Give one with --base_policy DIR; to make one, record"
            f" demonstrations (scripts/collect.py --task {task} --output FILE.hdf5) and train on them"
            " (scripts/pretrain.py), as docs/NEW_TASK.md says in section 4."
        ) from error


def check_policies(bundle: Path, checkpoint: Path | None) -> None:
    """Find what is wrong with base policy and steering checkpoint before there is a task.

    Raises:
        UserError: A file is unsound, or the checkpoint steers another base policy; whether it steers one
            that needs an interface is seen when the task is open.
    """
    from score.policies.foreign import in_own_words
    from score.policies.load import check_policy
    from score.steering.policy import load_steering_policy

    base_policy = check_policy(bundle)
    if checkpoint is not None and not in_own_words(base_policy):
        load_steering_policy(checkpoint, base_policy)


def load_policies(bundle: Path, checkpoint: Path | None, task: Any) -> tuple[BasePolicy, SteeringHead | None]:
    """Read the base policy and the steering policy that was trained for it.

    Args:
        bundle: Folder of the base policy, or of a LeRobot checkpoint.
        checkpoint: Steering checkpoint; None for the base policy alone.
        task: The opened task, with its settings of steering.

    Returns:
        Base policy, and steering policy or None.

    Raises:
        UserError: A file is unsound, the checkpoint steers another base policy, or the base policy does not fit.
    """
    from score.policies import require_match
    from score.policies.load import load_policy

    base_policy = load_policy(bundle, task.spec, task.device)
    require_match(base_policy.spec, task.spec)
    base_policy.decode_batch = task.agent_cfg.steering.decode_batch
    if checkpoint is None:
        return base_policy, None
    from score.steering.policy import load_steering_policy

    return base_policy, load_steering_policy(checkpoint, base_policy, task.device)


def basis_of(task: Any, steering: SteeringHead | None) -> tuple[str, int]:
    """Kind and knots of the latent basis of a steering policy; of the task's settings where none steers the latent."""
    if steering is not None and steering.plan.latent_dim > 0:
        return steering.plan.latent_basis.kind, steering.plan.latent_basis.knots
    settings = task.agent_cfg.steering
    return settings.basis, settings.knots


@contextlib.contextmanager
def open_steered(
    args: argparse.Namespace, overrides: Sequence[str], *, num_envs: int
) -> Iterator[tuple[Any, ChunkedVecEnv]]:
    """Open a task and put it under the steering of its own settings.

    Args:
        args: Flags of :meth:`.arguments.Command.add_task`, with ``--base_policy``.
        overrides: Hydra overrides.
        num_envs: Number of environments.

    Yields:
        The task, and the chunked environment around it.
    """
    from score.cli.arguments import task_options
    from score.open_task import open_task
    from score.steering.chunked_env import ChunkedVecEnv
    from score.steering.methods import make_plan

    with open_task(**task_options(args, overrides, num_envs=num_envs)) as task:
        bundle = args.base_policy or shipped_base_policy(args.task)
        base_policy, _ = load_policies(bundle, None, task)
        steering = task.agent_cfg.steering
        plan = make_plan(base_policy, vars(steering)).to(task.device)
        options = {"gamma": steering.gamma, "compile_mode": steering.compile}
        yield task, ChunkedVecEnv(task, plan, chunk_steps=steering.chunk_steps, **options)


def default_output(args: argparse.Namespace, task: str, checkpoint: Path | None) -> Path:
    """Name the report if the user does not: in the run's folder, or below ``logs`` where there is no run."""
    if checkpoint is None or args.checkpoint == SHIPPED:
        name = f"{task}_{SHIPPED if checkpoint else 'base'}"
    else:
        name = checkpoint.stem
    folder = results_folder(args.checkpoint, checkpoint) / "evaluation"
    return folder / f"{name}_{args.domain}_{args.starts}_seed{args.seed}.json"


def evaluation_inputs(args: argparse.Namespace, overrides: Sequence[str]) -> tuple[EvaluationCfg, Path, Path | None]:
    """Make the settings of an evaluation from the flags of ``evaluate.py``, and find its files.

    Args:
        args: The flags.
        overrides: Hydra overrides.

    Returns:
        Settings that lack only what the opened task knows; folder of the base policy; steering checkpoint or None.

    Raises:
        UserError: A flag is out of range, or there is no such file.
    """
    bundle, checkpoint = find_inputs(args, overrides)
    # A wrong name needs none of these, and is answered sooner.
    from score.evaluation import EvaluationCfg
    from score.evaluation.constant_search import parse_searches
    from score.evaluation.schema import read_report
    from score.policies.load import policy_sha256
    from score.utils.files import require_file_place, sha256_of
    from score.utils.provenance import command_line, source_commit

    cfg = EvaluationCfg(
        task=args.task.rpartition(":")[2],
        domain=args.domain,
        episodes=args.episodes,
        seed=args.seed,
        starts=args.starts,
        all_arms=args.all_arms,
        searches=None if args.search is None else parse_searches(args.search),
        search_episodes=args.search_episodes,
        tries=args.tries,
        output=args.output,
        resume=args.resume,
        base_results=args.base_results,
        commit=source_commit(),
        command=command_line(),
    )
    identity = {
        "base_policy": policy_sha256(bundle),
        "checkpoint": "none" if checkpoint is None else sha256_of(checkpoint),
        "overrides": " ".join(overrides),
    }
    if args.contact_forces:  # absent without, as in what was interrupted before there was the flag
        identity["contact_forces"] = "True"
    output = args.output or default_output(args, cfg.task, checkpoint)
    for path in (output, output.with_suffix(".png"), *filter(None, [cfg.base_results])):
        require_file_place(path)
    if output.exists():
        read_report(output)  # a report is replaced by its successor, another file is not
    return replace(cfg, output=output, identity=identity), bundle, checkpoint
