# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The paired evaluation: all arms on the same starts and the same noise, one report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from score.rollout.arms import BASE, STEERED, Arm, SteeringActor, base_arm, constant_arm, random_map_arm, steered_arm
from score.rollout.episodes import Progress, require_chunk_steps, run_episodes
from score.rollout.paths import PathRecorder, path_key
from score.rollout.results import EpisodeResults
from score.rollout.seeds import start_seeds
from score.steering.plan import SteeringHead
from score.utils import ranks

from .behaviour import summarize_behavior
from .constant_search import find_constant_latent, search_spaces
from .difficulty import count_solved
from .partial import PartialResults
from .settings import EvaluationCfg
from .summary import make_report, write_report
from .support import SupportMeter

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.task import Task

_NOT_OF_BASE = ("episodes", "searches", "search_episodes", "basis", "tries", "commit", "checkpoint")
"""Settings of an evaluation that its arm ``base`` does not depend on."""

ArmProgress = Callable[[str, int, int], None]
"""Called with the name of the work at hand (an arm, a search), its ended episodes, and all of them."""


@dataclass(frozen=True)
class PairedEvaluation:
    """The report of an evaluation, with the episodes behind it."""

    report: dict[str, Any]
    """The report, as :func:`build_report` makes it."""
    results: dict[str, EpisodeResults]
    """Episodes of each arm, over the same starts in the same order."""
    constants: dict[str, torch.Tensor]
    """Constant latents that were found, by arm."""


def evaluate_paired(
    task: Task,
    base_policy: BasePolicy,
    steering_actor: SteeringActor | None,
    cfg: EvaluationCfg,
    progress: ArmProgress | None = None,
) -> PairedEvaluation:
    """Run all arms on the same starts and the same noise, and write the report.

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
    chunk_steps = base_policy.spec.horizon if cfg.chunk_steps is None else cfg.chunk_steps
    require_chunk_steps(chunk_steps, base_policy)
    settings = _settings(cfg, task, base_policy, chunk_steps)
    store = PartialResults(cfg.partial_path, settings, resume=cfg.resume)
    shared = store
    if cfg.base_results is not None:
        alone = {key: value for key, value in settings.items() if key not in _NOT_OF_BASE}
        remedy = "remove it to run the base policy anew, or give another --base_results (compare.py: another --output)"
        shared = PartialResults(cfg.base_results, alone, remedy=remedy)

    def run(arm: Arm, paths: PathRecorder | None = None) -> EpisodeResults:
        return run_episodes(
            task,
            base_policy,
            arm,
            episodes=range(cfg.episodes),
            seed=cfg.start_seed,
            chunk_steps=chunk_steps,
            progress=_named(progress, arm.name),
            store=shared if arm.name == BASE else store,
            paths=paths,
        )

    meter = SupportMeter(base_policy, steering_actor) if isinstance(steering_actor, SteeringHead) else None
    relative_to = base_policy.spec.actions.relative_to
    recorders = {name: PathRecorder(task.spec, relative_to) for name in (BASE, STEERED)}
    results = {}
    for arm in _arms(base_policy, steering_actor, cfg):
        watched = arm if meter is None or arm.name != STEERED else meter.watch(arm)
        results[arm.name] = run(watched, recorders.get(arm.name))
    paths = {name: recorder.paths() for name, recorder in recorders.items() if name in results}
    # Of an evaluation that was interrupted nobody has watched all episodes, nor of a base arm that was run before. The
    # last step of an episode is in no path, so one of a single step has none.
    paths = {name: of for name, of in paths.items() if len(of) == (results[name].steps > 1).sum()}
    starts = start_seeds(cfg.start_seed)
    spaces = search_spaces(base_policy, cfg.basis)
    found = {}
    for search in cfg.search_cfgs(spaces):
        found[search.arm] = find_constant_latent(
            task,
            base_policy,
            search,
            spaces[search.space],
            chunk_steps=chunk_steps,
            reported=[starts(episode) for episode in range(cfg.episodes)],
            progress=_named(progress, f"search {search.method} {search.space}"),
            store=store,
        )
        results[search.arm] = run(constant_arm(found[search.arm].latent, search.arm))
    solved = None
    if cfg.tries > 0:
        options = {"chunk_steps": chunk_steps, "progress": _named(progress, "tries"), "store": store}
        solved = count_solved(task, base_policy, cfg, **options)
    report = make_report(
        results,
        cfg,
        num_envs=task.num_envs * ranks.count(),
        chunk_steps=chunk_steps,
        searches={name: result.facts for name, result in found.items()},
        solved=solved,
        support=None if meter is None else meter.summary(),
        behaviour=summarize_behavior(
            paths, path_key(task.spec, relative_to), task.spec.control_rate_hz, relative_to is not None
        )
        if paths
        else None,
    )
    if cfg.output is not None and ranks.index() == 0:
        write_report(report, cfg.output)
    store.remove()
    return PairedEvaluation(report, results, {name: result.latent for name, result in found.items()})


def _arms(base_policy: BasePolicy, actor: SteeringActor | None, cfg: EvaluationCfg) -> list[Arm]:
    """Return the arms in the order of reports, but for constants, which are searched for last."""
    arms = [base_arm()]
    if actor is not None:
        arms.append(steered_arm(actor))
        if cfg.all_arms:
            arms.append(steered_arm(actor, sample=True))
    if cfg.all_arms:
        arms += [base_arm(0.0), base_arm(0.5), random_map_arm(base_policy.features, cfg.start_seed)]
    return arms


def _named(progress: ArmProgress | None, name: str) -> Progress | None:
    return None if progress is None else lambda ended, total: progress(name, ended, total)


def _settings(cfg: EvaluationCfg, task: Task, base_policy: BasePolicy, chunk_steps: int) -> dict[str, Any]:
    """All that results depend on; an interrupted evaluation continues only where these agree."""
    return {
        "task": cfg.task,
        "domain": cfg.domain,
        "physics": cfg.physics,
        "episodes": cfg.episodes,
        "seed": cfg.seed,
        "starts": cfg.starts,
        "chunk_steps": chunk_steps,
        "searches": [search.arm for search in cfg.search_cfgs(search_spaces(base_policy, cfg.basis))],
        "search_episodes": cfg.search_episodes,
        "basis": list(cfg.basis),
        "tries": cfg.tries,
        "commit": cfg.commit,
        **cfg.identity,
        **{f"file {name}": sha256 for name, sha256 in getattr(task, "files", {}).items()},
    }
