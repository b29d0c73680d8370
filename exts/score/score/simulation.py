# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Opens a registered Isaac Lab task (:mod:`score.open_task` opens any).

:func:`open_isaac` resolves the task's configuration with Isaac Lab's own presets and Hydra overrides, launches the
physics engine, builds the environment and hands out a :class:`SteerableEnv`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

from score.isaac_settings import blaming, launched, resolve_settings
from score.physics import (
    allow_unpinned_host_memory,
    fold_physics_steps,
    physx_threads,
    record_physics_steps,
    size_gpu_buffers,
)
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec, read_segments
from score.scene_files import scene_files
from score.utils import ranks
from score.utils.console import quiet_libraries
from score.utils.errors import UserError
from score.utils.random import preserved_random_state, seed_global_generators
from score.viewers import Panels, rerun_server, viewer_settings

CONTACT_SENSOR = "contact_forces"
"""Name of a scene's sensor of contact forces; a task's ``add_contact_sensor`` adds it."""

_ENGINE_PACKAGES = {
    "OvPhysxCfg": ("ovphysx", "ovphysx"),
    "PhysxCfg": ("isaacsim", "isaacsim_physx"),
    "NewtonCfg": ("newton", "newton_mjwarp"),
}


def require_engine(physics_cfg: Any) -> str:
    """Check that the engine of a physics configuration is installed.

    Returns:
        The engine's preset name, e.g. ``ovphysx``.

    Raises:
        UserError: The engine's package is missing.
    """
    for base in type(physics_cfg).__mro__:
        if base.__name__ in _ENGINE_PACKAGES:
            package, name = _ENGINE_PACKAGES[base.__name__]
            if importlib.util.find_spec(package) is None:
                install = {"ovphysx": 'pip install "score-isaaclab[ovphysx]"', "isaacsim_physx": "an Isaac Sim install"}
                raise UserError(
                    f"Physics engine '{name}' is not installed (no package '{package}'): it needs "
                    f"{install.get(name, 'a new install of this project')}, or choose another with "
                    "physics=newton_mjwarp."
                )
            return name
    return type(physics_cfg).__name__


class SteerableEnv:
    """A manager-based Isaac Lab environment as the method sees it (a :class:`score.task.RobotTask`).

    Observations are ``{"policy": {key: window}, "critic": (N, Dc)}``; an environment that ends is reset within its step
    and the observations of its end are in ``extras["final_obs"]``.
    """

    def __init__(self, env: Any, env_cfg: Any, agent_cfg: Any, task: str, domain: str) -> None:
        self.env = env
        self.env_cfg = env_cfg
        self.agent_cfg = agent_cfg
        self.task = task
        self.domain = domain
        self.engine = require_engine(env_cfg.sim.physics)
        self.num_envs: int = env.num_envs
        self.device: str = str(env.device)
        self.step_dt: float = env.step_dt
        self.max_episode_length: int = env.max_episode_length
        terms = env.action_manager.active_terms
        if len(terms) != 1:
            raise UserError(f"Task '{task}': steering needs exactly one action term, found {terms}.")
        self._action = env.action_manager.get_term(terms[0])
        for attribute in ("hold_action", "commanded", "command_low", "command_high", "max_offset", "action_units"):
            if not hasattr(self._action, attribute):
                raise UserError(
                    f"Task '{task}': action term '{terms[0]}' has no '{attribute}'; use "
                    "score_tasks.kit.mdp.SafeJointPositionActionCfg or give the term these attributes "
                    "(docs/ARCHITECTURE.md)."
                )
        self.spec = self._read_spec()
        self.files = scene_files(env_cfg)
        self._seeds = self._restart = torch.empty(0)
        self._seeded = self._started = False
        # Isaac Lab has no hook for what a reset draws from, nor for one that no termination term asks for.
        self._reset_rows, self._terminations = env._reset_idx, env.termination_manager.compute
        env._reset_idx, env.termination_manager.compute = self._reset_seeded, self._compute_terminations

    def _read_spec(self) -> PolicySpec:
        manager = self.env.observation_manager
        if "policy" not in manager.active_terms or "critic" not in manager.active_terms:
            raise UserError(
                f"Task '{self.task}' needs observation groups 'policy' and 'critic'; it has "
                f"{list(manager.active_terms)}."
            )
        described: Mapping[str, Mapping[str, Any]] = self.env_cfg.observation_interface
        observations = {}
        names, dims = manager.active_terms["policy"], manager.group_obs_dim["policy"]
        configs = {name: getattr(self.env_cfg.observations.policy, name) for name in names}
        for name, dim in zip(names, dims, strict=True):
            history = max(1, configs[name].history_length)
            shape = tuple(dim[1:]) if configs[name].history_length > 0 else tuple(dim)
            info = described.get(name, {})
            observations[name] = ObservationSpec(
                shape=shape,
                history=history,
                units=info.get("units", ""),
                frame=info.get("frame", ""),
                names=tuple(info.get("names", ())),
                segments=read_segments(info.get("segments", ()), f"observation_interface.{name}.segments"),
            )
        action = ActionSpec(
            names=tuple(self._action.joint_names),
            units=self._action.action_units,
            low=tuple(self._action.command_low.tolist()),
            high=tuple(self._action.command_high.tolist()),
            relative_to=None,
        )
        return PolicySpec(observations=observations, actions=action, control_rate_hz=1.0 / self.step_dt, horizon=1)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the environment, for ``params/env.yaml``."""
        from isaaclab.utils import to_dict

        return to_dict(self.env_cfg)

    @property
    def episode_length_buf(self) -> torch.Tensor:
        """Control steps since the reset of each environment, (N,), writable."""
        return self.env.episode_length_buf

    @property
    def command_limits(self) -> tuple[torch.Tensor, torch.Tensor, float | torch.Tensor]:
        """Lowest and highest joint target (A,), and the largest offset from the measured position, one or (A,), rad."""
        return self._action.command_low, self._action.command_high, self._action.max_offset

    def reset(self, seed: int | None = None) -> dict[str, Any]:
        """Reset every environment; with a seed, to the same starts every time for one number of environments."""
        with self._starting():
            observations, _ = self.env.reset(seed=seed)
        self._seeded = False
        return observations

    def seed_episodes(self, seeds: torch.Tensor, restart: torch.Tensor) -> None:
        """Set what begins in the next reset or step; see :meth:`score.task.Task.seed_episodes`."""
        self._seeds, self._restart, self._seeded = seeds, restart.to(self.device), True

    def after_waiting(self, waited: torch.Tensor, observations: dict[str, Any]) -> dict[str, Any]:
        """Return the observations: a robot that waited has held still."""
        return observations

    def step(
        self, action: torch.Tensor
    ) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """One control step; see ``isaaclab.envs.ManagerBasedRLEnv.step``."""
        with self._starting():
            result = self.env.step(action)
        self._seeded, self._started = False, True
        return result

    def hold_action(self) -> torch.Tensor:
        """Raw action (N, A) that keeps each robot where it is."""
        return self._action.hold_action

    def commanded(self) -> torch.Tensor:
        """Targets (N, A) really sent in the last step, after clamping."""
        return self._action.commanded

    def contact_force(self) -> torch.Tensor | None:
        """Largest contact force on a sensed body (N,), N, in the last physics step; None without a sensor."""
        sensor = self.env.scene.sensors.get(CONTACT_SENSOR)
        return None if sensor is None else sensor.data.net_forces_w.torch.norm(dim=-1).amax(dim=1)

    def ended_by(self) -> dict[str, torch.Tensor]:
        """Termination terms of the last step, name -> (N,) bool."""
        manager = self.env.termination_manager
        return {name: manager.get_term(name) for name in manager.active_terms}

    def picture(self) -> NDArray[np.uint8]:
        """Return what the task's camera sees of environment 0, (height, width, 3)."""
        with self._starting():
            return self.env.scene["video"].data.output["rgb"].torch[0, ..., :3].cpu().numpy().copy()

    def open_panels(self, plots: Mapping[str, Callable[[], float]]) -> Panels:
        """Return what the viewers show besides the scene; see :class:`score.viewers.Panels`."""
        return Panels(self.env, plots)

    def _starting(self) -> contextlib.AbstractContextManager[None]:
        """Until the first step is done, engines compile and complain."""
        return contextlib.nullcontext() if self._started else quiet_libraries()

    def _compute_terminations(self) -> torch.Tensor:
        ended = self._terminations()
        return ended | self._restart if self._seeded else ended

    def _reset_seeded(self, env_ids: torch.Tensor | slice) -> None:
        """Isaac Lab's reset, one environment after the other where an episode has a seed of its own."""
        if not self._seeded:
            self._reset_rows(env_ids)
            return
        ids = torch.arange(self.num_envs, dtype=torch.int32)[env_ids if isinstance(env_ids, slice) else env_ids.cpu()]
        seeds = self._seeds[ids]
        if bool((seeds < 0).any()):
            self._reset_rows(ids[seeds < 0].to(self.device))
        with preserved_random_state(self.device):
            for env, seed in zip(ids[seeds >= 0], seeds[seeds >= 0].tolist(), strict=True):
                seed_global_generators(seed, self.device)
                self._reset_rows(env.reshape(1).to(self.device))
        # A step does not do this after a reset, and would show where the bodies of the ended episode were.
        self.env.scene.write_data_to_sim()
        self.env.sim.forward()


@contextlib.contextmanager
def open_isaac(
    task: str,
    gym_id: str,
    agent_cfg: Any,
    *,
    domain: str,
    num_envs: int | None = None,
    overrides: Sequence[str] = (),
    visualizers: Sequence[str] = (),
    viewer_host: str = "127.0.0.1",
    camera: tuple[int, int] | None = None,
    contact_forces: bool = False,
) -> Iterator[SteerableEnv]:
    """Launch the physics engine and build a task.

    Args:
        task: Gym id of the task, for messages and records.
        gym_id: Gym id of its domain.
        agent_cfg: Settings of steering, with seed and device.
        domain: Domain of the task.
        num_envs: Number of environments; the task's own default if None.
        overrides: Isaac Lab's Hydra overrides, e.g. ``["physics=newton_mjwarp", "env.decimation=12"]``.
        visualizers: Isaac Lab visualizers, e.g. ``["viser"]``.
        viewer_host: Address that viewers for browsers listen on.
        camera: Width and height of the pictures that the task's camera takes, pixels; no camera if None.
        contact_forces: Whether to sense contact forces. PhysX then solves contacts in another order, so that episodes
            differ from those without; MuJoCo-Warp's are the same bits.

    Yields:
        The opened task. One process can open one task at a time.

    Raises:
        UserError: The engine is missing, or an override does not fit.
    """
    from isaaclab.app import launch_simulation

    with quiet_libraries():
        env_cfg = resolve_settings(gym_id, overrides)
    engine = require_engine(env_cfg.sim.physics)
    if num_envs is not None:
        env_cfg.scene.num_envs = num_envs
    env_cfg.sim.device = agent_cfg.device
    env_cfg.seed = agent_cfg.seed  # of all processes alike: what is drawn once must not depend on their number
    if str(agent_cfg.device).startswith("cuda"):
        size_gpu_buffers(env_cfg.sim.physics, env_cfg.scene.num_envs)
    if engine == "ovphysx":
        allow_unpinned_host_memory()
    if camera is not None:
        if not hasattr(env_cfg, "add_video_camera"):
            raise UserError(
                f"Task '{task}' has no camera for videos: its settings lack add_video_camera (docs/ARCHITECTURE.md)."
            )
        env_cfg.add_video_camera(camera)
    if contact_forces:
        if not hasattr(env_cfg, "add_contact_sensor"):
            raise UserError(
                f"Task '{task}' senses no contact forces: its settings lack add_contact_sensor (docs/ARCHITECTURE.md)."
            )
        env_cfg.add_contact_sensor()
    if (camera is not None or visualizers) and hasattr(env_cfg, "show_meshes"):
        env_cfg.show_meshes()
    if visualizers:
        env_cfg.sim.visualizer_cfgs = viewer_settings(visualizers, viewer_host)
    launcher_args = {"device": env_cfg.sim.device, "visualizer": list(visualizers) or None}
    on_cpu = engine == "ovphysx" and not str(agent_cfg.device).startswith("cuda")
    cores = max(1, len(os.sched_getaffinity(0)) // ranks.count())
    with rerun_server(visualizers, viewer_host), launched(launch_simulation(env_cfg, launcher_args)):
        limited = physx_threads(cores) if on_cpu else contextlib.nullcontext()
        with quiet_libraries(), blaming(task, overrides), limited:
            env = gym.make(gym_id, cfg=env_cfg)
        try:
            fold_physics_steps(env.unwrapped)
            record_physics_steps(env.unwrapped)
            yield SteerableEnv(env.unwrapped, env_cfg, agent_cfg, task, domain)
        finally:
            env.close()
