# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Records demonstrations of a task's scripted demonstrator, failures kept, in the ``real`` domain by default.

./isaaclab.sh -p scripts/collect.py --task SCORE-Insert-v0 --episodes 200 --output demos.hdf5
./isaaclab.sh -p scripts/collect.py --task SCORE-Insert-v0 --episodes 200 --output lerobot:demos
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
    command.add_task(num_envs="the episodes, at most 256")
    command.add_processes()
    command.add_domain("real")
    command.add_argument("--episodes", type=int, default=200, help="episodes to record (default: 200)")
    command.add_argument("--output", type=Path, required=True, help="FILE.hdf5, or lerobot:DIR")
    args, overrides = command.parse(arguments)
    # Imported late, so that --help and a mistyped flag answer at once, and wrong names before all libraries are there.
    from score.open_task import agent_settings, entry_point, open_task

    agent_settings(args.task, overrides, args.domain)
    from score.imitation.lerobot_writing import recording_file, require_output, require_rate

    require_output(args.output)
    from score.cli.processes import run_in_processes
    from score.cli.progress import console_progress
    from score.imitation.recording import record_demonstrations
    from score.utils import ranks

    number = args.processes or ranks.count()
    num_envs = args.num_envs or -(-min(args.episodes, 256) // number) * number
    if run_in_processes(args, num_envs, __file__, arguments):
        return 0
    demonstrator_class = entry_point(args.task, "demonstrator_entry_point", args.domain)
    print(f"Recording {args.episodes} episodes of {args.task} in '{args.domain}' to {args.output}")
    device = ranks.own_device(args.device)
    options = task_options(args, overrides, num_envs=num_envs // ranks.count(), device=device)
    with (
        ranks.process_group(device),
        recording_file(args.output, args.task) as file,
        open_task(**options) as task,
        console_progress() as progress,
    ):
        require_rate(args.output, task.spec.control_rate_hz)
        summary = record_demonstrations(
            task,
            demonstrator_class(task, seed=ranks.own_seed(args.seed)),
            args.episodes,
            file,
            args.seed,
            progress=lambda done, total: progress("episodes", done, total),
        )
    print(
        f"{summary['episodes']} episodes, success {summary['success_rate']:.3f}, "
        f"{summary['mean_steps']:.0f} steps on average ({summary['success_steps']:.0f} when successful), "
        f"guard resets {summary['guard_resets']}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
