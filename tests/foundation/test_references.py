# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the project refers to is in the project: no document that only its makers have, no path of their machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MAKERS = (
    r"\b(DESIGN|PLATFORM|FIELD|DEFECTS|MOVES|RULES)(\.md\b|,? section\b|,?\s+\d)"
    r"|\b[A-Z0-9]+(_[A-Z0-9]+)*_FACTS\b"
)
"""Names of documents that the makers work by: with ``.md``, with a section, or such as ends in ``_FACTS``."""
MACHINE = r"(?<![\w.])/(work|root|home/[a-z]+)/"
DOCUMENT = r"(?<![\w/*<{-])(?:[\w.-]+/)*[A-Za-z_][\w-]*\.md\b"
"""A document by its path."""


def texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    endings = {".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".txt", ".usda", ".json", ""}
    files = [REPOSITORY / name for name in listed.stdout.splitlines()]
    return [file for file in files if file.suffix in endings and file.is_file() and file != Path(__file__).resolve()]


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, int, str]]:
    found = []
    for file in texts():
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found.append((str(file.relative_to(REPOSITORY)), number, line))
    return found


def matches(lines: list[tuple[str, int, str]], pattern: str) -> list[str]:
    expression = re.compile(pattern)
    return [f"{name}:{number}: {line.strip()[:100]}" for name, number, line in lines if expression.search(line)]


def test_no_document_of_the_makers(lines: list[tuple[str, int, str]]) -> None:
    assert matches(lines, MAKERS) == []


def test_no_path_of_their_machine(lines: list[tuple[str, int, str]]) -> None:
    shipped = [line for line in lines if not line[0].startswith("tests/")]
    assert matches(shipped, MACHINE) == []


def test_every_document_that_is_named_is_there(lines: list[tuple[str, int, str]]) -> None:
    missing = []
    for name, number, line in lines:
        if name.startswith("tests/") or name == ".gitignore":
            continue  # tests name files that they make
        for path in re.findall(DOCUMENT, line.split("://")[0]):
            places = (REPOSITORY, REPOSITORY / name / "..", REPOSITORY / "docs")
            if not any((place / path).resolve().is_file() for place in places):
                missing.append(f"{name}:{number}: {path}")
    assert missing == []


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("as DESIGN 3.2 says", True),
        ("see PLATFORM.md", True),
        ("METHOD_FACTS holds it", True),
        ("(FIELD section G)", True),
        ("a DESIGN that is simple", False),
        ("the platform 3", False),
    ],
)
def test_references_are_seen(line: str, is_one: bool) -> None:
    assert bool(re.search(MAKERS, line)) is is_one
