# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings changed on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from score.utils.errors import UserError
from score.utils.overrides import apply_overrides, parse_value, split_overrides


@dataclass
class Inner:
    rate: float = 0.5
    sizes: list[int] = field(default_factory=lambda: [1])


@dataclass
class Outer:
    count: int = 1
    name: str = "a"
    quick: bool = False
    mode: str | None = None
    last: float | None = 1e-4
    inner: Inner = field(default_factory=Inner)


def test_fields_are_set_where_the_key_says() -> None:
    outer = Outer()
    apply_overrides(outer, ["x.count=3", "x.name=b=c", "x.quick=True", "x.mode=fast", "x.inner.rate=2"])
    assert outer == Outer(3, "b=c", True, "fast", inner=Inner(2.0))


@pytest.mark.parametrize(("text", "value"), [("null", None), ("None", None), ("3", 3.0), ("0.5", 0.5)])
def test_a_field_that_may_be_none_takes_null_and_its_type(text: str, value: float | None) -> None:
    for before in (None, 1e-4):
        outer = Outer(last=before)
        apply_overrides(outer, [f"x.last={text}"])
        assert outer.last == value
        assert type(outer.last) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("true", True), ("None", None), ("[64, 64]", [64, 64]), ("dct", "dct"), ("'3'", "3")],
)
def test_values(text: str, value: Any) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("x.cuont=3", r"Override 'x.cuont': there is no setting 'cuont'. Did you mean 'count'"),
        ("x.inner.foo=3", r"there is no setting 'foo'. There are: rate, sizes."),
        ("x.count.more=3", r"there is no setting 'more'"),
        ("x=3", r"there is no setting ''"),
        ("x.count=many", r"Override 'x.count=many' does not fit: it is of type int, such as 1"),
        ("x.quick=1", r"of type bool, such as False"),
        ("x.inner.rate=true", r"of type float, such as 0.5"),
        ("x.count=null", r"of type int, such as 1"),
        ("x.last=many", r"of type float or null, such as 0.0001"),
        ("x.mode=3", r"does not fit: it is of type str or null\.$"),
        ("x.inner=3", r"it is a group of settings"),
    ],
)
def test_mistakes_are_named(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        apply_overrides(Outer(), [override])


def test_overrides_are_parted_by_their_root() -> None:
    assert split_overrides(["agent.a=1", "agents.a=1", "physics=x"], "agent") == (
        ["agent.a=1"],
        ["agents.a=1", "physics=x"],
    )
    with pytest.raises(UserError, match=r"Unknown argument 'physics'.*key=value"):
        split_overrides(["physics"], "agent")
