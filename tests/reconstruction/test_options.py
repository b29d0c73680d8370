# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings as users write them: millimetres and masses with a unit, from flags and from files alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from score.reconstruction.options import asset_cfg
from score.reconstruction.settings import AssetCfg
from score.utils.errors import UserError


def read(**options: Any) -> AssetCfg:
    return asset_cfg(Path("a.obj"), "mug", Path("out"), options)


def test_nothing_said_is_the_default() -> None:
    assert read() == AssetCfg(Path("a.obj"), "mug", Path("out"))


def test_lengths_are_millimetres_and_masses_have_a_unit() -> None:
    cfg = read(mass="250g", voxel=0.8, known_length="z=95", roi=[0, 1, 0, 1, 0, 1.5], points=64)
    assert (cfg.mass, cfg.voxel) == pytest.approx((0.25, 0.0008))
    assert cfg.known_length == ("z", 0.095)
    assert (cfg.roi, cfg.num_points) == ((0.0, 1.0, 0.0, 1.0, 0.0, 1.5), 64)
    assert read(mass=0.25).mass == 0.25
    assert read(material="ceramic", wall=4).wall == pytest.approx(0.004)


def test_measures_are_a_mapping_in_files_and_words_on_the_command_line() -> None:
    words = read(collision="primitive", measure=["x=20", "y=30"])
    assert words == read(collision="primitive", measure={"x": 20, "y": 30})
    assert words.measures == pytest.approx({"x": 0.02, "y": 0.03})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mas": 1}, r"The setting 'mas' is unknown. Did you mean 'mass'"),
        ({"unit": 1}, "unit holds 1: give a text"),
        ({"voxel": "fine"}, "voxel holds 'fine': give a finite number"),
        ({"mass": [1]}, "mass holds"),
        ({"mass": "heavy"}, "'heavy' is not a mass"),
        ({"roi": [1, 2]}, "roi holds .* give 6 finite numbers"),
        ({"measure": 3}, r"measure holds 3: give millimetres by name"),
        ({"points": 0}, "points holds 0: give a whole number"),
        ({"known_length": "95"}, "has another form than KEY=MM"),
    ],
)
def test_what_does_not_fit_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(**options)
