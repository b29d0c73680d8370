# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Values that terms share: computed once for a state of the physics, or constant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from isaaclab_physx.physics import PhysxCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv


def once_a_state[Value](function: Callable[[ManagerBasedRLEnv], Value]) -> Callable[[ManagerBasedRLEnv], Value]:
    """Compute a function of an environment once for each state of its physics.

    Within a control step the state changes with the physics, and again where environments are reset. The engine counts
    every change of a pose or a joint position, by a step or by a write, for its renderers; the counter is the key, so
    that no term has to tell when something is stale.

    Args:
        function: Computes from positions of bodies and joints alone. What it returns must not be written to, and must
            be no view of the engine's own buffers.

    Returns:
        The function. Where the engine does not count writes (PhysX of Isaac Sim), it computes every time.
    """

    @functools.wraps(function)
    def kept(env: ManagerBasedRLEnv) -> Value:
        if isinstance(env.cfg.sim.physics, PhysxCfg):
            return function(env)
        state = env.sim.get_scene_data_provider().backend.transforms_timestamp
        values: dict[Any, tuple[int, Any]] = vars(env).setdefault("_once_a_state", {})
        if values.get(function, (None,))[0] != state:
            values[function] = (state, function(env))
        value: Value = values[function][1]
        return value

    return kept


@functools.cache
def constant(values: tuple[Any, ...], device: torch.device | str) -> torch.Tensor:
    """Numbers as a float32 tensor on a device; made once, as sending them to a GPU waits for it. Not to be written to.

    Args:
        values: Numbers, or tuples of numbers.
        device: The device.
    """
    with torch.inference_mode(False):  # usable in and out of it
        return torch.tensor(values, dtype=torch.float32, device=device)
