# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The wrong calibration of cameras is felt: it changes what the shipped base policies see, in every task and domain."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from score.open_task import entry_point, task_kwargs
from score.policies import BasePolicy
from score.policies.bundle import load_bundle
from score_assets import base_policy_dir
from score_tasks.kit import cloud
from score_tasks.kit.cloud import KnownSegmentCfg, SegmentedCloud, set_calibration

NAMES = (
    "Insert",
    "BottleGrasp",
    "CupGrasp",
    "CubePinch",
    "CardPick",
    "SoccerPush",
    "DishrackPlace",
    "BulbScrew",
    "BallPour",
)
TASKS = tuple(f"SCORE-{name}-v0" for name in NAMES)
NUM_ENVS = 8


class _Entity(SimpleNamespace):
    def resolve(self, scene: object) -> None:
        """There is no scene."""


def _cloud_term(task: str, domain: str, monkeypatch: pytest.MonkeyPatch) -> SegmentedCloud:
    """The task's own cloud, with all bodies at (0.5, 0, 0.05) and the hand 10 cm over them."""
    cfg = entry_point(task, "env_cfg_entry_point", domain)()
    if hasattr(cfg, "scene_file"):
        cfg.validate_config()
    pose = torch.tensor([[0.5, 0.0, 0.05]]).expand(NUM_ENVS, -1), torch.eye(3).repeat(NUM_ENVS, 1, 1)
    monkeypatch.setattr(cloud, "body_pose_e", lambda env, entity: pose)
    term = copy.deepcopy(cfg.observations.policy.point_cloud)
    above = torch.tensor([[0.5, 0.0, 0.15]]).expand(NUM_ENVS, -1), torch.eye(3).repeat(NUM_ENVS, 1, 1)
    term.params["frame"] = lambda env: above
    for segment in term.params["segments"].values():
        if isinstance(segment, KnownSegmentCfg):
            points = 0.03 * torch.randn(1, segment.count, 3).expand(NUM_ENVS, -1, -1)
            segment.points = lambda env, count, points=points: lambda: points
        else:
            segment.entity = _Entity()
    steps = torch.zeros(NUM_ENVS, dtype=torch.long)
    env = SimpleNamespace(num_envs=NUM_ENVS, device="cpu", scene=None, episode_length_buf=steps)
    return SegmentedCloud(term, env)


def _condition(policy: BasePolicy, points: torch.Tensor) -> torch.Tensor:
    windows = {name: torch.zeros(NUM_ENVS, *item.window_shape) for name, item in policy.spec.observations.items()}
    return policy.encode(windows | {"point_cloud": points})


def _sample(term: SegmentedCloud) -> torch.Tensor:
    term._seeds = torch.arange(NUM_ENVS)  # the same points and the same noise, whatever the calibration
    return term(term._env, **term.cfg.params)


@pytest.mark.parametrize("domain", ["sim", "real"])
@pytest.mark.parametrize("task", TASKS)
def test_the_condition_changes_with_the_calibration_error(
    task: str, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = load_bundle(base_policy_dir(task_kwargs(task)[1]["base_policy"]))
    term = _cloud_term(task, domain, monkeypatch)
    right = _sample(term)
    term.reset()
    wrong = _sample(term)
    changes = (_condition(policy, wrong) - _condition(policy, right)).norm(dim=-1)
    # a common shift of the whole cloud changes it by rounding alone: that was the error which no network could feel
    common = (_condition(policy, right + 0.003) - _condition(policy, right)).norm(dim=-1)
    assert float(changes.min()) > 0.02
    assert float(common.max()) < 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_the_stand_in_has_the_larger_error_and_both_have_enough(task: str) -> None:
    errors: dict[str, Any] = {}
    for domain in ("sim", "real"):
        cameras = entry_point(task, "env_cfg_entry_point", domain)().observations.policy.point_cloud.params["cameras"]
        errors[domain] = [(camera.shift_std, camera.turn_std) for camera in cameras.values()]
    for ours, theirs in zip(errors["sim"], errors["real"], strict=True):
        assert ours[0] >= 0.001
        assert ours[1] >= 0.2 * 3.14159 / 180.0
        assert theirs[0] > ours[0]
        assert theirs[1] > ours[1]


def test_the_settings_of_a_task_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (entry_point("SCORE-Insert-v0", "env_cfg_entry_point")() for _ in range(2))
    set_calibration(first.observations.policy.point_cloud, 0.5, 0.5)
    assert second.observations.policy.point_cloud.params["cameras"]["left"].shift_std == 0.001
