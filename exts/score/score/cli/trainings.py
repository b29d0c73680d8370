# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of a training, checked before a simulator is started for it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from score.steering.config import SteeringRunnerCfg


def configure(cfg: SteeringRunnerCfg, args: argparse.Namespace, overrides: Sequence[str]) -> None:
    """Put the flags of ``train.py`` into the settings of a task, in place.

    Args:
        cfg: Settings, with the user's overrides.
        args: Flags ``method``, ``max_iterations`` and ``run_name``.
        overrides: The user's overrides, which go before the settings that a method is published with.

    Raises:
        UserError: There is no such method.
    """
    from score.steering.config import use_method

    use_method(cfg, args.method or cfg.steering.method, overrides)
    cfg.max_iterations = args.max_iterations or cfg.max_iterations
    cfg.run_name = args.run_name


def require_trainable(cfg: SteeringRunnerCfg, bundle: Path, num_envs: int) -> None:
    """Check settings against a base policy, both read from files.

    Args:
        cfg: Settings.
        bundle: Folder of the base policy.
        num_envs: Number of environments of one process.

    Raises:
        UserError: A setting does not fit, or the demonstrations of the anchor are none.
    """
    from score.cli.anchors import anchored
    from score.cli.contracts import require_demonstrations
    from score.policies.load import check_policy
    from score.steering.config_checks import validate_runner_cfg
    from score.steering.methods import make_plan

    base_policy = check_policy(bundle)
    validate_runner_cfg(cfg, num_envs, base_policy.spec.horizon)
    make_plan(base_policy, vars(cfg.steering))  # knows how many knots fit
    if anchored(cfg):
        require_demonstrations(Path(cfg.steering.anchor_data), "agent.steering.anchor_data")
