# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A capsule takes a segmented cloud as the robot has it: segment by segment, of any number of points."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch
from tests.deployment.doubles import POINTS, PlainBase, make_head, make_spec

from score.deployment import build_policy
from score.policies.spec import CloudSegment

SEGMENTS = (CloudSegment("hand", 2, "joints"), CloudSegment("cup", POINTS - 2, "front"))


class CloudBase(PlainBase):
    """The condition ends with the cloud's mean; action of row h: the newest cloud's x of point 0 and of the last."""

    def decode(self, condition: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """(B, 3, 2)."""
        return condition[:, None, 11:13].expand(-1, 3, 2) + 0.0 * latent


@pytest.fixture(scope="module")
def subject() -> torch.jit.ScriptModule:
    spec = make_spec()
    cloud = dataclasses.replace(spec.observations["point_cloud"], segments=SEGMENTS)
    spec = dataclasses.replace(spec, observations={**spec.observations, "point_cloud": cloud})
    return build_policy(make_head(CloudBase()), spec, max_offset=10.0)


def act(subject: torch.jit.ScriptModule, **cloud: torch.Tensor) -> torch.Tensor:
    subject.reset()
    named = {name.replace("__", "/"): points for name, points in cloud.items()}
    return subject({"joint_pos": torch.zeros(2), **named})


def test_segments_of_the_right_size_are_the_whole_cloud(subject: torch.jit.ScriptModule) -> None:
    cloud = 0.1 * torch.randn(POINTS, 3, generator=torch.Generator().manual_seed(0))
    whole = act(subject, point_cloud=cloud)
    torch.testing.assert_close(act(subject, point_cloud__hand=cloud[:2], point_cloud__cup=cloud[2:]), whole)


def test_other_numbers_of_points_are_thinned_or_repeated_evenly(subject: torch.jit.ScriptModule) -> None:
    hand = torch.tensor([[0.1, 0.0, 0.0]])  # one point for two: twice
    cup = torch.stack([torch.full((3,), 0.01 * index) for index in range(9)])
    count = POINTS - 2  # of 9 points those at floor(i * 9 / 3) = 0, 3 and 6
    kept = cup[[index * 9 // count for index in range(count)]]
    expected = act(subject, point_cloud=torch.cat([hand, hand, kept]))
    torch.testing.assert_close(act(subject, point_cloud__hand=hand, point_cloud__cup=cup), expected)


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        ({"point_cloud__hand": torch.zeros(2, 3)}, "give the whole cloud, or its segments point_cloud/hand, point_"),
        ({"point_cloud__hand": torch.zeros(0, 3), "point_cloud__cup": torch.zeros(3, 3)}, "'point_cloud/hand' has sha"),
        ({"point_cloud__hand": torch.zeros(2, 2), "point_cloud__cup": torch.zeros(3, 3)}, "'point_cloud/hand' has sha"),
        (
            {"point_cloud": torch.zeros(POINTS, 3), "point_cloud__hand": torch.zeros(2, 3)},
            "Unknown observation 'point_cloud/hand'",
        ),
        (
            {"point_cloud__hand": torch.full((2, 3), float("nan")), "point_cloud__cup": torch.zeros(3, 3)},
            "'point_cloud/hand' holds NaN",
        ),
    ],
)
def test_what_is_no_cloud_is_refused(
    cloud: dict[str, torch.Tensor], message: str, subject: torch.jit.ScriptModule
) -> None:
    with pytest.raises(torch.jit.Error, match=re.escape(message)):
        act(subject, **cloud)
