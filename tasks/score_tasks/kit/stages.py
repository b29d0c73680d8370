# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Stages and success of a task as predicates: functions of the environment that say where something holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from isaaclab.managers import ManagerTermBase, ManagerTermBaseCfg, SceneEntityCfg

from score_tasks.kit.frames import body_state_e

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isaaclab.envs import ManagerBasedRLEnv

Predicate = Callable[..., torch.Tensor]
"""``(env, **args) -> (N,) bool``; where a state is not finite it has to be False."""


class _PredicateTerm(ManagerTermBase):
    """A term about a predicate ``when`` and its arguments ``args``."""

    def __init__(self, cfg: ManagerTermBaseCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        for value in cfg.params.get("args", {}).values():
            if isinstance(value, SceneEntityCfg):  # Isaac Lab resolves those that are parameters themselves
                value.resolve(env.scene)


class StageReached(_PredicateTerm):
    """Reward for a stage of the task, (N,).

    With ``once`` it pays in the first step of an episode in which it holds, for episodes that success ends: paid in
    every step it would reward waiting. Without, in every step, as published.
    """

    def __init__(self, cfg: ManagerTermBaseCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._reached = torch.zeros(env.num_envs, dtype=torch.bool, device=env.device)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Forget that the stage was reached."""
        self._reached[slice(None) if env_ids is None else env_ids] = False

    def __call__(self, env: ManagerBasedRLEnv, when: Predicate, args: dict[str, Any], once: bool) -> torch.Tensor:
        """1 where the stage holds (``once``: for the first time), else 0, (N,)."""
        now = when(env, **args)
        paid = now & ~self._reached if once else now
        self._reached |= now
        return paid.float()


class HeldFor(_PredicateTerm):
    """Termination for a state that has to last: it has held for ``hold_steps`` control steps in a row.

    With ``at_end`` it is judged in the last step of an episode only, so that success does not end it (as published).
    """

    def __init__(self, cfg: ManagerTermBaseCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._held_steps = torch.zeros(env.num_envs, dtype=torch.long, device=env.device)

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Start the count anew."""
        self._held_steps[slice(None) if env_ids is None else env_ids] = 0

    def __call__(
        self, env: ManagerBasedRLEnv, when: Predicate, args: dict[str, Any], hold_steps: int, at_end: bool = False
    ) -> torch.Tensor:
        """Where the state has held long enough, (N,) bool."""
        self._held_steps = torch.where(when(env, **args), self._held_steps + 1, 0)
        held = self._held_steps >= hold_steps
        return held & (env.episode_length_buf >= env.max_episode_length - 1) if at_end else held


def body_lost(env: ManagerBasedRLEnv, entity: SceneEntityCfg, max_distance: float, min_height: float) -> torch.Tensor:
    """Where a body fell below ``min_height`` or lies farther than ``max_distance`` from the base (m), (N,) bool."""
    position, _ = body_state_e(env, entity)
    return (position[:, 2] < min_height) | (position[:, :2].norm(dim=-1) > max_distance)
