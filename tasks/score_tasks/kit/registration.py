# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Registers a task of this package in both domains."""

from __future__ import annotations

from typing import NoReturn

import gymnasium as gym

__all__ = ["register_task"]


def register_task(name: str, module: str, class_name: str, base_policy: str, family: str = "") -> None:
    """Register ``SCORE-<name>-v0`` and its stand-in for the robot ``SCORE-<name>-Real-v0``, which is never trained on.

    The folder of the task holds ``env_cfg.py`` with ``<class_name>EnvCfg``, ``real_env_cfg.py`` with
    ``<class_name>RealEnvCfg``, ``agent_cfg.py`` with ``<class_name>SteeringCfg`` and ``demonstrator.py`` with
    ``<class_name>Demonstrator``. All are named as text: registering loads none of them.

    Args:
        name: Name in the gym ids, for example ``CubePinch``.
        module: Package of the task, its ``__name__``.
        class_name: What its classes begin with.
        base_policy: Folder of its base policy below ``score_assets/base_policies``, and of the steering policy for it
            below ``score_assets/steering_policies``, once there is one.
        family: For a task that is two modules of a package: the first one's name. It holds the settings of task and
            steering, ``<family>_demonstrator`` the demonstrator; the stand-ins of the family share ``real_env_cfg.py``.
    """
    settings, agent = family or "env_cfg", family or "agent_cfg"
    demonstrator = f"{family}_demonstrator" if family else "demonstrator"
    real = f"SCORE-{name}-Real-v0"
    common = {
        "steering_cfg_entry_point": f"{module}.{agent}:{class_name}SteeringCfg",
        # Isaac Lab's train and play look here; its list_envs says that the task is one of RSL-RL.
        "rsl_rl_cfg_entry_point": f"{__name__}:no_agent_of_isaac_lab",
        "base_policy_entry_point": "score_assets:base_policy_dir",
        "steering_policy_entry_point": "score_assets:steering_policy_dir",
        "base_policy": base_policy,
        "demonstrator_entry_point": f"{module}.{demonstrator}:{class_name}Demonstrator",
        "default_agent": "rsl_rl",
    }
    for task, domain, cfg in (
        (f"SCORE-{name}-v0", "sim", f"{module}.{settings}:{class_name}EnvCfg"),
        (real, "real", f"{module}.real_env_cfg:{class_name}RealEnvCfg"),
    ):
        others = {"domain_tasks": {"real": real}} if domain == "sim" else {}
        gym.register(
            id=task,
            entry_point="score_tasks.kit.environment:TaskEnv",
            disable_env_checker=True,
            kwargs={"env_cfg_entry_point": cfg, "domain": domain, **others, **common},
        )


def no_agent_of_isaac_lab() -> NoReturn:
    """Stand in the place of an agent's settings: Isaac Lab's own trainer knows no base policy, and would fail later."""
    raise SystemExit(
        "error: SCORE tasks are trained and played with a base policy, which Isaac Lab's own commands do not know: use"
        " ./isaaclab.sh -p scripts/train.py --task TASK and scripts/play.py --task TASK. zero_agent, random_agent and"
        " benchmark runtime of Isaac Lab work."
    )
