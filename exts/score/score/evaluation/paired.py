# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The paired evaluation: all arms on the same starts and the same noise, one report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from score.rollout.arms import BASE, STEERED, Arm, SteeringActor, base_arm, constant_arm, steered_arm
from score.rollout.episodes import run_episodes
from score.rollout.results import EpisodeResults
from score.rollout.seeds import Stream, derive_seed, report_seed
from score.utils import ranks
from score.utils.errors import UserError
from score.utils.files import atomic_file

from .constant_search import ConstantSearchCfg, ConstantSearchResult, find_constant_latent
from .partial import PartialResults
from .schema import validate_report
from .statistics import INTERVAL_METHOD, PairedTable, steps_ratio, steps_summary, wilson_interval

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task

ArmProgress = Callable[[str, int, int], None]
"""Called with the name of the work at hand (an arm, or ``constant search``), its ended episodes, and all of them."""


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
    chunk_steps: int | None = None
    """Control steps executed of every chunk; the policy's horizon if None."""
    constant_search: ConstantSearchCfg | None = None
    """The search for the constant latent, on starts of its own; seeded from ``seed`` if None."""
    output: Path | None = None
    """The report's file, ``FILE.json``; None writes nothing."""
    resume: bool = True
    """Whether to continue an interrupted evaluation with the same settings."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """What else the results depend on, such as hashes of base policy and checkpoint; checked on resuming."""
    commit: str = "unknown"
    """Commit of the source, for the report."""
    command: str = ""
    """Command, for the report."""

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
            UserError: One is out of range.
        """
        report_seed(self.starts, self.seed)
        if self.episodes < 1:
            raise UserError(f"--episodes must be at least 1, got {self.episodes}.")
        if self.chunk_steps is not None and self.chunk_steps < 1:
            raise UserError(f"The number of executed steps of a chunk must be at least 1, got {self.chunk_steps}.")
        if self.output is not None and self.output.suffix != ".json":
            raise UserError(f"--output must name a .json file, got {self.output}.")

    def with_task(self, *, physics: str, chunk_steps: int) -> EvaluationCfg:
        """Returns these settings with what is known only once the task is open."""
        return replace(self, physics=physics, chunk_steps=chunk_steps)

    @property
    def search(self) -> ConstantSearchCfg:
        """The settings of the constant search."""
        if self.constant_search is not None:
            return self.constant_search
        return ConstantSearchCfg(seed=self.seed)

    @property
    def start_seed(self) -> int:
        """Seed of starts and noise, among the seeds of all uses."""
        return report_seed(self.starts, self.seed)

    @property
    def partial_path(self) -> Path | None:
        """Where results are kept until the report is written."""
        return None if self.output is None else self.output.with_name(self.output.name + ".partial")


@dataclass(frozen=True)
class PairedEvaluation:
    """The report of an evaluation, with the episodes behind it."""

    report: dict[str, Any]
    """The report, as :func:`build_report` makes it."""
    results: dict[str, EpisodeResults]
    """Episodes of each arm, over the same starts in the same order."""
    constant: ConstantSearchResult | None
    """The constant latent of the arm ``constant``."""


def evaluate_paired(
    task: Task,
    base_policy: BasePolicy,
    steering_actor: SteeringActor | None,
    cfg: EvaluationCfg,
    progress: ArmProgress | None = None,
) -> PairedEvaluation:
    """Runs all arms on the same starts and the same noise, and writes the report.

    Args:
        task: The task.
        base_policy: The frozen base policy, on the task's device.
        steering_actor: The steering policy; None evaluates the base policy (and the free arms) alone.
        cfg: Settings.
        progress: Told once a decision how far the work at hand is.

    Returns:
        The report and the episodes behind it.

    Raises:
        UserError: A setting does not fit the policy, or an interrupted evaluation with other settings is in the way.
        KeyboardInterrupt: Ctrl-C; the message says where finished episodes are.
    """
    try:
        return _evaluate(task, base_policy, steering_actor, cfg, progress)
    except KeyboardInterrupt:
        left = f"finished episodes are in {cfg.partial_path}; the same command continues from them"
        raise KeyboardInterrupt(left if cfg.partial_path else "") from None


def _evaluate(
    task: Task,
    base_policy: BasePolicy,
    steering_actor: SteeringActor | None,
    cfg: EvaluationCfg,
    progress: ArmProgress | None,
) -> PairedEvaluation:
    chunk_steps = _chunk_steps(cfg, base_policy)
    store = PartialResults(cfg.partial_path, _settings(cfg, task, chunk_steps), resume=cfg.resume)

    def run(arm: Arm) -> EpisodeResults:
        return run_episodes(
            task,
            base_policy,
            arm,
            episodes=range(cfg.episodes),
            seed=cfg.start_seed,
            chunk_steps=chunk_steps,
            progress=None if progress is None else lambda ended, total: progress(arm.name, ended, total),
            store=store,
        )

    results = {arm.name: run(arm) for arm in _arms(steering_actor, cfg.all_arms)}
    constant = None
    if cfg.all_arms:
        constant = find_constant_latent(
            task,
            base_policy,
            cfg.search,
            chunk_steps=chunk_steps,
            progress=None if progress is None else lambda ended, total: progress("constant search", ended, total),
            store=store,
        )
        results["constant"] = run(constant_arm(constant.latent))
    report = make_report(
        results, cfg, num_envs=task.num_envs * ranks.count(), chunk_steps=chunk_steps, constant=constant
    )
    if cfg.output is not None and ranks.index() == 0:
        write_report(report, cfg.output)
    store.remove()
    return PairedEvaluation(report, results, constant)


def make_report(
    results: Mapping[str, EpisodeResults],
    cfg: EvaluationCfg,
    *,
    num_envs: int,
    chunk_steps: int,
    constant: ConstantSearchResult | None = None,
) -> dict[str, Any]:
    """Builds the report.

    Args:
        results: Episodes of each arm over the same starts.
        cfg: Settings of the evaluation.
        num_envs: Environments that ran side by side, for the record; results do not depend on it.
        chunk_steps: Control steps executed of every chunk.
        constant: The constant latent, where that arm was run.

    Returns:
        Plain JSON values, checked by :func:`~score.evaluation.schema.validate_report`. ``paired`` is None without
        steering.
    """
    seeds: dict[str, Any] = {"starts": cfg.start_seed, "num_envs": num_envs, "chunk_steps": chunk_steps}
    if constant is not None:
        found = {"candidate": constant.candidate, "successes": constant.successes, "trials": constant.trials}
        seeds["constant_search"] = asdict(cfg.search) | {"seed": cfg.search.start_seed} | found
    report = {
        "task": cfg.task,
        "domain": cfg.domain,
        "physics": cfg.physics,
        "episodes": cfg.episodes,
        "seed": cfg.seed,
        "starts": cfg.starts,
        "arms": {name: summarise_arm(arm) for name, arm in results.items()},
        "paired": None,
        "seeds": seeds,
        "interval_method": INTERVAL_METHOD,
        "commit": cfg.commit,
        "command": cfg.command,
    }
    if STEERED in results:
        bootstrap_seed = derive_seed(cfg.start_seed, 0, Stream.BOOTSTRAP)
        report["paired"] = compare_arms(results[BASE], results[STEERED], bootstrap_seed)
    validate_report(report)
    return report


def summarise_arm(results: EpisodeResults) -> dict[str, Any]:
    """Summarises one arm: success with its interval, steps to success, failures by name, guard resets."""
    successes, episodes = int(results.success.sum()), results.episodes
    return {
        "success": {
            "k": successes,
            "n": episodes,
            "rate": successes / episodes,
            "wilson95": list(wilson_interval(successes, episodes)),
        },
        "steps_to_success": asdict(steps_summary(results.success, results.steps, results.horizon)),
        "failures": results.failures(),
        "guard_resets": int(results.guard.sum()),
    }


def compare_arms(base: EpisodeResults, steered: EpisodeResults, bootstrap_seed: int = 0) -> dict[str, Any]:
    """Compares two arms start by start: table of outcomes, exact McNemar p, ratio of steps where both succeed."""
    table = PairedTable.from_outcomes(base.success, steered.success)
    ratio = steps_ratio(base.success, base.steps, steered.success, steered.steps, bootstrap_seed)
    return {
        **asdict(table),
        "mcnemar_p": table.mcnemar_p(),
        "steps_ratio": ratio.value,
        "steps_ratio_interval95": None if ratio.interval is None else list(ratio.interval),
    }


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Writes a report, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _arms(actor: SteeringActor | None, all_arms: bool) -> list[Arm]:
    """The arms in the order of reports, but for ``constant``, which is searched for last."""
    arms = [base_arm()]
    if actor is not None:
        arms.append(steered_arm(actor))
        if all_arms:
            arms.append(steered_arm(actor, sample=True))
    if all_arms:
        arms += [base_arm(0.0), base_arm(0.5)]
    return arms


def _chunk_steps(cfg: EvaluationCfg, base_policy: BasePolicy) -> int:
    horizon = base_policy.spec.horizon
    if cfg.chunk_steps is not None and cfg.chunk_steps > horizon:
        raise UserError(
            f"{cfg.chunk_steps} steps of every chunk cannot be executed: the base policy's horizon is {horizon}."
        )
    return cfg.chunk_steps or horizon


def _settings(cfg: EvaluationCfg, task: Task, chunk_steps: int) -> dict[str, Any]:
    """All that results depend on; an interrupted evaluation continues only where these agree."""
    return {
        "task": cfg.task,
        "domain": cfg.domain,
        "physics": cfg.physics,
        "episodes": cfg.episodes,
        "seed": cfg.seed,
        "starts": cfg.starts,
        "chunk_steps": chunk_steps,
        "constant_search": asdict(cfg.search),
        "commit": cfg.commit,
        **cfg.identity,
        **{f"file {name}": sha256 for name, sha256 in getattr(task, "files", {}).items()},
    }
