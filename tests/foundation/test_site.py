# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Pages of the site hold what they promise: every page is in the menu, every curve of a training in its table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from score.steering.diagnostics import IterationTimes, RolloutSummary, iteration_scalars, latent_support

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
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
