# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From the name of a registered task to the task, whatever it runs on: Isaac Lab or Gymnasium alone.

A task is registered with ``gymnasium.register``, and its keywords say what the commands need to know of it:

* ``steering_cfg_entry_point``: its :class:`~score.steering.config.SteeringRunnerCfg`, as ``"module:attribute"``.
* ``base_policy_entry_point``: a function that returns the folder of its base policy; ``base_policy`` is its argument.
* ``steering_policy_entry_point``: the same for the steering policy that comes with it, where there is one.
* ``domain``, ``domain_tasks``: whether it is ``sim`` or ``real``, and gym ids of its other domains.
* ``env_cfg_entry_point`` makes it a task of Isaac Lab (:mod:`score.simulation`), ``interface`` one of Gymnasium
  (:mod:`score.gym_task`).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from score.utils.console import quiet_libraries
from score.utils.errors import UserError, near_names
from score.utils.fields import whole_number
from score.utils.overrides import apply_overrides, split_overrides

if TYPE_CHECKING:
    from score.gym_task import GymTask
    from score.simulation import SteerableEnv

DOMAINS = ("sim", "real")
"""``sim`` is the training side; ``real`` is the stand-in for the robot, on the other physics engine."""


def register_tasks() -> list[str]:
    """Import every package of the ``isaaclab.tasks`` entry point group, where Isaac Lab is installed.

    Returns:
        The gym ids that have a steering agent, sorted.
    """
    if importlib.util.find_spec("isaaclab") is not None:
        with quiet_libraries():
            for point in importlib.metadata.entry_points(group="isaaclab.tasks"):
                point.load()
    return sorted(name for name, spec in gym.registry.items() if "base_policy_entry_point" in spec.kwargs)


def task_kwargs(task: str, domain: str = "sim") -> tuple[str, dict[str, Any]]:
    """Look a task up and return the gym id of one of its domains.

    Args:
        task: Gym id such as ``SCORE-Insert-v0``, or ``module:id``, which imports the module that registers it.
        domain: ``sim`` or ``real``.

    Returns:
        The gym id of the domain and its registration keywords.

    Raises:
        UserError: The task or its domain is unknown; near names are listed.
    """
    module, _, name = task.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise UserError(f"--task {task}: {error}. Put the folder of that module on PYTHONPATH.") from error
    known = register_tasks()
    if name not in gym.registry or name not in known:
        without = "" if importlib.util.find_spec("isaaclab") else " Isaac Lab, which has its own, is not installed."
        raise UserError(
            f"Unknown task '{name}'.{near_names(name, known)} Registered tasks: {', '.join(known) or 'none'}.{without}"
        )
    if domain not in DOMAINS:
        raise UserError(f"Unknown domain '{domain}'. Use one of: {', '.join(DOMAINS)}.")
    kwargs = gym.spec(name).kwargs
    if domain == kwargs.get("domain", "sim"):
        return name, kwargs
    other = kwargs.get("domain_tasks", {}).get(domain)
    if other is None:
        raise UserError(f"Task '{name}' has no '{domain}' domain; it has '{kwargs.get('domain', 'sim')}' only.")
    return other, gym.spec(other).kwargs


def entry_point(task: str, key: str, domain: str = "sim") -> Any:
    """Load the object that a task registers under ``key`` as ``"module:attribute"``.

    Raises:
        UserError: The task does not register that key.
    """
    _, kwargs = task_kwargs(task, domain)
    if key not in kwargs:
        raise UserError(f"Task '{task}' registers no '{key}'; it has: {', '.join(sorted(kwargs))}.")
    module, attribute = kwargs[key].split(":")
    with quiet_libraries():
        return getattr(importlib.import_module(module), attribute)


def default_num_envs(task: str, overrides: Sequence[str] = (), domain: str = "sim") -> int:
    """Return the number of environments that a task has where the user gives none, before it is opened.

    Args:
        task: Gym id of the task.
        overrides: Overrides; the last ``env.scene.num_envs=N`` decides, where the task runs on Isaac Lab.
        domain: ``sim`` or ``real``.

    Raises:
        UserError: The task is unknown, or the override is no number.
    """
    _, kwargs = task_kwargs(task, domain)
    if "env_cfg_entry_point" not in kwargs or importlib.util.find_spec("isaaclab") is None:
        from score.gym_task import DEFAULT_ENVS

        return DEFAULT_ENVS
    key = "env.scene.num_envs="
    given = [text.removeprefix(key) for text in overrides if text.startswith(key)]
    if not given:
        return int(entry_point(task, "env_cfg_entry_point", domain)().scene.num_envs)
    if not given[-1].isdigit():
        raise UserError(f"{key}{given[-1]}: it must be a whole number; --num_envs N says the same.")
    return int(given[-1])


def agent_settings(task: str, overrides: Sequence[str] = (), domain: str = "sim") -> Any:
    """Return the settings of steering that a task would be opened with, seed and device left out; needs no simulator.

    Args:
        task: Gym id of the task.
        overrides: Overrides; those of ``agent.`` are applied.
        domain: ``sim`` or ``real``.

    Returns:
        The :class:`~score.steering.config.SteeringRunnerCfg` of the task.

    Raises:
        UserError: The task or its domain is unknown, or an override does not fit.
    """
    settings = entry_point(task, "steering_cfg_entry_point", domain)()
    apply_overrides(settings, split_overrides(overrides, "agent")[0])
    return settings


def senses_contact(task: str, domain: str = "sim") -> bool:
    """Whether a task can sense contact forces, before it is opened."""
    _, kwargs = task_kwargs(task, domain)
    if "env_cfg_entry_point" not in kwargs or importlib.util.find_spec("isaaclab") is None:
        return False
    return hasattr(entry_point(task, "env_cfg_entry_point", domain), "add_contact_sensor")


@contextlib.contextmanager
def open_task(
    task: str,
    *,
    domain: str = "sim",
    num_envs: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    overrides: Sequence[str] = (),
    **viewing: Any,
) -> Iterator[SteerableEnv | GymTask]:
    """Open a task for training, evaluation, export or demonstrations.

    Args:
        task: Gym id of the task, see :func:`task_kwargs`.
        domain: ``sim`` or ``real``.
        num_envs: Number of environments; the task's own default if None.
        seed: Seed of the environment (resets, noise, randomisation) and of the agent; the agent's own if None.
        device: Torch device such as ``cpu`` or ``cuda:0``; a GPU if there is one if None.
        overrides: ``agent.key=value`` for the settings of steering; all others are the backend's, for example Isaac
            Lab's ``physics=newton_mjwarp`` and ``env.decimation=12``.
        viewing: For Isaac Lab: viewers, video and contact forces, see :func:`score.simulation.open_isaac`.

    Yields:
        The opened task; its ``agent_cfg`` holds the settings of steering.

    Raises:
        UserError: Unknown task, domain or override, missing Isaac Lab or engine, or a number of environments below one.
    """
    if num_envs is not None and num_envs < 1:
        raise UserError(f"--num_envs must be at least 1, got {num_envs}.")
    _, others = split_overrides(overrides, "agent")
    name, kwargs = task_kwargs(task, domain)
    agent_cfg = agent_settings(task, overrides, domain)
    if seed is not None:
        agent_cfg.seed = seed
    whole_number("--seed (agent.seed)", agent_cfg.seed, 0, 2**31 - 1)
    import torch  # late: a wrong name is answered without it

    agent_cfg.device = device or ("cuda:0" if torch.cuda.is_available() else "cpu")
    task = task.rpartition(":")[2]
    if "env_cfg_entry_point" not in kwargs:
        from score.gym_task import open_gym as opener
    elif importlib.util.find_spec("isaaclab") is None:
        raise UserError(f"Task '{task}' runs on Isaac Lab, which is not installed: start it with ./isaaclab.sh -p.")
    else:
        # Late: a Gymnasium task must not reach Isaac Lab.
        from score.simulation import open_isaac as opener  # type: ignore[assignment]
    with opener(task, name, agent_cfg, domain=domain, num_envs=num_envs, overrides=others, **viewing) as it:
        yield it
