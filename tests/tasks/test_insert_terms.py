# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Success and frames of the insertion task on hand-made states (no simulator)."""

import math

import pytest
import torch

from isaaclab.utils.math import quat_from_euler_xyz

from score_tasks.insert.frames import GEOMETRY, PegInSocket, relative_to_socket
from score_tasks.insert.mdp import inserted

DOWN = (math.pi, 0.0, 0.0)


def _quat(roll: float, pitch: float, yaw: float) -> torch.Tensor:
    return quat_from_euler_xyz(torch.tensor([roll]), torch.tensor([pitch]), torch.tensor([yaw]))


def _relation(
    peg_pos: tuple[float, float, float],
    peg_euler: tuple[float, float, float] = DOWN,
    socket_pos: tuple[float, float, float] = (0.0, 0.0, 0.0),
    socket_yaw: float = 0.0,
) -> PegInSocket:
    return relative_to_socket(
        torch.tensor([peg_pos]), _quat(*peg_euler), torch.tensor([socket_pos]), _quat(0.0, 0.0, socket_yaw)
    )


def _success(relation: PegInSocket) -> bool:
    return bool(inserted(relation.tip_depth, relation.tip_pos_s, relation.tilt, 0.6, 0.087))


def test_depth_of_an_upright_peg() -> None:
    # peg 60 mm long, pointing down, centre at 52 mm: tip at 52 - 30 = 22 mm; rim at 10 + 30 = 40 mm -> depth 18 mm
    relation = _relation((0.0, 0.0, 0.052))
    assert relation.tip_depth.item() == pytest.approx(0.018, abs=1e-6)
    assert relation.tilt.item() == pytest.approx(0.0, abs=1e-3)


def test_socket_pose_is_taken_into_account() -> None:
    # socket at (0.5, 0.1, 0) turned by 90 deg; peg tip 3 mm along the environment's y = 3 mm along the socket's x
    relation = _relation((0.5, 0.103, 0.052), socket_pos=(0.5, 0.1, 0.0), socket_yaw=math.pi / 2)
    assert torch.allclose(relation.tip_pos_s, torch.tensor([[0.003, 0.0, 0.022]]), atol=1e-6)


@pytest.mark.parametrize(
    ("height", "expected"),
    [(0.0521, False), (0.0519, True)],  # depth 17.9 and 18.1 mm; 60 % of 30 mm = 18 mm
)
def test_success_needs_sixty_percent_of_the_depth(height: float, expected: bool) -> None:
    assert _success(_relation((0.0, 0.0, height))) is expected


def test_success_needs_the_tip_inside_the_outline() -> None:
    half = 0.5 * GEOMETRY.hole_width  # 10.5 mm
    assert not _success(_relation((half + 0.0005, 0.0, 0.045)))
    assert not _success(_relation((0.0, -half - 0.0005, 0.045)))


def test_a_tilted_or_upside_down_peg_is_no_success() -> None:
    # tilt 0.1 rad > 0.087 rad
    assert not _success(_relation((0.0, 0.0, 0.045), (math.pi + 0.1, 0.0, 0.0)))
    # upside down: its tip face points up, so the depth of the "tip" is 40 - (45 + 30) < 0
    assert not _success(_relation((0.0, 0.0, 0.045), (0.0, 0.0, 0.0)))


def test_a_peg_beside_the_socket_or_flung_below_the_table_is_no_success() -> None:
    assert not _success(_relation((0.05, 0.0, 0.045)))
    assert not _success(_relation((0.3, 0.3, -5.0)))


def test_a_non_finite_peg_is_no_success() -> None:
    assert not _success(_relation((math.nan, 0.0, 0.045)))
