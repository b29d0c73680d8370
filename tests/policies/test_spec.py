# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from score.policies import ActionSpec, ObservationSpec, PolicySpec, require_match
from score.utils.errors import UserError

from .conftest import JOINTS, insert_spec


def test_window_shape_has_a_frame_axis_only_with_history() -> None:
    assert ObservationSpec((7,), 4, "rad").window_shape == (4, 7)
    assert ObservationSpec((512, 3), 1, "m").window_shape == (512, 3)


def test_spec_survives_json() -> None:
    spec = insert_spec()
    assert PolicySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_match_accepts_a_task_that_offers_more_and_ignores_its_horizon_and_limits() -> None:
    task = insert_spec()
    extra = {**task.observations, "gripper": ObservationSpec((1,), 1, "m")}
    actions = dataclasses.replace(task.actions, relative_to=None, low=(-1.0,) * 7)
    require_match(insert_spec(), dataclasses.replace(task, observations=extra, horizon=1, actions=actions))


def _with_observation(spec: PolicySpec, name: str, **changes: object) -> PolicySpec:
    entry = dataclasses.replace(spec.observations[name], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(spec, observations={**spec.observations, name: entry})


def _renamed(spec: PolicySpec, old: str, new: str) -> PolicySpec:
    return dataclasses.replace(spec, observations={new if k == old else k: v for k, v in spec.observations.items()})


SPEC = insert_spec()
SWAPPED = (JOINTS[1], JOINTS[0], *JOINTS[2:])
RENAMED = ("panda_joint_1", *JOINTS[1:])


def _with_actions(**changes: object) -> PolicySpec:
    return dataclasses.replace(SPEC, actions=dataclasses.replace(SPEC.actions, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            _renamed(SPEC, "joint_pos", "joint_poss"),
            r"'joint_pos' is missing in the task. Did you mean 'joint_poss' or",
        ),
        (
            dataclasses.replace(SPEC, observations={"zzz": ObservationSpec((1,), 1, "m")}),
            r"'point_cloud' is missing in the task \(it has 'zzz'\)",
        ),
        (_with_observation(SPEC, "point_cloud", shape=(64, 3)), r"shape \(32, 3\) and the task's \(64, 3\)"),
        (_with_observation(SPEC, "joint_pos", history=1), r"'joint_pos' has history 4 and the task's 1"),
        (_with_observation(SPEC, "joint_pos", units="deg"), r"'joint_pos' has units 'rad' and the task's 'deg'"),
        (_with_observation(SPEC, "point_cloud", frame="world"), r"frame 'panda_tcp' and the task's 'world'"),
        (
            _with_observation(SPEC, "joint_pos", names=SWAPPED),
            r"names of observation 'joint_pos' are the same in another order",
        ),
        (_with_actions(names=SWAPPED), r"action names are the same in another order"),
        (_with_actions(names=RENAMED), r"action names differ .*'panda_joint1' Did you mean 'panda_joint_1'"),
        (_with_actions(units="deg"), r"actions are in 'rad' and the task takes 'deg'"),
        (dataclasses.replace(SPEC, control_rate_hz=30.0), r"control rate is 10 Hz and the task's 30 Hz"),
    ],
)
def test_mismatch_is_named(task: PolicySpec, message: str) -> None:
    with pytest.raises(UserError, match=message):
        require_match(insert_spec(), task)


def test_every_mismatch_is_in_one_message() -> None:
    task = dataclasses.replace(_with_observation(insert_spec(), "joint_pos", units="deg"), control_rate_hz=5.0)
    with pytest.raises(UserError, match=r"units .*; control rate"):
        require_match(insert_spec(), task)


def test_an_open_frame_or_open_names_are_not_compared() -> None:
    task = _with_observation(_with_observation(insert_spec(), "point_cloud", frame=""), "joint_pos", names=())
    require_match(insert_spec(), task)


def test_rounding_of_the_rate_is_no_mismatch() -> None:
    require_match(insert_spec(), dataclasses.replace(insert_spec(), control_rate_hz=1 / (12 * 0.00833333)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("horizon"), "spec lacks the key 'horizon'"),
        (lambda d: d.update(horizn=8), "spec has an unknown key 'horizn'. Did you mean 'horizon'"),
        (lambda d: d["actions"].pop("units"), "spec.actions lacks the key 'units'"),
        (lambda d: d["observations"]["joint_pos"].pop("shape"), "spec.observations.joint_pos lacks the key 'shape'"),
        (lambda d: d.update(control_rate_hz="fast"), "value of the wrong type"),
        (lambda d: d.update(observations=[]), "spec.observations is not a mapping"),
        (lambda d: d["actions"].update(low=[1.0]), "7 names, 1 low and 7 high"),
    ],
)
def test_bad_dict_is_refused(change: Callable[[dict], object], message: str) -> None:
    data = insert_spec().to_dict()
    change(data)
    with pytest.raises(UserError, match=message):
        PolicySpec.from_dict(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ObservationSpec((), 1, "m"), "shape .* invalid"),
        (lambda: ObservationSpec((7,), 0, "rad"), "history holds 0: give a whole number of at least 1"),
        (lambda: ObservationSpec((7,), 1, "rad", names=("a",)), "1 names for 7 numbers"),
        (lambda: ActionSpec(("a", "a"), "rad", (0, 0), (1, 1), None), "none twice"),
        (lambda: ActionSpec(("a",), "rad", (float("nan"),), (1,), None), "low must be less than high"),
        (lambda: dataclasses.replace(insert_spec(), observations={}), "at least one observation"),
        (lambda: dataclasses.replace(insert_spec(), control_rate_hz=float("inf")), "control_rate_hz inf"),
        (lambda: dataclasses.replace(insert_spec(), horizon=0), "horizon holds 0"),
    ],
)
def test_bad_values_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()
