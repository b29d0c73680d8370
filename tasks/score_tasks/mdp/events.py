# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the events of the tasks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from isaaclab.envs.mdp import randomize_actuator_gains
from isaaclab.utils.math import sample_uniform

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedEnv
    from isaaclab.managers import SceneEntityCfg


def pose_bounds(ranges: dict[str, tuple[float, float]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Lower and upper bounds (6,) of x, y, z, roll, pitch, yaw; a missing key is fixed at 0."""
    pairs = torch.tensor(
        [ranges.get(key, (0.0, 0.0)) for key in ("x", "y", "z", "roll", "pitch", "yaw")], device=device
    )
    return pairs[:, 0], pairs[:, 1]


class RandomizeGainsTogether(randomize_actuator_gains):
    """Scales the gains of all joints of an environment by one factor for stiffness and one for damping.

    Isaac Lab's term draws for every joint by itself, so that hardly an environment has an arm that is weak as a whole:
    with 23 joints from 0.8 to 1.2 the mean lies within 0.95 and 1.05 in 19 of 20.
    """

    def __call__(
        self,
        env: ManagerBasedEnv,
        env_ids: torch.Tensor | slice,
        asset_cfg: SceneEntityCfg,
        stiffness_distribution_params: tuple[float, float],
        damping_distribution_params: tuple[float, float],
        operation: Literal["scale"] = "scale",
        distribution: Literal["uniform"] = "uniform",
    ) -> None:
        """Draws the factors of the episodes ``env_ids`` uniformly from the two ranges and writes the gains.

        ``operation`` and ``distribution`` stand here because Isaac Lab's term reads them; they have one value.
        """
        count = len(range(env.num_envs)[env_ids]) if isinstance(env_ids, slice) else len(env_ids)

        def together(bounds: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
            factor = sample_uniform(*bounds, (count, 1), device=env.device)
            return factor, factor

        super().__call__(
            env,
            env_ids,
            asset_cfg,
            together(stiffness_distribution_params),
            together(damping_distribution_params),
            operation,
            distribution,
        )
