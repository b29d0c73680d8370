# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrations by Meta-World's own experts, made worse on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import metaworld_tasks
import numpy as np
from numpy.typing import NDArray

from score.utils.files import atomic_file

SHAKE = 0.1
"""Deviation of the noise on every action, in units of actions."""

SEEDS = 6_000_000
"""First seed of the starts of demonstrations, beyond those of ``score.rollout.seeds``."""

Expert = Callable[[NDArray[np.float64]], NDArray[np.floating[Any]]]


class FlawedExpert:
    """An expert that sees object and goal elsewhere, by a shift of the episode, and whose hand shakes.

    What it does is consistent, and often wrong: cloned, it makes a policy that knows several ways, not all of which
    end well.
    """

    def __init__(self, expert: Expert, misplaced: float, generator: np.random.Generator) -> None:
        """Draw the flaws of an episode.

        Args:
            expert: State (39,) -> action (4,).
            misplaced: Deviation of the shifts [m], along x and y.
            generator: Source of shifts and noise.
        """
        self._expert, self._generator = expert, generator
        self.shifts = misplaced * generator.standard_normal((2, 2))
        """Of the object and of the goal, (2, 2) [m]."""

    def act(self, state: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the action (4,) that is sent."""
        seen = state.copy()
        seen[4:6] += self.shifts[0]
        seen[-3:-1] += self.shifts[1]
        action = np.asarray(self._expert(seen)) + SHAKE * self._generator.standard_normal(4)
        return np.clip(action, -1.0, 1.0).astype(np.float32)


def episodes(task: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Run demonstrations.

    Args:
        task: Key of ``metaworld_tasks.SCENES``.
        count: Episodes.
        seed: Seed of starts and flaws.

    Yields:
        ``obs`` (name -> (T, n)), ``actions`` (T, 4) and ``success`` of each episode.
    """
    import metaworld.policies

    scene = metaworld_tasks.SCENES[task]
    world = metaworld_tasks.MetaWorld(task)
    expert = getattr(metaworld.policies, scene.expert)()
    for index in range(count):
        generator = np.random.default_rng((seed, index))
        flawed = FlawedExpert(expert.get_action, scene.misplaced, generator)
        seen, actions, success = [world.reset(seed=SEEDS + 10_000 * seed + index)[0]], [], False
        while not success and len(actions) < scene.steps:
            actions.append(flawed.act(world.state))
            frame, _, success, _, _ = world.step(actions[-1])
            seen.append(frame)
        windows = {name: np.stack([frame[name] for frame in seen[:-1]]) for name in seen[0]}
        yield {"obs": windows, "actions": np.stack(actions), "success": success}
    world.close()


def record(task: str, count: int, seed: int, path: Path) -> float:
    """Write demonstrations in Isaac Lab's episode layout, whole or not at all.

    Args:
        task: Key of ``metaworld_tasks.SCENES``.
        count: Episodes.
        seed: Seed of starts and flaws.
        path: The HDF5 file.

    Returns:
        Share of the episodes that succeeded.
    """
    units = {name: facts["units"] for name, facts in metaworld_tasks.OBSERVATIONS.items()}
    facts = {
        "control_rate_hz": metaworld_tasks.RATE_HZ,
        "action_names": list(metaworld_tasks.ACTIONS),
        "action_low": [-1.0] * 4,
        "action_high": [1.0] * 4,
        "units": {"actions": "cm", **units},
    }
    solved = 0
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps(facts)
        for index, episode in enumerate(episodes(task, count, seed)):
            group = data.create_group(f"demo_{index}")
            group.attrs["success"] = bool(episode["success"])
            group["actions"] = episode["actions"]
            for name, frames in episode["obs"].items():
                group[f"obs/{name}"] = frames
            solved += bool(episode["success"])
    return solved / count
