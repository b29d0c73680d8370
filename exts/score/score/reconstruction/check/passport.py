# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The passport of an asset: what came in, what was done, what was checked, as ``report.json`` and as text."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from score.reconstruction.asset_folder import REPORT_FILE

FORMAT = "score-passport/1"


@dataclass(frozen=True)
class Check:
    """One thing that was checked."""

    name: str
    """What."""
    passed: bool
    """Whether it holds."""
    detail: str
    """Measured value and limit, or what is wrong."""


@dataclass
class Passport:
    """The passport of one asset."""

    name: str
    """Name of the asset."""
    directory: str
    """Its folder, as the user gave it."""
    steps: dict[str, Any] = field(default_factory=dict)
    """What came in and what was done, stage by stage; empty for a hand-made asset."""
    measured: dict[str, Any] = field(default_factory=dict)
    """Numbers of the checks."""
    checks: list[Check] = field(default_factory=list)
    """The checks, in the order in which they were made."""
    pictures: list[str] = field(default_factory=list)
    """Files with pictures, relative to the folder."""

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    def add(self, name: str, passed: bool, detail: str) -> None:
        """Note a check."""
        self.checks.append(Check(name, bool(passed), detail))

    def summary(self) -> str:
        """Return the passport as lines of text."""
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"Passport of {self.name} ({self.directory})"]
        lines += [f"  {note}" for note in self.steps.get("notes", [])]
        lines += [f"  {'ok  ' if c.passed else 'FAIL'} {c.name:<{width}}  {c.detail}" for c in self.checks]
        failed = sum(not check.passed for check in self.checks)
        lines.append(f"  {failed} of {len(self.checks)} checks failed" if failed else "  all checks passed")
        return "\n".join(lines)

    def write(self, directory: Path) -> None:
        """Write ``report.json``; the same asset gives the same bytes."""
        data = {
            "format": FORMAT,
            "asset": self.name,
            "passed": self.passed,
            "steps": self.steps,
            "measured": self.measured,
            "checks": [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in self.checks],
            "pictures": self.pictures,
        }
        text = json.dumps(rounded(data), indent=2, ensure_ascii=False, allow_nan=False)
        (directory / REPORT_FILE).write_text(text + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """Plain values for JSON: numbers with six significant digits, infinities and NaN as text."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str | int):
        return value
    number = float(value)
    return float(f"{number:.6g}") if math.isfinite(number) else str(number)
