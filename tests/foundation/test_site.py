# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Pages of the site hold what they promise: every page is in the menu, every curve of a training in its table.

Their lines are short, their Python is tested, and they show without a network.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from score.steering.diagnostics import IterationTimes, RolloutSummary, iteration_scalars, latent_support

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted(DOCS.rglob("*.md")),
    *sorted((REPOSITORY / "examples").rglob("*.md")),
]
TESTED = {
    "docs/NEW_TASK.md": "tests/tasks/test_new_task_page.py",
    "docs/OWN_POLICY.md": "tests/imitation/test_own_policy_page.py",
}
"""Pages with Python, and the test that runs it or holds it to the sources."""
WIDTH = 120
ROOMS = ("steering", "policies", "rollout", "evaluation", "imitation", "deployment", "reconstruction")


def test_every_page_is_in_the_menu() -> None:
    menu = (REPOSITORY / "mkdocs.yml").read_text()
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    assert [page for page in pages if not re.search(rf" {re.escape(page)}$", menu, re.MULTILINE)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_page_in_the_reference(room: str) -> None:
    assert f"\n::: score.{room}\n" in (DOCS / "reference" / f"{room}.md").read_text()


def test_every_curve_is_in_the_table() -> None:
    summary = RolloutSummary(1, 1, {"success": 1}, 0, 0, 1.0, 1.0, 0.1, 0.1)
    codes = torch.zeros(4, 2)
    support = latent_support(codes, codes, torch.ones(4, 2), 3.0)
    tags = set(iteration_scalars(summary, support, IterationTimes(1.0, 1.0), 1, 1, 1)) - {"Ended_by/success"}
    page = (DOCS / "FIRST_RUN.md").read_text()
    found = set()
    for row in re.findall(r"^\| (`[A-Z].*?) \|", page, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", row)
        # "_q50" stands for the first name of the row with another ending.
        found |= {first, *(first.rpartition("_")[0] + name if name.startswith("_") else name for name in others)}
    assert tags - found == set()
    assert {"Ended_by/<term>", "Evaluation/success", "Evaluation/mean_steps"} <= found


def long_lines(page: str) -> list[str]:
    """Lines over :data:`WIDTH` that could be broken: no table, no code, and more than one link, code or word."""
    found, fenced, code, before = [], False, False, ""
    for line in page.splitlines():
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        code = line.startswith("    ") and (code or not before.strip())
        if len(line) > WIDTH and not (fence or fenced or code or line.lstrip().startswith("|")):
            words = re.findall(r"(?:!?\[[^\[\]]*\]\(\S*?\)|`[^`]*`|\S)+", line)
            found += [line] if len(words) > 1 else []
        before = line
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_lines_are_at_most_120_letters(page: Path) -> None:
    assert long_lines(page.read_text(encoding="utf-8")) == []


def broken_commands(page: str) -> list[str]:
    """Lines that were wrapped like text: flags or numbers after a command without a backslash, two commands in one."""
    found, before = [], ""
    for line in page.splitlines():
        if line.startswith("    "):
            goes_on = "isaaclab.sh" in before and not before.endswith("\\")
            if (goes_on and re.match(r" +(-|\d|[a-z.]+=)", line)) or re.search(
                r" \\ +\S|isaaclab\.sh.*isaaclab\.sh", line
            ):
                found.append(line)
        before = line
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_commands_of_several_lines_can_be_copied(page: Path) -> None:
    assert broken_commands(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "page",
    [
        "    ./isaaclab.sh -p a.py --x 1\n    --y 2\n",
        "    ./isaaclab.sh -p a.py --x 1 \\ --y 2\n",
        "    ./isaaclab.sh -p a.py --x\n    16 --y 2\n",
        "    ./isaaclab.sh -p a.py ./isaaclab.sh -p b.py\n",
    ],
)
def test_a_command_that_was_wrapped_like_text_is_seen(page: str) -> None:
    assert broken_commands(page) == page.splitlines()[-1:]


def test_commands_that_go_on_behind_a_backslash_are_right() -> None:
    page = "    ./isaaclab.sh -p a.py \\\n        --y 2\n    ./isaaclab.sh -p b.py\n\n    prints\n"
    assert broken_commands(page) == []


@pytest.mark.parametrize(
    ("page", "is_long"),
    [
        ("word " * 25, True),
        ("- " + "word " * 25, True),
        ("text\n    " + "goes on " * 20, True),  # no code: a paragraph goes on
        ("word " * 23, False),
        ("text\n\n    " + "command " * 20, False),
        ("```python\n" + "x = 1 " * 25 + "\n```", False),
        ("| " + "cell " * 30 + "|", False),
        (f"![{'word ' * 25}](picture.png)", False),
    ],
)
def test_a_long_line_is_seen(page: str, is_long: bool) -> None:
    assert bool(long_lines(page)) is is_long


def test_every_page_with_python_has_a_test() -> None:
    pages = [str(page.relative_to(REPOSITORY)) for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
    assert pages == sorted(TESTED)
    assert [test for test in TESTED.values() if not (REPOSITORY / test).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_pictures_are_files_of_the_project(page: Path) -> None:
    # Diagrams that a script of another host draws, or pictures that lie there, do not show without a network.
    text = page.read_text(encoding="utf-8")
    assert "```mermaid" not in text
    names = re.findall(r"!\[[^\]]*\]\((.*?)\)", text)
    assert [name for name in names if not (page.parent / name).is_file()] == []
