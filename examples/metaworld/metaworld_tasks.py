# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Three Meta-World tasks as Gymnasium tasks of this project: nobody here wrote the scenes, rewards or experts.

Registers ``MetaWorld-Push-v0``, ``MetaWorld-PegInsert-v0`` and ``MetaWorld-Assembly-v0``; Meta-World itself is imported
when an environment is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

REPEAT = 2
"""Steps of Meta-World (80 a second) that an action is held for."""

RATE_HZ = 80.0 / REPEAT
"""Control steps per second."""

OBSERVATIONS = {
    "hand": {"units": "m", "names": ["x", "y", "z", "opening"]},
    "object": {"units": "m", "names": ["dx", "dy", "dz"]},
    "goal": {"units": "m", "names": ["dx", "dy"]},
}
"""Hand and its opening (0 to 1); object seen from the hand; goal seen from the object. One frame each."""

ACTIONS = ("x", "y", "z", "grip")
"""Motion of the hand for each step of Meta-World [cm], and effort of the fingers (-1 opens, 1 closes)."""


@dataclass(frozen=True)
class Scene:
    """One task."""

    environment: str
    """Name in Meta-World."""
    expert: str
    """Its scripted expert in ``metaworld.policies``."""
    steps: int
    """Time limit in control steps."""
    misplaced: float
    """Deviation of where the demonstrator of an episode believes the object and the goal to be [m]."""


SCENES = {
    "MetaWorld-Push-v0": Scene("push-v3", "SawyerPushV3Policy", 60, 0.015),
    "MetaWorld-PegInsert-v0": Scene("peg-insert-side-v3", "SawyerPegInsertionSideV3Policy", 80, 0.015),
    "MetaWorld-Assembly-v0": Scene("assembly-v3", "SawyerAssemblyV3Policy", 80, 0.01),
}
"""Gym id -> task."""


def observe(state: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Meta-World's observation by the names of :data:`OBSERVATIONS`.

    Args:
        state: The 39 numbers: hand (3), opening, object (3), its quaternion (4), a second object (7), all of it one
            step ago (18), goal (3) [m].
    """
    hand, place, goal = state[:3], state[4:7], state[-3:]
    values = {"hand": state[:4], "object": place - hand, "goal": (goal - place)[:2]}
    return {name: value.astype(np.float32) for name, value in values.items()}


class MetaWorld(gym.Env):
    """A Meta-World environment whose start depends on the seed of the reset alone, and that ends in success.

    The reward is 1 for success, and nothing else: Meta-World's own is not used.
    """

    metadata = {"render_modes": [], "render_fps": RATE_HZ}  # noqa: RUF012

    def __init__(self, scene: str) -> None:
        """Make the environment.

        Args:
            scene: Key of :data:`SCENES`.
        """
        from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE as environments

        self.world = environments[f"{SCENES[scene].environment}-goal-observable"](seed=0)
        # Another start in every reset, drawn from the generator that seed() sets; these names are how Meta-World's own
        # benchmarks do it.
        self.world._freeze_rand_vec = False
        self.world.seeded_rand_vec = True
        self.state: NDArray[np.float64] = np.zeros(39)
        box = gym.spaces.Box
        shapes = {name: (len(facts["names"]),) for name, facts in OBSERVATIONS.items()}
        self.observation_space = gym.spaces.Dict(
            {name: box(-np.inf, np.inf, shape, np.float32) for name, shape in shapes.items()}
        )
        self.action_space = box(-1.0, 1.0, (len(ACTIONS),), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
        """Begin an episode; with a seed, the same one every time."""
        super().reset(seed=seed)
        self.world.seed(int(self.np_random.integers(2**31)))
        self.state, _ = self.world.reset()
        return observe(self.state), {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, NDArray[np.float32]], float, bool, bool, dict[str, Any]]:
        """Hold an action (4,) for :data:`REPEAT` steps, or until success."""
        success = False
        for _ in range(REPEAT):
            self.state, _, _, _, info = self.world.step(action)
            success = bool(info["success"])
            if success:
                break
        return observe(self.state), float(success), success, False, {"success": success}

    def close(self) -> None:
        """Free the engine."""
        self.world.close()


def base_policy() -> Path:
    """Refuse: a base policy is made by ``run.py``, and named with ``--base_policy``."""
    raise FileNotFoundError("Meta-World comes without base policies: examples/metaworld/run.py makes them.")


def steering_cfg() -> Any:
    """Return settings of steering: start at the base policy itself, one number for each action and chunk."""
    from score.steering.config import SteeringRunnerCfg

    cfg = SteeringRunnerCfg(num_steps_per_env=32, max_iterations=40, save_interval=5, experiment_name="metaworld")
    cfg.steering.chunk_steps = 8
    cfg.steering.basis = "repeat"
    cfg.steering.initial_std = 1.0
    cfg.steering.evaluation_episodes = 32
    cfg.actor.hidden_dims = [64, 64]
    cfg.critic.hidden_dims = [64, 64]
    cfg.algorithm.num_learning_epochs = 10
    cfg.algorithm.num_mini_batches = 4
    cfg.algorithm.learning_rate = 1e-3
    return cfg


def register() -> None:
    """Register the tasks."""
    for name, scene in SCENES.items():
        gym.register(
            id=name,
            entry_point=f"{__name__}:MetaWorld",
            max_episode_steps=scene.steps,
            kwargs={
                "scene": name,
                "steering_cfg_entry_point": f"{__name__}:steering_cfg",
                "base_policy_entry_point": f"{__name__}:base_policy",
                "interface": {
                    "observations": OBSERVATIONS,
                    "actions": {"names": list(ACTIONS), "units": "cm"},
                },
            },
        )


register()
