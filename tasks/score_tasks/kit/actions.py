# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Action term shared by the tasks: absolute joint position targets, held within limits and near the measured angles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

import torch

from isaaclab.envs.mdp.actions import JointPositionActionCfg
from isaaclab.envs.mdp.actions.joint_actions import JointPositionAction
from isaaclab.utils import configclass

from score.utils.targets import clamp_target

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv


class SafeJointPositionAction(JointPositionAction):
    """Absolute joint position targets (rad), clamped each control step; see :class:`SafeJointPositionActionCfg`."""

    cfg: SafeJointPositionActionCfg

    action_units = "rad"
    """Units of the action."""

    def __init__(self, cfg: SafeJointPositionActionCfg, env: ManagerBasedEnv) -> None:
        super().__init__(cfg, env)
        limits = self._asset.data.joint_pos_limits.torch[0, self._joint_ids]
        self.command_low: torch.Tensor = limits[:, 0] + cfg.limit_margin
        self.command_high: torch.Tensor = limits[:, 1] - cfg.limit_margin
        self.max_offset = self._offsets(cfg)
        self._reach = torch.as_tensor(self.max_offset, device=self.device)
        self._previous = self._measured().clone()
        self._processed_actions = self._previous.clone()
        # Isaac Lab's zero agent and benchmarks send zeros, and mean that nothing is to be done.
        self._zeros_hold = bool(((self.command_low > 0.0) | (self.command_high < 0.0)).any())
        self._delay = torch.zeros(self.num_envs, 1, dtype=torch.long, device=self.device)
        self._physics_step = 0

    @property
    def joint_names(self) -> list[str]:
        """Names of the joints in the order of the action's columns."""
        return self._joint_names

    @property
    def commanded(self) -> torch.Tensor:
        """Joint targets (N, A) of the last control step after clamping, rad; at reset the measured joint position."""
        return self._processed_actions

    @property
    def previous_commanded(self) -> torch.Tensor:
        """Joint targets (N, A) of the control step before the last one, rad."""
        return self._previous

    @property
    def hold_action(self) -> torch.Tensor:
        """Raw action (N, A) that keeps the robot where it was commanded to be."""
        return self._processed_actions.clone()

    def _offsets(self, cfg: SafeJointPositionActionCfg) -> float | torch.Tensor:
        """Return the one offset, or that of each joint (A,) where some have their own."""
        if not cfg.joint_max_offset:
            return cfg.max_offset
        own = [cfg.joint_max_offset.get(name, cfg.max_offset) for name in self._joint_names]
        return torch.tensor(own, device=self.device)

    def _measured(self) -> torch.Tensor:
        return self._asset.data.joint_pos.torch[:, self._joint_ids]

    def process_actions(self, actions: torch.Tensor) -> None:
        """Clamp the targets (N, A) of a control step: near the measured joint position, then within the limits.

        Where the limits exclude a target of zeros, a row of zeros is none, and the robot holds.
        """
        self._raw_actions[:] = actions
        measured = self._measured()
        # a non-finite action (a diverged environment, a broken policy) holds the robot still
        target = torch.where(torch.isfinite(actions), actions, measured)
        if self._zeros_hold:
            target = torch.where((actions != 0.0).any(dim=-1, keepdim=True), target, self._processed_actions)
        self._previous = self._processed_actions
        self._processed_actions = clamp_target(target, self.command_low, self.command_high, measured, self._reach)
        self._physics_step = 0

    def apply_actions(self) -> None:
        """Hand the targets to the robot's drives, the previous ones until the delay of the episode is over."""
        # targets stay in the engine's buffers: write them only in physics steps in which one can change
        if self._physics_step <= self.cfg.delay_range[1]:
            target = torch.where(self._physics_step < self._delay, self._previous, self._processed_actions)
            self._asset.set_joint_position_target_index(target=target, joint_ids=self._joint_ids)
        self._physics_step += 1

    def reset(self, env_ids: Sequence[int] | torch.Tensor | None = None) -> None:
        """Take the measured joint position as last target, and draw the delay of the episode."""
        super().reset(env_ids)
        ids = slice(None) if env_ids is None else env_ids
        measured = self._measured()[ids]
        self._processed_actions = self._processed_actions.clone()
        self._previous = self._previous.clone()
        self._processed_actions[ids] = measured
        self._previous[ids] = measured
        low, high = self.cfg.delay_range
        if high > 0:
            self._delay[ids] = torch.randint(low, high + 1, (measured.shape[0], 1), device=self.device)


@configclass
class SafeJointPositionActionCfg(JointPositionActionCfg):
    """Settings of :class:`SafeJointPositionAction`: no scale, no offset, joints in the order given."""

    class_type: type = SafeJointPositionAction

    max_offset: float = 0.1
    """A target is held within this distance of the measured joint position, rad; 0.1 kept both engines finite."""

    joint_max_offset: dict[str, float] = field(default_factory=dict)
    """Joints with another ``max_offset``: a drive with much damping turns slowly towards a target that is near, rad."""

    limit_margin: float = 0.01
    """Targets stay this far inside the joint limits, rad."""

    delay_range: tuple[int, int] = (0, 0)
    """Range, drawn per episode, of physics steps between a control step's start and the arrival of its target."""

    scale: float = 1.0
    use_default_offset: bool = False
    preserve_order: bool = True
