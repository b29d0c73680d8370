# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Do my demonstrations and the task mean the same by the same numbers? Replays them open loop and compares.

    ./isaaclab.sh -p scripts/check_contract.py --task SCORE-Insert-v0 --dataset demos.hdf5 --base_policy my_policy

Names what differs in sign, units, order, zero, delay, frame or rate, and leaves a mark in the base policy's folder, at
which train.py stops if it is red. Exit code 0: nothing is red; 1: something is; 2: wrong input.
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
    command.add_task(num_envs="the episodes")
    command.add_domain()
    add = command.add_argument
    add("--dataset", type=Path, required=True, metavar="PATH", help="demonstrations, whatever pretrain.py reads")
    add("--interface", type=Path, metavar="FILE.yaml", help="what the data do not say (default: beside)")
    what = "observations to compare (default: joint_pos point_cloud)"
    add("--observations", nargs="+", default=["joint_pos", "point_cloud"], metavar="NAME", help=what)
    add("--base_policy", type=Path, metavar="DIR", help="base policy that was trained on them, to leave the mark in")
    add("--episodes", type=int, default=16, metavar="N", help="episodes to replay (default: 16)")
    args, overrides = command.parse(arguments)
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.cli import contracts
    from score.cli.progress import console_progress
    from score.imitation.contract_check import check_contract
    from score.open_task import agent_settings, open_task

    agent_settings(args.task, overrides, args.domain)
    contracts.check_flags(args)
    options = task_options(args, overrides, num_envs=args.num_envs or args.episodes)
    with open_task(**options) as task, console_progress() as progress:
        data = contracts.read_data(args, task.spec)
        told = lambda done, total: progress("episodes", done, total)  # noqa: E731
        findings = check_contract(task, data, episodes=args.episodes, seed=args.seed, progress=told)
    return contracts.report(args, data, findings)


if __name__ == "__main__":
    raise SystemExit(run_command(main))
