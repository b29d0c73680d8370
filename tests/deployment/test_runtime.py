# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The robot-side policy: windows, chunk queue, clamping, reset, refused inputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.deployment.doubles import (
    HORIZON,
    POINTS,
    ConstantNetwork,
    EchoBase,
    PlainBase,
    make_head,
    make_spec,
    network_pieces,
    observations,
    reference_rollout,
)

from score.deployment import build_policy
from score.deployment.noise_table import NoiseTable
from score.deployment.record import plain_offset
from score.steering.familiarity import Distance, Familiarity
from score.utils import UserError


def step(a: float, b: float, cloud: float = 0.0) -> dict[str, torch.Tensor]:
    """Raw observations of one control step with the joints at (a, b)."""
    return {"joint_pos": torch.tensor([a, b]), "point_cloud": torch.full((POINTS, 3), cloud)}


def policy(base: torch.nn.Module, chunk_length: int = 3, **settings: Any) -> torch.jit.ScriptModule:
    options: dict[str, Any] = {"max_offset": 0.25, **settings}
    return build_policy(make_head(base, chunk_steps=chunk_length), make_spec(), **options)


def test_chunk_is_executed_row_by_row_and_clamped() -> None:
    """PlainBase decides (0.5, 0.9) + h / 10 from the joints at step 0; max_offset 0.25, limits +-1.

    step 0, joints (0.5, 0.9): wants (0.5, 0.9)            -> as wanted
    step 1, joints (0.5, 0.9): wants (0.6, 1.0)            -> as wanted
    step 2, joints (0.3, 0.9): wants (0.7, 1.1)            -> (0.3 + 0.25, limit 1.0) = (0.55, 1.0)
    step 3, new decision from (-0.5, 0.0), row 0           -> (-0.5, 0.0)
    """
    subject = policy(PlainBase())
    answers = [subject(step(*joints)) for joints in [(0.5, 0.9), (0.5, 0.9), (0.3, 0.9), (-0.5, 0.0)]]
    expected = torch.tensor([[0.5, 0.9], [0.6, 1.0], [0.55, 1.0], [-0.5, 0.0]])
    torch.testing.assert_close(torch.stack(answers), expected)


def _late(steps: int, late: int, **settings: Any) -> list[float]:
    """Targets of joint a, which stands at t / 100 in step t; PlainBase decides on its place + h / 10."""
    subject = policy(PlainBase(), late_steps=late, max_offset=9.0, **settings)
    return [round(float(subject(step(t / 100, 0.0))[0]), 6) for t in range(steps)]


def test_a_late_decision_is_executed_from_the_row_of_its_step() -> None:
    """Decisions at steps 0, 2 and 4, each used one step later: rows 0, 1, 2 of the first, and 1, 2 of the others."""
    assert _late(7, 1, chunk_length=2) == [0.0, 0.1, 0.2, 0.12, 0.22, 0.14, 0.24]
    assert _late(5, 0, chunk_length=2) == [0.0, 0.1, 0.02, 0.12, 0.04]


def test_where_a_chunk_has_no_more_rows_its_last_one_holds() -> None:
    """Three rows, all executed: the last one stands in for the fourth step, and the new chunk begins at row 1."""
    assert _late(8, 1, chunk_length=3) == [0.0, 0.1, 0.2, 0.2, 0.13, 0.23, 0.23, 0.16]


def test_a_decision_that_comes_later_still_is_executed_from_its_row() -> None:
    """The decision of step 2 should be there in step 3 and comes in step 4, where its row 2 is due."""
    subject = policy(PlainBase(), chunk_length=2, late_steps=1, max_offset=9.0)
    targets, begun = [], []
    for t in range(6):
        begun.append(subject.observe(step(t / 100, 0.0)))
        if t in (0, 4, 5):
            subject.accept(subject.decide())
        targets.append(round(float(subject.act()[0]), 6))
    # Step 3 holds row 2 of the first chunk; in step 5, three steps after the last, the next decision begins.
    assert targets[:5] == [0.0, 0.1, 0.2, 0.2, 0.22]
    assert begun == [True, False, True, False, False, True]
    subject.reset()
    assert subject.observe(step(0.0, 0.0))


def test_there_is_no_target_before_the_first_decision_of_an_episode() -> None:
    subject = policy(PlainBase(), chunk_length=2, late_steps=1)
    for _ in range(2):  # the second time after an episode, whose chunk is still there
        assert subject.observe(step(0.3, 0.1))
        with pytest.raises(torch.jit.Error, match="There is no decision yet: call accept"):
            subject.act()
        subject.accept(subject.decide())
        subject.act()
        subject.reset()


@pytest.mark.parametrize("late", [-1, 3])
def test_decisions_may_not_take_longer_than_a_chunk(late: int) -> None:
    with pytest.raises(UserError, match=f"--late_steps {late}: a decision may take from 0 to 2 control steps"):
        policy(PlainBase(), late_steps=late)


def test_every_joint_may_have_its_own_offset() -> None:
    """As above; in step 2 from joints (0.3, 0.8) it wants (0.7, 1.1): 0.3 + 0.1 and 0.8 + 0.15."""
    subject = policy(PlainBase(), max_offset=(0.1, 0.15))
    answers = [subject(step(*joints)) for joints in [(0.5, 0.9), (0.5, 0.9), (0.3, 0.8)]]
    torch.testing.assert_close(torch.stack(answers), torch.tensor([[0.5, 0.9], [0.6, 1.0], [0.4, 0.95]]))


def test_offsets_stand_in_a_manifest_as_they_were_set() -> None:
    assert plain_offset(0.1) == 0.1
    assert plain_offset(torch.tensor([0.1, 0.2])) == (0.1, 0.2)


def test_decides_once_a_chunk() -> None:
    subject = policy(PlainBase(), chunk_length=2)
    decided = []
    for _ in range(5):
        subject(step(0.0, 0.0))
        decided.append(subject.decided())
    assert decided == [True, False, True, False, True]
    subject.reset()
    subject(step(0.0, 0.0))
    assert subject.decided()


def test_the_robot_is_told_how_far_what_it_sees_is_from_the_training() -> None:
    """Columns 2 and 3 of PlainBase's 13 are the newest joints; all others count for nothing. The limit is at 2."""
    head = make_head(PlainBase(), chunk_steps=2)
    assert build_policy(head, make_spec(), max_offset=0.25).unfamiliarity() == 0.0
    scale, one = torch.full((13,), 1e9), torch.ones(())
    scale[2:4] = 1.0
    head.familiarity = Familiarity(Distance(torch.zeros(13), scale, torch.eye(13)[:, 2:3], torch.ones(1), one, 2 * one))
    subject = build_policy(head, make_spec(), max_offset=0.25)
    subject(step(0.6, 0.8))
    # sqrt(0.6^2 + 0.8^2) / 2
    assert subject.unfamiliarity() == pytest.approx(0.5)
    subject(step(6.0, 8.0))  # in the middle of a chunk nothing is decided
    assert subject.unfamiliarity() == pytest.approx(0.5)
    subject(step(6.0, 8.0))
    assert subject.unfamiliarity() == pytest.approx(5.0)
    subject.reset()
    assert subject.unfamiliarity() == 0.0


def test_past_targets_start_at_the_measured_position_and_then_hold_clamped_targets() -> None:
    """EchoBase answers the three past targets, oldest first, one per step of its chunk.

    Decision 1 at joints (0.4, 0): window = 3 x (0.4, 0). Step 1 at (0.9, 0) wants (0.4, 0): clamped to
    0.9 - 0.25 = 0.65. Step 2 at (0.4, 0) wants (0.4, 0). Decision 2 sees ((0.4, 0), (0.65, 0), (0.4, 0)): the clamped
    target, not 0.4.
    """
    subject = policy(EchoBase())
    first = [subject(step(*joints)) for joints in [(0.4, 0.0), (0.9, 0.0), (0.4, 0.0)]]
    torch.testing.assert_close(torch.stack(first), torch.tensor([[0.4, 0.0], [0.65, 0.0], [0.4, 0.0]]))
    second = [subject(step(0.6, 0.0)) for _ in range(3)]
    # 0.4 and 0.65 are both within 0.25 of 0.6, so they come out as remembered
    torch.testing.assert_close(torch.stack(second), torch.tensor([[0.4, 0.0], [0.65, 0.0], [0.4, 0.0]]))


class _JointWindow(PlainBase):
    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """Row 0: the older of the two joint frames."""
        return condition[:, None, 0:2] + 0.0 * latent


def test_observation_window_is_refilled_with_copies_of_the_first_frame() -> None:
    """The window holds two frames; the answer is the older one. Deciding every step, max_offset wide.

    joints 0.1, 0.2, 0.3 -> older frame 0.1 (copy), 0.1, 0.2; after reset at 0.7 -> 0.7, and nothing of before.
    """
    subject = policy(_JointWindow(), chunk_length=1, max_offset=9.0)
    answers = [float(subject(step(a, 0.0))[0]) for a in (0.1, 0.2, 0.3)]
    assert answers == pytest.approx([0.1, 0.1, 0.2])
    subject.reset()
    assert float(subject(step(0.7, 0.0))[0]) == pytest.approx(0.7)


def test_window_advances_in_every_control_step_not_only_at_decisions() -> None:
    # chunk of 2: decision 2 happens at the third step; the older frame is that of step 2 (0.2), not of decision 1 (0.1)
    subject = policy(_JointWindow(), chunk_length=2, max_offset=9.0)
    answers = [float(subject(step(a, 0.0))[0]) for a in (0.1, 0.2, 0.3)]
    assert answers == pytest.approx([0.1, 0.1, 0.2])


def test_a_joint_beyond_its_limit_is_sent_back_to_the_limit() -> None:
    # joints at 1.6: wanted 1.6, near clamp [1.35, 1.85], then the limit 1.0 wins
    torch.testing.assert_close(policy(PlainBase())(step(1.6, 0.0)), torch.tensor([1.0, 0.0]))


class _CloudBase(PlainBase):
    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """Every action is the cloud's mean x, y: anything at all."""
        return condition[:, None, 10:12] + 0.0 * latent


@pytest.fixture(scope="module")
def wild() -> torch.jit.ScriptModule:
    return policy(_CloudBase(), chunk_length=2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-9, 9)), min_size=1, max_size=5))
def test_every_target_is_near_the_measured_position_and_within_limits(
    wild: torch.jit.ScriptModule, steps: list[tuple[float, float, float]]
) -> None:
    wild.reset()
    for a, b, wanted in steps:
        frame = step(a, b, cloud=wanted)
        target = wild(frame)
        assert bool(((target - frame["joint_pos"]).abs() <= 0.25 + 1e-6).all())
        assert bool((target.abs() <= 1.0).all())


def test_equals_a_straightforward_loop_over_the_same_networks() -> None:
    pieces, raw = network_pieces(), observations(20)
    subject = build_policy(pieces.head, pieces.spec, max_offset=0.2)
    answers = torch.stack([subject({key: value[t] for key, value in raw.items()}) for t in range(20)])
    golden = reference_rollout(pieces, raw)
    torch.testing.assert_close(answers, golden.actions, atol=1e-6, rtol=0.0)
    # the episode must use the clamp and also leave it free, or this shows little
    offset = (golden.actions - raw["joint_pos"]).abs()
    assert bool((offset > 0.1999).any())
    assert bool((offset < 0.19).any())


def test_reset_makes_the_second_replay_the_same() -> None:
    pieces, raw = network_pieces(), observations(7)
    subject = build_policy(pieces.head, pieces.spec, max_offset=0.2)

    def replay() -> torch.Tensor:
        subject.reset()
        return torch.stack([subject({key: value[t] for key, value in raw.items()}) for t in range(7)])

    replay()  # compiles
    assert torch.equal(replay(), replay())


def test_building_leaves_the_given_modules_alone() -> None:
    pieces = network_pieces()
    base = pieces.head.plan.base
    before = {name: value.clone() for name, value in base.state_dict().items()}
    build_policy(pieces.head, pieces.spec, max_offset=0.2)
    assert base.training
    assert all(parameter.requires_grad for parameter in base.parameters())
    assert all(torch.equal(value, before[name]) for name, value in base.state_dict().items())


def test_answer_and_inputs_are_not_shared_with_the_history() -> None:
    subject = policy(EchoBase(), max_offset=9.0)
    frame = step(0.5, 0.5)
    subject(frame).fill_(9.0)  # a robot program that changes what it got
    frame["joint_pos"].fill_(9.0)  # a driver that reuses its buffer
    for _ in range(2):
        subject(step(0.5, 0.5))
    torch.testing.assert_close(subject(step(0.5, 0.5)), torch.tensor([0.5, 0.5]))


def test_float64_is_taken_and_float32_returned() -> None:
    frame = {key: value.double() for key, value in step(0.1, 0.2).items()}
    answer = policy(PlainBase())(frame)
    assert answer.dtype == torch.float32
    torch.testing.assert_close(answer, torch.tensor([0.1, 0.2]))


BAD_INPUTS = [
    ({"joint_pos": torch.zeros(2)}, r"'point_cloud' is missing; expected exactly: joint_pos, point_cloud\."),
    (
        {**step(0.0, 0.0), "joint_vel": torch.zeros(2)},
        r"Unknown observation 'joint_vel'; expected exactly: joint_pos, p",
    ),
    (
        {**step(0.0, 0.0), "joint_pos": torch.zeros(1, 2)},
        r"Observation 'joint_pos' has shape \[1, 2\], expected \[2\] \(one control step, no batch axis\)\.",
    ),
    (
        {**step(0.0, 0.0), "point_cloud": torch.zeros(9, 3)},
        r"'point_cloud' has 9 points, the policy was trained with 5: resample the cloud to 5 points, or give",
    ),
    ({**step(0.0, 0.0), "joint_pos": torch.tensor([0.0, float("nan")])}, r"'joint_pos' holds NaN or infinity\."),
    ({**step(0.0, 0.0), "point_cloud": torch.full((5, 3), float("inf"))}, r"'point_cloud' holds NaN or infinity\."),
    ({**step(0.0, 0.0), "joint_pos": torch.zeros(2, dtype=torch.int64)}, r"'joint_pos' must be float32 or float64"),
    ({**step(0.0, 0.0), "joint_pos": torch.zeros(2, dtype=torch.float16)}, r"convert it with \.float\(\)"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_INPUTS)
def test_bad_input_is_refused_and_leaves_the_state_as_it_was(bad: dict[str, torch.Tensor], message: str) -> None:
    subject, untouched = policy(PlainBase()), policy(PlainBase())
    for subject_ in (subject, untouched):
        subject_(step(0.5, 0.5))
    with pytest.raises(torch.jit.Error, match=message):
        subject(bad)
    for joints in [(0.4, 0.3), (0.2, 0.1), (0.0, 0.1)]:
        assert torch.equal(subject(step(*joints)), untouched(step(*joints)))


class _Overflow(PlainBase):
    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """NaN where the joints are beyond 0.5."""
        return condition[:, None, 2:4] + latent + torch.where(condition[:, None, 2:4] > 0.5, float("nan"), 0.0)


def test_a_computed_nan_is_never_returned() -> None:
    subject = policy(_Overflow(), chunk_length=1)
    subject(step(0.1, 0.1))
    with pytest.raises(torch.jit.Error, match="not finite: stop the robot, then call reset"):
        subject(step(0.6, 0.0))


def test_mean_rule_bounds_scales_and_expands_the_code_and_leaves_the_complement_at_zero() -> None:
    # b = 3, s = .91017660, mu = 1.5: 3 tanh(0.5) / s = 1.38635147 / .91017660 = 1.52316754; one column, 1 / sqrt(3)
    head = make_head(PlainBase(), ConstantNetwork(torch.tensor([1.5, -1.5])), "repeat")
    condition = torch.zeros(4, 13)
    latent, chunk = head(condition, torch.randn(4, HORIZON, 2), torch.zeros(4, 0), False)
    # 1.52316754 / sqrt(3) = .87940119, in every row
    torch.testing.assert_close(latent, torch.tensor([[0.8794012, -0.8794012]]).expand(4, HORIZON, 2))
    assert torch.equal(chunk, PlainBase().decode(condition, latent))
    assert NoiseTable(head, sampled=False, seed=7).seed is None


def test_sampled_rule_is_seeded_fills_the_complement_and_restarts_at_reset() -> None:
    head = make_head(PlainBase(), basis="repeat", bound=1e4, chunk_steps=1)
    tables = {seed: NoiseTable(head, sampled=True, seed=seed) for seed in (7, 8)}

    def latent(seed: int, decision: int) -> torch.Tensor:
        return head(torch.zeros(1, 13), *tables[seed](decision), True)[0]

    rows = torch.cat([latent(7, decision) for decision in range(1000)])
    # unit variance in each of the 6 numbers, uncorrelated: standard error of a variance of 1000 draws is 0.045
    covariance = torch.cov(rows.flatten(1).T)
    torch.testing.assert_close(covariance, torch.eye(6), atol=0.2, rtol=0.0)
    assert torch.equal(latent(7, 5), rows[5:6])
    assert not torch.equal(latent(8, 5), rows[5:6])

    subject = build_policy(head, make_spec(), max_offset=9.0, sampled=True, seed=7)
    first = [subject(step(0.0, 0.0)) for _ in range(3)]
    assert not torch.equal(first[0], first[1])
    subject.reset()
    assert torch.equal(subject(step(0.0, 0.0)), first[0])


@pytest.mark.parametrize("std", [-torch.ones(6), torch.full((6,), float("nan")), torch.ones(5)])
def test_impossible_standard_deviations_are_refused(std: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="must be 6 finite, non-negative numbers"):
        make_head(PlainBase(), std=std)


def test_without_measured_positions_every_observation_is_an_input_and_the_limits_alone_hold() -> None:
    # EchoBase answers the three past targets of the window; nothing is kept inside, so the caller gives the window's
    # newest frame: (0.4, 9) thrice at first, then (0.4, 9), (0.4, 9), (-3, 0.1) at the second decision. Limits +-1.
    subject = policy(EchoBase(), max_offset=None)
    frame = step(0.0, 0.0)
    with pytest.raises(torch.jit.Error, match="'joint_pos_target' is missing"):
        subject(frame)
    first = [subject({**frame, "joint_pos_target": torch.tensor([0.4, 9.0])}) for _ in range(3)]
    torch.testing.assert_close(torch.stack(first), torch.tensor([[0.4, 1.0]] * 3))
    second = [subject({**frame, "joint_pos_target": torch.tensor([-3.0, 0.1])}) for _ in range(3)]
    torch.testing.assert_close(torch.stack(second), torch.tensor([[0.4, 1.0], [0.4, 1.0], [-1.0, 0.1]]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_length": 4}, "Chunk length 4 does not fit the base policy: it must be 1 to 3."),
        ({"chunk_length": 0}, "Chunk length 0 does not fit"),
        ({"max_offset": float("nan")}, "max_offset must be a positive number in rad, one or 2 of them, got nan."),
        ({"max_offset": (0.1, 0.0)}, "one or 2 of them, got (0.1, 0.0)."),
        ({"max_offset": (0.1, 0.2, 0.3)}, "one or 2 of them, got (0.1, 0.2, 0.3)."),
        ({"measured_key": "joint_position"}, "no 'joint_position'. Did you mean 'joint_pos'"),
        ({"measured_key": "point_cloud"}, "Observation 'point_cloud' is (5, 3) in 'm', but the 2 actions are in 'rad'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options: dict, message: str) -> None:
    with pytest.raises(UserError) as caught:
        policy(PlainBase(), **options)
    assert message in str(caught.value)
