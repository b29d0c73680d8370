# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records demonstrations of a task's scripted demonstrator, failures kept, in the ``real`` domain by default."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from score.simulation import DOMAINS, entry_point, open_task
from score.utils.cli import run_command
from score.utils.files import require_writable


def main() -> int:
    """Parses the command line and records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", required=True, help="gym id, e.g. SCORE-Insert-v0")
    parser.add_argument("--episodes", type=int, default=200, help="episodes to record (default 200)")
    parser.add_argument("--output", type=Path, required=True, help="file to write, .hdf5")
    parser.add_argument("--domain", choices=DOMAINS, default="real", help="where to record (default real)")
    parser.add_argument(
        "--num_envs", type=int, default=None, help="environments at once (default: the episodes, at most 128)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default=None)
    args, overrides = parser.parse_known_args()

    from score.imitation.recording import record_demonstrations

    require_writable(args.output.resolve().parent)
    demonstrator_class = entry_point(args.task, "demonstrator_entry_point", args.domain)
    num_envs = args.num_envs if args.num_envs is not None else max(1, min(args.episodes, 128))
    print(f"Recording {args.episodes} episodes of {args.task} in '{args.domain}' to {args.output}")
    with open_task(
        args.task, domain=args.domain, num_envs=num_envs, seed=args.seed, device=args.device, overrides=overrides
    ) as task:
        demonstrator = demonstrator_class(task, seed=args.seed)
        columns = (
            TextColumn("episodes"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns) as bar:
            job = bar.add_task("episodes", total=args.episodes)
            summary = record_demonstrations(
                task,
                demonstrator,
                args.episodes,
                args.output,
                args.seed,
                progress=lambda done, _: bar.update(job, completed=done),
            )
    print(
        f"{summary['episodes']} episodes, success {summary['success_rate']:.3f}, "
        f"{summary['mean_steps']:.0f} steps on average ({summary['success_steps']:.0f} when successful), "
        f"guard resets {summary['guard_resets']}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
