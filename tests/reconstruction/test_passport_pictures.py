# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Pictures of a passport have a scale bar that says how large things are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from score.reconstruction.check.render import TILE, bar_length, write_pictures
from score.reconstruction.scan.scan import Scan
from score.reconstruction.shape.pieces import BoxPiece


@pytest.mark.parametrize(
    ("longest", "length"), [(0.0375, 0.02), (0.05, 0.05), (0.0499, 0.02), (0.3, 0.2), (0.0019, 0.001), (1.0, 1.0)]
)
def test_the_bar_is_the_longest_round_length(longest: float, length: float) -> None:
    assert bar_length(longest) == pytest.approx(length)


def test_the_bar_of_a_section_is_as_long_as_it_says(tmp_path: Path) -> None:
    # A cube of 100 mm fills 0.8 of 400 pixels: 3.2 pixels a millimetre. There is room for 0.3 * 400 / 3.2 = 37.5 mm,
    # so the bar stands for 20 mm: 64 pixels.
    mesh = trimesh.creation.box((0.1, 0.1, 0.1))
    cube = Scan(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    write_pictures(tmp_path, cube, [BoxPiece((0.0, 0.0, 0.0), (0.05, 0.05, 0.05))], (0.0, 0.0))
    sheet = np.asarray(Image.open(tmp_path / "collision.png").convert("L"))
    assert (sheet[15, 2 * TILE :] < 128).sum() == 64
    # In perspective, at the distance of its middle: 400 pixels are 2 * 0.26 * 4.2 radii, a radius is 86.6 mm; so 2.115
    # pixels a millimetre, room for 56.7 mm, and 50 mm are 106 pixels.
    assert [(sheet[15, column : column + TILE] < 128).sum() for column in (0, TILE)] == [106, 106]
