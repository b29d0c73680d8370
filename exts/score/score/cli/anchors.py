# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrated observations as the base policy sees them: what a steering policy is anchored to."""

from __future__ import annotations

from pathlib import Path

import torch

from score.imitation.read import read_any
from score.imitation.settings import PretrainCfg
from score.imitation.windows import make_windows
from score.policies.base_policy import BasePolicy
from score.policies.spec import PolicySpec
from score.steering.config import SteeringRunnerCfg

MOST_STEPS = 4096
"""Most demonstrated steps that are kept, evenly over all."""

_BATCH = 256
"""Windows that are encoded at once."""


def anchored(cfg: SteeringRunnerCfg) -> bool:
    """Whether a run is anchored to demonstrations that are named."""
    return cfg.steering.anchor_weight > 0 and bool(cfg.steering.anchor_data)


def demonstrated_conditions(path: Path, base_policy: BasePolicy) -> torch.Tensor:
    """Conditions of the base policy at the steps of demonstrations.

    Args:
        path: An HDF5 file, or the folder of a LeRobot data set.
        base_policy: The base policy, which says what it observes.

    Returns:
        Conditions (M, C), M at most :data:`MOST_STEPS`, on the CPU.

    Raises:
        UserError: The data are unsound, or lack an observation.
    """
    cfg = windows_cfg(base_policy.spec)
    data = read_any(path, list(cfg.histories), [] if cfg.point_cloud is None else [cfg.point_cloud])
    windows = make_windows(data.episodes, cfg)
    rows = torch.linspace(0, len(windows) - 1, min(len(windows), MOST_STEPS)).round().long()
    device = next((parameter.device for parameter in base_policy.parameters()), torch.device("cpu"))
    with torch.no_grad():
        parts = [
            base_policy.encode({key: window.to(device) for key, window in windows.take(batch)[0].items()}).cpu()
            for batch in rows.split(_BATCH)
        ]
    return torch.cat(parts)


def windows_cfg(spec: PolicySpec) -> PretrainCfg:
    """Return the settings by which demonstrations become the windows that a policy observes."""
    past = PretrainCfg.past_actions or ""
    vectors = {name: facts for name, facts in spec.observations.items() if len(facts.shape) == 1}
    clouds = [name for name, facts in spec.observations.items() if len(facts.shape) == 2]
    return PretrainCfg(
        histories={name: facts.history for name, facts in vectors.items() if name != past},
        point_cloud=clouds[0] if clouds else None,
        past_actions=past if past in vectors else None,
        past_action_history=vectors[past].history if past in vectors else PretrainCfg.past_action_history,
        measured=spec.actions.relative_to or PretrainCfg.measured,
        relative=spec.actions.relative_to is not None,
        horizon=spec.horizon,
    )
