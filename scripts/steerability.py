# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Before any RL: is this base policy worth steering, and how?

    ./isaaclab.sh -p scripts/steerability.py --task SCORE-Insert-v0 --base_policy my_policy

Tries cooler noise, bases of the latent, a searched constant and several tries at every start, measures what of the
latent the decoder answers to, and ends in advice. An interrupted report continues when the same command is given again.
"""

from __future__ import annotations

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
    command.add_task(num_envs="64")
    command.add_base_policy()
    command.add_domain()
    add = command.add_argument
    add("--episodes", type=int, default=50, metavar="N", help="starts, the same for all (default: 50)")
    add("--tries", type=int, default=16, metavar="N", help="tries of the base policy at each start (default: 16)")
    add("--search_episodes", type=int, default=512, metavar="N", help="budget of the constant search (default: 512)")
    add("--output", type=Path, metavar="FILE.json", help="report (default: below logs/steerability)")
    args, overrides = command.parse(arguments)
    # Imported late, so that --help and a mistyped flag answer at once, and wrong names before all libraries are there.
    from score.cli import artefacts

    args.checkpoint = None
    bundle, _ = artefacts.find_inputs(args, overrides)
    from score.cli.progress import console_progress, print_whole
    from score.cli.steerability import open_store, steerability_inputs
    from score.evaluation.steerability import measure_steerability
    from score.evaluation.steerability_report import steerability_table
    from score.evaluation.summary import write_report
    from score.open_task import open_task

    cfg, output, facts = steerability_inputs(args, bundle, overrides)
    print(f"Base policy {bundle}; writes {output}")
    options = task_options(args, overrides, num_envs=args.num_envs or 64)
    with open_task(**options) as task, console_progress() as progress:
        base_policy, _ = artefacts.load_policies(bundle, None, task)
        cfg, store = open_store(cfg, task, output, facts)
        report = facts | {"physics": task.engine} | measure_steerability(task, base_policy, cfg, progress, store)
    write_report(report, output)
    store.remove()
    print_whole(steerability_table(report))
    print(f"Wrote {output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
