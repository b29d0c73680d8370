# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Evaluates base and steered policy on the same starts and the same noise.

    ./isaaclab.sh -p scripts/evaluate.py --task SCORE-Insert-v0 --checkpoint best --domain real --all_arms

Writes a report (JSON) with a picture beside it. An interrupted evaluation continues when the same command is given
again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from score.evaluation.paired import ArmProgress


def make_parser() -> argparse.ArgumentParser:
    """Describes the command line; what it does not know are Hydra overrides."""
    parser = argparse.ArgumentParser(
        description="Evaluate base and steered policy on the same starts and the same noise.",
        epilog="Hydra overrides such as physics=newton_mjwarp or env.sim.dt=0.005 may follow.",
        allow_abbrev=False,
    )
    parser.add_argument("--task", required=True, help="gym id, e.g. SCORE-Insert-v0")
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="latest|best|none|FILE",
        help="steering checkpoint (default best); none: base alone",
    )
    parser.add_argument(
        "--base_policy", type=Path, metavar="DIR", help="base policy (default: the one the task ships with)"
    )
    parser.add_argument("--domain", default="sim", help="sim, or real: the stand-in for the robot (default sim)")
    parser.add_argument(
        "--episodes", type=int, default=200, metavar="N", help="starts, the same for every arm (default 200)"
    )
    parser.add_argument(
        "--all_arms", action="store_true", help="also sampled steering, cooler noise, best constant latent"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="report (default: in the folder of the run)")
    parser.add_argument(
        "--num_envs", type=int, metavar="N", help="environments at once (default: the episodes, at most 100)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of starts and noise, 0 to 999999 (default 0)")
    parser.add_argument(
        "--starts",
        default="development",
        metavar="development|final",
        help="development (default) to compare by; final for a number that a table reports, once",
    )
    parser.add_argument("--device", help="torch device, e.g. cpu or cuda:0 (default: a GPU if there is one)")
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="continue an interrupted evaluation (default)",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command."""
    from score.utils.errors import UserError

    parser = make_parser()
    args, unknown = parser.parse_known_args(arguments)
    if args.episodes < 1:
        raise UserError(f"--episodes must be at least 1, got {args.episodes}.")
    num_envs = min(args.episodes, 100) if args.num_envs is None else args.num_envs
    if num_envs < 1:
        raise UserError(f"--num_envs must be at least 1, got {num_envs}.")
    # Imported late, so that --help and a mistyped number answer at once.
    from score.cli import artefacts
    from score.evaluation import EvaluationCfg, evaluate_paired, report_table
    from score.evaluation.picture import save_picture
    from score.policies import require_match
    from score.policies.bundle import bundle_sha256
    from score.simulation import open_task, task_kwargs
    from score.utils.files import require_writable, sha256_of
    from score.utils.provenance import command_line, source_commit

    overrides = artefacts.require_overrides(unknown, list(parser._option_string_actions))
    task_kwargs(args.task, args.domain)
    checkpoint = artefacts.find_checkpoint(args.checkpoint, args.task, artefacts.experiment_name(args.task, overrides))
    bundle = args.base_policy or artefacts.shipped_base_policy(args.task)
    output = args.output or artefacts.default_output(args.task, args.domain, args.starts, args.seed, checkpoint)
    cfg = EvaluationCfg(
        task=args.task,
        domain=args.domain,
        episodes=args.episodes,
        seed=args.seed,
        starts=args.starts,
        all_arms=args.all_arms,
        output=output,
        resume=args.resume,
        identity={
            "base_policy": bundle_sha256(bundle),
            "checkpoint": "none" if checkpoint is None else sha256_of(checkpoint),
            "overrides": " ".join(overrides),
        },
        commit=source_commit(),
        command=command_line(),
    )
    require_writable(output.resolve().parent)
    picture = output.with_suffix(".png")
    print(f"Base policy {bundle}; steering checkpoint {checkpoint or 'none'}")
    print(f"Writes {output} and {picture}; finished batches are kept in {cfg.partial_path} until then")
    with open_task(
        args.task, domain=args.domain, num_envs=num_envs, seed=args.seed, device=args.device, overrides=overrides
    ) as task:
        base_policy, steering = artefacts.load_policies(bundle, checkpoint, task.device)
        require_match(base_policy.spec, task.spec)
        cfg = cfg.with_task(
            physics=task.engine,
            chunk_steps=task.agent_cfg.steering.chunk_steps if steering is None else steering.chunk_steps,
        )
        try:
            with console_progress() as progress:
                evaluation = evaluate_paired(task, base_policy, steering, cfg, progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"finished batches are in {cfg.partial_path}; the same command continues from them"
            ) from None
    save_picture(evaluation.report, evaluation.results, picture)
    from rich.console import Console

    # A file or a pipe gets the whole table, not one cut to 80 columns.
    Console(width=None if sys.stdout.isatty() else 140).print(report_table(evaluation.report))
    print(f"Wrote {output} and {picture}")
    return 0


@contextmanager
def console_progress() -> Iterator[ArmProgress]:
    """Shows a bar for each arm with the time that is left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns) as bars:
        jobs: dict[str, TaskID] = {}

        def progress(name: str, ended: int, total: int) -> None:
            if name not in jobs:
                jobs[name] = bars.add_task(name, total=total)
            bars.update(jobs[name], completed=ended)

        yield progress


if __name__ == "__main__":
    from score.utils.cli import run_command

    raise SystemExit(run_command(main))
