# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The thing on the table, of many points and of few."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from score.reconstruction.scan.region import Survey, object_region
from score.reconstruction.scan.table import Plane


def box_on_a_table(spacing: float, tilt: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """A box of 0.3 x 0.2 x 0.4 m on a table of 1.6 m, one point in each square of an edge, the table tilted."""
    count = round((1.6 / spacing) ** 2)
    table = np.column_stack([generator.uniform(-0.8, 0.8, (count, 2)), np.zeros(count)])
    table = table[(np.abs(table[:, :2]) > (0.15, 0.1)).any(axis=1)]
    table[:, 2] = tilt * table[:, 0]
    count = round(2.0 * 0.4 * (0.3 + 0.2) / spacing**2)
    turn = generator.uniform(0.0, 1.0, count)
    around = np.where(
        (turn < 0.6)[:, None],
        np.column_stack([turn / 0.6 * 0.3 - 0.15, np.where(turn < 0.3, -0.1, 0.1)]),
        np.column_stack([np.where(turn < 0.8, -0.15, 0.15), (turn - 0.6) / 0.4 * 0.2 - 0.1]),
    )
    sides = np.column_stack([around, generator.uniform(0.0, 0.4, count)])
    count = round(0.3 * 0.2 / spacing**2)
    top = np.column_stack([generator.uniform(-1.0, 1.0, (count, 2)) * (0.15, 0.1), np.full(count, 0.4)])
    return np.concatenate([table, sides, top]).astype(np.float32)


@pytest.mark.parametrize(("spacing", "tilt"), [(0.0015, 0.0), (0.007, 0.0), (0.007, 0.001)])
def test_a_thing_of_few_points_stays_whole(spacing: float, tilt: float) -> None:
    points = box_on_a_table(spacing, tilt, np.random.default_rng(0))
    look = Survey(points, 0.0003, np.array([0.0, 0.0, 0.1]), 1.5)
    region = object_region(look, Plane(np.array([0.0, 0.0, 1.0]), 0.0, 0.0, 1.0), 1.2)
    assert region.others == 0
    assert (region.low < (-0.15, -0.1, 0.0)).all()
    assert (region.high > (0.15, 0.1, 0.39)).all()
    # A margin of a quarter of the thing, and not half the table.
    assert (region.high - region.low < (0.6, 0.5, 0.5)).all()
