# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Evaluates base and steered policy on the same starts and the same noise.

    ./isaaclab.sh -p scripts/evaluate.py --task SCORE-Insert-v0 --checkpoint best --domain real --all_arms

Writes a report (JSON) with a picture beside it. An interrupted evaluation continues when the same command is given
again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from score.cli.arguments import Command, task_options
    from score.utils.cli import run_command
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    command = Command(__doc__)
    command.add_task(num_envs="the episodes, at most 256")
    command.add_processes()
    command.add_base_policy()
    command.add_checkpoint()
    command.add_domain()
    add, choice = command.add_argument, argparse.BooleanOptionalAction
    add("--episodes", type=int, default=200, metavar="N", help="starts, the same for every arm (default: 200)")
    add(
        "--starts",
        default="development",
        metavar="development|final",
        help="development (default) to compare by; final for a number that a table reports, run once",
    )
    add("--all_arms", action="store_true", help="also sampled steering, cooler noise, a random map, best constants")
    add("--search", metavar="NAME,...", help="constants: racing (with --all_arms), cem_zero, cem_normal, all, none")
    add("--search_episodes", type=int, default=512, metavar="N", help="budget of each search (default: 512)")
    add("--tries", type=int, default=0, metavar="N", help="split arms by N tries of the base policy at each start")
    add("--contact_forces", action="store_true", help="also report contact forces, where the task senses them")
    add("--output", type=Path, metavar="FILE.json", help="report (default: in the folder of the run)")
    add("--base_results", type=Path, metavar="FILE", help="where the base policy's episodes are found, or kept")
    add("--resume", action=choice, default=True, help="continue an interrupted evaluation (default)")
    args, overrides = command.parse(arguments)
    # Imported late, so that --help and a mistyped flag answer at once, and wrong names before all libraries are there.
    from score.cli import artefacts
    from score.utils.files import require_writable

    cfg, bundle, checkpoint = artefacts.evaluation_inputs(args, overrides)
    assert cfg.output is not None
    picture = cfg.output.with_suffix(".png")
    require_writable(picture.resolve().parent)
    from score.cli.processes import run_in_processes
    from score.cli.progress import console_progress, print_whole
    from score.evaluation import evaluate_paired, report_table
    from score.evaluation.picture import save_picture
    from score.open_task import open_task
    from score.utils import ranks

    number = args.processes or ranks.count()
    # A step of MuJoCo-Warp costs a CPU as much for its launches as for 80 environments: one round is the quickest.
    num_envs = args.num_envs or -(-min(args.episodes, 256) // number) * number
    if run_in_processes(args, num_envs, __file__, arguments):
        return 0
    print(f"Base policy {bundle}; steering checkpoint {checkpoint or 'none'}")
    print(f"Writes {cfg.output} and {picture}; finished episodes are kept in {cfg.partial_path} until then")
    device = ranks.own_device(args.device)
    options = task_options(args, overrides, num_envs=num_envs // ranks.count(), device=device)
    options |= {"contact_forces": True} if args.contact_forces else {}
    with ranks.process_group(device), open_task(**options) as task, console_progress() as progress:
        base_policy, steering = artefacts.load_policies(bundle, checkpoint, task)
        chunk_steps = (steering or task.agent_cfg.steering).chunk_steps
        cfg = cfg.with_task(physics=task.engine, chunk_steps=chunk_steps, basis=artefacts.basis_of(task, steering))
        evaluation = evaluate_paired(task, base_policy, steering, cfg, progress)
    if ranks.index() == 0:
        save_picture(evaluation.report, evaluation.results, picture)
    print_whole(report_table(evaluation.report))
    print(f"Wrote {cfg.output} and {picture}")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
