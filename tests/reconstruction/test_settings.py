# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the command line refuses before it reads the scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from score.reconstruction.settings import AssetCfg, parse_mass, parse_measures
from score.utils.errors import UserError


def cfg(**changes: Any) -> AssetCfg:
    return AssetCfg(**{"scan": Path("a.obj"), "name": "mug", "output": Path("out"), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "my mug"}, "An asset cannot have the name 'my mug'"),
        ({"name": "2mugs"}, "An asset cannot have the name"),
        ({"unit": "mmm"}, r"--unit 'mmm' is unknown. Did you mean 'mm'"),
        ({"unit": "furlong"}, "Known are m, cm, mm, in"),
        ({"up": "w"}, "--up 'w' is unknown"),
        ({"table": "maybe"}, "--table 'maybe' is unknown"),
        ({"collision": "sector"}, "Did you mean 'sectors'"),
        ({"material": "steal"}, "Did you mean 'steel'"),
        ({"unit": "m", "known_length": ("z", 0.1)}, "--unit and --known-length both set the scale"),
        ({"mass": 1.0, "material": "steel"}, "--mass and --material both set the mass"),
        ({"wall": 0.002}, "--wall is used with --material"),
        ({"mass": -1.0}, "--mass is -1.0: give a positive number"),
        ({"mass": float("nan")}, "--mass is nan"),
        ({"coacd_timeout": 0.0}, "--coacd-timeout is 0.0"),
        ({"friction": 9.0}, "--friction is 9.0"),
        ({"num_points": 0}, "--points is 0"),
        ({"known_length": ("w", 0.1)}, "--known-length 'w' is unknown"),
        ({"roi": (1.0, 0.0, 0.0, 1.0, 0.0, 1.0)}, "--roi .* is empty"),
        ({"measures": {"width": 0.02}}, "--measure width: --collision auto takes none"),
        ({"collision": "fit:slot"}, r"measure it with callipers and add --measure width=MM --measure length=MM"),
        ({"collision": "fit:ring", "measures": {"diameter": 0.017}}, "add --measure depth=MM"),
        ({"collision": "primitive", "measures": {"width": 0.02}}, "--measure for primitive 'width' is unknown"),
        ({"collision": "primitive", "measures": {"x": -0.02}}, "--measure x is -0.02"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        cfg(**changes)


def test_measures_are_millimetres() -> None:
    assert parse_measures(["width=21", "depth=30.5"]) == pytest.approx({"width": 0.021, "depth": 0.0305})


@pytest.mark.parametrize("text", ["width", "width=", "=3", "width=wide"])
def test_a_measure_of_another_form(text: str) -> None:
    with pytest.raises(UserError, match="has another form than KEY=MM"):
        parse_measures([text])


@pytest.mark.parametrize(
    ("text", "mass"),
    [("0.25", 0.25), ("0.25kg", 0.25), ("250g", 0.25), (" 250 G ", 0.25), ("8oz", 0.226796), ("0.5lb", 0.226796),
     ("2.5e-1 kg", 0.25)],
)  # fmt: skip
def test_a_mass_has_a_unit_or_is_in_kilograms(text: str, mass: float) -> None:
    assert parse_mass(text) == pytest.approx(mass, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("heavy", "'heavy' is not a mass: give a number of kg, or one with its unit: 250g"),
        ("1,5", "'1,5' is not a mass"),
        ("250mg", "unknown unit 'mg'.* Did you mean|Known are kg, g"),
        ("250 stone", "Known are kg, g, lb, oz"),
        ("", "is not a mass"),
    ],
)
def test_a_mass_of_another_form(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_mass(text)
