# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Write a trained policy as a capsule for the robot: one TorchScript file, its description, a recorded episode, a loop.

    ./isaaclab.sh -p scripts/export.py --task SCORE-Insert-v0 --checkpoint best --output capsule

Records one episode in the simulator, writes the folder, and replays the episode without the simulator to compare.
Exit code 0: the capsule passes; 1: it was written and a check failed; 2: wrong input.

With --steering_only, what is written is no capsule but the steering policy alone, to come with a task
(--checkpoint shipped); that takes no simulator.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from score.cli.arguments import Command, task_options
    from score.utils.cli import run_command
    from score.utils.errors import UserError
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    command = Command(__doc__)
    command.add_task(num_envs="1; the first one is recorded")
    command.add_base_policy()
    command.add_checkpoint(none=False)
    command.add_domain()
    add = command.add_argument
    add("--output", type=Path, required=True, metavar="DIR", help="folder of the capsule")
    add("--sampled", action="store_true", help="draw codes instead of taking their mean")
    what = "report of evaluate.py, for the manifest; with --steering_only one of each domain"
    add("--evaluation", type=Path, nargs="+", action="extend", default=[], metavar="FILE.json", help=what)
    what = "control steps that a decision may take while the last chunk goes on (default: 0, within its own step)"
    add("--late_steps", type=int, default=0, metavar="N", help=what)
    add("--attempts", type=int, default=20, help="episodes to try until one succeeds (default: 20)")
    add("--overwrite", action="store_true", help="replace an existing capsule, or steering policy")
    add("--steering_only", action="store_true", help="write the steering policy alone, to come with a task")
    args, overrides = command.parse(arguments)
    # Imported late, so that --help and a mistyped flag answer at once, and wrong names before all libraries are there.
    from score.cli import artefacts

    # Everything that can be wrong with files is found before the simulator starts.
    bundle, checkpoint = artefacts.find_inputs(args, overrides)
    from score.cli import exports
    from score.cli.shipped import SHIPPED_FILES
    from score.deployment import verify_capsule
    from score.deployment.manifest import CAPSULE_FILES
    from score.deployment.record import export_policy
    from score.open_task import open_task
    from score.utils.files import require_folder_place, require_writable

    if checkpoint is None:
        raise UserError("--checkpoint none: a capsule needs a steering policy. Give latest, best or a file.")
    method, training = exports.training_of(checkpoint)
    if args.output.is_dir() and not args.overwrite:
        raise UserError(f"{args.output} already exists: name another folder, or add --overwrite.")
    files = SHIPPED_FILES if args.steering_only else CAPSULE_FILES
    require_folder_place(args.output, files if args.overwrite else ())
    require_writable(args.output.resolve().parent)
    print(f"Base policy: {bundle}")
    print(f"Checkpoint:  {checkpoint} (method {method}, iteration {training['iteration']})")
    if args.steering_only:
        exports.write_steering_policy(args, checkpoint, training)
        print(f"Wrote {args.output}: {', '.join(sorted(file.name for file in args.output.iterdir()))}")
        return 0
    cfg = exports.export_cfg(args, bundle, checkpoint, training)
    print(f"Capsule:     {args.output}: policy.pt, manifest.json, golden.safetensors, run_policy.py")
    with open_task(**task_options(args, overrides, num_envs=args.num_envs or 1)) as task:
        steering = artefacts.load_policies(bundle, checkpoint, task)[1]
        assert steering is not None
        recorded_in = {"domain": args.domain, "engine": task.engine, "device": task.device}
        export_policy(task, steering, replace(cfg, recorded_in=recorded_in))
    report = verify_capsule(args.output)
    print(report.summary())
    return 1 if report.failures else 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
