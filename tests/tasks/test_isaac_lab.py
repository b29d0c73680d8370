# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab's own commands on the tasks: list_envs, zero_agent, train and play, without starting a simulator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import pytest
import torch

from isaaclab_tasks.utils.hydra import resolve_task_runs
from isaaclab_tasks.utils.parse_cfg import load_cfg_from_registry

from score.open_task import register_tasks
from score.utils.errors import UserError
from score_tasks.insert.scene_env_cfg import InsertSceneEnvCfg
from score_tasks.kit.actions import SafeJointPositionAction


@pytest.fixture(scope="module")
def tasks() -> list[str]:
    return [task for task in register_tasks() if task.startswith("SCORE-")]


def test_a_task_that_needs_a_file_does_not_end_the_listing(tasks: list[str]) -> None:
    assert resolve_task_runs("SCORE-Insert-Scene-v0") == []
    with pytest.raises(UserError, match=r"needs a scene file: add env\.scene_file=FILE\.yaml"):
        InsertSceneEnvCfg().validate_config()


def test_train_and_play_name_the_scripts(tasks: list[str]) -> None:
    for task in tasks:
        with pytest.raises(SystemExit, match=r"use \./isaaclab\.sh -p scripts/train\.py --task TASK"):
            load_cfg_from_registry(task, "rsl_rl_cfg_entry_point")


def test_all_tasks_run_without_a_gpu_wherever_they_are_built(tasks: list[str]) -> None:
    assert {gym.spec(task).entry_point for task in tasks} == {"score_tasks.kit.environment:TaskEnv"}


@pytest.mark.parametrize(
    ("sent", "commanded"),
    [
        ([0.0, 0.0], [0.5, -1.5]),  # the second joint ends at -1: no target, the last one stays
        ([0.0, -1.5], [0.4, -1.5]),  # one zero is a target: 0.5 measured, at most 0.1 rad away
        ([float("nan"), float("nan")], [0.5, -1.5]),  # no target: the measured position
    ],
)
def test_a_row_of_zeros_holds_where_it_cannot_be_a_target(sent: list[float], commanded: list[float]) -> None:
    term: Any = SimpleNamespace(
        _raw_actions=torch.zeros(1, 2),
        _measured=lambda: torch.tensor([[0.5, -1.5]]),
        _processed_actions=torch.tensor([[0.5, -1.5]]),
        _reach=torch.tensor(0.1),
        command_low=torch.tensor([-1.0, -2.0]),
        command_high=torch.tensor([1.0, -1.0]),
        _zeros_hold=True,
    )
    SafeJointPositionAction.process_actions(term, torch.tensor([sent]))
    assert torch.allclose(term._processed_actions, torch.tensor([commanded]))


def test_zeros_are_a_target_where_the_limits_allow_them() -> None:
    term: Any = SimpleNamespace(
        _raw_actions=torch.zeros(1, 1),
        _measured=lambda: torch.tensor([[0.5]]),
        _processed_actions=torch.tensor([[0.5]]),
        _reach=torch.tensor(0.1),
        command_low=torch.tensor([-1.0]),
        command_high=torch.tensor([1.0]),
        _zeros_hold=False,
    )
    SafeJointPositionAction.process_actions(term, torch.zeros(1, 1))
    assert torch.allclose(term._processed_actions, torch.tensor([[0.4]]))
