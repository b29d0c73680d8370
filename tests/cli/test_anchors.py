# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrated observations as the base policy sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.imitation.conftest import write_demonstrations

from score.cli.anchors import demonstrated_conditions, windows_cfg
from score.imitation.read import read_any
from score.policies.base_policy import BasePolicy
from score.policies.spec import ActionSpec, ObservationSpec, PolicySpec
from score.utils.errors import UserError


class Seen(BasePolicy):
    """Its condition is all that it observes."""

    def __init__(self, cloud: int = 0) -> None:
        observations = {
            "joint_pos": ObservationSpec((2,), 2, "rad"),
            "joint_pos_target": ObservationSpec((2,), 3, "rad"),
        }
        if cloud:
            observations["point_cloud"] = ObservationSpec((cloud, 3), 1, "m")
        actions = ActionSpec(("a", "b"), "rad", (-9.0, -9.0), (9.0, 9.0), "joint_pos")
        super().__init__(PolicySpec(observations, actions, 10.0, 4), condition_dim=10 + 3 * cloud)

    def encode(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([observations[key].flatten(1) for key in self.spec.observations], dim=1)

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return latent


def test_conditions_are_those_of_the_task_s_windows(tmp_path: Path) -> None:
    path = write_demonstrations(tmp_path / "demos.hdf5", episodes=3, steps=5)
    found = demonstrated_conditions(path, Seen())
    assert found.shape == (15, 10)
    first, second = read_any(path, ["joint_pos"]).episodes[0], read_any(path, ["joint_pos"]).episodes[1]
    joints, actions = first.observations["joint_pos"], first.actions
    # Step 3: two frames of the joints, then the three targets before it.
    assert torch.equal(found[3], torch.cat([joints[2], joints[3], actions[0], actions[1], actions[2]]))
    # The first step of the next episode: its own first frame stands for all that came before.
    assert torch.equal(found[5], second.observations["joint_pos"][0].repeat(5))
    assert demonstrated_conditions(path, Seen(cloud=16)).shape == (15, 10 + 48)


def test_settings_follow_the_policy_and_missing_data_are_told(tmp_path: Path) -> None:
    cfg = windows_cfg(Seen().spec)
    assert (cfg.histories, cfg.past_actions, cfg.past_action_history) == ({"joint_pos": 2}, "joint_pos_target", 3)
    assert cfg.point_cloud is None
    with pytest.raises(UserError, match="do not exist: give a file"):
        demonstrated_conditions(tmp_path / "demos.hdf5", Seen())
