# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Finds and reads what a command evaluates: base policy, steering checkpoint, where the report goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from score.utils.errors import UserError, near_names

if TYPE_CHECKING:
    import torch

    from score.policies import BasePolicy
    from score.steering.plan import SteeringHead

NO_CHECKPOINT = "none"
"""Selector that evaluates the base policy alone."""

LOG_ROOT = Path("logs") / "rsl_rl"
"""Where training runs lie, below the working folder."""


def find_checkpoint(selector: str, task: str, experiment: str) -> Path | None:
    """Finds a steering checkpoint and refuses a wrong file before a simulator is started for it.

    Args:
        selector: ``latest``, ``best``, a file, or ``none``.
        task: Gym id of the task.
        experiment: Name of the experiment, the folder of its runs.

    Returns:
        The file; None for ``none``.

    Raises:
        UserError: There is no such checkpoint, or the file is something else.
    """
    if selector == NO_CHECKPOINT:
        return None
    from score.steering.checkpoint import load_checkpoint, resolve_checkpoint

    path = resolve_checkpoint(selector, LOG_ROOT / experiment, task)
    load_checkpoint(path)
    return path


def experiment_name(task: str, overrides: list[str]) -> str:
    """Name of the experiment below which a task's runs lie, before its environment is built.

    Args:
        task: Gym id of the task.
        overrides: Hydra overrides; the last ``agent.experiment_name=NAME`` decides.

    Returns:
        The name.

    Raises:
        UserError: The task is unknown.
    """
    from score.simulation import entry_point

    given = [text.split("=", 1)[1] for text in overrides if text.startswith("agent.experiment_name=")]
    return given[-1] if given else str(entry_point(task, "rsl_rl_cfg_entry_point")().experiment_name)


def shipped_base_policy(task: str) -> Path:
    """Finds the base policy that a task ships with.

    Args:
        task: Gym id of the task.

    Returns:
        Folder of the bundle.

    Raises:
        UserError: The task is unknown, or its bundle is missing.
    """
    from score.simulation import entry_point, task_kwargs

    locate, name = entry_point(task, "base_policy_entry_point"), task_kwargs(task)[1].get("base_policy")
    try:
        return Path(locate(name) if name is not None else locate())
    except FileNotFoundError as error:
        raise UserError(f"Task '{task}' ships no base policy: {error} Give one with --base_policy DIR.") from error


def load_policies(
    bundle: Path, checkpoint: Path | None, device: torch.device | str
) -> tuple[BasePolicy, SteeringHead | None]:
    """Reads the base policy and the steering policy that was trained for it.

    Args:
        bundle: Folder of the base policy.
        checkpoint: Steering checkpoint; None for the base policy alone.
        device: Device of the task.

    Returns:
        Base policy, and steering policy or None.

    Raises:
        UserError: A file is unsound, or the checkpoint steers another base policy.
    """
    from score.policies.bundle import load_bundle

    base_policy = load_bundle(bundle, device)
    if checkpoint is None:
        return base_policy, None
    from score.steering.policy import load_steering_policy

    return base_policy, load_steering_policy(checkpoint, base_policy, device)


def default_output(task: str, domain: str, starts: str, seed: int, checkpoint: Path | None) -> Path:
    """Names the report if the user does not: in the run's folder, or below ``logs`` for the base policy alone."""
    if checkpoint is None:
        return Path("logs") / "evaluation" / f"{task}_base_{domain}_{starts}_seed{seed}.json"
    return checkpoint.parent / "evaluation" / f"{checkpoint.stem}_{domain}_{starts}_seed{seed}.json"


def require_overrides(arguments: list[str], flags: list[str]) -> list[str]:
    """Checks that what a command does not know are Hydra overrides.

    Args:
        arguments: Unknown arguments.
        flags: Flags of the command, for near names.

    Returns:
        The arguments.

    Raises:
        UserError: One is no ``key=value``.
    """
    for argument in arguments:
        if argument.startswith("-") or "=" not in argument:
            hint = near_names(argument.split("=")[0], flags)
            raise UserError(
                f"Unknown argument '{argument}'.{hint} Hydra overrides have the form key=value,"
                " e.g. physics=newton_mjwarp."
            )
    return arguments
