# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The tabletop tasks in the simulator: spaces, reset ranges, rest, finiteness; and they can be solved."""

from typing import Any

import pytest
from tests.tasks.workers import facts_of

from score.reconstruction.scene import read_scene
from score_assets import scene_file

SCENES = {
    "SoccerPush": ("soccer_push", 512, 160),
    "CardPick": ("card_pick", 768, 128),
    "DishrackPlace": ("dishrack_place", 768, 160),
    "BallPour": ("ball_pour", 544, 128),
    "BulbScrew": ("bulb_screw", 512, 256),
}
"""Task -> scene, points of the cloud, control steps of an episode."""
CASES = [(task, domain) for domain in ("sim", "real") for task in SCENES]

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def facts(request: pytest.FixtureRequest) -> dict[str, Any]:
    task, domain = request.param
    random_steps, num_envs = ("20", "6") if domain == "sim" else ("5", "3")
    seen = facts_of("tabletop_worker", f"SCORE-{task}-v0", domain, random_steps, num_envs)
    return {"task": task, "domain": domain, "num_envs": int(num_envs), **seen}


def test_engine_and_interface(facts: dict[str, Any]) -> None:
    count = facts["num_envs"]
    _, points, steps = SCENES[facts["task"]]
    assert facts["engine"] == {"sim": "ovphysx", "real": "newton_mjwarp"}[facts["domain"]]
    assert facts["shapes"] == {"joint_pos": [count, 23], "point_cloud": [count, points, 3]}
    # joints 23, each body 12, pads 12, tracking errors 23; the bulb's angle and speed
    bodies, more = {"BallPour": (3, 0), "BulbScrew": (1, 2)}.get(facts["task"], (2, 0))
    assert facts["critic"] == [count, 23 + 12 * bodies + 12 + 23 + more]
    assert facts["steps"] == steps


def test_starts_lie_within_the_ranges_of_the_scene_file(facts: dict[str, Any]) -> None:
    scene = read_scene(scene_file(SCENES[facts["task"]][0]))
    for name in facts["low"]:
        item = scene.named(name)
        carrier = scene.named(item.inside).bounds if item.inside else 0.0 * item.bounds
        low, high = item.bounds + carrier
        for axis in range(3):
            assert facts["low"][name][axis] >= item.position[axis] + low[axis] - 1e-4
            assert facts["high"][name][axis] <= item.position[axis] + high[axis] + 1e-4
    assert facts["same_start"] < 1e-5


def test_the_robot_holds_and_the_bodies_rest(facts: dict[str, Any]) -> None:
    assert facts["hold_error"] < 0.05
    # the ball starts 2 mm over the floor of its cup
    assert max(facts["moved"].values()) < 0.004


def test_random_actions_stay_finite(facts: dict[str, Any]) -> None:
    assert facts["finite"]
    assert facts["guards"] == 0


def test_a_demonstrator_without_flaws_solves_it(facts: dict[str, Any]) -> None:
    assert facts["success"] >= 0.66, facts["ended"]
    # weights are multiplied by the control period of 0.1 s: 10 pays 1, the dishrack's 50 pays 5
    expected = 5.0 if facts["task"] == "DishrackPlace" else 1.0
    assert all(expected - 0.1 < reward <= expected + 1.0 for reward in facts["reward_at_success"])
