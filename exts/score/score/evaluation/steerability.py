# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Before any RL: is this base policy worth steering, and how? Everything runs on starts of the block of searches."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from score.rollout.arms import Arm, Decision, base_arm, latent_arm
from score.rollout.episodes import Progress, ResultStore, run_episodes
from score.rollout.queue import NOBODY
from score.rollout.seeds import SeedSpace, Stream, derive_seed, seed_of, start_seeds
from score.steering.latent import LatentBasis
from score.utils.errors import UserError

from .constant_search import SearchCfg, find_constant_latent
from .difficulty import count_solved, pass_at
from .sensitivity import measure_sensitivity
from .statistics import PairedTable, wilson_interval

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task

TEMPERATURES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Noise temperatures that are tried."""

BASES = (("repeat", 1), ("dct", 2), ("interp", 2), ("dct", 4), ("full", 0))
"""Bases that are tried, with their knots, those of few numbers first."""

_CONDITIONS, _WATCHED = 48, 8
"""Conditions at which the decoder's answer is measured, and episodes that they come from."""

NEVER_TOO_MANY, GOOD_ENOUGH = 0.5, 0.9
"""Above this share of starts that no try solves, steering has too little to choose from; a free arm that reaches this
share of what all tries together solve leaves steering too little to win."""


@dataclass(frozen=True)
class SteerabilityCfg:
    """Settings of the report."""

    episodes: int = 50
    """Starts, the same for all."""
    tries: int = 16
    """Tries of the base policy at each start."""
    search_episodes: int = 512
    """Budget of the search for a constant latent."""
    seed: int = 0
    """Seed inside the block of searches."""
    chunk_steps: int = field(default=1, kw_only=True)
    """Control steps executed of every chunk."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: One is out of range.
        """
        SearchCfg("cem_zero", episodes=self.search_episodes, seed=self.seed)
        for name in ("episodes", "tries"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, got {getattr(self, name)}.")

    @property
    def start_seed(self) -> int:
        """Seed of the starts; the search for a constant does not meet them."""
        return seed_of(SeedSpace.SEARCH, self.seed)


def measure_steerability(
    task: Task,
    base_policy: BasePolicy,
    cfg: SteerabilityCfg,
    progress: Callable[[str, int, int], None] | None = None,
    store: ResultStore | None = None,
) -> dict[str, Any]:
    """Run the base policy in all the ways that cost no training, and say what follows.

    Args:
        task: The task.
        base_policy: The frozen base policy, on the task's device.
        cfg: Settings.
        progress: Told once a decision how far the work at hand is.
        store: Keeps finished episodes.

    Returns:
        ``temperatures``, ``bases``, ``constant``, ``pass_at``, ``never``, ``sensitivity`` and ``advice``; see
        docs/EVIDENCE.md.
    """

    def told(name: str) -> Progress | None:
        return None if progress is None else lambda done, total: progress(name, done, total)

    def run(arm: Arm) -> NDArray[np.bool_]:
        options: dict[str, Any] = {
            "episodes": range(cfg.episodes),
            "seed": cfg.start_seed,
            "chunk_steps": cfg.chunk_steps,
        }
        return run_episodes(task, base_policy, arm, progress=told(arm.name), store=store, **options).success

    base = run(base_arm())
    temperatures = {f"{value:g}": _rate(base if value == 1.0 else run(base_arm(value))) for value in TEMPERATURES}
    sensitivity = measure_sensitivity(base_policy, *_watched_conditions(task, base_policy, cfg))
    bases = {}
    for kind, knots in BASES:
        if knots > base_policy.latent_shape[0]:
            continue
        basis = LatentBasis(kind, *base_policy.latent_shape, knots)
        success = base if kind == "full" else run(_inside(basis, f"basis_{kind}{knots}"))
        table = PairedTable.from_outcomes(base, success)
        bases[kind if kind in ("full", "repeat") else f"{kind} {knots}"] = _rate(success) | {
            "numbers": basis.code_dim,
            "answer": sensitivity.share_of(basis),
            "keeps": table.steered_only >= table.base_only or table.mcnemar_p() > 0.05,
        }
    starts = start_seeds(cfg.start_seed)
    constant = find_constant_latent(
        task,
        base_policy,
        SearchCfg("cem_zero", "full", cfg.search_episodes, cfg.seed),
        LatentBasis("full", *base_policy.latent_shape),
        chunk_steps=cfg.chunk_steps,
        reported=[starts(index) for index in range(cfg.episodes)],
        progress=told("constant search"),
        store=store,
    )
    confirmed = constant.facts["confirmed"]
    solved = count_solved(task, base_policy, cfg, progress=told("tries"), store=store, chunk_steps=cfg.chunk_steps)
    report: dict[str, Any] = {
        "episodes": cfg.episodes,
        "temperatures": temperatures,
        "bases": bases,
        "constant": _rate_of(confirmed["k"], confirmed["n"]),
        "pass_at": {str(count): pass_at(solved, cfg.tries, count) for count in sorted({1, 4, cfg.tries} - {0})
                    if count <= cfg.tries},
        "never": float((solved == 0).mean()),
        "sensitivity": {
            "by_row": sensitivity.by_row().tolist(),
            "by_column": sensitivity.by_column().tolist(),
            "by_action": dict(zip(base_policy.spec.actions.names, sensitivity.by_action.tolist(), strict=True)),
            "directions_for_90_percent": sensitivity.directions_for(0.9),
        },
    }  # fmt: skip
    return report | {"advice": advice(report)}


def advice(report: dict[str, Any]) -> str:
    """Say what to do with a base policy.

    Args:
        report: What :func:`measure_steerability` measured, without its advice.

    Returns:
        One or two sentences: broader demonstrations, cooler noise or a constant, or which basis to steer with.
    """
    ceiling, never = max(report["pass_at"].values()), report["never"]
    base = report["temperatures"]["1"]
    if never > NEVER_TOO_MANY:
        return (
            f"Collect broader demonstrations: no try solves {100 * never:.0f} % of the starts, and steering can only"
            " choose among what the base policy does. A residual may help there, in simulation at least."
        )
    enough, constant = GOOD_ENOUGH * ceiling, report["constant"]
    name, best = max(report["temperatures"].items(), key=lambda item: item[1]["rate"])
    reach = f"all tries together reach {100 * ceiling:.0f} %"
    if base["rate"] >= enough:
        return f"Use the base policy as it is and stop: {100 * base['rate']:.0f} %, and {reach}."
    if best["rate"] >= enough and best["rate"] > base["wilson95"][1]:
        return f"Use noise temperature {name} and stop: {100 * best['rate']:.0f} %, and {reach}."
    if constant["rate"] >= enough and constant["wilson95"][0] > base["rate"]:
        return (
            f"A constant latent does: {100 * constant['rate']:.0f} % on starts that did not choose it, and {reach}."
            " Steering has to beat that."
        )
    kept = {name: values for name, values in report["bases"].items() if values["keeps"]}
    basis, values = min(kept.items(), key=lambda item: item[1]["numbers"])
    kind, _, knots = basis.partition(" ")
    flags = f"agent.steering.basis={kind}" + (f" agent.steering.knots={knots}" if knots else "")
    return (
        f"Steer, with {flags}: its {values['numbers']} numbers keep the success of the base policy, which solves"
        f" {100 * base['rate']:.0f} % at once and {100 * ceiling:.0f} % of the starts in one of its tries."
    )


def _inside(basis: LatentBasis, name: str) -> Arm:
    """Make an arm of the base policy's own noise inside a basis, and nothing outside of it."""
    moved = copy.deepcopy(basis)  # a module moves in place, and others use it where it is

    def choose(decision: Decision) -> torch.Tensor:
        moved.to(decision.noise.device)
        return moved.expand(moved.project(decision.noise))

    return latent_arm(name, choose)


def _watched_conditions(
    task: Task, base_policy: BasePolicy, cfg: SteerabilityCfg
) -> tuple[torch.Tensor, int, torch.Generator]:
    """Conditions that the base policy comes to, (B, C), with what else the measurement needs."""
    seen: list[torch.Tensor] = []

    def latent(decision: Decision) -> torch.Tensor:
        seen.append(decision.condition[(decision.episodes != NOBODY).to(decision.condition.device)])
        return decision.noise

    options: dict[str, Any] = {"episodes": range(_WATCHED), "seed": cfg.start_seed, "chunk_steps": cfg.chunk_steps}
    run_episodes(task, base_policy, latent_arm("watched", latent), **options)
    generator = torch.Generator().manual_seed(derive_seed(cfg.start_seed, 0, Stream.OWN))
    conditions = torch.cat(seen)
    chosen = torch.randperm(len(conditions), generator=generator)[:_CONDITIONS]
    return conditions[chosen.to(conditions.device)], cfg.chunk_steps, generator


def _rate(success: NDArray[np.bool_]) -> dict[str, Any]:
    return _rate_of(int(success.sum()), len(success))


def _rate_of(successes: int, trials: int) -> dict[str, Any]:
    return {"rate": successes / trials, "wilson95": list(wilson_interval(successes, trials)), "n": trials}
