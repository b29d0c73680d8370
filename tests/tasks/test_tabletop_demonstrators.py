# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Demonstrators of the tabletop tasks in a world without physics: they get through their phases in time.

What only contact decides (does the grip hold, where does the ball fall) is the simulator tests' matter.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.tasks.tabletop_scene import HandMadeEnv

from score.open_task import entry_point
from score.reconstruction.scene import read_scene
from score_assets import scene_file
from score_tasks.kit.hand_demonstrator import HandDemonstrator, HandHabits, without_flaws
from score_tasks.tabletop import ball_pour_demonstrator, dishrack_place_demonstrator
from score_tasks.tabletop.ball_pour import BIN_RADIUS
from score_tasks.tabletop.ball_pour_demonstrator import LEAN
from score_tasks.tabletop.bulb_screw import FULL_TURN
from score_tasks.tabletop.card_pick import TARGET
from score_tasks.tabletop.dishrack_place import bowl_in_slot
from score_tasks.tabletop.soccer_push import RADIUS, ball_in_goal

NUM_ENVS = 12


def world(scene: str, task: str, habits: HandHabits | None = None) -> tuple[HandMadeEnv, Any]:
    """Starts from the ranges of a scene file, and the task's demonstrator before them."""
    env = HandMadeEnv(num_envs=NUM_ENVS)
    generator = torch.Generator().manual_seed(0)
    offsets: dict[str, torch.Tensor] = {}
    for item in read_scene(scene_file(scene)).objects:
        offsets[item.name] = env.draw(item, generator, offsets)
    kind = entry_point(f"SCORE-{task}-v0", "demonstrator_entry_point")
    opened: Any = SimpleNamespace(env=env, num_envs=NUM_ENVS, device="cpu")
    return env, kind(opened, 0, habits or without_flaws(kind.habits))


def run(
    env: HandMadeEnv,
    demonstrator: HandDemonstrator,
    steps: int,
    held: dict[str, tuple[str, ...]],
    between: Callable[[torch.Tensor], None] = lambda palm_before: None,
) -> list[str]:
    """Runs an episode; ``held``: body -> phases in which it goes along. Returns the last phase of each environment."""
    for _ in range(steps):
        targets = demonstrator.act()
        before = env.palm.rot
        env.follow(targets, {name: demonstrator.doing(*phases) for name, phases in held.items()})
        between(before)
    return [demonstrator.phases[index].name for index in demonstrator.phase.tolist()]


def place(env: HandMadeEnv, name: str) -> torch.Tensor:
    return env.scene[name].data.root_pos_w.torch


def test_a_ball_that_goes_before_the_blade_ends_in_the_goal() -> None:
    env, demonstrator = world("soccer_push", "SoccerPush")

    def roll(before: torch.Tensor) -> None:
        """Three fingers are a blade 80 mm wide, which takes the ball along in the direction that it looks to."""
        demonstrator.look()
        ball, ahead = place(env, "ball"), -env.palm.rot[:, :2, 0]
        offset = (ball - demonstrator.grip)[:, :2]
        along = (offset * ahead).sum(-1, keepdim=True)
        across = (offset - along * ahead).norm(dim=-1, keepdim=True)
        pushed = (along.abs() < RADIUS) & (across < 0.04) & (demonstrator.grip[:, 2:] < 0.06)
        moved = ball[:, :2] + torch.where(pushed, RADIUS - along, 0.0) * ahead
        env.put("ball", torch.cat((moved, ball[:, 2:]), dim=-1))

    run(env, demonstrator, 120, {}, roll)
    assert bool(ball_in_goal(env, max_speed=0.1).all())


def test_a_card_that_is_held_gets_to_its_target() -> None:
    env, demonstrator = world("card_pick", "CardPick")
    assert run(env, demonstrator, 70, {"card": ("lift",)}) == ["lift"] * NUM_ENVS
    assert (place(env, "card") - torch.tensor(TARGET)).norm(dim=-1).max() < 0.05


def test_the_thumb_presses_when_the_fingers_are_down() -> None:
    env, demonstrator = world("card_pick", "CardPick")
    while not bool(demonstrator.doing("close").all()):
        env.follow(demonstrator.act(), {})
    demonstrator.look()
    thumb = demonstrator._closing()[:, 12:]
    assert torch.equal(thumb, demonstrator._opened[:, 12:])  # the fingers are 0.4 rad open
    for _ in range(8):
        env.follow(demonstrator.act(), {})
    demonstrator.look()
    assert not torch.equal(demonstrator._closing()[:, 12:], thumb)


@pytest.mark.parametrize(
    ("scene", "task", "taken", "holding", "last"),
    [
        ("card_pick", "CardPick", "card", ("lift",), "lift"),
        ("ball_pour", "BallPour", "cup", ("lift", "carry", "tip", "wait"), "wait"),
        ("dishrack_place", "DishrackPlace", "bowl", ("lift", "carry", "lower"), "up"),
    ],
)
def test_what_was_left_behind_is_taken_with_an_open_hand_once_more(
    scene: str, task: str, taken: str, holding: tuple[str, ...], last: str
) -> None:
    env, demonstrator = world(scene, task)
    first, second = demonstrator.phases[0].name, demonstrator.phases[1].name
    left, closings = (torch.zeros(NUM_ENVS, dtype=torch.long) for _ in range(2))
    shut, opened = torch.zeros(NUM_ENVS), torch.full((NUM_ENVS,), 9.0)
    for _ in range(150):
        before = demonstrator.phase.clone()
        targets = demonstrator.act()
        begun = demonstrator.phase != before
        left += demonstrator.doing(first) & begun
        closings += demonstrator.doing("close") & begun
        bend = env.joints[:, 7 + 1]  # of the index finger
        shut = torch.where(demonstrator.doing(first) & begun, bend, shut)
        opened = torch.where((left > 0) & demonstrator.doing(second) & begun, bend, opened)
        env.follow(targets, {taken: (closings > 1) & demonstrator.doing(*holding)})
    assert left.tolist() == [1] * NUM_ENVS
    assert closings.tolist() == [2] * NUM_ENVS
    assert (shut - opened).min() > 0.2
    assert [demonstrator.phases[index].name for index in demonstrator.phase.tolist()] == [last] * NUM_ENVS


def test_what_lies_elsewhere_is_not_taken_once_more() -> None:
    env, demonstrator = world("card_pick", "CardPick")
    run(env, demonstrator, 70, {"card": ("lift",)})
    env.put("card", place(env, "shelf") + torch.tensor((0.0, 0.2, -0.1)))
    assert run(env, demonstrator, 5, {}) == ["lift"] * NUM_ENVS


TAKEN_FROM_ABOVE = pytest.mark.parametrize(
    ("scene", "task", "taken", "aimed", "habits"),
    [
        ("ball_pour", "BallPour", "cup", "_take", ball_pour_demonstrator.Habits),
        ("dishrack_place", "DishrackPlace", "bowl", "_rim", dishrack_place_demonstrator.Habits),
    ],
)


@TAKEN_FROM_ABOVE
def test_a_palm_does_not_come_down_beside_its_place(
    scene: str, task: str, taken: str, aimed: str, habits: type[HandHabits]
) -> None:
    env, demonstrator = world(scene, task, habits())
    while not bool(demonstrator.doing("down").all()):
        env.follow(demonstrator.act(), {})
    env.put(taken, place(env, taken) + torch.tensor((0.04, 0.0, 0.0)))  # farther than the 0.03 m at which it waits
    demonstrator.look()
    height = demonstrator.grip[:, 2]
    torch.testing.assert_close(demonstrator.goal()[:, 2], height)
    env.put(taken, place(env, taken) - torch.tensor((0.04, 0.0, 0.0)))
    demonstrator.look()
    assert (height - demonstrator.goal()[:, 2]).min() > 0.02


@TAKEN_FROM_ABOVE
def test_what_is_seen_less_well_from_above_is_taken_where_it_is(
    scene: str, task: str, taken: str, aimed: str, habits: type[HandHabits]
) -> None:
    env, demonstrator = world(scene, task, habits(aim_far_std=0.02))
    _, exact = world(scene, task, habits())

    def beside() -> torch.Tensor:
        away = getattr(demonstrator, aimed)() - getattr(exact, aimed)()
        return away[:, :2].norm(dim=-1)

    exact.look()
    demonstrator.look()
    assert beside().max() > 0.01
    while not bool(demonstrator.doing("close").all()):
        env.follow(demonstrator.act(), {})
    demonstrator.look()
    assert beside().max() < 0.005


def test_a_cup_is_not_tipped_beside_its_place() -> None:
    env, demonstrator = world("ball_pour", "BallPour", ball_pour_demonstrator.Habits(rough_std=0.1, near_enough=0.02))
    tipped = torch.zeros(NUM_ENVS)

    def watch(before: torch.Tensor) -> None:
        demonstrator.look()
        away = (demonstrator.grip - demonstrator._pouring_place()).norm(dim=-1)
        astray = demonstrator.doing("tip") & (away > demonstrator.habits.astray[1])
        tipped.copy_(torch.where(astray, torch.maximum(tipped, demonstrator._lean), tipped))

    run(env, demonstrator, 110, {"cup": ("lift", "carry", "tip", "wait")}, watch)
    assert tipped.max() > 0.5  # some came there far away
    assert tipped.max() < LEAN + 0.2


def test_a_bowl_that_is_held_gets_into_the_slot_and_stays_there() -> None:
    env, demonstrator = world("dishrack_place", "DishrackPlace")
    phases = run(env, demonstrator, 130, {"bowl": ("lift", "carry", "lower")})
    assert phases == ["up"] * NUM_ENVS
    assert bool(bowl_in_slot(env).all())


def test_a_cup_is_tipped_with_its_rim_over_the_big_cup() -> None:
    env, demonstrator = world("ball_pour", "BallPour")
    phases = run(env, demonstrator, 110, {"cup": ("lift", "carry", "tip", "wait")})
    assert phases == ["wait"] * NUM_ENVS
    assert demonstrator._lean.min() > 1.8  # 110 degrees are 1.92 rad
    assert (demonstrator.grip - demonstrator._pouring_place()).norm(dim=-1).max() < 0.02
    assert (demonstrator.grip - place(env, "bin"))[:, :2].norm(dim=-1).max() < BIN_RADIUS


def test_a_cup_that_is_carried_to_a_rough_place_gets_to_the_right_one_while_it_tips() -> None:
    env, demonstrator = world("ball_pour", "BallPour", ball_pour_demonstrator.Habits(rough_std=0.03))
    first = torch.full((NUM_ENVS,), torch.nan)
    late = torch.zeros(NUM_ENVS)

    def watch(before: torch.Tensor) -> None:
        demonstrator.look()
        away = (demonstrator.grip - demonstrator._pouring_place()).norm(dim=-1)
        tips = demonstrator.doing("tip")
        first.copy_(torch.where(tips & first.isnan(), away, first))
        late.copy_(torch.where(tips & (demonstrator._lean > 1.7), torch.maximum(late, away), late))

    run(env, demonstrator, 110, {"cup": ("lift", "carry", "tip", "wait")}, watch)
    assert first.max() > 0.04
    assert late.max() < 0.03


def test_a_bulb_is_turned_by_a_full_turn_within_the_horizon() -> None:
    env, demonstrator = world("bulb_screw", "BulbScrew")
    angle = torch.zeros(NUM_ENVS)

    def turn(before: torch.Tensor) -> None:
        change = env.palm.rot @ before.mT
        angle.sub_(torch.atan2(change[:, 1, 0], change[:, 0, 0]) * demonstrator.doing("twist"))

    run(env, demonstrator, 250, {}, turn)  # at the pace of the arm's other joints: without the wrist's own offset
    assert angle.min() > FULL_TURN


@pytest.mark.parametrize(
    ("scene", "task"),
    [
        ("soccer_push", "SoccerPush"),
        ("card_pick", "CardPick"),
        ("dishrack_place", "DishrackPlace"),
        ("ball_pour", "BallPour"),
        ("bulb_screw", "BulbScrew"),
    ],
)
def test_habits_differ_from_care_to_care_and_are_drawn_anew(scene: str, task: str) -> None:
    kind = entry_point(f"SCORE-{task}-v0", "demonstrator_entry_point")
    env, demonstrator = world(scene, task, kind.habits)
    flawless = without_flaws(kind.habits)
    assert flawless.aim_bias == (0.0, 0.0)
    assert flawless.aim_std == flawless.tremor_std == 0.0
    assert kind.habits != flawless
    assert min(kind.habits.care_probability) > 0.0
    first = demonstrator.care.clone()
    for _ in range(6):
        env.follow(demonstrator.act(), {})
    assert torch.isfinite(demonstrator.act()).all()
    demonstrator.reset()
    assert not torch.equal(first, demonstrator.care)
    assert not bool(demonstrator.phase.any())
