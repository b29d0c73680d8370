# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of a paired evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from score.rollout.seeds import report_seed
from score.utils.errors import UserError

from .constant_search import SearchCfg

DEFAULT_SEARCHES = ("racing",)
"""What is searched with ``--all_arms``: the fewest rounds, each of which lasts as long as an episode."""


@dataclass(frozen=True)
class EvaluationCfg:
    """Settings of a paired evaluation."""

    task: str
    """Name of the task, for the report."""
    domain: str = "sim"
    """``sim`` or ``real`` (the stand-in), for the report."""
    physics: str = ""
    """Physics engine, for the report."""
    episodes: int = 200
    """Starts, at least 1; every arm runs all of them."""
    seed: int = 0
    """Seed of starts and noise, inside the block that ``starts`` names."""
    starts: str = "development"
    """``development`` to compare versions by, or ``final`` for a number that a table reports."""
    all_arms: bool = False
    """Whether to run the free arms and the sampled steering policy as well."""
    searches: tuple[str, ...] | None = None
    """Searches for constant latents, each in all its spaces, on starts of their own; :data:`DEFAULT_SEARCHES` with all
    arms if None, and otherwise none."""
    search_episodes: int = 512
    """Budget of each search."""
    tries: int = 0
    """Tries of the base policy at every start, by which arms are split; 0 for no split."""
    chunk_steps: int | None = None
    """Control steps executed of every chunk; the policy's horizon if None."""
    basis: tuple[str, int] = ("full", 1)
    """Kind and knots of the steering basis."""
    output: Path | None = None
    """The report's file, ``FILE.json``; None writes nothing."""
    resume: bool = True
    """Whether to continue an interrupted evaluation with the same settings."""
    base_results: Path | None = None
    """File of the base policy's episodes, which are found or kept there; None keeps them for this report alone."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """What else the results depend on, such as hashes of base policy and checkpoint; checked on resuming."""
    commit: str = "unknown"
    """Commit of the source, for the report."""
    command: str = ""
    """Command, for the report."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: One is out of range.
        """
        report_seed(self.starts, self.seed)
        if self.episodes < 1:
            raise UserError(f"--episodes must be at least 1, got {self.episodes}.")
        if self.chunk_steps is not None and self.chunk_steps < 1:
            raise UserError(f"The number of executed steps of a chunk must be at least 1, got {self.chunk_steps}.")
        if self.tries < 0:
            raise UserError(f"--tries must be at least 1, or 0 for none, got {self.tries}.")
        if self.search_episodes < 1:
            raise UserError(f"--search_episodes must be at least 1, got {self.search_episodes}.")
        self.search_cfgs(["full"])
        if self.output is not None and self.output.suffix != ".json":
            raise UserError(f"--output must name a .json file, got {self.output}.")

    def with_task(self, *, physics: str, chunk_steps: int, basis: tuple[str, int]) -> EvaluationCfg:
        """Return these settings with what is known only once the task is open."""
        return replace(self, physics=physics, chunk_steps=chunk_steps, basis=basis)

    def search_cfgs(self, spaces: Iterable[str]) -> list[SearchCfg]:
        """Return the searches, seeded as the evaluation is, in the spaces that there are."""
        names = self.searches
        if names is None:
            names = DEFAULT_SEARCHES if self.all_arms else ()
        return [SearchCfg(name, space, self.search_episodes, self.seed) for name in names for space in spaces]

    @property
    def start_seed(self) -> int:
        """Seed of starts and noise, among the seeds of all uses."""
        return report_seed(self.starts, self.seed)

    @property
    def partial_path(self) -> Path | None:
        """Where results are kept until the report is written."""
        return None if self.output is None else self.output.with_name(self.output.name + ".partial")
