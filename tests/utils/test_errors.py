# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Near names of a mistyped one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from score.utils import UserError, near_names

TASKS = ("SCORE-Insert-v0", "SCORE-Grasp-v0", "Isaac-Cartpole-v0")


def test_near_name_is_quoted_first() -> None:
    assert near_names("SCORE-Inser-v0", TASKS[::2]) == " Did you mean 'SCORE-Insert-v0'?"


def test_two_near_names_are_joined_with_the_nearest_first() -> None:
    assert near_names("joint_pos1", ["joint_pos_target", "joint_pos"]) == (
        " Did you mean 'joint_pos' or 'joint_pos_target'?"
    )


def test_nothing_near_says_nothing() -> None:
    assert near_names("point_cloud", TASKS) == ""
    assert near_names("point_cloud", []) == ""


def test_case_and_dashes_are_near() -> None:
    assert near_names("score_insert_V0", TASKS[:1]) == " Did you mean 'SCORE-Insert-v0'?"


def test_candidates_that_differ_only_in_case_are_all_offered() -> None:
    assert near_names("CUBE", ["Cube", "cube"]) == " Did you mean 'Cube' or 'cube'?"


def test_at_most_three_names() -> None:
    assert near_names("arm", [f"arm{i}" for i in range(9)]).count("'arm") == 3


@given(st.text(), st.lists(st.text()))
def test_only_other_candidates_are_suggested(name: str, candidates: list[str]) -> None:
    suggestion = near_names(name, candidates)
    others = [candidate for candidate in candidates if candidate != name]
    assert suggestion == "" or any(repr(other) in suggestion for other in others)


def test_user_error_exits_with_two() -> None:
    assert UserError.exit_code == 2
