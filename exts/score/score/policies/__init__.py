# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Base policies: their interface, flow matching and diffusion, and their folder on disk (``score.policies.bundle``).

Nothing here imports Isaac Lab or RSL-RL. The bundle is not imported with the package, because reading it needs YAML and
safetensors, and a robot may have only torch.
"""

from __future__ import annotations

from .base_policy import BasePolicy
from .ddim import DdimCfg
from .diffusion import DiffusionPolicy
from .flow_matching import FlowMatchingPolicy
from .settings import DiffusionNetworkCfg, FlowNetworkCfg, IntegratorCfg
from .spec import ActionSpec, Chunk, ObservationSpec, PolicySpec, require_match

__all__ = [
    "ActionSpec",
    "BasePolicy",
    "Chunk",
    "DdimCfg",
    "DiffusionNetworkCfg",
    "DiffusionPolicy",
    "FlowMatchingPolicy",
    "FlowNetworkCfg",
    "IntegratorCfg",
    "ObservationSpec",
    "PolicySpec",
    "require_match",
]
