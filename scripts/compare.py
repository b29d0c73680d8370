# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Trains and evaluates methods with one budget of control steps, in both domains, beside the base policy and free arms.

    ./isaaclab.sh -p scripts/compare.py --task SCORE-Insert-v0 --budget 440000 --output comparison

Writes a report for each cell, one table (comparison.json) and one figure (comparison.png). Takes hours; what is done is
kept, and the same command goes on. Methods, seeds and domains may be added later.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# rsl_rl imports git, which insists on a git binary otherwise.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

try:
    from score.cli.arguments import Command
    from score.utils.cli import run_command
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    command = Command(__doc__)
    command.add_task(num_envs="the task's own, in training")
    command.add_processes()
    command.add_base_policy()
    add, methods = command.add_argument, "score,residual,score_residual,ppo,bc_ppo"
    add("--output", type=Path, required=True, metavar="DIR", help="folder of the reports; a comparison there goes on")
    add("--budget", type=int, required=True, metavar="N", help="control steps of each training, all environments")
    add("--methods", default=methods, metavar="NAME,...", help=f"methods (default: {methods})")
    add("--seeds", default="1,2,3", metavar="N,...", help="seeds of training (default: 1,2,3)")
    add("--domains", default="sim,real", metavar="NAME,...", help="domains of evaluation (default: sim,real)")
    add("--episodes", type=int, default=200, metavar="N", help="starts, the same for every arm (default: 200)")
    add("--starts", default="development", metavar="development|final", help="final: for a table, run once")
    add("--search", default="racing", metavar="NAME,...", help="constants: racing, cem_zero, cem_normal, all, none")
    add("--search_episodes", type=int, default=512, metavar="N", help="budget of each search (default: 512)")
    add("--tries", type=int, default=0, metavar="N", help="split arms by N tries of the base policy at each start")
    args, overrides = command.parse(arguments)
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.cli.comparisons import PICTURE_FILE, REPORT_FILE, plan_comparison, run_comparison
    from score.cli.progress import print_whole
    from score.evaluation.comparison_report import comparison_table

    comparison = plan_comparison(args, overrides)
    print(f"Writes reports, {REPORT_FILE} and {PICTURE_FILE} to {args.output}; runs to {comparison.experiment}")
    print_whole(comparison_table(run_comparison(comparison)))
    print(f"Wrote {args.output / REPORT_FILE} and {args.output / PICTURE_FILE}")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
