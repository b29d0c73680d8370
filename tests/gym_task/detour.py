# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A Gymnasium environment that is learned in seconds: a point has to pass a disc on its way to the far side.

Registers ``Detour-v0``; needs Gymnasium and NumPy, and torch for its base policy.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

RADIUS = 0.3
GOAL = 1.0
SPEED = 0.1
BUNDLE = "DETOUR_BUNDLE"
"""Environment variable with the folder of the base policy."""
STEERING = "DETOUR_STEERING"
"""Environment variable with the folder of the steering policy that comes with the task."""


class Detour(gym.Env):
    """Starts near (-1, 0); a disc lies at (0, y0). Beyond x = 1 it has succeeded, in the disc or beside the road lost.

    Observations: the last two positions (2, 2) and the disc (1,), metres. Actions: velocity along the road and
    sideways, one is 0.1 m a step.
    """

    metadata = {"render_fps": 10, "render_modes": []}  # noqa: RUF012

    def __init__(self, drift: float = 1.0) -> None:
        self.drift = drift
        box = gym.spaces.Box
        self.observation_space = gym.spaces.Dict(
            {
                "position": box(-np.inf, np.inf, (2, 2), np.float32),
                "disc": box(-1.0, 1.0, (1,), np.float32),
                "critic": box(-np.inf, np.inf, (3,), np.float32),
            }
        )
        self.action_space = box(-2.0, 2.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.position = np.array([-GOAL, self.np_random.uniform(-0.1, 0.1)])
        self.disc = self.np_random.uniform(-0.2, 0.2)
        self.before = self.position.copy()
        return self._observe(), {}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.before = self.position.copy()
        self.position = self.position + SPEED * action * np.array([self.drift, 1.0])
        success = bool(self.position[0] > GOAL)
        lost = np.hypot(self.position[0], self.position[1] - self.disc) < RADIUS or abs(self.position[1]) > 1.0
        return self._observe(), float(success), success or bool(lost), False, {"is_success": success}

    def _observe(self) -> dict[str, np.ndarray]:
        state = np.array([*self.position, self.disc])
        window = np.stack([self.before, self.position])
        values = {"position": window, "disc": np.array([self.disc]), "critic": state}
        return {name: value.astype(np.float32) for name, value in values.items()}


def bundle() -> Path:
    """Folder of the base policy, where there is one."""
    return _named_by(BUNDLE)


def steering_policy() -> Path:
    """Folder of the steering policy, where there is one."""
    return _named_by(STEERING)


def _named_by(variable: str) -> Path:
    if not os.environ.get(variable):
        raise FileNotFoundError(f"{variable} is not set.")
    return Path(os.environ[variable])


def steering_cfg() -> Any:
    """Settings that learn in seconds."""
    from score.steering.config import SteeringRunnerCfg

    cfg = SteeringRunnerCfg(num_steps_per_env=12, max_iterations=12, save_interval=6, experiment_name="detour")
    cfg.steering.chunk_steps = 4
    cfg.steering.initial_std = 1.0
    cfg.steering.basis = "repeat"
    cfg.actor.hidden_dims = [64, 64]
    cfg.critic.hidden_dims = [64, 64]
    cfg.algorithm.num_learning_epochs = 5
    cfg.algorithm.num_mini_batches = 4
    cfg.algorithm.learning_rate = 3e-3
    return cfg


def write_base_policy(folder: Path) -> None:
    """A flow that flows nowhere: straight on at 1, and sideways what its noise says. It passes in one of four tries."""
    import torch

    from score.policies import ActionSpec, FlowMatchingPolicy, FlowNetworkCfg, IntegratorCfg, ObservationSpec
    from score.policies.bundle import save_bundle
    from score.policies.normalisation import Statistic
    from score.policies.spec import PolicySpec

    spec = PolicySpec(
        observations={
            "position": ObservationSpec((2,), 2, "m", names=("x", "y")),
            "disc": ObservationSpec((1,), 1, "m"),
        },
        actions=ActionSpec(("along", "sideways"), "dm", (-2.0, -2.0), (2.0, 2.0), None),
        control_rate_hz=10.0,
        horizon=4,
    )
    network = FlowNetworkCfg(prediction="velocity", width=8, depth=1, time_frequencies=2, relative_observations=())
    statistics = {
        "features": Statistic(torch.zeros(5), torch.tensor([0.5, 0.5, 0.5, 0.5, 0.2])),
        "actions": Statistic(torch.tensor([[1.0, 0.0]]).repeat(4, 1), torch.tensor([[0.1, 1.0]]).repeat(4, 1)),
    }
    policy = FlowMatchingPolicy(spec, network, IntegratorCfg("euler", 1), statistics)
    for parameter in policy.parameters():
        torch.nn.init.zeros_(parameter)
    save_bundle(policy, folder)


gym.register(
    id="Detour-v0",
    entry_point=f"{__name__}:Detour",
    max_episode_steps=30,
    kwargs={
        "drift": 1.0,
        "steering_cfg_entry_point": f"{__name__}:steering_cfg",
        "base_policy_entry_point": f"{__name__}:bundle",
        "steering_policy_entry_point": f"{__name__}:steering_policy",
        "interface": {
            "observations": {
                "position": {"history": 2, "units": "m", "names": ["x", "y"]},
                "disc": {"units": "m"},
            },
            "actions": {"names": ["along", "sideways"], "units": "dm"},
        },
    },
)
