# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A Gymnasium vector environment as a task, without a simulator of ours.

What Gymnasium cannot say of an environment is registered as the keyword ``interface``, a dict with the keys

* ``control_rate_hz``: control steps per second; the environment's ``metadata["render_fps"]`` if it is missing.
* ``observations``: name -> ``history``, ``units``, ``frame``, ``names``. The environment delivers whole windows, with
  the frames first where ``history`` is above 1. A space that is a Box alone is the observation ``observation``. The
  entry ``critic`` of a Dict space is the true state; without one, it is all observations in a row.
* ``actions``: ``names`` and ``units``; limits are the bounds of the action space.
* ``success``: key of ``info`` that says so in the step that ends an episode; ``success`` or ``is_success`` if missing.

All other keywords of the registration that are not the method's go to the environment.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv

from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.task import GUARD, SUCCESS, TaskObservations, finite_observations
from score.utils.errors import UserError, near_names
from score.utils.overrides import parse_value

DEFAULT_ENVS = 64
"""Environments where the user asks for no number."""

_CRITIC = "critic"
_KEYS = ("interface", "domain", "domain_tasks", "base_policy", "default_agent")
_INTERFACE = ("control_rate_hz", "observations", "actions", "success")


class GymTask:
    """A vector environment without automatic resets as the method sees it (a :class:`score.task.Task`).

    It must understand ``reset(seed=[...], options={"reset_mask": mask})`` with None for an environment that goes on
    drawing from its generator, as Gymnasium's own do.
    """

    engine = "gymnasium"

    def __init__(self, env: VectorEnv, interface: Mapping[str, Any], agent_cfg: Any, task: str, domain: str) -> None:
        """Wrap an environment.

        Args:
            env: The environment.
            interface: See the module.
            agent_cfg: Settings of steering; their device is that of all tensors.
            task: Gym id.
            domain: ``sim`` or ``real``.

        Raises:
            UserError: The environment lacks something that the method needs.
        """
        self.env = env
        self.agent_cfg = agent_cfg
        self.task = task
        self.domain = domain
        self.num_envs: int = env.num_envs
        self.device: str = str(agent_cfg.device)
        self.settings: dict[str, Any] = {"interface": dict(interface), **env.spec.kwargs}
        limit = env.spec.max_episode_steps
        _require(limit, f"Task '{task}' has no time limit: register it with max_episode_steps=N.")
        self.max_episode_length: int = limit
        self.spec = _read_spec(env, interface, task)
        self.step_dt = 1.0 / self.spec.control_rate_hz
        self._success = (interface["success"],) if "success" in interface else (SUCCESS, "is_success")
        bounds = (self.spec.actions.low, self.spec.actions.high)
        self._low, self._high = (torch.tensor(bound, device=self.device) for bound in bounds)
        never = torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)
        self._ended = dict.fromkeys((GUARD, SUCCESS, "failure", "time_out"), never)
        self._seeds: list[int | None] | None = None
        self._restart: torch.Tensor | None = None

    def reset(self, seed: int | None = None) -> TaskObservations:
        """Reset every environment; with a seed, to the same starts every time."""
        return self._reset(seed=self._seeds if seed is None else seed)

    def seed_episodes(self, seeds: torch.Tensor, restart: torch.Tensor) -> None:
        """Set what begins in the next reset or step; see :meth:`score.task.Task.seed_episodes`."""
        self._seeds = [seed if seed >= 0 else None for seed in seeds.tolist()]
        self._restart = restart.to(self.device)

    def after_waiting(self, waited: torch.Tensor, observations: TaskObservations) -> TaskObservations:
        """Reset the environments that waited, (N,), bool: what they did meanwhile is another episode's."""
        if not bool(waited.any()):
            return observations
        return self._reset(seed=self._seeds, options={"reset_mask": waited.cpu().numpy()})

    def _reset(self, **arguments: Any) -> TaskObservations:
        self._seeds = self._restart = None
        return self._read(self.env.reset(**arguments)[0])

    def step(
        self, action: torch.Tensor
    ) -> tuple[TaskObservations, torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """One control step; see :meth:`score.task.Task.step`. Not a number in it ends an environment by the guard."""
        # An environment whose action is not a number has been ended already, and waits.
        sent = action.nan_to_num().clamp(self._low, self._high).cpu().numpy().astype(self.env.single_action_space.dtype)
        values, rewards, terminations, truncations, info = self.env.step(sent.reshape(self.env.action_space.shape))
        final = self._read(values)
        reward, terminated, truncated = (self._tensor(item) for item in (rewards, terminations, truncations))
        terminated, truncated = terminated.bool(), truncated.bool()
        guard = ~(finite_observations(final) & torch.isfinite(reward))
        success = self._succeeded(info, terminated | truncated)
        time_out = truncated & ~terminated & ~guard
        terminated = terminated | guard
        failure = terminated & ~success & ~guard
        self._ended = {GUARD: guard, SUCCESS: success, "failure": failure, "time_out": time_out}
        restart = terminated | truncated if self._restart is None else terminated | truncated | self._restart
        observations = self.after_waiting(restart, final)
        self._seeds = self._restart = None
        return observations, reward, terminated, truncated, {"final_obs": final}

    def ended_by(self) -> dict[str, torch.Tensor]:
        """Return what ended environments in the last step, name -> (N,) bool."""
        return self._ended

    def _succeeded(self, info: Mapping[str, Any], ended: torch.Tensor) -> torch.Tensor:
        for key in self._success:
            if key in info:
                return self._tensor(np.asarray(info[key], dtype=np.float32)).bool() & ended
        _require(not bool(ended.any()), f"Task '{self.task}': an episode ended and info has no {self._success[0]!r}.")
        return torch.zeros_like(ended)

    def _read(self, values: Any) -> TaskObservations:
        parts = values if isinstance(values, Mapping) else {"observation": values}
        windows = {name: self._tensor(parts[name]) for name in self.spec.observations}
        state = self._tensor(parts[_CRITIC]) if _CRITIC in parts else torch.cat(
            [window.flatten(1) for window in windows.values()], dim=1
        )  # fmt: skip
        return {"policy": windows, _CRITIC: state.flatten(1)}

    def _tensor(self, values: Any) -> torch.Tensor:
        # A copy: vector environments may write the next step into the same array.
        return torch.tensor(np.asarray(values), dtype=torch.float32, device=self.device)


def _read_spec(env: VectorEnv, interface: Mapping[str, Any], task: str) -> PolicySpec:
    for key in interface:
        _require(
            key in _INTERFACE, f"Task '{task}': interface has an unknown key '{key}'.{near_names(key, _INTERFACE)}"
        )
    rate = interface.get("control_rate_hz", env.metadata.get("render_fps"))
    _require(rate, f"Task '{task}': interface lacks 'control_rate_hz', and the environment has no 'render_fps'.")
    space, described = env.single_observation_space, interface.get("observations", {})
    spaces = dict(space.spaces) if isinstance(space, gym.spaces.Dict) else {"observation": space}
    spaces.pop(_CRITIC, None)
    for name in described:
        _require(name in spaces, f"Task '{task}': there is no observation '{name}'.{near_names(name, spaces)}")
    observations = {}
    for name, box in spaces.items():
        _require(isinstance(box, gym.spaces.Box), f"Task '{task}': observation '{name}' is not a Box but {box}.")
        entry = {"history": 1, "units": "", **described.get(name, {})}
        shape = tuple(box.shape)[1:] if entry["history"] > 1 else tuple(box.shape)
        _require(
            entry["history"] == 1 or box.shape[0] == entry["history"],
            f"Task '{task}': '{name}' is {box.shape}: its windows need {entry['history']} frames first.",
        )
        observations[name] = ObservationSpec(shape=shape, **{**entry, "names": tuple(entry.get("names", ()))})
    box, entry = env.single_action_space, interface.get("actions", {})
    _require(isinstance(box, gym.spaces.Box) and box.is_bounded(), f"Task '{task}': its actions are not a bounded Box.")
    low, high = (tuple(bound.flatten().tolist()) for bound in (box.low, box.high))
    names = tuple(entry.get("names", [f"action_{index}" for index in range(len(low))]))
    actions = ActionSpec(names=names, units=entry.get("units", ""), low=low, high=high, relative_to=None)
    return PolicySpec(observations=observations, actions=actions, control_rate_hz=float(rate), horizon=1)


@contextlib.contextmanager
def open_gym(
    task: str,
    gym_id: str,
    agent_cfg: Any,
    *,
    domain: str,
    num_envs: int | None = None,
    overrides: Sequence[str] = (),
    **viewing: Any,
) -> Iterator[GymTask]:
    """Make the vector environment of a task.

    Args:
        task: Gym id of the task, for messages and records.
        gym_id: Gym id of its domain.
        agent_cfg: Settings of steering, with the device.
        domain: Domain of the task.
        num_envs: Number of environments; :data:`DEFAULT_ENVS` if None.
        overrides: ``env.key=value`` for keywords of the environment.
        viewing: Refused: viewers, videos and contact forces are Isaac Lab's.

    Yields:
        The task.

    Raises:
        UserError: An override does not fit, or the environment lacks something that the method needs.
    """
    _require(
        not any(viewing.values()),
        f"Task '{task}' runs on Gymnasium: --viz, --video and --contact_forces are for Isaac Lab's tasks.",
    )
    spec = copy.deepcopy(gym.spec(gym_id))
    interface = spec.kwargs.get("interface", {})
    spec.kwargs = {key: item for key, item in spec.kwargs.items() if key not in _KEYS and "_entry_point" not in key}
    for override in overrides:
        key, text = override.split("=", 1)
        root, _, name = key.partition(".")
        _require(
            root == "env" and name in spec.kwargs,
            f"Override '{key}' does not fit task '{task}': there are agent.* and"
            f" {', '.join(f'env.{known}' for known in spec.kwargs) or 'no env.*'}.",
        )
        spec.kwargs[name] = parse_value(text)
    own = spec.vector_entry_point is not None
    vector = {} if own else {"vector_kwargs": {"autoreset_mode": AutoresetMode.DISABLED}}
    env = gym.make_vec(spec, num_envs=DEFAULT_ENVS if num_envs is None else num_envs, **vector)
    try:
        _require(
            env.metadata.get("autoreset_mode") == AutoresetMode.DISABLED,
            f"Task '{task}': its vector environment resets by itself: give it the autoreset mode DISABLED.",
        )
        yield GymTask(env, interface, agent_cfg, task, domain)
    finally:
        env.close()


def _require(holds: object, message: str) -> None:
    if not holds:
        raise UserError(message)
